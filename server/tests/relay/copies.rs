//! What a copy costs, memory that does not grow with the store; copies through pipes; and what looks through them.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Child, Client, Device, Relay, command, ended, envelope, message_id};

/// Ids of acknowledged messages: the longest index that there is.
const IDS: i64 = 1_000_000;

/// Address space of a command, beyond what the same has for a store with nothing in it. Half of what the index needs
/// when it is sorted in memory.
const MORE_KIB: u64 = 48 * 1_024;

fn fill(data: &Path, ids: i64) {
    let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
    let index: String = conn
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'delivered_by_message'",
            [],
            |row| row.get(0),
        )
        .expect("an index");
    conn.execute_batch(&format!(
        "DROP INDEX delivered_by_message;
         WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {ids})
             INSERT INTO delivered SELECT value, 1, randomblob(16), 0 FROM n;
         {index}"
    ))
    .expect("rows");
}

/// Whether a copy of this store can be made within so much address space.
fn is_made_within(data: &Path, to: &Path, kib: u64) -> bool {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v $1; shift; exec \"$@\"", "sh"])
        .arg(kib.to_string())
        .arg(env!("CARGO_BIN_EXE_pawl-server"))
        .arg("backup")
        .arg(to)
        .arg("--data")
        .arg(data);
    ended(&mut limited).status.success()
}

/// No clock is asked and no size is looked at in between: with too little memory the command fails.
#[cfg(target_os = "linux")]
#[test]
fn a_copy_of_a_large_store_needs_no_more_memory_than_one_of_a_small_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    let mut needed = 8 * 1_024;
    while !is_made_within(&data, &folder.path().join("small"), needed) {
        needed += 8 * 1_024;
    }
    fill(&data, IDS);
    let large = folder.path().join("large");
    assert!(
        is_made_within(&data, &large, needed + MORE_KIB),
        "{needed} KiB"
    );
    let there: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(there.len(), 3, "nothing is left beside it: {there:?}");
    let restored = folder.path().join("restored");
    let output = command(&restored, &["restore", large.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
    let conn = rusqlite::Connection::open(restored.join("relay.db")).expect("a store");
    let ids = conn.query_row("SELECT count(*) FROM delivered", [], |row| row.get(0));
    assert_eq!(ids, Ok(IDS));
}

/// A relay with two people, a message, an invite and a ban.
async fn busy(data: &Path) -> Child {
    let relay = Child::start(data, &[]);
    let [alice, bob] = ["alice", "bob"].map(Device::new);
    Client::register(relay.address, &bob).await.leave().await;
    let mut from = Client::register(relay.address, &alice).await;
    from.store(bob.address(), message_id(), envelope(1)).await;
    from.leave().await;
    for more in [&["invite", "create"][..], &["ban", "add", "mallory"]] {
        assert!(command(data, more).status.success());
    }
    relay
}

/// What a shell makes of this, in a folder, with the binary as `$PAWL`.
fn shell(folder: &Path, line: &str) -> Output {
    let mut shell = Command::new("bash");
    shell
        .args(["-o", "pipefail", "-c", line])
        .current_dir(folder)
        .env("PAWL", env!("CARGO_BIN_EXE_pawl-server"));
    ended(&mut shell)
}

fn said(output: &Output) -> String {
    assert_eq!(output.stdout, b"", "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("one").file_name())
        .collect();
    names.sort();
    names
}

fn counts(file: &str) -> Value {
    json!({"file": file, "version": 7, "accounts": 2, "devices": 2, "waiting_messages": 1,
        "invites": 1, "bans": 1})
}

#[tokio::test]
async fn a_copy_goes_through_a_pipe_and_comes_back_through_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let relay = busy(&data).await;
    for is_running in [true, false] {
        let before = names(folder.path());
        let made = shell(folder.path(), "$PAWL backup - --data data | gzip > sealed");
        assert!(made.status.success(), "{made:?}");
        assert_eq!(said(&made), "");
        let after = names(folder.path());
        assert_eq!(after.len(), before.len() + 1, "nothing else: {after:?}");
        let checked = shell(folder.path(), "gunzip < sealed | $PAWL check - --json");
        let checked: Value = serde_json::from_slice(&checked.stdout).expect("a line");
        assert_eq!(checked, counts("standard input"));
        let restored = shell(
            folder.path(),
            "gunzip < sealed | $PAWL restore - --data restored && rm sealed",
        );
        assert!(restored.status.success(), "{restored:?}");
        let conn = rusqlite::Connection::open(folder.path().join("restored/relay.db"));
        let mail = conn.expect("a store").query_row(
            "SELECT count(*), (SELECT count(*) FROM account WHERE username IN ('alice', 'bob')) FROM mail",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        );
        assert_eq!(mail, Ok((1, 2)));
        std::fs::remove_dir_all(folder.path().join("restored")).expect("it is ours");
        if is_running {
            assert!(relay.address.port() > 0);
            relay.signal("TERM");
            while data.join("relay.sock").exists() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

#[test]
fn a_pipe_that_ends_early_and_a_full_disk_are_said_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    // More than a pipe holds.
    fill(&data, 20_000);
    let before = names(folder.path());
    let mut copying = Command::new(env!("CARGO_BIN_EXE_pawl-server"))
        .args(["backup", "-", "--data"])
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut some = [0; 1_000];
    let mut out = copying.stdout.take().expect("its output");
    out.read_exact(&mut some).expect("a beginning");
    drop(out);
    let output = copying.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let expected = "cannot write to standard output: Broken pipe";
    assert!(text.contains(expected), "{text}");
    let full = shell(folder.path(), "$PAWL backup - --data data > /dev/full");
    assert_eq!(full.status.code(), Some(1));
    let text = said(&full);
    assert!(text.contains("standard output: No space left"), "{text}");
    // What came through until then is known as half of a copy, wherever it was cut.
    for bytes in [1, 15, 16, 19, 1_000, 100_000] {
        let line = format!("$PAWL backup - --data data 2> log | head -c {bytes} > cut; rm log");
        shell(folder.path(), &line);
        for half in [
            "$PAWL check - < cut",
            "$PAWL restore - --data new < cut",
            "$PAWL check cut",
        ] {
            let refused = shell(folder.path(), half);
            assert_eq!(refused.status.code(), Some(1), "{bytes}: {refused:?}");
            let text = said(&refused);
            assert_eq!(text.lines().count(), 1, "{text}");
            let is_short = bytes < 16 && text.contains("is not a copy that");
            assert!(is_short || text.contains("it ends in the middle"), "{text}");
        }
        std::fs::remove_file(folder.path().join("cut")).expect("a file");
    }
    assert_eq!(names(folder.path()), before);
}

#[tokio::test]
async fn a_copy_is_looked_through_and_not_changed() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    busy(&data).await.kill();
    // A name with all that an address has to be careful about.
    let copies = folder.path().join("a % ? # b");
    std::fs::create_dir(&copies).expect("a folder");
    let copy = copies.join("copy");
    let name = copy.to_str().expect("a path");
    assert!(command(&data, &["backup", name]).status.success());
    let before = (std::fs::read(&copy).expect("a copy"), names(&copies));
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o400)).expect("its mode");
    std::fs::set_permissions(&copies, PermissionsExt::from_mode(0o500)).expect("its mode");
    let checked = command(&data, &["check", name, "--json"]);
    assert!(checked.status.success(), "{checked:?}");
    let line: Value = serde_json::from_slice(&checked.stdout).expect("a line");
    assert_eq!(line, counts(name));
    let checked = command(&data, &["check", name]);
    let text = String::from_utf8(checked.stdout).expect("text");
    let expected = format!(
        "{name}: a whole copy, of version 7\naccounts 2, devices 2, waiting messages 1, invites 1, bans 1\n"
    );
    assert_eq!(text, expected);
    assert_eq!(
        (std::fs::read(&copy).expect("a copy"), names(&copies)),
        before
    );
    std::fs::set_permissions(&copies, PermissionsExt::from_mode(0o700)).expect("its mode");
}

