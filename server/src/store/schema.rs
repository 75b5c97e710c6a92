//! Opens the relay's one SQLite file: pragmas, schema, epoch.
//!
//! Owns the tables (docs/OPERATIONS.md lists every column with its reason; a test compares). A file
//! of a newer relay or of another program is refused and left as it was.

use std::path::Path;

use pawl_wire::Epoch;
use rusqlite::{Connection, OpenFlags};

use super::{OpenError, keys, time};

/// "Pawl" in the file's header: `PRAGMA application_id`.
pub(super) const APPLICATION_ID: i32 = 0x5061_776c;

/// "PawB" in the header of a copy, where a store has "Pawl".
pub(super) const COPY_ID: i32 = 0x5061_7742;

/// Version of the tables below: `PRAGMA user_version`. Every change of them raises it.
pub(super) const SCHEMA_VERSION: i32 = 7;

/// Prepared statements kept per connection: all that the relay has, with room.
const STATEMENTS: usize = 64;

/// Bytes of write-ahead log kept between checkpoints, so that one busy hour does not stay on disk.
pub(super) const JOURNAL_BYTES: i64 = 64 * 1024 * 1024;

const TABLES: &str = "
CREATE TABLE relay (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BLOB NOT NULL
) STRICT;
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    public_key BLOB NOT NULL UNIQUE,
    username TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL
) STRICT;
CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account (id),
    number INTEGER NOT NULL,
    signing_key BLOB NOT NULL,
    signed_prekey_id INTEGER NOT NULL,
    signed_prekey BLOB NOT NULL,
    last_resort_id INTEGER NOT NULL,
    last_resort BLOB NOT NULL,
    prekey_floor INTEGER NOT NULL DEFAULT 0,
    kem_floor INTEGER NOT NULL DEFAULT 0,
    prekey_digest INTEGER NOT NULL DEFAULT 0,
    kem_digest INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, number)
) STRICT;
CREATE TABLE one_time_key (
    device INTEGER NOT NULL REFERENCES device (id),
    kind INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    record BLOB NOT NULL,
    UNIQUE (device, kind, key_id)
) STRICT;
CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device (id),
    claim_id BLOB NOT NULL,
    signed_prekey_id INTEGER NOT NULL,
    signed_prekey BLOB NOT NULL,
    kem_one_time INTEGER NOT NULL,
    kem_id INTEGER NOT NULL,
    kem BLOB NOT NULL,
    prekey_id INTEGER,
    prekey BLOB,
    made_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX claim_by_id ON claim (device, claim_id);
