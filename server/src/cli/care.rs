//! `backup`, `restore` and `check`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::{complain, full, print};
use crate::copies;
use crate::fixed::grouped;
use crate::store::{self, BackupError, Inspected};

/// In a file's place: a pipe.
const PIPE: &str = "-";

fn is_pipe(file: &Path) -> bool {
    file.as_os_str() == PIPE
}

pub(super) fn backup(data: &Path, to: &Path) -> ExitCode {
    if is_pipe(to) {
        return pour(data);
    }
    let done = format!(
        "{} holds a copy of the store in {}.\n",
        full(to),
        full(data)
    );
    finish(copies::backup(data, to), &done)
}

/// Nothing but the copy goes to standard output.
fn pour(data: &Path) -> ExitCode {
    let out = std::io::stdout();
    if out.is_terminal() {
        complain(&"standard output is a terminal: give the copy to a pipe or a file");
        return ExitCode::from(2);
    }
    finish(copies::pour(data, out.lock()), "")
}

pub(super) fn restore(from: &Path, data: &Path) -> ExitCode {
    let result = match is_pipe(from) {
        true => store::restore_from(stdin(), std::io::stdin().lock(), data),
        false => store::restore(from, data),
    };
    let done = format!(
        "The store is restored in {}. Start the relay; clients bring their keys anew. Invites are gone.\n{}",
        full(data),
        open_to_others(data)
    );
    finish(result, &done)
}

fn stdin() -> &'static Path {
    Path::new("standard input")
}

/// A copy that is whole, as `--json` prints it.
#[derive(Serialize)]
struct Checked {
    file: String,
    version: i64,
    accounts: u64,
    devices: u64,
    waiting_messages: u64,
    invites: u64,
    bans: u64,
}

impl Checked {
    fn new(file: String, inspected: &Inspected) -> Self {
        Self {
            file,
            version: inspected.version,
            accounts: inspected.accounts,
            devices: inspected.devices,
            waiting_messages: inspected.waiting_messages,
            invites: inspected.invites,
            bans: inspected.bans,
        }
    }
}

pub(super) fn check(file: &Path, json: bool) -> ExitCode {
    let (name, inspected) = match is_pipe(file) {
        true => {
            let from = stdin();
            let inspected = store::inspect_pipe(from, std::io::stdin().lock());
            (from.display().to_string(), inspected)
        }
        false => (full(file), store::inspect(file)),
    };
    let done = inspected.map(|inspected| {
        let checked = Checked::new(name, &inspected);
        match json {
            true => serde_json::to_string(&checked).unwrap_or_default() + "\n",
            false => text(&checked),
        }
    });
    match done {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn text(checked: &Checked) -> String {
    format!(
        "{}: a whole copy, of version {}\naccounts {}, devices {}, waiting messages {}, invites {}, bans {}\n",
        checked.file,
        checked.version,
        grouped(checked.accounts),
        grouped(checked.devices),
        grouped(checked.waiting_messages),
        grouped(checked.invites),
        grouped(checked.bans)
    )
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
