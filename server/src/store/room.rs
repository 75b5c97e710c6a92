//! How much room there is for what the store takes, and what happens when there is none.
//!
//! The store's size and the disk's free room are looked at every two seconds. Between two looks the writer counts what
//! it adds. Mail and new accounts end at a bound; what makes room, and what lets people in, goes on. A reserve file keeps
//! room on the disk for that, and is given up when the disk is full all the same. Knows nothing of mail and accounts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;

use super::folder::private;
use super::{OpenError, schema};
use crate::config::Limits;
use crate::limits::seldom::Seldom;

/// What erasing and acknowledging need of a full disk: several times the log's length between two write-backs.
pub(super) const RESERVE: u64 = 16 * 1024 * 1024;

/// The default of `--free-bytes`, and the part of a small disk that it is at most.
const FREE: u64 = 256 * 1024 * 1024;
const FREE_PART: u64 = 10;

/// Less than this is no room: SQLite needs some to open a file at all.
const NOTHING: u64 = 1024 * 1024;

/// What a row adds beside its bytes, at most: its columns and its share of the indexes' pages.
const ROW: u64 = 1_024;

/// What an account adds when it is made: a frame's worth, and its first pages.
pub(super) const ACCOUNT: u64 = 32 * 1_024;

/// A log longer than this cannot be written back: somebody has been reading the store for long.
const LONG_LOG: u64 = 256 * 1024 * 1024;

/// A disk, as its file system tells it.
#[derive(Clone, Copy)]
struct Disk {
    total: u64,
    free: u64,
}

