//! Reads what strace writes: one system call after the other, each with the file that it was for.

use std::collections::HashMap;
use std::path::PathBuf;

/// A system call on a file.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// It may make the file that it opens.
    pub(crate) creates: bool,
    /// It went well.
    pub(crate) is_done: bool,
    arguments: Vec<String>,
}

impl Call {
    pub(crate) fn is_flush(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    /// An argument that is a number.
    pub(crate) fn number(&self, place: usize) -> u64 {
        let number = self.arguments.get(place).and_then(|text| text.parse().ok());
        number.expect("a number")
    }

    /// The bytes that were written.
    pub(crate) fn data(&self) -> Vec<u8> {
        let asked = self.number(2);
        let data = unescape(self.arguments.get(1).expect("data"));
        assert_eq!(data.len() as u64, asked, "all of it is in the trace");
        data
    }
}

/// Paths of open files, by their numbers.
type Open = HashMap<String, PathBuf>;

/// All calls of a trace that ended, in that order.
pub(crate) fn read(trace: &str) -> Vec<Call> {
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut open = Open::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (process, rest) = line.split_once(' ').expect("a process");
        let rest = rest.trim_start();
        // Ends of threads, and a call that strace could not look at since the process was being killed.
        if rest.starts_with("+++") || rest.contains("???") && !rest.contains('"') {
            continue;
        }
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(process, start.to_owned());
        } else if let Some(end) = rest.strip_prefix("<... ") {
            let start = begun.remove(process).expect("a beginning");
            let (_, end) = end.split_once(" resumed>").expect("a rest");
            calls.extend(parse(&(start + end), &mut open));
        } else {
            calls.extend(parse(rest, &mut open));
        }
    }
    calls
}

/// `name(arguments) = result`, unless the process was killed in it.
fn parse(text: &str, open: &mut Open) -> Option<Call> {
    let (name, rest) = text.split_once('(').expect("a call");
    let (arguments, result) = arguments(rest);
    let result = result.trim_start().strip_prefix("= ")?;
    if result.starts_with('?') {
        return None;
    }
    // Of an open file strace tells the path behind the number, of others the path is an argument.
    let path = match name {
        "openat" => unquote(&arguments[1]).into(),
        "unlink" | "rename" => unquote(&arguments[0]).into(),
        _ => open_file(&arguments[0], open),
    };
    if name == "openat"
        && let Some((number, _)) = result.split_once('<')
    {
        open.insert(number.to_owned(), path.clone());
    }
    Some(Call {
        name: name.to_owned(),
        path,
        creates: arguments
            .get(2)
            .is_some_and(|flags| flags.contains("O_CREAT")),
        is_done: !result.starts_with('-'),
        arguments,
    })
}

/// `13</a/path>`. Of a process that is being killed strace may see the number alone.
fn open_file(text: &str, open: &mut Open) -> PathBuf {
    let (number, path) = match text.split_once('<') {
        None => return open.get(text).expect("an open file").clone(),
        Some((number, path)) => (number, path.split_once('>').expect("a path").0),
    };
    // One whose name was taken away is followed by a word on that, and is here no other.
    open.insert(number.to_owned(), PathBuf::from(path));
    PathBuf::from(path)
}

/// Up to the closing bracket, where there is one, and what comes after it.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let mut arguments = vec![String::new()];
    let mut in_text = false;
    let mut is_escaped = false;
    for (place, letter) in text.char_indices() {
        let argument = arguments.last_mut().expect("at least one");
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            ')' if !in_text => return (arguments, &text[place + 1..]),
            ',' if !in_text => {
                arguments.push(String::new());
                continue;
            }
            ' ' if !in_text => continue,
            _ => (),
        }
        argument.push(letter);
    }
    (arguments, "")
}

fn unquote(text: &str) -> String {
    String::from_utf8(unescape(text)).expect("a path")
}

/// The bytes of a text in quotation marks, with C's escapes.
fn unescape(text: &str) -> Vec<u8> {
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let mut rest = text.expect("a whole text").bytes().peekable();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next().expect("an escape") {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'f' => bytes.push(0x0c),
            b'v' => bytes.push(0x0b),
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|digit| (b'0'..=b'7').contains(digit)) else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                }
                bytes.push(u8::try_from(value).expect("a byte"));
            }
            other => bytes.push(other),
        }
    }
    bytes
}
