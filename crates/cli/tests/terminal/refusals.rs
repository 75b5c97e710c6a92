//! What cannot be done: one line on standard error, its exit code, and a store that still opens.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use rusqlite::Connection;

use crate::support::{Person, Relay, age, ended, pawl};

#[test]
fn without_a_relay_there_is_a_line_and_the_message_goes_out_next_time() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "first"]).good();
    relay.stop();
    let waits = ["send", "bob", "second", "--timeout", "1"];
    alice.run(&waits).refused(3, "goes out next time");
    let stranger = ["send", "nobody", "x", "--timeout", "1"];
    let said = alice.run(&stranger).refused(3, "cannot be reached").err;
    assert!(!said.contains("next time"), "nothing was written: {said}");
    bob.run(&["receive", "--timeout", "1"])
        .refused(3, "cannot be reached");
    let new = Person::new();
    let register = [
        "register",
        "carol",
        "--relay",
        &relay.url(),
        "--timeout",
        "1",
    ];
    new.run(&register).refused(3, "cannot be reached");
    relay.restart();
    alice.run(&["send", "bob", "third"]).good();
    assert_eq!(
        bob.receive(),
        ["alice: first", "alice: second", "alice: third"]
    );
    new.run(&["register", "carol", "--relay", &relay.url()])
        .good();
}

#[test]
fn lines_without_end_and_without_a_relay_are_few_on_the_disk() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    assert_eq!(bob.receive(), ["alice: before"]);
    relay.stop();
    let lines: String = (0..2_000).map(|number| format!("{number}\n")).collect();
    let send = ["send", "bob", "--lines", "--timeout", "1"];
    alice
        .run_with(&lines, &send)
        .refused(3, "goes out next time");
    relay.restart();
    alice.run(&["receive"]).good();
    let written: Vec<_> = (0..64).map(|number| format!("alice: {number}")).collect();
    assert_eq!(bob.receive(), written);
}

#[test]
fn names_that_are_wrong_taken_or_nobodys() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    alice
        .run(&["send", "nobody", "x"])
        .refused(5, "nobody has this username");
    alice
        .run(&["send", "alice", "x"])
        .refused(2, "your own username");
    alice.run(&["send", "a b", "x"]).refused(2, "not allowed");
    alice
        .run(&["send", "", "x"])
        .refused(2, "a username is needed");
    alice
        .run(&["register", "other"])
        .refused(2, "an account on this device already");
    alice
        .run(&["history", "nobody"])
        .refused(5, "no such conversation");
    let other = Person::new();
    let register = |name| other.run(&["register", name, "--relay", &relay.url()]);
    register("alice").refused(4, "taken");
    other
        .run(&["receive"])
        .refused(5, "no account in this store");
    register("other").good();
    other
        .run(&["register", "other", "--relay", "http://127.0.0.1:1"])
        .refused(2, "on another relay");
    alice.run(&["receive"]).good();
}

#[test]
fn who_is_gone_from_the_relay_gets_nothing_and_sends_nothing() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    relay.stop();
    let database = Connection::open(relay.folder().join("relay.db")).expect("the relay's store");
    let forget = "PRAGMA foreign_keys = OFF;
        DELETE FROM device WHERE account = (SELECT id FROM account WHERE username = 'bob');
        DELETE FROM account WHERE username = 'bob';";
    database.execute_batch(forget).expect("it can be changed");
    drop(database);
    relay.restart();
    alice
        .run(&["send", "bob", "into nothing"])
        .refused(12, "shown as not sent");
    bob.run(&["receive"])
        .refused(4, "does not know this device");
    bob.run(&["send", "alice", "x"])
        .refused(4, "does not know this device");
    alice.run(&["receive"]).good();
}

