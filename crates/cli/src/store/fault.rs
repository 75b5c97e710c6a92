//! What can go wrong with a file, told apart by what can be done about it.

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_FSYNC, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE};

use crate::failure::{Code, Failure};

pub(super) fn not_a_store(why: &str) -> Failure {
    Failure::new(
        Code::NotAStore,
        format!("this is not a store of Pawl: {why}"),
    )
}

pub(super) fn damaged(what: &str) -> Failure {
    Failure::new(Code::NotAStore, format!("the store is damaged: {what}"))
}

pub(super) fn busy() -> Failure {
    let line = "another pawl has this store open; end it, or wait for it";
    Failure::new(Code::Busy, line)
}

/// An error of SQLite. Nothing of a transaction that failed is written.
pub(super) fn failed(error: &rusqlite::Error) -> Failure {
    let rusqlite::Error::SqliteFailure(cause, _) = error else {
        return damaged(&error.to_string());
    };
    match cause.code {
        ErrorCode::NotADatabase => not_a_store("it is a file of some other kind"),
        ErrorCode::DatabaseCorrupt => damaged("its pages do not fit together"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => busy(),
        ErrorCode::DiskFull => full("the disk is full"),
        // Some systems and quotas say this instead of "full".
        ErrorCode::SystemIoFailure
            if [
                SQLITE_IOERR_WRITE,
                SQLITE_IOERR_FSYNC,
                SQLITE_IOERR_TRUNCATE,
            ]
            .contains(&cause.extended_code) =>
        {
            full("the disk is full, or it fails")
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => full("it may not be written"),
        ErrorCode::CannotOpen => not_a_store("it cannot be opened as a file"),
        _ => Failure::new(Code::StoreFailed, format!("the store failed: {error}")),
    }
}

fn full(why: &str) -> Failure {
    let line = format!("the store cannot be written: {why}; nothing that was in it is lost");
    Failure::new(Code::StoreFailed, line)
}
