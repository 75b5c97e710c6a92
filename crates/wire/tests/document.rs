//! docs/RELAY-PROTOCOL.md has every field, cause and limit of the dialogue, and none that is not in the code.
//! The document's tables and the code's text are read into one form and compared, so both directions are held.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pawl_wire::{
    AccountId, BundleRefusal, ClaimId, ConnectionError, Epoch, MessageId, Nonce, Registration,
    SignatureBytes, SigningKeyBytes, SubmitRefusal, close_code,
};

/// A table: what stands in its first four columns, as far as it has them.
type Rows = BTreeSet<Vec<String>>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document() -> String {
    read("docs/RELAY-PROTOCOL.md")
}

/// The part of the document under a heading of the second level.
fn section<'a>(document: &'a str, name: &str) -> &'a str {
    let heading = format!("\n## {name}\n");
    let (_, rest) = document
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no section {name:?}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Tables by the name in the heading of the third level above them; `columns` of each row.
fn tables(text: &str, columns: usize) -> BTreeMap<String, Rows> {
    let mut tables: BTreeMap<String, Rows> = BTreeMap::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            name = Some(heading.trim_matches('`').to_owned());
        }
        let Some(row) = row(line) else { continue };
        let Some(name) = &name else { continue };
        let row: Vec<_> = row.into_iter().take(columns).collect();
        let is_new = tables.entry(name.clone()).or_default().insert(row.clone());
        assert!(is_new, "{name}: {row:?} stands twice");
    }
    tables
}

/// The cells of a table's row, without the marks of code. Neither a heading row nor a rule is one.
fn row(line: &str) -> Option<Vec<String>> {
    let cells: Vec<_> = line
        .strip_prefix('|')?
        .split('|')
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .collect();
    let is_row = cells[0] != "number" && cells[0] != "name" && !cells[0].starts_with("---");
    is_row.then_some(cells)
}

fn cells(cells: [&str; 4]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The document's word and number for a type of prost's.
fn kind(words: &[&str]) -> (String, &'static str) {
    let base = words[0].split(' ').next().unwrap_or_default();
    let (name, wire_type) = match base {
        "uint32" | "uint64" | "bool" => (base, "0"),
        "fixed64" => (base, "1"),
        "string" | "message" => (base, "2"),
        _ if base.starts_with("bytes") => ("bytes", "2"),
        other => panic!("{other} is a type that this test does not know"),
    };
    let prefix = match name {
        "message" if words.contains(&"repeated") => "repeated ",
        "message" => "",
        _ if words.contains(&"optional") => "optional ",
        _ => "",
    };
    (format!("{prefix}{name}"), wire_type)
}

/// Number, name, type and wire type of every field in proto.rs, by its message.
fn messages() -> BTreeMap<String, Rows> {
    let text = read("crates/wire/src/proto.rs");
    let mut messages: BTreeMap<String, Rows> = BTreeMap::new();
    let mut message = String::new();
    let mut field: Option<(String, String, &str)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub(crate) struct ") {
            message = name.trim_end_matches(" {").to_owned();
        } else if let Some(name) = line.strip_prefix("pub(crate) mod ") {
            message = match name.trim_end_matches(" {") {
                "client_frame" => "ClientFrame".to_owned(),
                "relay_frame" => "RelayFrame".to_owned(),
                other => panic!("{other} is a module that this test does not know"),
            };
        } else if let Some(words) = line.strip_prefix("#[prost(").filter(|w| w.ends_with(")]")) {
            let words: Vec<_> = words.trim_end_matches(")]").split(", ").collect();
            if words[0].starts_with("oneof") {
                continue;
            }
            let tag = words.iter().find_map(|word| word.strip_prefix("tag = "));
            let tag = tag.unwrap_or_else(|| panic!("no tag in {line}"));
            let (name, wire_type) = kind(&words);
            field = Some((tag.trim_matches('"').to_owned(), name, wire_type));
        } else if let Some((tag, kind, wire_type)) = field.take() {
            let name = line.strip_prefix("pub ").unwrap_or(line);
            let name = name.split([':', '(']).next().unwrap_or_default();
            let row = cells([&tag, name, &kind, wire_type]);
            let is_new = messages.entry(message.clone()).or_default().insert(row);
            assert!(is_new, "{message}.{name} stands twice");
        }
    }
    messages
}

#[test]
fn every_field_stands_in_the_document_with_its_number_and_type() {
    let document = document();
    let mut written = tables(section(&document, "Messages"), 4);
    for part in ["Frames from the client", "Frames from the relay"] {
        written.append(&mut tables(section(&document, part), 4));
    }
    let messages = messages();
    let tags = read("crates/wire/src/proto.rs").matches("tag = \"").count();
    assert_eq!(messages.values().map(BTreeSet::len).sum::<usize>(), tags);
    assert_eq!(written, messages);
}

