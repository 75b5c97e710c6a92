//! Two terminals and a relay: what one writes the other reads, once and in order.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::{Person, Relay, bytes_in, ended, pawl, text_of};

/// An id that no conversation has.
const NOBODYS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The one conversation that lines of JSON are about.
#[track_caller]
fn id_of(lines: &str) -> String {
    let ids = lines.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let id = line["conversation"].as_str();
        id.expect("an id").to_owned()
    });
    let ids: BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), 1, "{lines}");
    ids.into_iter().next().expect("one")
}

#[test]
fn a_conversation_is_named_by_its_id_as_well() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    let id = id_of(&alice.run(&["send", "bob", "hello", "--json"]).good());
    assert_eq!(id.len(), 26);
    let received = bob.run(&["receive", "--json"]).good();
    assert_eq!(id_of(&received), id, "both have the same id");
    assert_eq!(alice.run(&["send", &id, "again"]).good(), "");
    assert_eq!(bob.receive(), ["alice: again"]);
    for arguments in [
        &["contacts", "--json"][..],
        &["history", "bob", "--json"],
        &["history", &id, "--json"],
        &["verify", &id, "--json"],
        &["send", &id, "once more", "--json"],
    ] {
        assert_eq!(id_of(&alice.run(arguments).good()), id, "{arguments:?}");
    }
    let shown = alice.run(&["history", &id]).good();
    assert!(shown.contains(" alice: hello\n"), "{shown}");
    let out = alice.path("out").display().to_string();
    let exported = alice.run(&["export", "--out", &out, &id, "bob", "--json"]);
    let exported = exported.good();
    assert_eq!(exported.lines().count(), 1, "{exported}");
    let names = format!(r#""conversation":"bob","conversationId":"{id}""#);
    assert!(exported.contains(&names), "{exported}");
    let file = std::fs::read_to_string(alice.path("out/bob.json")).expect("a file");
    assert!(file.contains(&names), "{file}");
    // An id is upper case and a username is lower case, so that no text is both.
    for (name, said) in [
        (NOBODYS, "no such conversation"),
        (&id.to_ascii_lowercase(), "nobody has this username"),
    ] {
        alice.run(&["send", name, "x"]).refused(5, said);
    }
    for arguments in [
        &["history", NOBODYS][..],
        &["verify", NOBODYS],
        &["accept", NOBODYS, "--number", "1"],
        &["export", "--out", &out, NOBODYS],
    ] {
        alice.run(arguments).refused(5, "no");
    }
}

#[test]
fn two_terminals_talk() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    assert_eq!(alice.run(&["send", "bob", "hello bob"]).good(), "");
    assert_eq!(
        alice.run_with("over\ntwo lines\n", &["send", "Bob"]).good(),
        ""
    );
    assert_eq!(
        bob.receive(),
        ["alice: hello bob", "alice: over\ntwo lines"]
    );
    assert!(
        bob.receive().is_empty(),
        "what was printed is not printed again"
    );
    assert_eq!(bob.run(&["send", "alice", "hello alice"]).good(), "");
    assert_eq!(alice.receive(), ["bob: hello alice"]);
    let sent = alice
        .run_with("one\n\ntwo\n", &["send", "bob", "--lines", "--json"])
        .good();
    let sent: Vec<serde_json::Value> = sent
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told = |what: &str| sent.iter().filter(|sent| sent["type"] == what).count();
    assert_eq!((told("written"), told("sent"), sent.len()), (2, 2, 4));
    assert!(
        sent.iter()
            .all(|sent| sent["to"] == "bob" && sent["position"].is_u64())
    );
    let out = bob.run(&["receive"]).good();
    let texts: Vec<_> = out
        .lines()
        .map(|line| line.split_once("Z ").expect("a time").1)
        .collect();
    assert_eq!(
        texts,
        ["alice: one", "alice: two"],
        "without colours, since nobody looks"
    );
    for folder in [alice.folder.path(), bob.folder.path(), relay.folder()] {
        let stored = bytes_in(folder);
        for secret in ["hello bob", "two lines", "hello alice"] {
            let mut places = stored.windows(secret.len());
            assert!(
                !places.any(|place| place == secret.as_bytes()),
                "{secret} is on a disk"
            );
        }
    }
}

#[test]
fn who_follows_sees_what_comes_and_what_came() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    let mut follows = bob.start(&["receive", "--follow", "--json"]);
    assert_eq!(text_of(&follows.line()), "alice: before");
    alice.run(&["send", "bob", "meanwhile"]).good();
    assert_eq!(text_of(&follows.line()), "alice: meanwhile");
    follows.signal("-INT");
    let ended = follows.end();
    let said = (ended.code, ended.out.as_str(), ended.err.as_str());
    assert_eq!(said, (Some(130), "", ""));
    assert!(bob.receive().is_empty());
}