#[test]
fn texts_that_cannot_be_sent() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    let most = "x".repeat(64 * 1024);
    alice.run(&["send", "bob", " \n"]).refused(2, "empty");
    alice.run_with("\n", &["send", "bob"]).refused(2, "empty");
    alice
        .run_with(&format!("{most}x"), &["send", "bob"])
        .refused(2, "65536 bytes");
    let lines = format!("before\n{most}x\nafter\n");
    alice
        .run_with(&lines, &["send", "bob", "--lines"])
        .refused(2, "65536 bytes");
    alice.run_with(&most, &["send", "bob"]).good();
    let mut command = alice.command(&["send", "bob"]);
    let not_text = alice.path("not-text");
    fs::write(&not_text, [0xff, 0xfe]).expect("a file");
    command.stdin(fs::File::open(not_text).expect("a file"));
    let said = command.output().expect("it runs");
    assert_eq!(said.status.code(), Some(2));
    assert_eq!(said.stderr, b"pawl: the text is not UTF-8\n");
    let received = bob.receive();
    assert_eq!(received.last(), Some(&format!("alice: {most}")));
    assert!(
        received
            .iter()
            .all(|line| *line == "alice: before" || line.len() > 1_000)
    );
}

#[test]
fn a_second_program_on_one_store() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "here"]).good();
    let mut follows = bob.start(&["receive", "--follow"]);
    follows.line();
    bob.run(&["receive"]).refused(7, "another pawl");
    bob.run(&["backup", "file"]).refused(7, "another pawl");
    follows.kill();
    assert!(bob.receive().is_empty());
}

#[test]
fn files_that_are_not_stores() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let at = |path: &std::path::Path, arguments: &[&str]| {
        let mut command = pawl();
        command
            .arg("--store")
            .arg(path)
            .arg("--key-file")
            .arg(alice.path("key"));
        ended(
            {
                command.args(arguments);
                command
            },
            "",
        )
    };
    let text = alice.path("text");
    fs::write(&text, "dear diary, ".repeat(1_000)).expect("a file");
    at(&text, &["receive"]).refused(9, "not a store of Pawl");
    at(&text, &["register", "x", "--relay", &relay.url()]).refused(9, "not a store of Pawl");
    assert_eq!(
        fs::read(&text).expect("it is there").len(),
        12_000,
        "and is left alone"
    );
    let other = alice.path("other.db");
    let database = Connection::open(&other).expect("a database");
    database
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .expect("a table");
    drop(database);
    at(&other, &["receive"]).refused(9, "some other program");
    at(alice.folder.path(), &["receive"]).refused(9, "a folder");
    let pipe = alice.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    at(&pipe, &["receive"]).refused(9, "it is no file");
    at(&pipe, &["register", "x", "--relay", &relay.url()]).refused(9, "it is no file");
    at(&alice.path("nothing"), &["receive"]).refused(5, "there is no store at");
    at(&alice.path("nothing"), &["register", "x"]).refused(2, "needs --relay");
    assert!(!alice.path("nothing").exists());
    // A relative one is no folder of the user's.
    let mut command = pawl();
    command.current_dir(alice.folder.path());
    command
        .env("XDG_DATA_HOME", "data")
        .env("HOME", alice.path("home"));
    command.env_remove("LOCALAPPDATA");
    let said = ended(
        {
            command.arg("receive");
            command
        },
        "",
    );
    said.refused(5, "home/.local/share/pawl/store");
    let empty = alice.path("empty");
    fs::write(&empty, "").expect("a file");
    at(&empty, &["receive"]).refused(5, "there is no store at");
    at(&empty, &["register", "xaver", "--relay", &relay.url()]).good();
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let set = |version: i64| {
        let database = Connection::open(alice.store()).expect("a store");
        let set = database.pragma_update(None, "user_version", version);
        set.expect("a version");
    };
    set(2);
    let before = fs::read(alice.store()).expect("a store");
    alice.run(&["receive"]).refused(10, "newer version");
    assert!(before == fs::read(alice.store()).expect("a store"));
    set(1);
    alice.run(&["receive"]).good();
}

#[test]
fn a_store_of_an_older_version_is_told_and_left_alone() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    assert_eq!(bob.receive(), ["alice: before"]);
    age(&bob);
    let before = fs::read(bob.store()).expect("a store");
    let out = bob.path("out").display().to_string();
    for arguments in [
        &["receive"][..],
        &["contacts"],
        &["history", "alice"],
        &["send", "alice", "after"],
        &["export", "--out", &out],
    ] {
        let said = bob.run(arguments).refused(13, "an older version of Pawl");
        for way in ["`pawl export` of that version", "move the store away"] {
            assert!(said.err.contains(way), "{}", said.err);
        }
        assert_eq!(said.out, "");
    }
    assert!(before == fs::read(bob.store()).expect("a store"));
    assert!(!bob.path("out").exists());
    // As the line says.
    fs::rename(bob.store(), bob.path("old")).expect("it moves");
    let register = ["register", "bob-2", "--relay", &relay.url()];
    bob.run(&register).good();
}

