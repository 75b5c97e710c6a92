//! The relay's own time, by which everything that it keeps expires.
//!
//! It goes on with the monotonic clock while the relay runs. The machine's clock is only followed for what was missed
//! meanwhile (the relay was off, the machine asleep), a bounded part of it and slowly: so neither a clock that jumps nor a
//! long absence erases what its owner had no time to fetch. It never goes back, so that rows stand in the order of their time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};
use tokio::time::Instant;

use super::{StoreError, mail};
use crate::clock::{DAY_MS, EARLIEST_MS};

/// Of one absence or jump of the machine's clock, so much is made up for.
pub(super) const MOST_OWED_MS: u64 = 7 * DAY_MS;

/// What no clock that is set by the network is off by, between two looks.
const JUMP_MS: u64 = 60 * 1_000;

/// Both clocks at one moment, in milliseconds. They began together when the store was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) own: u64,
    /// The machine's clock, as far as it has been followed. Before 2026: it was never set.
    pub(super) followed: u64,
}

impl Reading {
    /// The same when the relay has run for `elapsed` and the machine's clock says `machine`. At most twice as much has
    /// passed by the relay's time.
    fn after(self, elapsed: u64, machine: u64) -> Self {
        // A clock that is not set says nothing of what was missed, neither now nor when it is set.
        let machine = if machine < EARLIEST_MS {
            self.followed.saturating_add(elapsed)
        } else {
            machine
        };
        let passed = if self.followed < EARLIEST_MS {
            0
        } else {
            machine.saturating_sub(self.followed)
        };
        let owed = passed.saturating_sub(elapsed).min(MOST_OWED_MS);
        let made_up = owed.min(elapsed);
        Self {
            own: self.own.saturating_add(elapsed).saturating_add(made_up),
            followed: machine.saturating_sub(owed - made_up),
        }
    }
}

/// The machine's clock did what no clock does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    Ahead,
    Back,
}

#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    reading: Reading,
    machine: u64,
    /// Since the relay started.
    is_first: bool,
}

/// What a look at the clocks found. It counts when it is on disk.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    last: Last,
    pub(super) jump: Option<Jump>,
}

/// The time of a running relay.
pub(super) struct Time {
    last: Mutex<Last>,
}

impl Time {
    /// Goes on from what the store has.
    pub(super) fn open(conn: &Connection, at: Instant) -> rusqlite::Result<Self> {
        Ok(Self::new(read(conn)?, at))
    }

    fn new(reading: Reading, at: Instant) -> Self {
        Self {
            last: Mutex::new(Last {
                at,
                reading,
                machine: reading.followed,
                is_first: true,
            }),
        }
    }

    #[cfg(test)]
    pub(super) fn at(own: u64) -> Self {
        let reading = Reading { own, followed: own };
        Self::new(reading, Instant::now())
    }

    /// As of the last look at the clocks: a minute does not matter to days.
    pub(super) fn now(&self) -> u64 {
        self.last().reading.own
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the clocks and writes what they say.
    pub(super) fn look(
        &self,
        conn: &Connection,
        at: Instant,
        machine: u64,
    ) -> Result<Seen, StoreError> {
        let last = *self.last();
        let elapsed = at.saturating_duration_since(last.at).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let expected = last.machine.saturating_add(elapsed);
        let jump = if machine.saturating_add(JUMP_MS) < expected {
            Some(Jump::Back)
        } else if machine > expected.saturating_add(JUMP_MS) && !last.is_first {
            Some(Jump::Ahead)
        } else {
            None
        };
        let reading = last.reading.after(elapsed, machine);
        write(conn, reading)?;
        let last = Last {
            at,
            reading,
            machine,
            is_first: false,
        };
        Ok(Seen { last, jump })
    }

    /// Goes on from there, after the commit: without one the next look is from where the last one was.
    pub(super) fn keep(&self, seen: &Seen) {
        *self.last() = seen.last;
    }
}

/// As the store has it, which is less than the relay's if one is running: by about a minute.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Reading> {
    conn.query_row("SELECT own_time, followed_time FROM relay", [], |row| {
        Ok(Reading {
            own: row.get::<_, i64>(0)?.unsigned_abs(),
            followed: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })
}

fn write(conn: &Connection, reading: Reading) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE relay SET own_time = ?1, followed_time = ?2")?
        .execute(params![
            mail::to_sql(reading.own),
            mail::to_sql(reading.followed)
        ])?;
    Ok(())
}

/// The time of a store that has had none: it begins with the machine's clock, or with the latest row where that clock is ahead
/// of it, and what seems to come from the future is of now. An invite counts for as long as it was made for.
pub(super) fn begin(conn: &Connection, machine: u64) -> rusqlite::Result<()> {
    let machine = mail::to_sql(machine);
    let latest: i64 = conn.query_row(
        "SELECT max(coalesce((SELECT max(stored_at) FROM mail), 0),
                    coalesce((SELECT max(made_at) FROM claim), 0),
                    coalesce((SELECT max(acked_at) FROM delivered), 0),
                    coalesce((SELECT max(made_at) FROM invite), 0))",
        [],
        |row| row.get(0),
    )?;
    let own = if latest == 0 {
        machine
    } else {
        latest.min(machine)
    };
    conn.execute(
        "UPDATE relay SET own_time = ?1, followed_time = ?2",
        [own, machine],
    )?;
    for (table, time) in [
        ("mail", "stored_at"),
        ("claim", "made_at"),
        ("delivered", "acked_at"),
    ] {
        conn.execute(
            &format!("UPDATE {table} SET {time} = ?1 WHERE {time} > ?1"),
            [own],
        )?;
    }
    conn.execute(
        "UPDATE invite SET expires_at = expires_at - (made_at - ?1), made_at = ?1 WHERE made_at > ?1",
        [own],
    )?;
    Ok(())
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