#[test]
fn every_fixed_length_stands_in_the_document() {
    let lengths = [
        ("Device", "account", AccountId::LEN),
        ("Auth", "signature", SignatureBytes::LEN),
        ("Register", "signing_key", SigningKeyBytes::LEN),
        ("Register", "account_signature", SignatureBytes::LEN),
        ("Register", "device_signature", SignatureBytes::LEN),
        ("Submit", "message_id", MessageId::LEN),
        ("FetchBundle", "claim", ClaimId::LEN),
        ("Challenge", "nonce", Nonce::LEN),
        ("Challenge", "epoch", Epoch::LEN),
        ("Stored", "message_id", MessageId::LEN),
        ("Refused", "id", MessageId::LEN),
        ("Deliver", "message_id", MessageId::LEN),
        ("BundleReply", "claim", ClaimId::LEN),
    ];
    let code = lengths.map(|(message, field, len)| (message.into(), field.into(), len.to_string()));
    let document = document();
    let tables = tables(section(&document, "Messages"), 5);
    let written = tables.iter().flat_map(|(message, rows)| {
        rows.iter().filter_map(move |row| {
            let (length, rest) = row[4].split_once(" bytes")?;
            // What has no fixed length says "at most".
            (!rest.starts_with(" at most"))
                .then(|| (message.clone(), row[1].clone(), length.into()))
        })
    });
    assert_eq!(
        written.collect::<BTreeSet<(String, String, String)>>(),
        BTreeSet::from(code)
    );
}

#[test]
fn every_cause_stands_in_the_document_with_its_number() {
    fn all<T: std::fmt::Debug + Copy>(causes: &[T], number: impl Fn(T) -> u32) -> Rows {
        causes
            .iter()
            .map(|cause| vec![number(*cause).to_string(), format!("{cause:?}")])
            .collect()
    }
    let causes = BTreeMap::from(
        [
            ("Registration", all(Registration::ALL, |c| c as u32)),
            ("SubmitRefusal", all(SubmitRefusal::ALL, |c| c as u32)),
            ("BundleRefusal", all(BundleRefusal::ALL, |c| c as u32)),
            ("ConnectionError", all(ConnectionError::ALL, |c| c as u32)),
        ]
        .map(|(name, rows)| (name.to_owned(), rows)),
    );
    assert_eq!(tables(section(&document(), "Causes"), 2), causes);
}

/// Every error has a line that says when, and every line has the code of its error.
#[test]
fn every_error_ends_a_connection_with_its_close_code() {
    let document = document();
    let rows = section(&document, "What ends a connection")
        .lines()
        .filter_map(row)
        .filter(|row| row[0] != "close code")
        .map(|row| (row[0].clone(), row[1].clone()));
    let written: BTreeSet<_> = rows.collect();
    let own = ConnectionError::ALL.iter().map(|error| {
        let (code, number) = (close_code::of(*error), *error as u32);
        (code.to_string(), number.to_string())
    });
    // RFC 6455's own: what is no message of ours, the relay's restart, the client's close.
    let other = [
        ("1002", "1"),
        ("1003", "1"),
        ("1009", "1"),
        ("1000", "none"),
    ]
    .map(|(code, number)| (code.to_owned(), number.to_owned()));
    let restart = (close_code::RESTART.to_string(), "none".to_owned());
    assert_eq!(
        written,
        own.chain(other).chain([restart]).collect::<BTreeSet<_>>()
    );
}

/// The value of a constant: a number, a product, a power of two, or seconds.
fn value(expression: &str) -> u64 {
    let expression = expression
        .trim_start_matches("Duration::from_secs(")
        .trim_end_matches(')');
    let number = |text: &str| -> u64 {
        let text = text.trim().replace('_', "");
        text.parse()
            .unwrap_or_else(|_| panic!("{text:?} is no number"))
    };
    match expression.split_once("<<") {
        Some((one, by)) => number(one) << number(by),
        None => expression.split('*').map(number).product(),
    }
}

/// Name and value of each constant in a file.
fn constants(path: &str) -> Rows {
    read(path)
        .lines()
        .filter_map(|line| {
            let line = line
                .strip_prefix("pub const ")
                .or_else(|| line.strip_prefix("pub(crate) const "))
                .or_else(|| line.strip_prefix("pub(super) const "))
                .or_else(|| line.strip_prefix("const "))?;
            let (name, rest) = line.split_once(": ")?;
            let (_, expression) = rest.split_once(" = ")?;
            let value = value(expression.trim_end_matches(';')).to_string();
            Some(vec![name.to_owned(), value])
        })
        .collect()
}

/// Name and value of each constant in the source files of a folder; what ends in `_tests.rs` is none.
fn constants_of_folder(folder: &str) -> Rows {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(folder);
    let files = std::fs::read_dir(path).expect("a folder");
    files
        .map(|file| file.expect("a file").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".rs") && !name.ends_with("_tests.rs"))
        .flat_map(|name| constants(&format!("{folder}/{name}")))
        .collect()
}

#[test]
fn every_limit_stands_in_the_document_with_its_value() {
    let (wire, connection) = ("crates/wire/src/limits.rs", "server/src/connection");
    let (requests, delivery) = ("server/src/requests", "server/src/routing/delivery.rs");
    let code = BTreeMap::from([
        (wire.to_owned(), constants(wire)),
        (connection.to_owned(), constants_of_folder(connection)),
        (requests.to_owned(), constants_of_folder(requests)),
        (delivery.to_owned(), constants(delivery)),
    ]);
    assert_eq!(
        code.values().map(BTreeSet::len).collect::<Vec<_>>(),
        [25, 11, 4, 1]
    );
    let mut written = tables(section(&document(), "Limits"), 2);
    for rows in written.values_mut() {
        *rows = std::mem::take(rows)
            .into_iter()
            .map(|row| row.iter().map(|cell| cell.replace(',', "")).collect())
            .collect();
    }
    assert_eq!(written, code);
}
