//! `backup` and `restore`.

use std::path::Path;
use std::process::ExitCode;

use super::{complain, print};
use crate::store::{self, BackupError};

pub(super) fn backup(data: &Path, to: &Path) -> ExitCode {
    let done = format!("{} holds a copy of the store.\n", to.display());
    finish(store::backup(data, to), &done)
}

pub(super) fn restore(from: &Path, data: &Path) -> ExitCode {
    let done = "The store is restored. Start the relay; clients bring their keys anew. Invites are gone.\n";
    finish(store::restore(from, data), done)
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
