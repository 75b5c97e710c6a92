//! Copies of the store and what becomes of them; what `doctor` says.

use std::path::Path;

use pawl_wire::{ClaimId, ClientFrame, RelayFrame};

use crate::support::{Child, Client, Device, Relay, command, envelope, message_id, random};

/// Runs a command; its exit code and all that it said.
fn told(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(data, arguments);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

fn done(data: &Path, arguments: &[&str]) {
    let (code, said) = told(data, arguments);
    assert_eq!(code, Some(0), "{said}");
}

fn refused(data: &Path, arguments: &[&str], expected: &str) {
    let (code, said) = told(data, arguments);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(expected), "{said}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

async fn claim(client: &mut Client, of: &Device) -> (Option<u32>, ClaimId) {
    let (claim, device) = (ClaimId(random()), of.address());
    client
        .send(&ClientFrame::FetchBundle { claim, device })
        .await;
    match client.answer().await {
        RelayFrame::Bundle { bundle, .. } => (bundle.one_time_prekey.map(|key| key.id), claim),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_copy_of_a_busy_relay_is_whole_and_a_restored_one_gives_no_key_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, restored, copy] = ["data", "restored", "copy"].map(|name| folder.path().join(name));
    let relay = Child::start(&data, &[]);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    let mut owner = Client::register(relay.address, &bob).await;
    crate::keys::publish(&mut owner, crate::keys::one_time(1..=10)).await;
    owner.leave().await;
    let mut from = Client::register(relay.address, &alice).await;
    let epoch = from.challenge.epoch;
    assert_eq!(claim(&mut from, &bob).await.0, Some(1));
    let early = message_id();
    from.store(bob.address(), early, envelope(1)).await;
    // Copied while somebody writes.
    let (to, backup) = (copy.clone(), data.clone());
    let copying = tokio::task::spawn_blocking(move || done(&backup, &["backup", text(&to)]));
    let mut number = 2;
    while !copying.is_finished() {
        from.store(bob.address(), message_id(), envelope(number))
            .await;
        number += 1;
    }
    copying.await.expect("it is copied");
    // Given away after the copy, which has it still.
    assert_eq!(claim(&mut from, &bob).await.0, Some(2));
    relay.kill();
    done(&restored, &["restore", text(&copy)]);
    let relay = Child::start(&restored, &[]);
    let mut from = Client::auth(relay.address, &alice, 0).await;
    assert_ne!(from.challenge.epoch, epoch);
    assert_eq!(
        claim(&mut from, &bob).await.0,
        None,
        "no key that may have been given"
    );
    let mut owner = Client::auth(relay.address, &bob, 0).await;
    let waiting = owner.waiting().await;
    assert_eq!(waiting[0], (1, early, envelope(1)));
    assert!(waiting.len() <= number as usize);
    // Its new keys have higher numbers than any that was given.
    crate::keys::publish(&mut owner, crate::keys::one_time(11..=20)).await;
    assert_eq!(claim(&mut from, &bob).await.0, Some(11));
    relay.kill();
    // The same copy again is another epoch again.
    let again = folder.path().join("again");
    done(&again, &["restore", text(&copy)]);
    let relay = Relay::start_in(&again, |_| ());
    let client = Client::connect(relay.address).await;
    assert!(![epoch, from.challenge.epoch].contains(&client.challenge.epoch));
}

#[test]
fn a_copy_takes_nobodys_place_and_is_no_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, empty, copy] = ["data", "empty", "copy"].map(|name| folder.path().join(name));
    refused(&empty, &["backup", text(&copy)], "there is no store in");
    drop(Relay::start_in(&data, |_| ()));
    done(&data, &["backup", text(&copy)]);
    refused(&data, &["backup", text(&copy)], "is there already");
    refused(&data, &["restore", text(&copy)], "there is a store in");
    let store = data.join("relay.db");
    refused(
        &empty,
        &["restore", text(&store)],
        "is not a copy that `pawl-server backup` made",
    );
    refused(
        &empty,
        &["restore", "no/such/file"],
        "cannot read no/such/file: No such file",
    );
    let junk = folder.path().join("junk");
    std::fs::write(&junk, "no database at all").expect("a file");
    refused(&empty, &["restore", text(&junk)], "is not a copy that");
    // Put in the store's place by hand, it is refused by name.
    let by_hand = folder.path().join("by-hand");
    std::fs::create_dir(&by_hand).expect("a folder");
    std::fs::copy(&copy, by_hand.join("relay.db")).expect("a file");
    let (code, said) = told(&by_hand, &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("`pawl-server restore` makes a store of it"),
        "{said}"
    );
    // Half of a copy is none.
    let bytes = std::fs::read(&copy).expect("a copy");
    std::fs::write(&copy, &bytes[..bytes.len() / 2]).expect("a file");
    let (code, said) = told(&empty, &["restore", text(&copy)]);
    assert_eq!(code, Some(1), "{said}");
    assert!(!empty.exists(), "nothing that was refused is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let copy = folder.path().join("private");
        done(&data, &["backup", text(&copy)]);
        let mode = std::fs::metadata(&copy)
            .expect("a copy")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others can read it");
    }
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, copy, file] = ["data", "copy", "file"].map(|name| folder.path().join(name));
    drop(Relay::start_in(&data, |_| ()));
    std::fs::write(&file, "a file").expect("a file");
    let missing = folder.path().join("missing").join("copy");
    let expected = format!("cannot write {}.partial: No such file", missing.display());
    refused(&data, &["backup", text(&missing)], &expected);
    done(&data, &["backup", text(&copy)]);
    let below = file.join("data");
    let expected = format!("cannot make {}: Not a directory", below.display());
    refused(&below, &["restore", text(&copy)], &expected);
    let new = folder.path().join("new");
    let expected = format!("cannot copy {}: Is a directory", folder.path().display());
    refused(
        &new.join("below"),
        &["restore", text(folder.path())],
        &expected,
    );
    assert!(!new.exists(), "nor what led to it");
}

