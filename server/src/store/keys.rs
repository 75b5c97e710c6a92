//! Public prekeys of a device: what it publishes, what is left, which ids are used up.
//!
//! Ids only rise. The floor of a kind is the highest one-time id ever accepted; an id at or below it
//! is taken only as a repetition of the very same key, and then changes nothing.
//!
//! What is held is told with a digest of it (`pawl_wire::digest`). It is kept beside the floors: a claim takes
//! its key out of it, and an upload puts its own in. An upload of many keys reads all of them anew, so that whatever
//! changed behind the relay's back is told once and then mended. So an upload costs what it brings.

use pawl_wire::limits::LOW_ONE_TIME_KEYS;
use pawl_wire::{KeyDigests, KeyRecord, KeyStock, PublishedKeys, digest};
use rusqlite::{Connection, OptionalExtension, params};

use super::{DeviceId, StoreError};

/// The two kinds of one-time keys, as they stand in `one_time_key.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Prekey = 1,
    Kem = 2,
}

impl Kind {
    fn floor_column(self) -> &'static str {
        match self {
            Self::Prekey => "prekey_floor",
            Self::Kem => "kem_floor",
        }
    }

    fn digest_column(self) -> &'static str {
        match self {
            Self::Prekey => "prekey_digest",
            Self::Kem => "kem_digest",
        }
    }

    /// Finds a key that was claimed already, among the claims that are still kept.
    fn claimed(self) -> &'static str {
        match self {
            Self::Prekey => "SELECT prekey FROM claim WHERE device = ?1 AND prekey_id = ?2",
            Self::Kem => {
                "SELECT kem FROM claim WHERE device = ?1 AND kem_id = ?2 AND kem_one_time = 1"
            }
        }
    }
}

/// An upload of at least one in so many of what is then held has all of it digested anew.
const MANY: u32 = 4;

/// What became of published keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// All are held, or were before.
    Done,
    /// One has a used id and is another key; nothing was changed.
    KeyReused,
}

/// `most`: one-time keys of a kind that are held.
pub(super) fn publish(
    conn: &Connection,
    device: DeviceId,
    keys: &PublishedKeys,
    most: usize,
) -> Result<Published, StoreError> {
    let one_time = [
        (Kind::Prekey, &keys.one_time_prekeys),
        (Kind::Kem, &keys.one_time_kems),
    ];
    let fresh_signed = check_signed(conn, device, keys)?;
    let mut floors = [0, 0];
    for (floor, (kind, keys)) in floors.iter_mut().zip(one_time) {
        *floor = read_floor(conn, device, kind)?;
        if !all_fresh_or_same(conn, device, kind, *floor, keys)? {
            return Ok(Published::KeyReused);
        }
    }
    if !fresh_signed {
        return Ok(Published::KeyReused);
    }
    replace_signed(conn, device, keys)?;
    for (floor, (kind, keys)) in floors.into_iter().zip(one_time) {
        add(conn, device, kind, floor, keys, most)?;
    }
    Ok(Published::Done)
}

/// Whether the signed keys are newer than those held, or the same.
fn check_signed(
    conn: &Connection,
    device: DeviceId,
    keys: &PublishedKeys,
) -> Result<bool, StoreError> {
    let held = signed_keys(conn, device)?;
    let fresh = |new: &Option<KeyRecord>, held: &KeyRecord| {
        new.as_ref()
            .is_none_or(|new| new.id > held.id || new == held)
    };
    Ok(fresh(&keys.signed_prekey, &held[0]) && fresh(&keys.last_resort_kem, &held[1]))
}

/// The signed prekey and the last-resort prekey that are held.
fn signed_keys(conn: &Connection, device: DeviceId) -> Result<[KeyRecord; 2], StoreError> {
    let held = conn
        .prepare_cached(
            "SELECT signed_prekey_id, signed_prekey, last_resort_id, last_resort FROM device
             WHERE id = ?1",
        )?
        .query_row([device], |row| {
            let key = |id, record| {
                Ok::<_, rusqlite::Error>(KeyRecord {
                    id: row.get(id)?,
                    record: row.get(record)?,
                })
            };
            Ok([key(0, 1)?, key(2, 3)?])
        })?;
    Ok(held)
}