/// None where it cannot be told.
#[cfg(unix)]
fn disk(folder: &Path) -> Option<Disk> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let total = disk.f_blocks.saturating_mul(disk.f_frsize);
    (total > 0).then(|| Disk {
        total,
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

#[cfg(not(unix))]
fn disk(_folder: &Path) -> Option<Disk> {
    None
}

/// Why nothing more is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tight {
    Store,
    /// The store, with what its log has beyond its usual length.
    Log,
    Disk,
    Full,
}

pub(super) struct Room {
    folder: PathBuf,
    store_bytes: u64,
    free_bytes: u64,
    /// What may still be added, as of the last look, without what was added since.
    left: AtomicU64,
    /// A write met a full disk, and no look has found room since.
    is_full: AtomicBool,
    /// Something found no room since the last look.
    was_refused: AtomicBool,
    was_said: AtomicBool,
    /// Nothing is tried in vain over and over.
    making: Seldom,
    log_was_said: Seldom,
}

impl Room {
    /// For the store in this folder, which is there.
    pub(super) fn new(folder: &Path, limits: &Limits) -> Self {
        let disk = disk(folder);
        let total = disk.map_or(u64::MAX, |disk| disk.total);
        Self {
            folder: folder.to_owned(),
            store_bytes: limits.store_bytes.unwrap_or(total / 10 * 8),
            free_bytes: limits.free_bytes.unwrap_or(FREE.min(total / FREE_PART)),
            left: AtomicU64::new(u64::MAX),
            is_full: AtomicBool::new(false),
            was_refused: AtomicBool::new(false),
            was_said: AtomicBool::new(false),
            making: Seldom::default(),
            log_was_said: Seldom::default(),
        }
    }

    /// Opens the store, with the reserve's room where the disk has no other.
    pub(super) fn open<T>(&self, open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
        let opened = open();
        let is_full = disk(&self.folder).is_some_and(|disk| disk.free < NOTHING);
        match opened {
            Err(OpenError::Sqlite(_)) if is_full => {
                if !self.give_up() {
                    return Err(OpenError::Full);
                }
                open()
            }
            opened => opened,
        }
    }

    /// Bytes that are free on the disk, where that can be told.
    pub(super) fn free(&self) -> Option<u64> {
        Some(disk(&self.folder)?.free)
    }

    /// Whether so many bytes may be added, which then count as added.
    pub(super) fn take(&self, bytes: u64) -> bool {
        // They are in the log and in the store.
        let cost = bytes.saturating_add(ROW).saturating_mul(2);
        let take = |left: u64| left.checked_sub(cost);
        if self.is_full.load(Ordering::Acquire) {
            return false;
        }
        let left = &self.left;
        let taken = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        if taken.is_err() {
            self.was_refused.store(true, Ordering::Release);
        }
        taken.is_ok()
    }

    /// A write met a full disk: from here on only what makes room is written, into the reserve's place. A disk that has
    /// room is not full, whatever it said.
    pub(super) fn meet_full_disk(&self) {
        let enough = self.free_bytes.saturating_add(RESERVE);
        if disk(&self.folder).is_none_or(|disk| disk.free < enough) {
            self.give_up();
        }
    }

    /// Whether there was a reserve to give up.
    fn give_up(&self) -> bool {
        let was_full = self.is_full.swap(true, Ordering::AcqRel);
        let given = std::fs::remove_file(self.reserve()).is_ok();
        if given {
            tracing::error!(
                "the disk is full: the reserve of 16 MiB in the data folder is given up, so that mail can be fetched and erased"
            );
        }
        if !was_full {
            self.say(Some(Tight::Full));
        }
        given
    }

    /// Looks at the store and its disk.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn look(&self, conn: &Connection) -> rusqlite::Result<()> {
        let log = log_length(&self.folder);
        let grown = log.saturating_sub(schema::JOURNAL_BYTES.unsigned_abs());
        let used = used(conn)?.saturating_add(grown);
        let Some(disk) = disk(&self.folder) else {
            let left = self.store_bytes.saturating_sub(used);
            self.left.store(left, Ordering::Release);
            return Ok(());
        };
        let of_store = self.store_bytes.saturating_sub(used);
        let of_disk = disk.free.saturating_sub(self.free_bytes);
        self.left.store(of_store.min(of_disk), Ordering::Release);
        if of_disk >= RESERVE {
            self.keep_reserve();
            self.is_full.store(false, Ordering::Release);
        } else if !self.reserve().exists() {
            // What is left is needed for making room.
            self.is_full.store(true, Ordering::Release);
        }
        let least = of_disk.min(of_store);
        // What is left may be too little for what comes. With much left a refusal was one of a burst between two looks.
        let was_refused = self.was_refused.swap(false, Ordering::AcqRel) && least < RESERVE;
        let was_said = self.was_said.load(Ordering::Acquire) && least < NOTHING;
        self.say(match self.is_full.load(Ordering::Acquire) {
            true => Some(Tight::Full),
            false if least > 0 && !was_refused && !was_said => None,
            false if grown > 0 => Some(Tight::Log),
            false if of_disk == least => Some(Tight::Disk),
            false => Some(Tight::Store),
        });
        if log > LONG_LOG && self.log_was_said.is_due() {
            tracing::warn!(
                "relay.db-wal is longer than 256 MiB: a copy that does not go on, or another program, keeps the store open"
            );
        }
        Ok(())
    }

    /// Says once that nothing more is taken and why, and once that it is again.
    fn say(&self, tight: Option<Tight>) {
        let was_said = self.was_said.swap(tight.is_some(), Ordering::AcqRel);
        let why = match tight {
            None if was_said => {
                tracing::info!("there is room again: mail and new accounts are taken");
                return;
            }
            None => return,
            Some(_) if was_said => return,
            Some(Tight::Log) => {
                "relay.db-wal grows while another program or a copy keeps the store open, up to --store-bytes or --free-bytes"
            }
            Some(Tight::Store) => "the store has grown to --store-bytes",
            Some(Tight::Disk) => "less than --free-bytes is free on the disk",
            Some(Tight::Full) => "the disk is full",
        };
        tracing::error!(why, "no mail and no new account is taken");
    }

    fn reserve(&self) -> PathBuf {
        self.folder.join("relay.reserve")
    }

    fn keep_reserve(&self) {
        let path = self.reserve();
        let is_there = std::fs::metadata(&path).is_ok_and(|file| file.len() >= RESERVE);
        if is_there || !self.making.is_due() {
            return;
        }
        if let Err(error) = private().open(&path).and_then(|file| fill(&file)) {
            tracing::warn!(%error, "there is no reserve of room for a full disk");
            // What there is of it is none.
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Bytes of SQLite's log.
pub(super) fn log_length(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("relay.db-wal")).map_or(0, |log| log.len())
}

/// Bytes of the store that are in use.
pub(super) fn used(conn: &Connection) -> rusqlite::Result<u64> {
    let used: i64 = conn
        .prepare_cached(
            "SELECT (c.page_count - f.freelist_count) * s.page_size
             FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(used.unsigned_abs())
}

/// Gives the file its blocks.
#[cfg(target_os = "linux")]
fn fill(file: &File) -> std::io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;

    match fallocate(file, FallocateFlags::empty(), 0, RESERVE) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write(file),
        done => Ok(done?),
    }
}

#[cfg(not(target_os = "linux"))]
fn fill(file: &File) -> std::io::Result<()> {
    write(file)
}

/// Nothing that a file system makes small.
fn write(mut file: &File) -> std::io::Result<()> {
    use std::io::Write;

    const PIECE: usize = 64 * 1024;
    for _ in 0..RESERVE / PIECE as u64 {
        let piece: [u8; PIECE] = crate::random::bytes().map_err(std::io::Error::from)?;
        file.write_all(&piece)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