CREATE TABLE mailbox (
    device INTEGER PRIMARY KEY REFERENCES device (id),
    last_seq INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE mail (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    envelope BLOB NOT NULL,
    stored_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX mail_by_seq ON mail (device, seq);
CREATE UNIQUE INDEX mail_by_message ON mail (device, message_id);
CREATE TABLE delivered (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    acked_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX delivered_by_message ON delivered (device, message_id);
";

/// Version 1 knew no digests. The added columns stand at the end of the table there.
const FROM_1: &str = "
ALTER TABLE device ADD COLUMN prekey_digest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN kem_digest INTEGER NOT NULL DEFAULT 0;
";

/// Version 2 let everybody in.
const FROM_2: &str = "
ALTER TABLE relay ADD COLUMN last_invite INTEGER NOT NULL DEFAULT 0;
ALTER TABLE relay ADD COLUMN ban_changes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE invite (
    id INTEGER PRIMARY KEY,
    code_hash BLOB NOT NULL UNIQUE,
    uses_left INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE ban (
    id INTEGER PRIMARY KEY,
    username TEXT UNIQUE,
    network TEXT UNIQUE,
    made_at INTEGER NOT NULL
) STRICT;
";

/// Version 3 took the machine's clock for its time.
const FROM_3: &str = "
ALTER TABLE relay ADD COLUMN own_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE relay ADD COLUMN followed_time INTEGER NOT NULL DEFAULT 0;
";

/// Version 4 erased no account.
const FROM_4: &str = "
ALTER TABLE relay ADD COLUMN last_device INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN last_day INTEGER;
CREATE INDEX account_by_day ON account (last_day) WHERE last_day IS NOT NULL;
CREATE TABLE erased (
    name_hash BLOB PRIMARY KEY,
    key_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
";

/// In version 5 each one-time ML-KEM key had an overflow page to itself: what stands in an index may have a quarter of a
/// page only.
const FROM_5: &str = "
CREATE TABLE roomy (
    device INTEGER NOT NULL REFERENCES device (id),
    kind INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    record BLOB NOT NULL,
    UNIQUE (device, kind, key_id)
) STRICT;
INSERT INTO roomy SELECT device, kind, key_id, record FROM one_time_key ORDER BY device, kind, key_id;
DROP TABLE one_time_key;
ALTER TABLE roomy RENAME TO one_time_key;
";

/// Version 6 kept no words of the operator's, and did not count the accounts of a day.
const FROM_6: &str = "
ALTER TABLE relay ADD COLUMN today INTEGER NOT NULL DEFAULT 0;
ALTER TABLE relay ADD COLUMN made_today INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invite ADD COLUMN label TEXT;
ALTER TABLE ban ADD COLUMN reason TEXT;
";

/// Opens the file for the writer thread, makes the tables where there are none, and reads the epoch. `machine`: what the
/// machine's clock says, for a store that has no time yet.
///
/// # Errors
/// [`OpenError`] for a file that is newer, not ours, or cannot be used.
pub(super) fn open_writer(
    path: &Path,
    fresh: Epoch,
    machine: u64,
) -> Result<(Connection, Epoch), OpenError> {
    let mut conn = Connection::open(path)?;
    check_owner(&conn)?;
    // The header is ours or empty from here on: only now may anything be written.
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
    // What one job of a group may have to take back: else it grows into a file in the system's temporary folder,
    // which a container may not have, and every commit with it fails. Emptied when the job ends.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    let epoch = prepare(&mut conn, fresh, machine)?;
    Ok((conn, epoch))
}

/// Opens the file beside a relay that is using it, for one short change: it must be of this very version.
///
/// # Errors
/// [`OpenError`] for a file that another version made or will change.
pub(super) fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_owner(&conn)?;
    let found: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found != SCHEMA_VERSION {
        return Err(OpenError::OtherVersion {
            found,
            known: SCHEMA_VERSION,
        });
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    Ok(conn)
}

/// Opens the file for a reader thread, which cannot write.
///
/// # Errors
/// What SQLite says.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Writes what is there already. A row that stays as it is SQLite does not write, this number it does.
///
/// # Errors
/// What SQLite says.
pub(super) fn touch(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "user_version", SCHEMA_VERSION)
}

/// Whether the file is a store that this version can read.
///
/// # Errors
/// [`OpenError`]
pub(super) fn check_owner(conn: &Connection) -> Result<(), OpenError> {
    let owner: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    match (owner, version) {
        (0, 0) if tables == 0 => Ok(()),
        (APPLICATION_ID, 1..=SCHEMA_VERSION) => Ok(()),
        (APPLICATION_ID, version) => Err(OpenError::OtherVersion {
            found: version,
            known: SCHEMA_VERSION,
        }),
        (COPY_ID, _) => Err(OpenError::ACopy),
        _ => Err(OpenError::NotOurs),
    }
}

fn prepare(conn: &mut Connection, fresh: Epoch, machine: u64) -> Result<Epoch, OpenError> {
    let begun = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i32 = begun.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        begun.execute_batch(TABLES)?;
        begun.execute_batch(FROM_2)?;
        begun.execute("INSERT INTO relay (id, epoch) VALUES (1, ?1)", [fresh.0])?;
        begun.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if version == 1 {
        begun.execute_batch(FROM_1)?;
        keys::digest_all(&begun)?;
    }
    if version == 1 || version == 2 {
        begun.execute_batch(FROM_2)?;
    }
    if version < 4 {
        begun.execute_batch(FROM_3)?;
        time::begin(&begun, machine)?;
    }
    if version < 5 {
        begun.execute_batch(FROM_4)?;
    }
    if (1..6).contains(&version) {
        begun.execute_batch(FROM_5)?;
    }
    if version < 7 {
        begun.execute_batch(FROM_6)?;
    }
    // A store that is as it should be is not written: the disk may be full.
    if version != SCHEMA_VERSION {
        begun.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    let epoch = begun.query_row("SELECT epoch FROM relay", [], |row| row.get(0))?;
    begun.commit()?;
    Ok(Epoch(epoch))
}
