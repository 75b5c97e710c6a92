//! Standard input: one text, or a line at a time while other things go on. Bounded: nobody writes more than a
//! message can hold.

use std::io::{self, BufRead, Read};

use pawl_client::MAX_TEXT;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Lines that are read ahead.
const MAX_WAITING: usize = 16;

/// All of it, without the line break at its end, and with line breaks of one kind.
pub(crate) fn whole() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(2 * limit())
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    text(plain(&bytes))
}

/// Without the carriage return of each `CR LF`.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let next = bytes.iter().skip(1).map(Some).chain([None]);
    let all = bytes.iter().zip(next);
    let kept = all.filter(|pair| *pair != (&b'\r', Some(&b'\n')));
    kept.map(|(byte, _)| *byte).collect()
}

/// Its lines, as they come; the channel ends with it.
pub(crate) fn lines() -> mpsc::Receiver<Result<String, Failure>> {
    let (read, lines) = mpsc::channel(MAX_WAITING);
    // A thread of its own: a read cannot be called off, and must not hold up the program's end.
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut bytes = Vec::new();
            let line = match input.by_ref().take(limit()).read_until(b'\n', &mut bytes) {
                Ok(0) => return,
                Ok(_) => text(bytes),
                Err(error) => Err(unreadable(&error)),
            };
            let is_last = line.is_err();
            if read.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    lines
}

/// One byte more than a text can have, and its line break.
fn limit() -> u64 {
    u64::try_from(MAX_TEXT + 3).unwrap_or(u64::MAX)
}

fn text(mut bytes: Vec<u8>) -> Result<String, Failure> {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.len() > MAX_TEXT {
        let line = format!("the message is too long: {MAX_TEXT} bytes are the most");
        return Err(Failure::usage(line));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage("the text is not UTF-8"))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::usage(format!("standard input cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_of_one_kind_and_the_last_one_goes() {
        let cases = [
            ("one\r\ntwo\r\n", "one\ntwo"),
            ("one\ntwo\n", "one\ntwo"),
            ("\r\n\r\n", "\n"),
            ("a\rb", "a\rb"),
            ("a\r\r\nb", "a\r\nb"),
            ("", ""),
        ];
        for (given, taken) in cases {
            let read = text(plain(given.as_bytes())).expect("short");
            assert_eq!(read, taken, "{given:?}");
        }
        let long = "\r\n".repeat(MAX_TEXT);
        assert_eq!(
            text(plain(long.as_bytes())).expect("it fits").len(),
            MAX_TEXT - 1
        );
    }
}