#[test]
fn damage_is_told() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    let change = |query: &str| {
        let database = Connection::open(alice.store()).expect("a store");
        database.execute_batch(query).expect("it can be changed");
    };
    // A person's record: the rest works.
    change("UPDATE contacts SET value = zeroblob(40)");
    let said = alice.run(&["send", "bob", "after"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.err.contains("a record about bob cannot be read"),
        "{}",
        said.err
    );
    assert_eq!(bob.receive(), ["alice: before", "alice: after"]);
    // The account's own: nothing does.
    change("UPDATE meta SET value = zeroblob(40)");
    alice.run(&["receive"]).refused(9, "damaged");
    change("DELETE FROM keys");
    alice.run(&["receive"]).refused(9, "its key is gone");
}

/// Less than a long message takes.
const KIBIBYTES: u64 = 48;

/// A shell under which no file grows beyond so many kibibytes; the program is told by an error, as by a full disk.
fn within(kibibytes: u64, command: &Command) -> Command {
    let mut shell = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(command.get_program());
    shell.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_it_goes_on_when_there_is_room() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    let long = "x".repeat(60_000);
    let command = alice.command(&["send", "bob"]);
    ended(within(KIBIBYTES, &command), &long).refused(11, "the disk is full");
    alice.run(&["send", "bob", "after"]).good();
    assert_eq!(bob.receive(), ["alice: before", "alice: after"]);
    // Nor what arrives: it is the relay's until there is room.
    alice.run_with(&long, &["send", "bob"]).good();
    let command = bob.command(&["receive"]);
    ended(within(KIBIBYTES, &command), "").refused(11, "the disk is full");
    assert_eq!(bob.receive(), [format!("alice: {long}")]);
    // Nor is half a store made.
    let carol = Person::new();
    let register = ["register", "carol", "--relay", &relay.url()];
    let command = carol.command(&register);
    ended(within(8, &command), "").refused(11, "the disk is full");
    carol.run(&register).good();
}

#[test]
fn nobody_reads_the_output() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    let lines: String = (0..3).map(|number| format!("{number}\n")).collect();
    alice.run_with(&lines, &["send", "bob", "--lines"]).good();
    // The reader is gone before the first line is printed.
    let mut command = Command::new("bash");
    command.args(["-c", "exec 3> >(exec 0<&-); wait $!; \"$0\" \"$@\" >&3"]);
    let pawl = bob.command(&["receive", "--follow"]);
    command.arg(pawl.get_program()).args(pawl.get_args());
    ended(command, "").refused(141, "nobody reads the output");
    assert_eq!(bob.receive(), ["alice: 0", "alice: 1", "alice: 2"]);
}

#[test]
fn an_interrupted_send_goes_out_next_time() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "before"]).good();
    relay.stop();
    for (signal, code, text) in [("-INT", 130, "one"), ("-TERM", 143, "two")] {
        let mut sends = alice.start(&["send", "bob", text, "--json"]);
        assert!(sends.line().contains("written"));
        sends.signal(signal);
        sends
            .end()
            .refused(code, "what was written is kept and goes out next time");
    }
    // Somebody unknown is asked for first, at a relay that does not answer.
    let silent = TcpListener::bind(relay.url().trim_start_matches("http://"));
    let silent = silent.expect("the relay's port is free");
    let sends = alice.start(&["send", "carol", "three"]);
    let connected = silent.accept();
    sends.signal("-INT");
    sends.end().refused(130, "nothing was written");
    drop((connected, silent));
    relay.restart();
    alice.run(&["receive"]).good();
    assert_eq!(bob.receive(), ["alice: before", "alice: one", "alice: two"]);
}

#[test]
fn a_relay_may_ask_for_work_and_not_for_too_much() {
    let relay = Relay::asking(16);
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "we both worked"]).good();
    assert_eq!(bob.receive(), ["alice: we both worked"]);
    // No relay can be set to this; one that lies can say it.
    let greedy = Relay::asking(25);
    let carol = Person::new();
    let register = ["register", "carol", "--relay", &greedy.url()];
    let said = "asks for more work than a new account may cost";
    carol.run(&register).refused(4, said);
}