/// Their names are asked for at two a second, so that each is an answer and all of them take longer than the time for
/// one. On a machine that is slow one answer may take that long, too: then nothing came for that time, and the rest
/// comes at the next call.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long nothing came, which is what the program counts"
)]
fn as_long_as_answers_come_receiving_goes_on() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let mut texts = Vec::new();
    for i in 0..18 {
        let name = format!("stranger-{i:02}");
        Person::at(&relay, &name)
            .run(&["send", "alice", "hello"])
            .good();
        texts.push(format!("{name}: hello"));
    }
    let mut told = Vec::new();
    for _ in 0..texts.len() {
        let mut receives = alice.start(&["receive", "--json", "--timeout", "8"]);
        let mut heard = Instant::now();
        for line in std::iter::repeat_with(|| receives.line()).take_while(|line| !line.is_empty()) {
            told.push(text_of(&line));
            heard = Instant::now();
        }
        let silent = heard.elapsed();
        let ended = receives.end();
        if ended.code == Some(0) {
            break;
        }
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        let least = Duration::from_secs(4);
        assert!(silent > least, "given up {silent:?} after an answer");
    }
    assert_eq!(told, texts);
}

/// Links and relative names lead to the same lock and the same socket.
#[test]
fn a_store_has_one_name_however_it_is_reached() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "hello"]).good();
    std::os::unix::fs::symlink(bob.store(), bob.path("link")).expect("a link");
    let folder = alice.path("folder");
    std::os::unix::fs::symlink(bob.folder.path(), &folder).expect("a link");
    let mut follows = bob.start(&["receive", "--follow", "--json"]);
    assert_eq!(text_of(&follows.line()), "alice: hello");
    for (store, text) in [
        (bob.path("link"), "by a link"),
        (folder.join("store"), "by a folder's link"),
        ("store".into(), "by a relative name"),
    ] {
        let mut command = pawl();
        command.current_dir(bob.folder.path());
        command
            .arg("--store")
            .arg(store)
            .args(["send", "alice", text]);
        ended(command, "").good();
        assert_eq!(alice.receive(), [format!("bob: {text}")]);
    }
    follows.signal("-TERM");
    assert_eq!(follows.end().code, Some(143));
    // Made by way of a link, it is the target that is made.
    let carol = Person::new();
    std::os::unix::fs::symlink("real", carol.store()).expect("a link");
    carol
        .run(&["register", "carol", "--relay", &relay.url()])
        .good();
    assert!(carol.path("real.lock").exists() && !carol.path("store.lock").exists());
}

#[test]
fn a_passphrase_is_the_same_however_it_is_typed() {
    let relay = Relay::start();
    let person = Person::new();
    let file = person.path("passphrase");
    let run = |passphrase: &str, arguments: &[&str]| {
        std::fs::write(&file, passphrase).expect("a file");
        let mut command = pawl();
        command.arg("--store").arg(person.store());
        command.arg("--passphrase-file").arg(&file).args(arguments);
        ended(command, "")
    };
    let apart = "\u{feff}pa\u{308}sswo\u{308}rd e\u{301}te\u{301}\r\n";
    run(apart, &["register", "dora", "--relay", &relay.url()]).good();
    run("p\u{e4}ssw\u{f6}rd \u{e9}t\u{e9}", &["contacts"]).good();
    run(apart, &["contacts"]).good();
    run("passw\u{f6}rd \u{e9}t\u{e9}", &["contacts"]).refused(8, "wrong passphrase");
}

#[test]
fn a_passphrase_opens_the_store_and_nothing_else_does() {
    let relay = Relay::start();
    let person = Person::new();
    let write = |name: &str, text: &str| {
        let path = person.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let right = write("right", "correct horse\nand more\n");
    let wrong = write("wrong", "correct house\n");
    let run = |file: &std::path::Path, arguments: &[&str]| {
        let mut command = pawl();
        command.arg("--store").arg(person.store());
        command.arg("--passphrase-file").arg(file).args(arguments);
        ended(command, "")
    };
    run(&right, &["register", "carol", "--relay", &relay.url()]).good();
    run(&right, &["receive"]).good();
    run(&wrong, &["receive"]).refused(8, "wrong passphrase");
    let key = write("key", &"0f".repeat(32));
    person.run(&["receive"]).refused(8, "not with a key file");
    std::fs::write(key, "0f").expect("a file");
    person.run(&["receive"]).refused(8, "64 hexadecimal digits");
    run(&right, &["receive"]).good();
}

#[test]
fn who_follows_sends_for_others_that_have_no_store() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "hello"]).good();
    let mut follows = bob.start(&["receive", "--follow", "--json"]);
    assert_eq!(text_of(&follows.line()), "alice: hello");
    let sent = bob.run(&["send", "alice", "hello too", "--json"]).good();
    assert!(sent.contains(r#""type":"sent""#), "{sent}");
    let conversation = id_of(&sent);
    bob.run_with("one\ntwo\n", &["send", &conversation, "--lines"])
        .good();
    let sent = bob.run(&["send", &conversation, "three", "--json"]).good();
    assert_eq!(id_of(&sent), conversation);
    assert!(sent.contains(r#""to":"alice""#), "{sent}");
    bob.run(&["send", NOBODYS, "x"])
        .refused(5, "no such conversation");
    bob.run(&["send", "nobody", "x"])
        .refused(5, "nobody has this username");
    bob.run(&["send", "bob", "x"])
        .refused(2, "your own username");
    assert_eq!(
        alice.receive(),
        ["bob: hello too", "bob: one", "bob: two", "bob: three"]
    );
    follows.signal("-TERM");
    assert_eq!(follows.end().code, Some(143));
    assert!(!bob.path("store.run").exists());
    bob.run(&["send", "alice", "by itself"]).good();
    assert_eq!(alice.receive(), ["bob: by itself"]);
}
