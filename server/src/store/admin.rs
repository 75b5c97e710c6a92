//! What an operator's command does to the store, beside a running relay or without one.
//!
//! Beside a relay it is one short transaction, for which the relay's writer waits. Without one, the folder is
//! locked meanwhile, so that none starts in between.

use std::fs::File;
use std::path::Path;

use pawl_wire::Epoch;
use rusqlite::{Connection, TransactionBehavior};

use super::room::Room;
use super::{
    AccountRow, Added, Ban, Banned, Erased, Invite, OpenError, StoreError, Terms, bans, invites,
    people, schema, time,
};
use crate::clock;
use crate::config::Limits;

pub(crate) struct Admin {
    conn: Connection,
    room: Room,
    _lock: Option<File>,
}

/// Why a command of the operator's did not do it. Each text is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there are {0} already, which is as many as can be")]
    Full(i64),
    #[error("the system gives no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<rusqlite::Error> for AdminError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Admin {
    /// # Errors
    /// [`OpenError`], for a running relay of another version too. Where there is no store none is made: it
    /// would be another than the relay's.
    pub(crate) fn open(folder: &Path, fresh: Epoch) -> Result<Self, OpenError> {
        match Self::open_alone(folder, fresh) {
            Err(OpenError::InUse) => Ok(Self {
                conn: schema::open_beside(&folder.join("relay.db"))?,
                room: Room::new(folder, &Limits::default()),
                _lock: None,
            }),
            other => other,
        }
    }

    /// The same where no relay runs: none starts before this is dropped.
    ///
    /// # Errors
    /// As above, and [`OpenError::InUse`] where one runs.
    pub(crate) fn open_alone(folder: &Path, fresh: Epoch) -> Result<Self, OpenError> {
        let path = folder.join("relay.db");
        if !path.try_exists().map_err(OpenError::Unreadable)? {
            return Err(OpenError::NoStore);
        }
        let lock = super::folder::lock(&folder.join("relay.lock"))?;
        let room = Room::new(folder, &Limits::default());
        let open = || schema::open_writer(&path, fresh, clock::wall_ms());
        Ok(Self {
            conn: room.open(open)?.0,
            room,
            _lock: Some(lock),
        })
    }

    /// By the relay's time, which is what counts for invites.
    pub(crate) fn now(&self) -> Result<u64, AdminError> {
        Ok(time::read(&self.conn)?.own)
    }

    /// The new invite's code, which is kept nowhere, and its number.
    pub(crate) fn create_invite(
        &mut self,
        terms: &Terms,
        now: u64,
    ) -> Result<(String, i64), AdminError> {
        let code = invites::code(crate::random::bytes()?);
        self.change(|conn| {
            invites::forget_expired(conn, now)?;
            check_room(conn, "invite", invites::MOST)?;
            let number = invites::insert(conn, &code, terms, now)?;
            Ok((code.clone(), number))
        })
    }

    pub(crate) fn invites(&mut self, now: u64) -> Result<Vec<Invite>, AdminError> {
        Ok(invites::all(&self.conn, now)?)
    }

    /// Whether there was such an invite.
    pub(crate) fn revoke_invite(&mut self, id: i64) -> Result<bool, AdminError> {
        self.change(|conn| Ok(invites::remove(conn, id)?))
    }

    /// Shuts somebody out, or writes down another reason why they are.
    pub(crate) fn ban(
        &mut self,
        banned: &Banned,
        reason: Option<&str>,
        now: u64,
    ) -> Result<Added, AdminError> {
        self.change(|conn| {
            check_room(conn, "ban", bans::MOST)?;
            Ok(bans::add(conn, banned, reason, now)?)
        })
    }

    pub(crate) fn bans(&mut self) -> Result<Vec<Ban>, AdminError> {
        Ok(bans::all(&self.conn)?)
    }

    /// Whether it was there.
    pub(crate) fn unban(&mut self, banned: &Banned) -> Result<bool, AdminError> {
        self.change(|conn| Ok(bans::remove(conn, banned)?))
    }

    /// The accounts behind this row, a page of them: where it is empty there are no more.
    pub(crate) fn accounts(&self, after: i64) -> Result<Vec<AccountRow>, AdminError> {
        Ok(people::list(&self.conn, after)?)
    }

    /// Erases what waits for an account; `None` where there is no such account.
    pub(crate) fn erase_mail(&mut self, name: &str) -> Result<Option<Erased>, AdminError> {
        let Some(devices) = people::devices(&self.conn, name)? else {
            return Ok(None);
        };
        let mut erased = Erased::default();
        for device in devices {
            loop {
                let (slice, _) =
                    self.change(|conn| Ok(people::erase_slice(conn, device, u64::MAX)?))?;
                erased.add(slice);
                if slice == Erased::default() {
                    break;
                }
            }
        }
        Ok(Some(erased))
    }

    /// Erases an account with all that is its own; false where there is none.
    pub(crate) fn erase_account(&mut self, name: &str) -> Result<bool, AdminError> {
        let Some(account) = people::account(&self.conn, name)? else {
            return Ok(false);
        };
        while !self.change(|conn| Ok(people::end(conn, account)?))? {}
        Ok(true)
    }

    /// On a full disk with the reserve's room.
    fn change<T>(
        &mut self,
        change: impl Fn(&Connection) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        match self.try_change(&change) {
            Err(AdminError::Store(error)) if error.is_full() => {
                self.room.meet_full_disk();
                self.try_change(&change)
            }
            other => other,
        }
    }

    fn try_change<T>(
        &mut self,
        change: impl Fn(&Connection) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let begun = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = change(&begun)?;
        begun.commit()?;
        Ok(result)
    }
}

fn check_room(conn: &Connection, table: &str, most: i64) -> Result<(), AdminError> {
    let count: i64 = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    if count >= most {
        return Err(AdminError::Full(count));
    }
    Ok(())
}
