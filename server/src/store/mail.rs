//! Mailboxes: append, read in order, acknowledge. Each message is in at most once.
//!
//! Sequence numbers are the mailbox's own and rise by one in the transaction that appends. A message
//! id is remembered for a while past its acknowledgement, since its sender may not have heard.

use pawl_wire::{MessageId, Submit};
use rusqlite::{Connection, OptionalExtension, params};

use super::live::{Empty, MAX_KNOWN, OnDisk};
use super::shares::Waiting;
use super::{DeviceId, StoreError};

/// What became of an envelope.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// It is in this device's mailbox.
    Stored(DeviceId),
    /// It was before, or was delivered already.
    Duplicate,
    /// No such device.
    UnknownRecipient,
    /// No room.
    MailboxFull,
}

/// One waiting message.
pub(crate) struct Letter {
    pub(crate) seq: u64,
    pub(crate) message_id: MessageId,
    pub(crate) envelope: Vec<u8>,
}

/// A slice of a mailbox.
pub(crate) struct MailRead {
    pub(crate) letters: Vec<Letter>,
    /// Nothing came after them when this was read.
    pub(crate) at_end: bool,
}

/// SQLite's integers are signed; no sequence number comes near the end of them.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The mailbox of whoever is not there: what is put in is taken out again in the same job. So a submit costs
/// its sender the same statements and the same flush of the disk, whether there is a recipient or not.
const NOBODY: Mailbox = Mailbox {
    device: DeviceId::NOBODY,
    last_seq: 0,
    messages: 0,
    bytes: 0,
};

/// Puts an envelope into its recipient's mailbox where `has_room` says so; gives its number too.
pub(super) fn append(
    conn: &Connection,
    submit: &Submit,
    has_room: impl FnOnce(DeviceId, Waiting) -> bool,
    now: u64,
) -> Result<(Submitted, u64), StoreError> {
    let found = find(conn, submit)?;
    let is_unknown = found.is_none();
    let mailbox = found.unwrap_or(NOBODY);
    if is_known(conn, mailbox.device, submit.message_id)? {
        return Ok((Submitted::Duplicate, 0));
    }
    let waiting = Waiting {
        messages: mailbox.messages,
        bytes: mailbox.bytes,
    };
    if !has_room(mailbox.device, waiting) {
        return Ok((Submitted::MailboxFull, 0));
    }
    let seq = mailbox.last_seq.unsigned_abs() + 1;
    insert(conn, mailbox.device, seq, submit, now)?;
    if is_unknown {
        conn.prepare_cached("DELETE FROM mail WHERE device = ?1")?
            .execute([NOBODY.device])?;
        return Ok((Submitted::UnknownRecipient, 0));
    }
    Ok((Submitted::Stored(mailbox.device), seq))
}

/// Puts an envelope into a mailbox under a number that was given to it.
pub(super) fn insert(
    conn: &Connection,
    device: DeviceId,
    seq: u64,
    submit: &Submit,
    now: u64,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE mailbox SET messages = messages + 1, bytes = bytes + ?2, last_seq = max(last_seq, ?3)
         WHERE device = ?1",
    )?
    .execute(params![
        device,
        to_sql(submit.envelope.len() as u64),
        to_sql(seq)
    ])?;
    conn.prepare_cached(
        "INSERT INTO mail (device, seq, message_id, envelope, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        device,
        to_sql(seq),
        submit.message_id.0,
        submit.envelope,
        to_sql(now)
    ])?;
    Ok(())
}

/// The mailbox goes on behind this number.
pub(super) fn set_last_seq(
    conn: &Connection,
    device: DeviceId,
    seq: u64,
) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE mailbox SET last_seq = ?2 WHERE device = ?1")?
        .execute(params![device, to_sql(seq)])?;
    Ok(())
}

