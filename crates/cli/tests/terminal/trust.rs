//! Safety numbers and changed identities, contacts and history.

use rusqlite::Connection;

use crate::support::{Person, Relay};

/// The sixty digits that somebody sees.
fn number(person: &Person, of: &str) -> String {
    let out = person.run(&["verify", of]).good();
    let digits: String = out
        .lines()
        .skip(1)
        .take(3)
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(digits.len(), 60, "{out}");
    digits
}

fn identity(person: &Person, of: &str) -> String {
    let out = person.run(&["contacts", "--json"]).good();
    let mut contacts = out.lines().map(|line| {
        let contact: serde_json::Value = serde_json::from_str(line).expect("JSON");
        contact
    });
    let contact = contacts.find(|contact| contact["username"] == of);
    contact.expect("a contact")["identity"]
        .as_str()
        .expect("a word")
        .to_owned()
}

#[test]
fn both_see_the_same_number_and_only_that_one_verifies() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    let seen = number(&alice, "bob");
    assert_eq!(seen, number(&bob, "alice"), "before either has written");
    assert_eq!(identity(&alice, "bob"), "unverified");
    let other = seen.replace(&seen[..1], if seen.starts_with('9') { "8" } else { "9" });
    alice
        .run(&["verify", "bob", "--number", &other])
        .refused(6, "the numbers differ");
    alice
        .run(&["verify", "bob", "--number", "123"])
        .refused(2, "not a safety number");
    assert_eq!(identity(&alice, "bob"), "unverified");
    let spaced = format!(" {} {}", &seen[..7], &seen[7..]);
    alice.run(&["verify", "bob", "--number", &spaced]).good();
    assert_eq!(identity(&alice, "bob"), "verified");
    assert_eq!(alice.run(&["contacts"]).good(), "bob  verified\n");
    alice
        .run(&["accept", "bob", "--number", &seen])
        .refused(2, "has not changed");
    alice.run(&["verify", "bob", "--undo"]).good();
    assert_eq!(identity(&alice, "bob"), "unverified");
    alice
        .run(&["verify", "nobody"])
        .refused(5, "nobody has this username");
}

/// The relay stops, calls accounts otherwise, one after the other, and runs again.
fn rename(relay: &mut Relay, names: &[(&str, &str)]) {
    relay.stop();
    let database = Connection::open(relay.folder().join("relay.db")).expect("the relay's store");
    for (before, now) in names {
        let changed = database.execute(
            "UPDATE account SET username = ?2 WHERE username = ?1",
            [before, now],
        );
        assert_eq!(changed.expect("it can be changed"), 1);
    }
    drop(database);
    relay.restart();
}

#[test]
fn nothing_goes_to_a_changed_identity_before_it_is_accepted() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "for the first bob"]).good();
    assert_eq!(bob.receive(), ["alice: for the first bob"]);
    let before = number(&alice, "bob");
    alice.run(&["verify", "bob", "--number", &before]).good();
    // The relay gives the name to somebody else.
    rename(&mut relay, &[("bob", "bib")]);
    let other = Person::at(&relay, "bob");
    other.run(&["send", "alice", "my disk broke"]).good();
    let received = alice.receive();
    assert_eq!(received, ["bob: identityChanged"]);
    let list = alice.run(&["contacts"]).good();
    assert_eq!(list, "bob  CHANGED  was verified  1 to review\n");
    let review = alice.run(&["verify", "bob"]).good();
    assert!(review.contains("Messages from the new key"), "{review}");
    assert!(review.ends_with("bob: my disk broke\n"), "{review}");
    let review = alice.run(&["verify", "bob", "--json"]).good();
    assert!(review.contains(r#""text":"my disk broke""#), "{review}");
    assert_eq!(identity(&alice, "bob"), "changed");
    alice
        .run(&["send", "bob", "is it you?"])
        .refused(6, "nothing was written");
    alice
        .run(&["accept", "bob", "--number", &before])
        .refused(6, "the numbers differ");
    assert!(other.receive().is_empty());
    let now = number(&alice, "bob");
    assert_eq!(now, number(&other, "alice"));
    alice.run(&["accept", "bob", "--number", &now]).good();
    assert_eq!(identity(&alice, "bob"), "unverified");
    let history = alice.run(&["history", "bob"]).good();
    assert!(history.ends_with("bob: my disk broke\n"), "{history}");
    alice.run(&["send", "bob", "so it is"]).good();
    assert_eq!(other.receive(), ["alice: so it is"]);
    assert!(bob.receive().is_empty(), "the first bob gets nothing");
}

/// From the third line on there is one line for all; each time it changes it is printed, and never twice.
#[test]
fn whose_a_name_is_that_goes_to_and_fro_is_printed_each_time() {
    let mut relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    bob.run(&["send", "alice", "it is me"]).good();
    assert_eq!(alice.receive(), ["bob: it is me"]);
    for other in ["one", "two", "three"] {
        rename(&mut relay, &[("bob", "real")]);
        let person = Person::at(&relay, "bob");
        person.run(&["send", "alice", "no, me"]).good();
        assert_eq!(alice.receive(), ["bob: identityChanged"]);
        rename(&mut relay, &[("bob", other), ("real", "bob")]);
        assert_eq!(alice.receive(), ["bob: returnedAndDropped"]);
        assert!(alice.receive().is_empty());
    }
    let history = alice.run(&["history", "bob"]).good();
    assert_eq!(history.lines().count(), 4, "{history}");
    let last = "dropped; the name has changed hands 6 times in a row)\n";
    assert!(history.ends_with(last), "{history}");
    let history = alice.run(&["history", "bob", "--json"]).good();
    assert!(history.ends_with(",\"times\":6}\n"), "{history}");
    assert_eq!(history.matches("times").count(), 1, "{history}");
}

#[test]
fn history_shows_both_sides() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice.run(&["send", "bob", "one"]).good();
    bob.run(&["send", "alice", "two\u{1b}[2J"]).good();
    assert_eq!(alice.receive(), ["bob: two\u{1b}[2J"]);
    let lines = |out: String| -> Vec<String> {
        let lines = out
            .lines()
            .map(|line| line.split_once("Z ").expect("a time").1.to_owned());
        lines.collect()
    };
    let out = alice.run(&["history", "bob"]).good();
    assert_eq!(lines(out), ["alice: one", "bob: two\\u{1b}[2J"]);
    let out = alice
        .run(&["history", "bob", "--limit", "1", "--json"])
        .good();
    assert_eq!(out.lines().count(), 1);
    assert!(out.contains(r#""text":"two"#), "{out}");
    let out = alice.run(&["history", "bob", "--json"]).good();
    assert!(
        out.lines()
            .next()
            .is_some_and(|own| own.contains(r#""status":"#)),
        "{out}"
    );
}