fn replace_signed(
    conn: &Connection,
    device: DeviceId,
    keys: &PublishedKeys,
) -> Result<(), StoreError> {
    if let Some(key) = &keys.signed_prekey {
        conn.prepare_cached(
            "UPDATE device SET signed_prekey_id = ?2, signed_prekey = ?3 WHERE id = ?1",
        )?
        .execute(params![device, key.id, key.record])?;
    }
    if let Some(key) = &keys.last_resort_kem {
        conn.prepare_cached(
            "UPDATE device SET last_resort_id = ?2, last_resort = ?3 WHERE id = ?1",
        )?
        .execute(params![device, key.id, key.record])?;
    }
    Ok(())
}

fn read_floor(conn: &Connection, device: DeviceId, kind: Kind) -> Result<u32, StoreError> {
    let column = kind.floor_column();
    let floor = conn
        .prepare_cached(&format!("SELECT {column} FROM device WHERE id = ?1"))?
        .query_row([device], |row| row.get(0))?;
    Ok(floor)
}

fn all_fresh_or_same(
    conn: &Connection,
    device: DeviceId,
    kind: Kind,
    floor: u32,
    keys: &[KeyRecord],
) -> Result<bool, StoreError> {
    for key in keys.iter().filter(|key| key.id <= floor) {
        if used_record(conn, device, kind, key.id)?.as_ref() != Some(&key.record) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The key that an id was used for, as far as it is still known.
fn used_record(
    conn: &Connection,
    device: DeviceId,
    kind: Kind,
    id: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let held = conn
        .prepare_cached(
            "SELECT record FROM one_time_key WHERE device = ?1 AND kind = ?2 AND key_id = ?3",
        )?
        .query_row(params![device, kind as u32, id], |row| row.get(0))
        .optional()?;
    if held.is_some() {
        return Ok(held);
    }
    let claimed = conn
        .prepare_cached(kind.claimed())?
        .query_row(params![device, id], |row| row.get(0))
        .optional()?;
    Ok(claimed)
}

/// Adds what is above the floor and makes room by dropping the oldest, so that what is answered with
/// `Published` is held.
fn add(
    conn: &Connection,
    device: DeviceId,
    kind: Kind,
    floor: u32,
    keys: &[KeyRecord],
    most: usize,
) -> Result<(), StoreError> {
    let Some(last) = keys.last().filter(|key| key.id > floor) else {
        return Ok(());
    };
    let mut insert = conn.prepare_cached(
        "INSERT INTO one_time_key (device, kind, key_id, record) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let (mut added, mut changes) = (0, 0);
    for key in keys.iter().filter(|key| key.id > floor) {
        insert.execute(params![device, kind as u32, key.id, key.record])?;
        added += 1;
        changes ^= digest::of_key(key);
    }
    let column = kind.floor_column();
    conn.prepare_cached(&format!("UPDATE device SET {column} = ?2 WHERE id = ?1"))?
        .execute(params![device, last.id])?;
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let held = count(conn, device, kind)?;
    changes ^= drop_oldest(conn, device, kind, held.saturating_sub(most))?;
    if held.min(most) <= MANY * added {
        digest_kind(conn, device, kind)?;
    } else {
        change_digest(conn, device, kind, changes)?;
    }
    Ok(())
}

/// Gives the digest of what was dropped.
fn drop_oldest(
    conn: &Connection,
    device: DeviceId,
    kind: Kind,
    surplus: u32,
) -> Result<u64, StoreError> {
    if surplus == 0 {
        return Ok(0);
    }
    let mut delete = conn.prepare_cached(
        "DELETE FROM one_time_key WHERE device = ?1 AND kind = ?2 AND key_id IN
             (SELECT key_id FROM one_time_key WHERE device = ?1 AND kind = ?2
              ORDER BY key_id LIMIT ?3)
         RETURNING key_id, record",
    )?;
    let dropped = delete.query_map(params![device, kind as u32, surplus], key_record)?;
    let mut all = 0;
    for key in dropped {
        all ^= digest::of_key(&key?);
    }
    Ok(all)
}

/// Puts keys into a digest or takes them out.
fn change_digest(
    conn: &Connection,
    device: DeviceId,
    kind: Kind,
    keys: u64,
) -> rusqlite::Result<()> {
    // Exclusive or, which SQLite does not have: what either has less what both have.
    let column = kind.digest_column();
    conn.prepare_cached(&format!(
        "UPDATE device SET {column} = ({column} | ?2) - ({column} & ?2) WHERE id = ?1"
    ))?
    .execute(params![device, keys.cast_signed()])?;
    Ok(())
}

/// Digests what is held of a kind: all of it is read.
fn digest_kind(conn: &Connection, device: DeviceId, kind: Kind) -> rusqlite::Result<()> {
    let mut held = conn.prepare_cached(
        "SELECT key_id, record FROM one_time_key WHERE device = ?1 AND kind = ?2",
    )?;
    let keys = held.query_map(params![device, kind as u32], key_record)?;
    let mut all = 0;
    for key in keys {
        all ^= digest::of_key(&key?);
    }
    let column = kind.digest_column();
    conn.prepare_cached(&format!("UPDATE device SET {column} = ?2 WHERE id = ?1"))?
        .execute(params![device, all.cast_signed()])?;
    Ok(())
}

/// Digests what is held of every device, where a store was made before there were digests.
pub(super) fn digest_all(conn: &Connection) -> rusqlite::Result<()> {
    let mut devices = conn.prepare("SELECT id FROM device")?;
    for device in devices.query_map([], |row| row.get(0))? {
        let device = device?;
        for kind in [Kind::Prekey, Kind::Kem] {
            digest_kind(conn, device, kind)?;
        }
    }
    Ok(())
}

fn key_record(row: &rusqlite::Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        id: row.get(0)?,
        record: row.get(1)?,
    })
}

/// Takes the oldest one-time key out; it goes to this one claim and never comes back.
pub(super) fn take(
    conn: &Connection,
    device: DeviceId,
    kind: Kind,
) -> Result<Option<KeyRecord>, StoreError> {
    let taken = conn
        .prepare_cached(
            "DELETE FROM one_time_key WHERE device = ?1 AND kind = ?2 AND key_id =
                 (SELECT min(key_id) FROM one_time_key WHERE device = ?1 AND kind = ?2)
             RETURNING key_id, record",
        )?
        .query_row(params![device, kind as u32], key_record)
        .optional()?;
    if let Some(key) = &taken {
        change_digest(conn, device, kind, digest::of_key(key))?;
    }
    Ok(taken)
}

/// Whether the device should be told to publish more.
pub(super) fn is_low(conn: &Connection, device: DeviceId) -> Result<bool, StoreError> {
    let prekeys = count(conn, device, Kind::Prekey)?;
    let left = prekeys.min(count(conn, device, Kind::Kem)?);
    Ok(left < LOW_ONE_TIME_KEYS as u32)
}

fn count(conn: &Connection, device: DeviceId, kind: Kind) -> Result<u32, StoreError> {
    let count = conn
        .prepare_cached("SELECT count(*) FROM one_time_key WHERE device = ?1 AND kind = ?2")?
        .query_row(params![device, kind as u32], |row| row.get(0))?;
    Ok(count)
}

pub(super) fn stock(conn: &Connection, device: DeviceId) -> Result<KeyStock, StoreError> {
    let [signed, last_resort] = signed_keys(conn, device)?;
    let (prekeys, kems): (i64, i64) = conn
        .prepare_cached("SELECT prekey_digest, kem_digest FROM device WHERE id = ?1")?
        .query_row([device], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(KeyStock {
        signed_prekey: signed.id,
        last_resort_kem: last_resort.id,
        one_time_prekeys: count(conn, device, Kind::Prekey)?,
        one_time_kems: count(conn, device, Kind::Kem)?,
        digests: KeyDigests {
            signed_prekey: digest::of_key(&signed),
            last_resort_kem: digest::of_key(&last_resort),
            one_time_prekeys: prekeys.cast_unsigned(),
            one_time_kems: kems.cast_unsigned(),
        },
    })
}
