//! Who is shut out: accounts by their name, networks by their prefix.
//!
//! The operator's commands write the list; a relay reads it whole, when its number has changed.

use std::collections::HashSet;
use std::net::IpAddr;

use rusqlite::{Connection, params};

use super::{DeviceId, StoreError, mail};
use crate::network::Network;

/// Entries at most: the list is looked through for each connection.
pub(super) const MOST: i64 = 1_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Banned {
    Username(String),
    Network(Network),
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
    for banned in all(conn)? {
        match banned {
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

pub(super) fn all(conn: &Connection) -> Result<Vec<Banned>, StoreError> {
    let mut select = conn.prepare("SELECT username, network FROM ban ORDER BY id")?;
    let rows = select.query_map([], |row| {
        Ok((
            row.get::<_, Option<String>>(0)?,
            row.get::<_, Option<String>>(1)?,
        ))
    })?;
    let mut all = Vec::new();
    for row in rows {
        match row? {
            (Some(username), _) => all.push(Banned::Username(username)),
            (None, network) => {
                all.extend(
                    network
                        .and_then(|text| text.parse().ok())
                        .map(Banned::Network),
                );
            }
        }
    }
    Ok(all)
}

/// Whether it was not there before.
pub(super) fn add(conn: &Connection, banned: &Banned, now: u64) -> Result<bool, StoreError> {
    let (username, network) = columns(banned);
    let added = conn.execute(
        "INSERT OR IGNORE INTO ban (username, network, made_at) VALUES (?1, ?2, ?3)",
        params![username, network, mail::to_sql(now)],
    )?;
    note_change(conn)?;
    Ok(added > 0)
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
