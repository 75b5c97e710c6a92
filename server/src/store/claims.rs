//! Claims of prekey bundles: each one-time key goes to one claim, ever, in the claim's transaction.
//!
//! A claim is kept for a while, so that a retry under its id gets the same keys.

use pawl_wire::{Bundle, ClaimId, DeviceAddress, KeyRecord};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::keys::{self, Kind};
use super::{DeviceId, StoreError, mail};

/// What became of a claim.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The keys.
    Bundle {
        bundle: Box<Bundle>,
        /// The device whose stock is low now.
        low: Option<DeviceId>,
    },
    /// No such device.
    UnknownDevice,
}

struct Target {
    device: DeviceId,
    account_record: Vec<u8>,
    signed_prekey: KeyRecord,
    last_resort: KeyRecord,
}

impl Target {
    /// Whoever is not there: a claim of theirs costs the same statements and the same flush of the disk.
    fn nobody() -> Self {
        let key = || KeyRecord {
            id: 0,
            record: Vec::new(),
        };
        Self {
            device: DeviceId::NOBODY,
            account_record: Vec::new(),
            signed_prekey: key(),
            last_resort: key(),
        }
    }
}

pub(super) fn claim(
    conn: &Connection,
    claim: ClaimId,
    address: DeviceAddress,
    now: u64,
) -> Result<Claimed, StoreError> {
    let found = find(conn, address)?;
    let is_unknown = found.is_none();
    if is_unknown {
        // What is written about nobody is gone before the commit looks for its device.
        conn.pragma_update(None, "defer_foreign_keys", true)?;
    }
    let target = found.unwrap_or_else(Target::nobody);
    if let Some(bundle) = repeat(conn, claim, &target)? {
        return Ok(Claimed::Bundle {
            bundle: Box::new(bundle),
            low: None,
        });
    }
    let device = target.device;
    let one_time_kem = keys::take(conn, device, Kind::Kem)?;
    let kem_one_time = one_time_kem.is_some();
    let bundle = Bundle {
        account_record: target.account_record,
        signed_prekey: target.signed_prekey,
        kem_prekey: one_time_kem.unwrap_or(target.last_resort),
        one_time_prekey: keys::take(conn, device, Kind::Prekey)?,
    };
    remember(conn, claim, device, &bundle, kem_one_time, now)?;
    let is_low = keys::is_low(conn, device)?;
    if is_unknown {
        conn.prepare_cached("DELETE FROM claim WHERE device = ?1")?
            .execute([DeviceId::NOBODY])?;
        return Ok(Claimed::UnknownDevice);
    }
    Ok(Claimed::Bundle {
        bundle: Box::new(bundle),
        low: is_low.then_some(device),
    })
}

fn find(conn: &Connection, address: DeviceAddress) -> Result<Option<Target>, StoreError> {
    let target = conn
        .prepare_cached(
            "SELECT d.id, a.record, d.signed_prekey_id, d.signed_prekey, d.last_resort_id,
                 d.last_resort
             FROM account a JOIN device d ON d.account = a.id
             WHERE a.public_key = ?1 AND d.number = ?2",
        )?
        .query_row(params![address.account.0, address.device], |row| {
            Ok(Target {
                device: row.get(0)?,
                account_record: row.get(1)?,
                signed_prekey: key(row, 2)?,
                last_resort: key(row, 4)?,
            })
        })
        .optional()?;
    Ok(target)
}

/// The key whose id stands in `column` and whose record is beside it.
fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        id: row.get(column)?,
        record: row.get(column + 1)?,
    })
}

fn repeat(
    conn: &Connection,
    claim: ClaimId,
    target: &Target,
) -> Result<Option<Bundle>, StoreError> {
    let bundle = conn
        .prepare_cached(
            "SELECT signed_prekey_id, signed_prekey, kem_id, kem, prekey_id, prekey FROM claim
             WHERE device = ?1 AND claim_id = ?2",
        )?
        .query_row(params![target.device, claim.0], |row| {
            let one_time: Option<u32> = row.get(4)?;
            Ok(Bundle {
                account_record: target.account_record.clone(),
                signed_prekey: key(row, 0)?,
                kem_prekey: key(row, 2)?,
                one_time_prekey: one_time.map(|_| key(row, 4)).transpose()?,
            })
        })
        .optional()?;
    Ok(bundle)
}

fn remember(
    conn: &Connection,
    claim: ClaimId,
    device: DeviceId,
    bundle: &Bundle,
    kem_one_time: bool,
    now: u64,
) -> Result<(), StoreError> {
    let one_time = bundle.one_time_prekey.as_ref();
    conn.prepare_cached(
        "INSERT INTO claim (device, claim_id, signed_prekey_id, signed_prekey, kem_one_time,
             kem_id, kem, prekey_id, prekey, made_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        device,
        claim.0,
        bundle.signed_prekey.id,
        bundle.signed_prekey.record,
        kem_one_time,
        bundle.kem_prekey.id,
        bundle.kem_prekey.record,
        one_time.map(|key| key.id),
        one_time.map(|key| &key.record),
        mail::to_sql(now)
    ])?;
    Ok(())
}
