//! A conversation as a file that others can read: JSON for programs, text for people. Both are written line by line
//! as they come, so that no conversation has to fit into memory. docs/TERMINAL.md has the format.

use std::io::{self, Write};

use pawl_client::{ConversationId, IdentityState, MessageStatus, MessageView, NoticeCause};
use serde::Serialize;

use crate::clock;
use crate::output::indented;
use crate::words;

/// Rises when a reader of the version before would misread what is written.
const VERSION: u32 = 1;
/// Milliseconds between sending and arrival from which on a text shows both.
const LATE: u64 = 60_000;

/// Whose conversation it is, and with whom.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heading<'a> {
    format: &'static str,
    version: u32,
    exported_at: String,
    account: &'a str,
    conversation: &'a str,
    conversation_id: ConversationId,
    identity: IdentityState,
    #[serde(skip_serializing_if = "str::is_empty")]
    draft: &'a str,
}

impl<'a> Heading<'a> {
    pub(crate) fn new(
        account: &'a str,
        conversation: &'a str,
        conversation_id: ConversationId,
        identity: IdentityState,
        draft: &'a str,
    ) -> Self {
        Self {
            format: "pawl-export",
            version: VERSION,
            exported_at: clock::exact(clock::now()),
            account,
            conversation,
            conversation_id,
            identity,
            draft,
        }
    }

    fn author(&self, line: &MessageView) -> &'a str {
        if line.mine {
            self.account
        } else {
            self.conversation
        }
    }
}

/// A line, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Shown<'a> {
    #[serde(rename_all = "camelCase")]
    Message {
        position: u64,
        author: &'a str,
        direction: &'static str,
        at: String,
        sent_at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<MessageStatus>,
        text: &'a str,
    },
    Event {
        position: u64,
        /// Nothing where the record that says it is damaged.
        at: Option<String>,
        event: NoticeCause,
        #[serde(skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
}

/// Writes a conversation as JSON.
pub(crate) struct Json<'a, W> {
    heading: &'a Heading<'a>,
    out: W,
    lines: u64,
}

impl<'a, W: Write> Json<'a, W> {
    pub(crate) fn begin(heading: &'a Heading<'a>, mut out: W) -> io::Result<Self> {
        let head = serde_json::to_string(heading)?;
        let head = head.trim_end_matches('}');
        write!(out, "{head},\"lines\":[")?;
        Ok(Self {
            heading,
            out,
            lines: 0,
        })
    }

    pub(crate) fn line(&mut self, line: &MessageView) -> io::Result<()> {
        let position = line.position;
        let shown = match line.notice {
            Some(event) => Shown::Event {
                position,
                at: (line.at > 0).then(|| clock::exact(line.at)),
                event,
                times: (line.times > 0).then_some(line.times),
            },
            None => Shown::Message {
                position,
                author: self.heading.author(line),
                direction: if line.mine { "sent" } else { "received" },
                at: clock::exact(line.at),
                sent_at: clock::exact(line.sent_at),
                status: line.status,
                text: &line.text,
            },
        };
        let separator = if self.lines == 0 { "\n" } else { ",\n" };
        self.lines += 1;
        write!(self.out, "{separator}{}", serde_json::to_string(&shown)?)
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        writeln!(self.out, "\n]}}")?;
        self.out.flush()
    }
}

/// Writes a conversation as text.
pub(crate) struct Text<'a, W> {
    heading: &'a Heading<'a>,
    out: W,
}

impl<'a, W: Write> Text<'a, W> {
    pub(crate) fn begin(heading: &'a Heading<'a>, mut out: W) -> io::Result<Self> {
        let Heading {
            account,
            conversation,
            exported_at,
            ..
        } = heading;
        writeln!(out, "Conversation of {account} with {conversation}")?;
        writeln!(out, "Exported by Pawl, {exported_at}; times are UTC")?;
        writeln!(out)?;
        Ok(Self { heading, out })
    }

    pub(crate) fn line(&mut self, line: &MessageView) -> io::Result<()> {
        let when = match line.at {
            0 => "(no time)".to_owned(),
            at => clock::written(at),
        };
        if let Some(notice) = line.notice {
            let notice = words::notice(notice, self.heading.conversation, line.times);
            return writeln!(self.out, "{when} ({notice})");
        }
        let beside = match line.status {
            Some(MessageStatus::NotSent) => " (not sent)".to_owned(),
            Some(MessageStatus::Sending | MessageStatus::Waiting) => " (not sent yet)".to_owned(),
            _ if line.at.saturating_sub(line.sent_at) >= LATE => {
                format!(" (sent {})", clock::written(line.sent_at))
            }
            _ => String::new(),
        };
        let author = self.heading.author(line);
        let text = indented(&line.text);
        writeln!(self.out, "{when} {author}{beside}: {text}")
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        if !self.heading.draft.is_empty() {
            writeln!(self.out, "\nDraft: {}", indented(self.heading.draft))?;
        }
        self.out.flush()
    }
}

