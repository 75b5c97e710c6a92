//! `backup` and `restore`.

use std::path::Path;
use std::process::ExitCode;

use super::{complain, full, print};
use crate::copies;
use crate::store::{self, BackupError};

pub(super) fn backup(data: &Path, to: &Path) -> ExitCode {
    let done = format!(
        "{} holds a copy of the store in {}.\n",
        full(to),
        full(data)
    );
    finish(copies::backup(data, to), &done)
}

pub(super) fn restore(from: &Path, data: &Path) -> ExitCode {
    let result = store::restore(from, data);
    let done = format!(
        "The store is restored in {}. Start the relay; clients bring their keys anew. Invites are gone.\n{}",
        full(data),
        open_to_others(data)
    );
    finish(result, &done)
}

/// A folder that was there keeps the mode that somebody gave it.
#[cfg(unix)]
fn open_to_others(data: &Path) -> String {
    use std::os::unix::fs::MetadataExt;

    let mode = std::fs::metadata(data).map_or(0, |folder| folder.mode() & 0o777);
    if mode & 0o077 == 0 {
        return String::new();
    }
    format!("Others can look into that folder (mode {mode:o}): chmod 700 it.\n")
}

#[cfg(not(unix))]
fn open_to_others(_data: &Path) -> String {
    String::new()
}

fn finish(result: Result<(), BackupError>, done: &str) -> ExitCode {
    match result {
        Ok(()) => print(done),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}
