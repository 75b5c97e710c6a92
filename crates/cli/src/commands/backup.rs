//! Identity, trust and history in one file, and a store made of it. What ratchets stays behind; the engine begins
//! its sessions anew (ARCHITECTURE.md "In a terminal").

use std::path::Path;

use pawl_client::Phase;
use serde_json::json;

use super::files::{beside, finish, unfinished, unwritten};
use crate::args::{BackupSecret, Place};
use crate::driver::{self, Driver};
use crate::failure::{Code, Failure};
use crate::output::{Output, say};
use crate::secret::Source;
use crate::store::{Closed, Kind, Store};

pub(super) fn run(
    place: &Place,
    output: &Output,
    file: &Path,
    secret: BackupSecret,
) -> Result<(), Failure> {
    absent(file)?;
    let store = place.open()?;
    let secret = source(secret).new_one()?;
    let unfinished = unfinished(file);
    // Of a run that was cut short.
    let _ = std::fs::remove_file(&unfinished);
    let written = write(&store, &unfinished, &secret).and_then(|damaged| {
        finish(file).map_err(|error| unwritten(file, &error))?;
        Ok(damaged)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    tell(written?);
    match output.is_json() {
        true => output.json(&json!({ "type": "backup", "file": file.to_string_lossy() })),
        false => Ok(()),
    }
}

pub(super) fn restore(
    place: &Place,
    output: &Output,
    file: &Path,
    secret: BackupSecret,
) -> Result<(), Failure> {
    let path = place.path()?;
    absent(&path)?;
    let found = Closed::find(file, Kind::Backup)?;
    let found = found.ok_or_else(|| Failure::usage(format!("{} is not there", file.display())))?;
    let opening = source(secret).existing(found.secret_kind()?)?;
    let backup = found.unlock(&opening, Kind::Backup)?;
    let secret = place.secret().new_one()?;
    let restored = fill(&backup, &path, &secret);
    if restored.is_err() {
        // Half a store is none.
        for end in ["", "-wal", "-journal"] {
            let _ = std::fs::remove_file(beside(&path, end));
        }
    }
    let username = restored?;
    match output.is_json() {
        true => output.json(&json!({ "type": "restored", "username": username })),
        false => output.line(&format!(
            "you are {} again; do not use the store of before any more",
            output.bold(&username)
        )),
    }
}

fn write(store: &Store, file: &Path, secret: &crate::store::Secret) -> Result<usize, Failure> {
    let mut backup = Store::create(file, Kind::Backup, secret)?;
    let damaged = store.copy_to(&mut backup)?;
    backup.close()?;
    Ok(damaged)
}

/// Whose store it has become.
fn fill(backup: &Store, path: &Path, secret: &crate::store::Secret) -> Result<String, Failure> {
    let mut store = Store::create(path, Kind::Store, secret)?;
    tell(backup.copy_to(&mut store)?);
    let damaged = || Failure::new(Code::NotAStore, "the backup has no account in it");
    let relay = driver::kept_relay(&store)?.ok_or_else(damaged)?;
    match Driver::load(store, relay)?.engine().snapshot().phase {
        Phase::Ready { username } | Phase::Registering { username } => Ok(username),
        Phase::NoAccount { .. } => Err(damaged()),
    }
}

fn tell(damaged: usize) {
    if damaged > 0 {
        say(&format!("{damaged} damaged records were left out"));
    }
}

fn source(secret: BackupSecret) -> Source {
    Source {
        key_file: None,
        passphrase_file: secret.backup_passphrase_file,
        what: "the backup",
    }
}

fn absent(file: &Path) -> Result<(), Failure> {
    match file.exists() {
        true => Err(Failure::usage(format!(
            "{} is there already",
            file.display()
        ))),
        false => Ok(()),
    }
}