/// What a conversation's files are called, without their ends. A name that a system or a shell would take for
/// something else is changed, and no two are changed into one: what is not plain becomes `%` and two digits for each
/// byte, and `_` goes before what Windows keeps for devices.
pub(crate) fn file_name(conversation: &str) -> String {
    let mut name = String::new();
    for byte in conversation.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(byte.into()),
            b'.' if !name.is_empty() => name.push('.'),
            byte => name.push_str(&format!("%{byte:02X}")),
        }
    }
    let first = name.split('.').next().unwrap_or_default();
    let is_numbered = |device: &str| {
        let number = first.strip_prefix(device);
        number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    };
    let is_device = matches!(first, "con" | "prn" | "aux" | "nul");
    match is_device || is_numbered("com") || is_numbered("lpt") {
        true => format!("_{name}"),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_plain_whatever_the_conversation_is_called() {
        for (name, file) in [
            ("bob", "bob"),
            ("b.o-b_2", "b.o-b_2"),
            ("a/b", "a%2Fb"),
            ("../b", "%2E.%2Fb"),
            ("Ö b\n", "%C3%96%20b%0A"),
            ("Bob", "%42ob"),
            ("con", "_con"),
            ("con.x", "_con.x"),
            ("com1", "_com1"),
            ("com12", "com12"),
            ("conny", "conny"),
        ] {
            assert_eq!(file_name(name), file);
        }
    }

    const ID: ConversationId = ConversationId::from_bytes([0; ConversationId::LEN]);

    fn line(position: u64, text: &str) -> MessageView {
        MessageView {
            position,
            mine: false,
            text: text.to_owned(),
            at: 1_790_000_000_123,
            sent_at: 1_790_000_000_000,
            status: None,
            notice: None,
            times: 0,
        }
    }

    #[test]
    fn text_and_json_say_the_same_each_in_its_way() {
        let heading = Heading {
            exported_at: "then".to_owned(),
            ..Heading::new("alice", "bob", ID, IdentityState::Verified, "soon\n\u{1b}")
        };
        let own = MessageView {
            mine: true,
            status: Some(MessageStatus::NotSent),
            ..line(3, "so \"be\" it\nמחר\u{202e}\u{2028}x")
        };
        let late = MessageView {
            sent_at: 1_789_999_000_000,
            ..line(4, "late")
        };
        let event = MessageView {
            notice: Some(NoticeCause::Returned),
            times: 3,
            sent_at: 0,
            ..line(5, "")
        };
        let damaged = MessageView {
            notice: Some(NoticeCause::Damaged),
            at: 0,
            sent_at: 0,
            ..line(6, "")
        };
        let lines = [line(1, "hi"), own, late, event, damaged];
        let (mut json, mut text) = (Vec::new(), Vec::new());
        let mut as_json = Json::begin(&heading, &mut json).expect("it is memory");
        let mut as_text = Text::begin(&heading, &mut text).expect("it is memory");
        for line in &lines {
            as_json.line(line).expect("it is memory");
            as_text.line(line).expect("it is memory");
        }
        as_json.end().expect("it is memory");
        as_text.end().expect("it is memory");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let expected = serde_json::json!({
            "format": "pawl-export", "version": 1, "exportedAt": "then", "account": "alice",
            "conversation": "bob", "conversationId": "AAAAAAAAAAAAAAAAAAAAAAAAAA",
            "identity": "verified", "draft": "soon\n\u{1b}",
            "lines": [
                { "type": "message", "position": 1, "author": "bob", "direction": "received",
                  "at": "2026-09-21T14:13:20.123Z", "sentAt": "2026-09-21T14:13:20.000Z", "text": "hi" },
                { "type": "message", "position": 3, "author": "alice", "direction": "sent",
                  "at": "2026-09-21T14:13:20.123Z", "sentAt": "2026-09-21T14:13:20.000Z",
                  "status": "notSent", "text": "so \"be\" it\nמחר\u{202e}\u{2028}x" },
                { "type": "message", "position": 4, "author": "bob", "direction": "received",
                  "at": "2026-09-21T14:13:20.123Z", "sentAt": "2026-09-21T13:56:40.000Z", "text": "late" },
                { "type": "event", "position": 5, "at": "2026-09-21T14:13:20.123Z",
                  "event": "returned", "times": 3 },
                { "type": "event", "position": 6, "at": null, "event": "damaged" },
            ],
        });
        assert_eq!(json, expected);
        let text = String::from_utf8(text).expect("text");
        let expected = "Conversation of alice with bob\nExported by Pawl, then; times are UTC\n\n\
            2026-09-21 14:13:20Z bob: hi\n\
            2026-09-21 14:13:20Z alice (not sent): so \"be\" it\n    מחר\u{202e}\\u{2028}x\n\
            2026-09-21 14:13:20Z bob (sent 2026-09-21 13:56:40Z): late\n\
            2026-09-21 14:13:20Z (bob has the identity of before again; the name has changed hands 3 \
            times in a row)\n\
            (no time) (a record of this store is damaged)\n\nDraft: soon\n    \\u{1b}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_conversation_without_lines_is_whole() {
        let heading = Heading::new("alice", "bob", ID, IdentityState::Changed, "");
        let mut json = Vec::new();
        let begun = Json::begin(&heading, &mut json).expect("it is memory");
        begun.end().expect("it is memory");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["lines"], serde_json::json!([]));
        assert!(json.get("draft").is_none());
    }
}
