//! `pawl export`: what is in the files, and what happens to files that are there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{Person, Relay};

/// Lines that take a page of the store and more.
const MANY: usize = 1_203;

fn read(person: &Person, file: &str) -> Value {
    let text = fs::read(person.path(file)).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

/// `author: text` of each message, or the event, in their order.
fn said(exported: &Value) -> Vec<String> {
    let lines = exported["lines"].as_array().expect("lines").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    lines
        .map(|line| match line["type"].as_str() {
            Some("message") => format!("{}: {}", text(&line["author"]), text(&line["text"])),
            _ => text(&line["event"]),
        })
        .collect()
}

/// Who is known to somebody may have more messages waiting than a stranger.
fn send_many(alice: &Person, bob: &Person) {
    alice.run(&["send", "bob", "first"]).good();
    bob.receive();
    let lines: String = (0..MANY).map(|number| format!("line {number}\n")).collect();
    alice.run_with(&lines, &["send", "bob", "--lines"]).good();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[track_caller]
fn is_readable_by_people(alice: &Person) {
    let text = fs::read_to_string(alice.path("exported/bob.txt")).expect("a file");
    assert!(
        text.starts_with("Conversation of alice with bob\n"),
        "{text}"
    );
    for part in [
        " alice: two\n    lines, \"quotes\" and a \\\n",
        " alice: 🎉 שלום مرحبا \u{202e}back\n",
        " alice: \\u{1b}[31mred\ttab\n",
        " bob: an answer\n",
    ] {
        assert!(text.contains(part), "{part:?}: {text}");
    }
}

#[track_caller]
fn is_for_the_owner_alone(alice: &Person) {
    let mode = |path: &str| {
        let found = fs::metadata(alice.path(path)).expect("it is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode("exported"), 0o700);
    for name in names(&alice.path("exported")) {
        assert_eq!(mode(&format!("exported/{name}")), 0o600, "{name}");
    }
}

#[test]
fn every_conversation_is_exported_as_it_was_written() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    let carol = Person::at(&relay, "c.arol-2");
    let texts = [
        "one",
        "two\nlines, \"quotes\" and a \\",
        "🎉 שלום مرحبا \u{202e}back",
        "\u{1b}[31mred\ttab",
    ];
    for text in texts {
        alice.run(&["send", "bob", text]).good();
    }
    bob.receive();
    bob.run(&["send", "alice", "an answer"]).good();
    carol.run(&["send", "alice", "from carol"]).good();
    alice.receive();
    let out = alice.path("exported").display().to_string();
    let printed = alice.run(&["export", "--out", &out, "--json"]).good();
    let printed: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let counts = printed
        .iter()
        .map(|one| (one["conversation"].as_str(), one["lines"].as_u64()));
    let mut counts: Vec<_> = counts.collect();
    counts.sort();
    assert_eq!(
        counts,
        [(Some("bob"), Some(5)), (Some("c.arol-2"), Some(1))]
    );
    assert_eq!(
        names(&alice.path("exported")),
        ["bob.json", "bob.txt", "c.arol-2.json", "c.arol-2.txt"]
    );
    let exported = read(&alice, "exported/bob.json");
    assert_eq!(
        (&exported["format"], &exported["version"]),
        (&"pawl-export".into(), &1.into())
    );
    assert_eq!(
        (&exported["account"], &exported["conversation"]),
        (&"alice".into(), &"bob".into())
    );
    let expected = texts.map(|text| format!("alice: {text}"));
    assert_eq!(
        said(&exported),
        [&expected[..], &["bob: an answer".into()]].concat()
    );
    let lines = exported["lines"].as_array().expect("lines");
    assert_eq!(
        (&lines[0]["direction"], &lines[4]["direction"]),
        (&"sent".into(), &"received".into())
    );
    // That it was read is told a moment later.
    let status = lines[0]["status"].as_str();
    assert!(matches!(status, Some("delivered" | "read")), "{status:?}");
    assert!(lines[4].get("status").is_none());
    let time = |line: &Value, name: &str| line[name].as_str().expect("a time").to_owned();
    for line in lines {
        assert!(time(line, "sentAt") <= time(line, "at"), "{line}");
        assert_eq!(time(line, "at").len(), "2026-11-26T07:12:09.123Z".len());
    }
    is_readable_by_people(&alice);
    is_for_the_owner_alone(&alice);
}

#[test]
fn what_happened_is_an_event_between_the_messages() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    for text in ["one", "two", "three"] {
        bob.run(&["send", "alice", text]).good();
    }
    alice.receive();
    // A record in the midst is damaged.
    let store = rusqlite::Connection::open(alice.store()).expect("a store");
    let change = "UPDATE messages SET value = zeroblob(60) WHERE key = (SELECT key FROM messages \
        ORDER BY key LIMIT 1 OFFSET 1)";
    assert_eq!(store.execute(change, []).expect("it can write"), 1);
    drop(store);
    let out = alice.path("out").display().to_string();
    alice.run(&["export", "--out", &out]).good();
    assert_eq!(
        said(&read(&alice, "out/bob.json")),
        ["bob: one", "damaged", "bob: three"]
    );
    let text = fs::read_to_string(alice.path("out/bob.txt")).expect("a file");
    assert!(
        text.contains("(no time) (a record of this store is damaged)\n"),
        "{text}"
    );
}

#[test]
fn a_long_conversation_is_whole_and_in_its_order() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    send_many(&alice, &bob);
    let out = alice.path("out").display().to_string();
    alice.run(&["export", "--out", &out, " Bob "]).good();
    let expected: Vec<_> = (0..MANY)
        .map(|number| format!("alice: line {number}"))
        .collect();
    assert_eq!(said(&read(&alice, "out/bob.json"))[1..], expected);
    let text = fs::read_to_string(alice.path("out/bob.txt")).expect("a file");
    assert_eq!(text.lines().count(), MANY + 4);
}

#[test]
fn files_that_are_there_stay_unless_it_is_said() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let _bob = Person::at(&relay, "bob");
    let _carol = Person::at(&relay, "carol");
    let out = alice.path("out");
    let folder = out.display().to_string();
    let none = alice.run(&["export", "--out", &folder]).good();
    assert_eq!(none, "there are no conversations; nothing was written\n");
    assert!(!out.exists());
    alice.run(&["send", "bob", "one"]).good();
    alice.run(&["send", "carol", "two"]).good();
    fs::create_dir(&out).expect("a folder");
    fs::write(out.join("carol.txt"), "mine").expect("a file");
    let export = ["export", "--out", folder.as_str()];
    alice.run(&export).refused(2, "carol.txt is there already");
    assert_eq!(names(&out), ["carol.txt"]);
    alice.run(&[&export[..], &["bob"]].concat()).good();
    assert_eq!(names(&out), ["bob.json", "bob.txt", "carol.txt"]);
    // What a run left that was cut short is in nobody's way, and no way to another file.
    std::os::unix::fs::symlink(alice.store(), out.join("carol.json.unfinished")).expect("a link");
    let before = fs::read(alice.store()).expect("a store");
    alice.run(&[&export[..], &["--overwrite"]].concat()).good();
    assert_eq!(
        names(&out),
        ["bob.json", "bob.txt", "carol.json", "carol.txt"]
    );
    assert_ne!(fs::read(out.join("carol.txt")).expect("a file"), b"mine");
    let kept = fs::read(alice.store()).expect("a store");
    assert!(kept.starts_with(b"SQLite format 3\0") && kept.len() >= before.len());
    alice
        .run(&[&export[..], &["dave"]].concat())
        .refused(5, "no conversation with dave");
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_half_stays() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    send_many(&alice, &bob);
    let file = alice.path("file");
    fs::write(&file, "a file").expect("a file");
    let at = |path: &Path| path.display().to_string();
    alice
        .run(&["export", "--out", &at(&file)])
        .refused(2, "cannot be used");
    alice
        .run(&["export", "--out", &at(&file.join("in"))])
        .refused(2, "cannot be used");
    // Files may not grow beyond some blocks of 512 bytes: too few for the conversation.
    let out = alice.path("out");
    let limited = |blocks: u32| {
        let export = alice.command(&["export", "--out", &at(&out)]);
        let mut shell = std::process::Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(export.get_program());
        shell.args(export.get_args());
        crate::support::ended(shell, "")
    };
    limited(100).refused(11, "cannot be written");
    assert_eq!(names(&out), [""; 0]);
    alice.run(&["export", "--out", &at(&out)]).good();
    assert_eq!(names(&out), ["bob.json", "bob.txt"]);
}
