//! Accounts and their devices: registration, look-up, the beginning of a connection.

use pawl_wire::{DeviceAddress, KeyStock, Register, Registration, SigningKeyBytes, Username};
use rusqlite::{Connection, OptionalExtension, params};

use super::caps::{self, Capped, Caps};
use super::{DeviceId, StoreError, erased, invites, keys, mail};

/// A device that the relay knows.
pub(crate) struct KnownDevice {
    pub(crate) id: DeviceId,
    pub(crate) signing_key: SigningKeyBytes,
}

/// What became of a registration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// New, or the same as before.
    Done(DeviceId),
    /// Another account has the name.
    UsernameTaken,
    /// The account is here under another name, device number or signing key.
    OtherRecord,
    /// It is the same device, with keys that it may not publish.
    KeyReused,
    /// The relay asks for an invite, and there is none that counts.
    InviteNeeded,
    /// The relay takes no new accounts.
    Closed,
    /// There is no room for another account.
    NoRoom,
    /// There are as many as there may be.
    Capped(Capped),
}

/// What a new account is let in by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    pub(super) registration: Registration,
    pub(super) now: u64,
    /// One-time keys of a kind that are held.
    pub(super) most_keys: usize,
    /// The day, where the last use of accounts is kept.
    pub(super) today: Option<i64>,
    /// There is room for another account.
    pub(super) has_room: bool,
    pub(super) caps: Caps,
}

/// What a connection begins with.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stock: KeyStock,
    /// The last sequence number of the mailbox.
    pub(crate) last_seq: u64,
}

pub(super) fn find_device(
    conn: &Connection,
    address: DeviceAddress,
) -> Result<Option<KnownDevice>, StoreError> {
    let known = conn
        .prepare_cached(
            "SELECT d.id, d.signing_key FROM device d JOIN account a ON a.id = d.account
             WHERE a.public_key = ?1 AND d.number = ?2",
        )?
        .query_row(params![address.account.0, address.device], |row| {
            Ok(KnownDevice {
                id: row.get(0)?,
                signing_key: SigningKeyBytes(row.get(1)?),
            })
        })
        .optional()?;
    Ok(known)
}

pub(super) fn newest_device(conn: &Connection) -> Result<DeviceId, StoreError> {
    let newest = conn.query_row("SELECT coalesce(max(id), 0) FROM device", [], |row| {
        row.get(0)
    })?;
    Ok(newest)
}

pub(super) fn look_up(
    conn: &Connection,
    username: &Username,
) -> Result<Option<Vec<u8>>, StoreError> {
    let record = conn
        .prepare_cached("SELECT record FROM account WHERE username = ?1")?
        .query_row([username.as_str()], |row| row.get(0))
        .optional()?;
    Ok(record)
}

/// Whoever may not come in learns nothing, not even whether a name is taken.
pub(super) fn register(
    conn: &Connection,
    register: &Register,
    admission: Admission,
) -> Result<Registered, StoreError> {
    let username = register.username.as_str();
    let known: Option<(i64, [u8; 32], String)> = conn
        .prepare_cached(
            "SELECT id, public_key, username FROM account WHERE public_key = ?1 OR username = ?2
             ORDER BY public_key = ?1 DESC LIMIT 1",
        )?
        .query_row(params![register.device.account.0, username], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let is_own = |key: &[u8; 32]| key == &register.device.account.0;
    if let Some((_, _, name)) = known.as_ref().filter(|(_, key, _)| is_own(key)) {
        if name != username {
            return Ok(Registered::OtherRecord);
        }
        return repeat(conn, register, admission.most_keys);
    }
    let invite = match admission.registration {
        Registration::Open => None,
        Registration::Closed => return Ok(Registered::Closed),
        Registration::Invite => {
            let code = register.invite.as_deref().unwrap_or_default();
            match invites::find(conn, code, admission.now)? {
                None => return Ok(Registered::InviteNeeded),
                invite => invite,
            }
        }
    };
    if let Some(capped) = caps::reached(conn, admission.caps, admission.now)? {
        return Ok(Registered::Capped(capped));
    }
    if known.is_some() || erased::is_anothers(conn, username, &register.device.account.0)? {
        return Ok(Registered::UsernameTaken);
    }
    if !admission.has_room {
        return Ok(Registered::NoRoom);
    }
    let registered = insert(conn, register, admission)?;
    if let Registered::Done(_) = registered {
        caps::note(conn, admission.caps, admission.now)?;
        if let Some(invite) = invite {
            invites::spend(conn, invite)?;
        }
    }
    Ok(registered)
}

/// A registration whose answer was lost: the same device, or it is refused.
fn repeat(conn: &Connection, register: &Register, most: usize) -> Result<Registered, StoreError> {
    match find_device(conn, register.device)? {
        Some(known) if known.signing_key == register.signing_key => {
            match keys::publish(conn, known.id, &register.keys, most)? {
                keys::Published::Done => Ok(Registered::Done(known.id)),
                keys::Published::KeyReused => Ok(Registered::KeyReused),
            }
        }
        _ => Ok(Registered::OtherRecord),
    }
}

fn insert(
    conn: &Connection,
    register: &Register,
    admission: Admission,
) -> Result<Registered, StoreError> {
    let (Some(signed), Some(last_resort)) =
        (&register.keys.signed_prekey, &register.keys.last_resort_kem)
    else {
        return Ok(Registered::OtherRecord);
    };
    erased::give_back(conn, register.username.as_str())?;
    conn.prepare_cached(
        "INSERT INTO account (public_key, username, record, last_day) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        register.device.account.0,
        register.username.as_str(),
        register.account_record,
        admission.today
    ])?;
    let account = conn.last_insert_rowid();
    let device = erased::next_device(conn)?;
    conn.prepare_cached(
        "INSERT INTO device (id, account, number, signing_key, signed_prekey_id, signed_prekey,
             last_resort_id, last_resort) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        device,
        account,
        register.device.device,
        register.signing_key.0,
        signed.id,
        signed.record,
        last_resort.id,
        last_resort.record
    ])?;
    conn.prepare_cached("INSERT INTO mailbox (device) VALUES (?1)")?
        .execute([device])?;
    // A new device has no floor and holds no key, so that its first keys cannot be reused ones.
    keys::publish(conn, device, &register.keys, admission.most_keys)?;
    Ok(Registered::Done(device))
}

/// Sequence numbers go on from the device's own when that is ahead: a store that lost its end would
/// otherwise give numbers twice, and the device would take new mail for old. What came since then waits on,
/// under higher numbers. None where the device was erased since it was found.
pub(super) fn open_mailbox(
    conn: &Connection,
    device: DeviceId,
    client_seq: u64,
    now: u64,
) -> Result<Option<Opened>, StoreError> {
    let Some(held) = last_seq(conn, device)? else {
        return Ok(None);
    };
    if client_seq <= held {
        mail::acknowledge(conn, device, client_seq, now)?;
    } else {
        mail::renumber(conn, device, client_seq)?;
    }
    Ok(Some(Opened {
        stock: keys::stock(conn, device)?,
        last_seq: last_seq(conn, device)?.unwrap_or(held),
    }))
}

fn last_seq(conn: &Connection, device: DeviceId) -> Result<Option<u64>, StoreError> {
    let last: Option<i64> = conn
        .prepare_cached("SELECT last_seq FROM mailbox WHERE device = ?1")?
        .query_row([device], |row| row.get(0))
        .optional()?;
    Ok(last.map(i64::unsigned_abs))
}