/// What there is of a mailbox beyond `cursor`.
pub(super) fn on_disk(
    conn: &Connection,
    device: DeviceId,
    cursor: u64,
) -> Result<OnDisk, StoreError> {
    let mailbox: Option<(i64, i64)> = conn
        .prepare_cached(
            "SELECT last_seq, coalesce((SELECT max(seq) FROM mail WHERE device = ?1), 0)
             FROM mailbox WHERE device = ?1",
        )?
        .query_row([device], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((last_seq, lingering)) = mailbox else {
        return Ok(OnDisk::Erased);
    };
    let (last_seq, lingering) = (last_seq.unsigned_abs(), lingering.unsigned_abs());
    if lingering > cursor {
        return Ok(OnDisk::More);
    }
    let mut select = conn.prepare_cached(
        "SELECT message_id FROM delivered WHERE device = ?1
         UNION ALL SELECT message_id FROM mail WHERE device = ?1 LIMIT ?2",
    )?;
    let ids = select.query_map(params![device, to_sql(MAX_KNOWN as u64 + 1)], |row| {
        row.get(0).map(MessageId)
    })?;
    let known: Vec<_> = ids.collect::<Result<_, _>>()?;
    if known.len() > MAX_KNOWN {
        return Ok(OnDisk::TooManyIds);
    }
    Ok(OnDisk::Nothing(Empty {
        last_seq,
        lingering,
        known,
    }))
}

struct Mailbox {
    device: DeviceId,
    last_seq: i64,
    messages: u64,
    bytes: u64,
}

fn find(conn: &Connection, submit: &Submit) -> Result<Option<Mailbox>, StoreError> {
    let mailbox = conn
        .prepare_cached(
            "SELECT d.id, m.last_seq, m.messages, m.bytes FROM account a
             JOIN device d ON d.account = a.id JOIN mailbox m ON m.device = d.id
             WHERE a.public_key = ?1 AND d.number = ?2",
        )?
        .query_row(
            params![submit.recipient.account.0, submit.recipient.device],
            |row| {
                Ok(Mailbox {
                    device: row.get(0)?,
                    last_seq: row.get(1)?,
                    messages: row.get::<_, i64>(2)?.unsigned_abs(),
                    bytes: row.get::<_, i64>(3)?.unsigned_abs(),
                })
            },
        )
        .optional()?;
    Ok(mailbox)
}

fn is_known(conn: &Connection, device: DeviceId, id: MessageId) -> Result<bool, StoreError> {
    let known = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM mail WHERE device = ?1 AND message_id = ?2)
                 OR EXISTS (SELECT 1 FROM delivered WHERE device = ?1 AND message_id = ?2)",
        )?
        .query_row(params![device, id.0], |row| row.get(0))?;
    Ok(known)
}

pub(super) fn read_after(
    conn: &Connection,
    device: DeviceId,
    cursor: u64,
    messages: usize,
    bytes: usize,
) -> Result<MailRead, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT seq, message_id, envelope FROM mail WHERE device = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let mut rows = select.query(params![device, to_sql(cursor)])?;
    let mut read = MailRead {
        letters: Vec::new(),
        at_end: false,
    };
    let mut held = 0;
    while read.letters.len() < messages && held < bytes {
        let Some(row) = rows.next()? else {
            read.at_end = true;
            break;
        };
        let letter = Letter {
            seq: row.get::<_, i64>(0)?.unsigned_abs(),
            message_id: MessageId(row.get(1)?),
            envelope: row.get(2)?,
        };
        held += letter.envelope.len();
        read.letters.push(letter);
    }
    Ok(read)
}

pub(super) fn acknowledge(
    conn: &Connection,
    device: DeviceId,
    through: u64,
    now: u64,
) -> Result<(), StoreError> {
    let through = to_sql(through);
    conn.prepare_cached(
        "INSERT OR IGNORE INTO delivered (device, message_id, acked_at)
         SELECT device, message_id, ?3 FROM mail WHERE device = ?1 AND seq <= ?2",
    )?
    .execute(params![device, through, to_sql(now)])?;
    erase(conn, device, through)
}

/// Raises all numbers of a mailbox by `ahead`, which is above each of them, so that none meets another.
pub(super) fn renumber(conn: &Connection, device: DeviceId, ahead: u64) -> Result<(), StoreError> {
    let ahead = to_sql(ahead);
    conn.prepare_cached("UPDATE mail SET seq = seq + ?2 WHERE device = ?1")?
        .execute(params![device, ahead])?;
    conn.prepare_cached("UPDATE mailbox SET last_seq = last_seq + ?2 WHERE device = ?1")?
        .execute(params![device, ahead])?;
    Ok(())
}

/// Erases up to `through` and gives the room back.
pub(super) fn erase(conn: &Connection, device: DeviceId, through: i64) -> Result<(), StoreError> {
    let (messages, bytes): (i64, i64) = conn
        .prepare_cached(
            "SELECT count(*), coalesce(sum(length(envelope)), 0) FROM mail
             WHERE device = ?1 AND seq <= ?2",
        )?
        .query_row(params![device, through], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if messages == 0 {
        return Ok(());
    }
    conn.prepare_cached("DELETE FROM mail WHERE device = ?1 AND seq <= ?2")?
        .execute(params![device, through])?;
    conn.prepare_cached(
        "UPDATE mailbox SET messages = messages - ?2, bytes = bytes - ?3 WHERE device = ?1",
    )?
    .execute(params![device, messages, bytes])?;
    Ok(())
}

/// Devices, and what waits for all of them: messages and bytes.
pub(super) fn waiting(conn: &Connection) -> Result<[u64; 3], StoreError> {
    let (devices, messages, bytes) = conn
        .prepare_cached(
            "SELECT count(*), coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM mailbox",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok([devices, messages, bytes].map(i64::unsigned_abs))
}