/// A copy that was ended in the middle does not stand in the next one's way, nor does its log get into a store.
#[test]
fn what_a_killed_copy_left_is_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, restored, copy] = ["data", "restored", "copy"].map(|name| folder.path().join(name));
    drop(Relay::start_in(&data, |_| ()));
    std::fs::create_dir(&restored).expect("a folder");
    let stale = ["copy.partial", "copy.partial-journal"].map(|name| folder.path().join(name));
    let unfinished = ["relay.db.partial", "relay.db.partial-wal"].map(|name| restored.join(name));
    for file in stale.iter().chain(&unfinished) {
        std::fs::write(file, "half of something".repeat(9_000)).expect("a file");
    }
    // A log of another file is whole: SQLite would take it for this one's.
    let other = folder.path().join("other");
    let conn = rusqlite::Connection::open(&other).expect("a file");
    conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE other (id INTEGER)")
        .expect("it can write");
    std::fs::copy(folder.path().join("other-wal"), &unfinished[1]).expect("a log");
    done(&data, &["backup", text(&copy)]);
    done(&restored, &["restore", text(&copy)]);
    for file in stale.iter().chain(&unfinished) {
        assert!(!file.exists(), "{}", file.display());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_was_open_to_others_stays_so_and_restore_says_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let [data, open, copy] = ["data", "open", "copy"].map(|name| folder.path().join(name));
    drop(Relay::start_in(&data, |_| ()));
    done(&data, &["backup", text(&copy)]);
    std::fs::create_dir(&open).expect("a folder");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).expect("its mode");
    let (code, said) = told(&open, &["restore", text(&copy)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("restored in {}", open.display())),
        "{said}"
    );
    assert!(said.contains("(mode 755): chmod 700 it"), "{said}");
}

/// Folders of root's hold what the recipe makes: the relay's user cannot make anything there.
#[test]
fn the_manuals_recipe_for_copies_makes_its_folders_and_runs_as_the_relays_user() {
    let manual = crate::operations::manual();
    let section = manual.split_once("\n## Copies\n").expect("the section").1;
    let section = section.split("\n## ").next().expect("its end");
    let lines: Vec<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .collect();
    let all = lines.iter().filter(|line| line.contains("pawl-server"));
    // The unit of every night says it in its own way.
    let (units, commands): (Vec<&&str>, Vec<_>) =
        all.partition(|line| line.starts_with("ExecStart="));
    assert_eq!(units.len(), 1);
    assert!(lines.contains(&"User=pawl"));
    // Making one, restoring it, three to try it out; sealing one, and what becomes of it; looking at one.
    assert_eq!(commands.len(), 9);
    for line in commands {
        let of_the_user = "runuser -u pawl -- pawl-server ";
        let is_run = line.starts_with(of_the_user) || line.contains(&format!("| {of_the_user}"));
        assert!(is_run, "{line}");
    }
    for made in ["/var/backups/pawl", "/var/lib/pawl"] {
        let line = format!("install -d -o pawl -g pawl -m 0700 {made}");
        assert!(lines.contains(&line.as_str()), "{made}: {lines:?}");
    }
}

/// The lines of `doctor` that begin with this word.
fn findings(data: &Path, arguments: &[&str], word: &str) -> String {
    let (code, said) = told(data, &[&["doctor"], arguments].concat());
    assert_eq!(code, Some(i32::from(said.contains("WRONG"))), "{said}");
    said.lines()
        .filter_map(|line| line.strip_prefix(word))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(unix)]
#[test]
fn doctor_finds_nothing_wrong_with_a_relay_that_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let relay = Child::start(&data, &[]);
    let listen = format!("--listen={}", relay.address);
    let few = "--connections=200";
    assert_eq!(findings(&data, &[&listen, few], "WRONG"), "");
    let fine = findings(&data, &[&listen, few], "ok   ");
    for expected in [
        "a relay is serving on",
        "the store is whole",
        "this user's alone",
    ] {
        assert!(fine.contains(expected), "{fine}");
    }
    assert!(findings(&data, &[&listen], "look ").contains("only this machine can use"));
}

