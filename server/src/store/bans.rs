//! Who is shut out: accounts by their name, networks by their prefix.
//!
//! The operator's commands write the list; a relay reads it whole, when its number has changed.

use std::collections::HashSet;
use std::net::IpAddr;

use rusqlite::{Connection, params};

use super::{DeviceId, StoreError, mail};
use crate::limits::network::Network;

/// Entries at most: the list is looked through for each connection.
pub(super) const MOST: i64 = 1_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Banned {
    Username(String),
    Network(Network),
}

/// One entry with what the operator knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ban {
    pub(crate) who: Banned,
    /// By the machine's clock, in milliseconds.
    pub(crate) made_at: u64,
    pub(crate) reason: Option<String>,
}

/// What became of an entry that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    /// It was there, and has another reason now.
    OtherReason,
    Known,
}

/// The whole list, as of one moment.
#[derive(Debug, Default)]
pub(crate) struct BanList {
    /// Another one whenever it was changed.
    pub(crate) number: i64,
    usernames: HashSet<String>,
    devices: HashSet<DeviceId>,
    networks: Vec<Network>,
}

impl BanList {
    pub(crate) fn has_device(&self, device: DeviceId) -> bool {
        self.devices.contains(&device)
    }

    pub(crate) fn has_username(&self, username: &str) -> bool {
        self.usernames.contains(username)
    }

    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.has(address))
    }
}

/// The list, unless it is the known one.
pub(super) fn changed(
    conn: &Connection,
    known: Option<i64>,
) -> Result<Option<BanList>, StoreError> {
    let number = conn
        .prepare_cached("SELECT ban_changes FROM relay")?
        .query_row([], |row| row.get(0))?;
    if known == Some(number) {
        return Ok(None);
    }
    let mut list = BanList {
        number,
        ..BanList::default()
    };
    for ban in all(conn)? {
        match ban.who {
            Banned::Username(name) => list.usernames.insert(name),
            Banned::Network(network) => {
                list.networks.push(network);
                true
            }
        };
    }
    let mut devices = conn.prepare(
        "SELECT d.id FROM ban b JOIN account a ON a.username = b.username
         JOIN device d ON d.account = a.id",
    )?;
    for device in devices.query_map([], |row| row.get(0))? {
        list.devices.insert(device?);
    }
    Ok(Some(list))
}

/// An entry that names nobody is an error, and not an entry less.
pub(super) fn all(conn: &Connection) -> Result<Vec<Ban>, StoreError> {
    let mut select =
        conn.prepare("SELECT id, username, network, made_at, reason FROM ban ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let network: Option<String> = row.get(2)?;
        let network = network.and_then(|text| text.parse().ok());
        let who = match (row.get(1)?, network) {
            (Some(username), _) => Banned::Username(username),
            (None, Some(network)) => Banned::Network(network),
            (None, None) => return Err(StoreError::NoBan(row.get(0)?)),
        };
        all.push(Ban {
            who,
            made_at: row.get::<_, i64>(3)?.unsigned_abs(),
            reason: row.get(4)?,
        });
    }
    Ok(all)
}

/// A reason takes the place of the one before it.
pub(super) fn add(
    conn: &Connection,
    banned: &Banned,
    reason: Option<&str>,
    now: u64,
) -> Result<Added, StoreError> {
    let (username, network) = columns(banned);
    let added = conn.execute(
        "INSERT OR IGNORE INTO ban (username, network, made_at, reason) VALUES (?1, ?2, ?3, ?4)",
        params![username, network, mail::to_sql(now), reason],
    )?;
    if added > 0 {
        note_change(conn)?;
        return Ok(Added::New);
    }
    let changed = conn.execute(
        "UPDATE ban SET reason = ?3
         WHERE (username = ?1 OR network = ?2) AND ?3 IS NOT NULL AND reason IS NOT ?3",
        params![username, network, reason],
    )?;
    Ok(match changed {
        0 => Added::Known,
        _ => Added::OtherReason,
    })
}

/// Whether it was there.
pub(super) fn remove(conn: &Connection, banned: &Banned) -> Result<bool, StoreError> {
    let (username, network) = columns(banned);
    let removed = conn.execute(
        "DELETE FROM ban WHERE username = ?1 OR network = ?2",
        params![username, network],
    )?;
    note_change(conn)?;
    Ok(removed > 0)
}

fn columns(banned: &Banned) -> (Option<String>, Option<String>) {
    match banned {
        Banned::Username(name) => (Some(name.clone()), None),
        Banned::Network(network) => (None, Some(network.to_string())),
    }
}

fn note_change(conn: &Connection) -> Result<(), StoreError> {
    conn.execute("UPDATE relay SET ban_changes = ban_changes + 1", [])?;
    Ok(())
}