/// Changes an SQLite file by hand.
fn changed(file: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(file).expect("a file");
    conn.execute_batch(sql).expect("it writes");
}

/// Makes files that are no whole copies of one that is; gives what is to be said of half of it.
fn damaged(folder: &Path, copy: &Path) -> String {
    let path = |name: &str| folder.join(name);
    let made = |name: &str, sql: &str| {
        std::fs::copy(copy, path(name)).expect("a file");
        changed(&path(name), sql);
    };
    made("newer", "PRAGMA user_version = 99");
    made("older", "PRAGMA user_version = 5");
    made("foreign", "PRAGMA application_id = 77");
    made(
        "torn",
        "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'mail'",
    );
    let bytes = std::fs::read(copy).expect("a copy");
    let half = bytes.len() / 2;
    for (name, content) in [
        ("half", &bytes[..half]),
        ("head", &bytes[..60]),
        ("empty", &[]),
        (
            "junk",
            &b"no copy at all, but as long as the head of one"[..],
        ),
    ] {
        std::fs::write(path(name), content).expect("a file");
    }
    format!("it has {half} of {} bytes", bytes.len())
}

#[test]
fn what_is_no_whole_copy_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let data = path("data");
    drop(Relay::start_in(&data, |_| ()));
    fill(&data, 500);
    let copy = path("copy");
    assert!(
        command(&data, &["backup", copy.to_str().expect("a path")])
            .status
            .success()
    );
    let length = damaged(folder.path(), &copy);
    for (name, expected) in [
        ("missing", "missing: No such file or directory"),
        ("data", "data is a folder; a copy is a file"),
        (
            "data/relay.db",
            "is not a copy that `pawl-server backup` made but a store",
        ),
        (
            "newer",
            "is of version 99, and this pawl-server knows versions up to 7",
        ),
        (
            "foreign",
            "foreign is not a copy that `pawl-server backup` made",
        ),
        ("torn", "torn is damaged: "),
        ("half", &length),
        ("head", "head is damaged: it has 60 of "),
        ("empty", "empty is not a copy that"),
        ("junk", "junk is not a copy that"),
    ] {
        let output = command(&data, &["check", path(name).to_str().expect("a path")]);
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        let text = said(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(expected), "{name}: {text}");
    }
    let older = command(&data, &["check", path("older").to_str().expect("a path")]);
    assert!(older.status.success(), "`restore` brings it up: {older:?}");
    let whole = command(&data, &["check", copy.to_str().expect("a path")]);
    assert!(whole.status.success(), "{whole:?}");
    // A file that comes through a pipe cannot be looked into at several places.
    let piped = shell(folder.path(), "$PAWL check - < copy");
    assert!(said(&piped).contains("give the file's name"), "{piped:?}");
    // A newer copy is refused by `restore` in the same words, and leaves no folder.
    let newer = path("newer");
    let restored = path("restored");
    let output = command(&restored, &["restore", newer.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("is of version 99, and this pawl-server knows"));
    assert!(!restored.exists());
}