#[cfg(unix)]
#[test]
fn doctor_says_what_to_look_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    let free = "--listen=127.0.0.1:0";
    let look = |arguments: &[&str]| findings(&data, arguments, "look ");
    assert!(look(&[free]).contains("no relay serves here"));
    assert!(!look(&[free, "--drain-seconds=60"]).contains("TimeoutStopSec"));
    assert!(look(&[free, "--drain-seconds=61"]).contains("TimeoutStopSec=90"));
    let origin = "--public-origin=https://chat.example.org";
    assert!(!look(&[free]).contains("--security-contact"));
    assert!(look(&[free, origin]).contains("no --security-contact"));
    let contact = "--security-contact=mailto:security@example.org";
    assert!(!look(&[free, origin, contact]).contains("--security-contact"));
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/pawl.service");
    let unit = std::fs::read_to_string(unit).expect("the unit");
    assert!(unit.contains("\nTimeoutStopSec=90\n"));
    // A file is no folder, and nobody makes a store there.
    let file = folder.path().join("file");
    std::fs::write(&file, "a file").expect("a file");
    let (code, said) = told(&file, &["doctor", free]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("file is no folder"), "{said}");
    assert!(!said.contains("there is no store yet"), "{said}");
}

/// Only root can make others' files, and root is told to look as the relay's user.
#[cfg(unix)]
#[test]
fn doctor_knows_whose_the_folder_is_and_whether_it_can_be_written() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    let is_root = std::fs::metadata(&data).expect("a folder").uid() == 0;
    // Where others may start it, too.
    let program = folder.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_pawl-server"), &program).expect("the binary");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("a mode");
    let mut doctor = std::process::Command::new(&program);
    doctor
        .args(["doctor", "--listen=127.0.0.1:0", "--data"])
        .arg(&data);
    if is_root {
        chown(&data, Some(65_534), Some(65_534)).expect("root may");
        let (_, said) = told(&data, &["doctor", "--listen=127.0.0.1:0"]);
        assert!(said.contains("look  this is root and"), "{said}");
        let expected = "relay.db belongs to user 0 and its folder to user 65534: chown it";
        assert!(said.contains(expected), "{said}");
        doctor.uid(65_534).gid(65_534);
    }
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o500)).expect("a mode");
    let output = doctor.output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("WRONG cannot write into"), "{said}");
}

#[cfg(unix)]
#[test]
fn doctor_says_what_is_wrong() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    let wrong = |arguments: &[&str]| findings(&data, arguments, "WRONG");
    let free = "--listen=127.0.0.1:0";
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("--listen={}", other.local_addr().expect("its address"));
    // It answers nothing; the other end of a connection that is closed at once.
    std::thread::spawn(move || while other.accept().is_ok() {});
    let cases: [(&[&str], &str); 6] = [
        (&[&taken], "another program has"),
        (&["--listen=192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
        (
            &["--listen=0.0.0.0:0"],
            "browsers give a page no keys over plain HTTP",
        ),
        (
            &[free, "--public-origin=http://chat.example"],
            "at http://chat.example: use https",
        ),
        (
            &[
                free,
                "--public-origin=https://chat.example",
                "--trusted-proxy=0.0.0.0/0",
            ],
            "--trusted-proxy names everybody",
        ),
        (
            &[free, "--connections=4000000000"],
            "open files are allowed",
        ),
    ];
    for (arguments, expected) in cases {
        let said = wrong(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let unlimited = findings(
        &data,
        &[free, "--public-origin=https://chat.example"],
        "look ",
    );
    assert!(unlimited.contains("no --trusted-proxy"), "{unlimited}");
    let change = |sql: &str| {
        let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
        conn.execute_batch(sql).expect("it can write");
    };
    change("UPDATE relay SET own_time = own_time - 5 * 86400000, followed_time = 9000000000000");
    let looks = || findings(&data, &[free], "look ");
    assert!(looks().contains("hours before what the relay last saw of it"));
    change("UPDATE relay SET followed_time = own_time");
    assert!(looks().contains("is 5 days behind the clock: the relay was away"));
    change("UPDATE relay SET own_time = own_time + 8 * 86400000");
    let ahead = looks();
    assert!(ahead.contains("days ahead of the clock") && ahead.contains("expires so much earlier"));
    change("PRAGMA user_version = 99");
    assert!(wrong(&[free]).contains("its tables are version 99"));
    change(
        "PRAGMA user_version = 7; PRAGMA writable_schema = ON;
            UPDATE sqlite_master SET rootpage = 3 WHERE name = 'mail'",
    );
    let damaged = wrong(&[free]);
    let is_one_line = damaged.contains("the store is damaged") && damaged.contains("restore the");
    assert!(is_one_line, "{damaged}");
    let mode = |mode| std::fs::set_permissions(&data, PermissionsExt::from_mode(mode));
    mode(0o755).expect("its mode");
    assert!(wrong(&[free]).contains("others can look into"));
}
