//! What an operator meets: one-line errors, and a manual that says what is stored.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Child, Client, Device, Relay, ended};

/// Starts the binary, which must give up, and gives what it says.
fn refusal(listen: &str, data: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    let output = ended(command.args(["--listen", listen, "--data"]).arg(data));
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(output.stdout, b"");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_taken_port_a_bad_folder_and_a_second_relay_are_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start();
    let taken = relay.address.to_string();
    let said = refusal(&taken, &folder.path().join("own"));
    assert!(
        said.contains(&format!("cannot listen on {taken}")),
        "{said}"
    );
    let file = folder.path().join("file");
    std::fs::write(&file, "a file").expect("a file");
    let said = refusal("127.0.0.1:0", &file.join("data"));
    assert!(said.contains("cannot write there"), "{said}");
    let said = refusal("127.0.0.1:0", relay.folder());
    assert!(said.contains("another relay is using it"), "{said}");
}

/// An operator may have made the folder, for all to look into.
#[tokio::test]
async fn nobody_else_reads_the_store_in_a_folder_that_is_open_to_all() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("it is ours");
    let relay = Child::start(folder.path(), &[]);
    let device = Device::new("ada");
    Client::register(relay.address, &device).await.leave().await;
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(folder.path()).expect("a folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
        names.insert(file.file_name());
    }
    let expected = [
        "relay.db",
        "relay.db-shm",
        "relay.db-wal",
        "relay.lock",
        "relay.reserve",
        "relay.sock",
    ];
    assert_eq!(names, expected.map(Into::into).into());
    relay.kill();
}

#[test]
fn a_store_that_is_newer_or_not_ours_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Relay::start_in(folder.path(), |_| ()));
    let path = folder.path().join("relay.db");
    let change = |sql: &str| {
        let conn = rusqlite::Connection::open(&path).expect("a store");
        conn.execute_batch(sql).expect("it can write");
        // Threads of the relay that was here may still be about to close the file: else it stays in the log, until the
        // refused relay is the last to close it.
        conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .expect("it can write");
    };
    change("PRAGMA user_version = 99");
    let before = std::fs::read(&path).expect("a file");
    let said = refusal("127.0.0.1:0", folder.path());
    assert!(said.contains("version 99"), "{said}");
    // The notes on upgrades have the line, with other numbers.
    let line = said.trim_end().trim_start_matches("pawl-server: ");
    let line = line.replace(&folder.path().display().to_string(), "FOLDER");
    assert!(
        without_digits(&read("docs/UPGRADING.md")).contains(&without_digits(&line)),
        "{line}"
    );
    assert_eq!(std::fs::read(&path).expect("a file"), before);
    change("PRAGMA application_id = 7");
    let said = refusal("127.0.0.1:0", folder.path());
    assert!(said.contains("not a Pawl relay's store"), "{said}");
    std::fs::write(
        &path,
        "no database at all, but long enough to look like one".repeat(40),
    )
    .expect("a file");
    for suffix in ["-wal", "-shm"] {
        // Left by the connections above or not; either way they are not this file's.
        let _ = std::fs::remove_file(folder.path().join(format!("relay.db{suffix}")));
    }
    let said = refusal("127.0.0.1:0", folder.path());
    assert!(said.contains("not a Pawl relay's store"), "{said}");
}

#[tokio::test]
async fn the_epoch_stays_over_a_restart_and_is_new_with_a_new_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let relay = Relay::start_in(folder.path(), |_| ());
        epochs.push(Client::connect(relay.address).await.challenge.epoch);
    }
    assert_eq!(epochs[0], epochs[1]);
    let other = Relay::start();
    let client = Client::connect(other.address).await;
    assert_ne!(client.challenge.epoch, epochs[0]);
}

#[tokio::test]
async fn no_two_challenges_are_the_same() {
    let relay = Relay::start();
    let mut nonces = BTreeSet::new();
    for _ in 0..20 {
        let client = Client::connect(relay.address).await;
        assert!(nonces.insert(client.challenge.nonce));
    }
}

pub(crate) fn manual() -> String {
    read("docs/OPERATIONS.md")
}

/// A file of the repository.
fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(name);
    std::fs::read_to_string(path).expect(name)
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// The columns that the manual lists, as table.column.
fn documented() -> BTreeSet<String> {
    let manual = manual();
    let section = manual
        .split_once("## What the relay stores")
        .expect("the section")
        .1;
    section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(column, _)| column.to_owned())
        .collect()
}

#[test]
fn the_manual_lists_every_limit_with_its_value() {
    let manual = manual();
    let section = manual.split_once("## Limits that are not flags");
    let section = section.expect("the section").1;
    let rows = section.lines().take_while(|line| !line.starts_with("## "));
    let documented: BTreeSet<(String, String)> = rows
        .filter(|line| line.starts_with("| ") && !line.starts_with("| limit |"))
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let mut cell = || cells.next().unwrap_or_default().to_owned();
            (cell(), cell())
        })
        .collect();
    let limits = pawl_server::fixed_limits().into_iter();
    let known: BTreeSet<(String, String)> = limits
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(documented, known);
}

#[tokio::test]
async fn the_manual_lists_every_column_that_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start_in(folder.path(), |_| ());
    Client::register(relay.address, &Device::new("alice")).await;
    let conn = rusqlite::Connection::open(folder.path().join("relay.db")).expect("a store");
    let mut columns = conn
        .prepare(
            "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
             WHERE m.type = 'table'",
        )
        .expect("a query");
    let live: BTreeSet<String> = columns
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("names");
    assert!(live.len() > 30);
    assert_eq!(documented(), live);
}
