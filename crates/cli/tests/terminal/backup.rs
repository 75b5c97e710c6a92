//! Backups: what is in one, what is not, and that everybody is understood again afterwards.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::support::{Ended, Person, Relay, ended};

/// Runs a command that needs the backup's passphrase.
fn with_passphrase(person: &Person, passphrase: &str, arguments: &[&str]) -> Ended {
    let file = person.path("passphrase");
    fs::write(&file, passphrase).expect("a file");
    let mut command = person.command(arguments);
    command.arg("--backup-passphrase-file").arg(file);
    ended(command, "")
}

#[test]
fn a_restored_account_has_its_people_and_its_history_and_goes_on() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "one"]).good();
    assert_eq!(bob.receive(), ["alice: one"]);
    bob.run(&["send", "alice", "two"]).good();
    assert_eq!(alice.receive(), ["bob: two"]);
    let out = alice.run(&["verify", "bob"]).good();
    let digits: Vec<_> = out.lines().skip(1).collect();
    alice
        .run(&["verify", "bob", "--number", &digits.join(" ")])
        .good();
    let file = alice.path("backup").display().to_string();
    with_passphrase(&alice, "leave me", &["backup", &file]).good();
    with_passphrase(&alice, "leave me", &["backup", &file]).refused(2, "is there already");
    let history = alice.run(&["history", "bob", "--json"]).good();
    // What comes and goes after the backup is not in it.
    bob.run(&["send", "alice", "three"]).good();
    assert_eq!(alice.receive(), ["bob: three"]);
    alice.run(&["send", "bob", "four"]).good();
    assert_eq!(bob.receive(), ["alice: four"]);

    let anew = Person::new();
    let restore = ["restore", file.as_str()];
    with_passphrase(&anew, "let me in", &restore).refused(8, "wrong passphrase");
    assert!(!anew.store().exists());
    let said = with_passphrase(&anew, "leave me", &restore).good();
    assert!(said.starts_with("you are alice again"), "{said}");
    with_passphrase(&anew, "leave me", &restore).refused(2, "is there already");
    assert_eq!(anew.run(&["history", "bob", "--json"]).good(), history);
    assert_eq!(anew.run(&["contacts"]).good(), "bob  verified\n");
    // Sessions begin anew; what is missing is asked for and comes again, what is there is not printed again.
    anew.run(&["send", "bob", "five"]).good();
    assert!(bob.receive().contains(&"alice: five".to_owned()));
    bob.run(&["send", "alice", "six"]).good();
    let mut received = anew.receive();
    for _ in 0..5 {
        bob.receive();
        received.extend(anew.receive());
    }
    let texts: Vec<_> = received
        .iter()
        .filter(|line| line.starts_with("bob: "))
        .collect();
    assert!(texts.contains(&&"bob: six".to_owned()), "{texts:?}");
    assert_eq!(
        texts
            .iter()
            .filter(|line| line.as_str() == "bob: three")
            .count(),
        1,
        "{texts:?}"
    );
    assert!(!texts.contains(&&"bob: two".to_owned()), "{texts:?}");
}

#[test]
fn a_backup_is_no_store_and_a_store_no_backup() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let _bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "a session"]).good();
    let file = alice.path("backup");
    let name = file.display().to_string();
    with_passphrase(&alice, "leave me", &["backup", &name]).good();
    let rows = |path: &Path, table: &str| -> i64 {
        let database = Connection::open(path).expect("a database");
        let count = format!("SELECT count(*) FROM {table}");
        database
            .query_row(&count, [], |row| row.get(0))
            .expect("a number")
    };
    for (table, in_backup) in [("meta", true), ("prekeys", false), ("sessions", false)] {
        assert!(rows(&alice.store(), table) > 0, "{table}");
        assert_eq!(rows(&file, table) > 0, in_backup, "{table}");
    }
    let before = fs::read(&file).expect("a backup");
    let mut names: Vec<_> = fs::read_dir(alice.folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["backup", "key", "passphrase", "store", "store.lock"]
    );
    let other = Person::new();
    fs::copy(&file, other.store()).expect("a copy");
    other.run(&["receive"]).refused(9, "it is a backup");
    let anew = Person::new();
    let store = alice.store().display().to_string();
    with_passphrase(&anew, "leave me", &["restore", &store]).refused(9, "no backup");
    with_passphrase(&anew, "leave me", &["restore", "nothing"]).refused(2, "not there");
    with_passphrase(&anew, "leave me", &["restore", &name]).good();
    assert!(
        before == fs::read(&file).expect("a backup"),
        "it is only read"
    );
}

#[test]
fn what_waited_to_be_sent_goes_out_from_the_restored_store_once() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "one"]).good();
    assert_eq!(bob.receive(), ["alice: one"]);
    relay.stop();
    alice
        .run(&["send", "bob", "two", "--timeout", "1"])
        .refused(3, "goes out next time");
    let file = alice.path("backup").display().to_string();
    with_passphrase(&alice, "leave me", &["backup", &file]).good();
    relay.restart();
    let anew = Person::new();
    with_passphrase(&anew, "leave me", &["restore", &file]).good();
    let mut received = Vec::new();
    for _ in 0..4 {
        anew.run(&["receive"]).good();
        received.extend(bob.receive());
    }
    let texts = received.iter().filter(|line| !line.contains("Again"));
    assert!(texts.eq(["alice: two"]), "{received:?}");
}
