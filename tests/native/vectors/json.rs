//! JSON as the vectors are written: fields in the order given, two spaces, bytes as lower-case hex. A writer
//! of our own, so that the files do not change with a library's taste. Reading is serde_json's.

use std::fmt::Write as _;

/// A value to be written.
pub(super) enum Json {
    Null,
    Number(u64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(super) fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Number(number) => write!(out, "{number}").expect("a String takes all"),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                let items = items.iter().map(|item| (None, item)).collect();
                bracket(['[', ']'], items, out, depth);
            }
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, item)| (Some(*name), item));
                bracket(['{', '}'], fields.collect(), out, depth);
            }
        }
    }
}

fn bracket(ends: [char; 2], items: Vec<(Option<&str>, &Json)>, out: &mut String, depth: usize) {
    out.push(ends[0]);
    for (at, (name, item)) in items.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n("  ", depth + 1));
        if let Some(name) = name {
            quote(name, out);
            out.push_str(": ");
        }
        item.write(out, depth + 1);
    }
    if !items.is_empty() {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
    out.push(ends[1]);
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a String takes all");
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::List(items)
    }
}

impl From<Option<Json>> for Json {
    fn from(item: Option<Json>) -> Self {
        item.unwrap_or(Self::Null)
    }
}

/// An object, its fields in the order written.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::vectors::json::Json::Object(vec![
            $(($name, $crate::vectors::json::Json::from($value))),*
        ])
    };
}
pub(super) use object;

/// Bytes as lower-case hex.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> Json {
    let mut text = String::new();
    for byte in bytes.as_ref() {
        write!(text, "{byte:02x}").expect("a String takes all");
    }
    Json::Text(text)
}

/// The bytes of a hex text that was read.
pub(super) fn unhex(value: &serde_json::Value) -> Vec<u8> {
    let text = value.as_str().expect("hex is text");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}
