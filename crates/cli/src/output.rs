//! What the program prints: lines for people, JSON lines for scripts. What others wrote may hold anything, and a
//! terminal obeys control characters: none of theirs reaches it.

use std::io::{self, ErrorKind, IsTerminal, Write};

use pawl_client::{ConversationId, MessageStatus, MessageView, NoticeCause};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::failure::{Code, Failure};
use crate::words;

/// Standard output.
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

/// A text of one's own that has come further.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) conversation: ConversationId,
    pub(crate) position: u64,
}

/// One line of somebody's, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Shown<'a> {
    Message {
        conversation: ConversationId,
        from: &'a str,
        position: u64,
        at: u64,
        sent_at: u64,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<MessageStatus>,
    },
    Notice {
        conversation: ConversationId,
        from: &'a str,
        position: u64,
        at: u64,
        notice: NoticeCause,
        #[serde(skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json,
            colour: io::stdout().is_terminal() && !wants_none,
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A name, brought out where that can be seen.
    pub(crate) fn bold(&self, text: &str) -> String {
        match self.colour {
            true => format!("\u{1b}[1m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }

    /// A line of somebody's.
    pub(crate) fn message(
        &self,
        conversation: ConversationId,
        from: &str,
        message: &MessageView,
    ) -> Result<(), Failure> {
        let (position, at) = (message.position, message.at);
        match (self.json, message.notice) {
            (true, Some(notice)) => self.json(&Shown::Notice {
                conversation,
                from,
                position,
                at,
                notice,
                times: (message.times > 0).then_some(message.times),
            }),
            (true, None) => self.json(&Shown::Message {
                conversation,
                from,
                position,
                at,
                sent_at: message.sent_at,
                text: &message.text,
                status: message.status,
            }),
            (false, notice) => {
                let when = clock::written(at);
                let text = match notice {
                    Some(notice) => format!("({})", words::notice(notice, from, message.times)),
                    None => safe(&message.text),
                };
                self.line(&format!("{when} {}: {text}", self.bold(from)))
            }
        }
    }

    /// Anything, as one line of JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(value);
        let line = line.map_err(|error| Failure::new(Code::Other, error.to_string()))?;
        self.line(&line)
    }

    /// One line, out when this returns.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => Failure::new(
                    Code::BrokenPipe,
                    "nobody reads the output any more; what was not printed is printed next time",
                ),
                _ => Failure::new(
                    Code::Other,
                    format!("the output cannot be written: {error}"),
                ),
            })
    }
}

/// One line on standard error. Where nobody reads it there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "pawl: {line}");
}

/// A text without what would move a cursor, change colours or the direction of what follows; its further lines
/// are indented, so that none can pass for somebody else's.
pub(crate) fn safe(text: &str) -> String {
    without(text, is_directional)
}

/// The same for a file, where a direction ends with its line.
pub(crate) fn indented(text: &str) -> String {
    without(text, |c| matches!(c, '\u{2028}' | '\u{2029}'))
}

fn without(text: &str, is_refused: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\n    "),
            '\t' => safe.push(c),
            c if c.is_control() || is_refused(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

fn is_directional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(
            safe("\u{1b}[2Jhi\r\u{9b}m\u{7f}"),
            "\\u{1b}[2Jhi\\u{d}\\u{9b}m\\u{7f}"
        );
        assert_eq!(safe("a\u{202e}b\u{2067}"), "a\\u{202e}b\\u{2067}");
        assert_eq!(safe("one\nbob: two\n"), "one\n    bob: two\n    ");
        assert_eq!(safe("grüße, 世界\t🎉"), "grüße, 世界\t🎉");
    }
}
