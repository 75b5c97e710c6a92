//! The store: sealed records in one SQLite file, one durable transaction per step of the engine. Owns the
//! file, its lock, the data key and the fence; must not know what is in a record. ARCHITECTURE.md "In a
//! terminal".

mod copy;
mod fault;
mod keys;
mod schema;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use pawl_client::{Change, DataKey, Key, LoadedRecord, Records, Sealer, Table};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};
use zeroize::Zeroizing;

pub(crate) use self::keys::{Passphrase, Secret, SecretKind};
pub(crate) use self::schema::Kind;

use self::fault::{busy, damaged, failed, not_a_store};
use self::keys::Wrapped;
use self::schema::{Found, TERMINAL};
use crate::failure::{Code, Failure};
use crate::random;

/// Records in one step, as in a browser.
const MAX_CHANGES: usize = 4_096;
/// Under what this program's own records are sealed, apart from the engine's.
const OWN_PURPOSE: &[u8] = b"Pawl terminal v1";

/// A file of ours, locked, that nobody has unlocked yet.
pub(crate) struct Closed {
    connection: Connection,
    wrapped: Wrapped,
    lock: Option<File>,
}

/// An open store; nobody else writes to it.
pub(crate) struct Store {
    connection: Connection,
    sealer: Sealer,
    own: Sealer,
    epoch: i64,
    _lock: Option<File>,
}

/// A message's key and its record, or nothing where the record cannot be unsealed.
pub(crate) type Line = (Key, Option<Zeroizing<Vec<u8>>>);

impl Closed {
    /// Finds what is there and keeps others from it; nothing where there is no store yet.
    pub(crate) fn find(path: &Path, kind: Kind) -> Result<Option<Self>, Failure> {
        if !exists(path)? {
            return Ok(None);
        }
        let lock = lock(path, kind)?;
        if kind == Kind::Backup && schema::is_a_store(path) {
            return Err(not_a_store("it is a store and no backup"));
        }
        let connection = schema::connect(path, kind == Kind::Store)?;
        match schema::look(&connection)? {
            Found::Nothing => Ok(None),
            Found::Ours(found) if found == kind => Ok(Some(Self {
                wrapped: Wrapped::read(&connection)?,
                connection,
                lock,
            })),
            Found::Ours(_) => Err(not_a_store("it is a backup: see `pawl restore --help`")),
        }
    }

    /// What it wants to be opened with.
    pub(crate) fn secret_kind(&self) -> Result<SecretKind, Failure> {
        self.wrapped.kind()
    }

    /// Opens it, for reading and writing.
    pub(crate) fn unlock(self, secret: &Secret, kind: Kind) -> Result<Store, Failure> {
        let data_key = self.wrapped.unwrap(secret)?;
        if kind == Kind::Store {
            schema::journal(&self.connection, kind).map_err(|error| failed(&error))?;
        }
        Ok(Store::with(self.connection, &data_key, self.lock))
    }
}

impl Store {
    /// Makes a new one where there is none.
    pub(crate) fn create(path: &Path, kind: Kind, secret: &Secret) -> Result<Self, Failure> {
        make_file(path)?;
        let lock = lock(path, kind)?;
        let mut connection = schema::connect(path, true)?;
        if schema::look(&connection)? != Found::Nothing {
            return Err(Failure::usage("there is a store already"));
        }
        let data_key = DataKey::generate(&mut random::generator());
        let wrapped = Wrapped::wrap(&data_key, secret)?;
        schema::create(&mut connection, kind, |connection| {
            wrapped.write(connection)
        })?;
        Ok(Self::with(connection, &data_key, lock))
    }

    /// Raises the fence, so that whoever wrote before can no longer, and gives what is stored to `load`.
    /// Where that fails nothing was written: an engine of another version leaves a store as it was.
    pub(crate) fn begin<T>(
        &mut self,
        load: impl FnOnce(Vec<LoadedRecord>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let run = |connection: &Connection, statement: &str| {
            let done = connection.execute_batch(statement);
            done.map_err(|error| failed(&error))
        };
        run(&self.connection, "BEGIN IMMEDIATE")?;
        let raise = "UPDATE fence SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch";
        let epoch = self.connection.query_row(raise, [], |row| row.get(0));
        let epoch = epoch.map_err(|error| failed(&error));
        let loaded = epoch.and_then(|epoch| Ok((epoch, load(self.load()?)?)));
        match loaded {
            Ok((epoch, loaded)) => {
                run(&self.connection, "COMMIT")?;
                self.epoch = epoch;
                Ok(loaded)
            }
            Err(failure) => {
                run(&self.connection, "ROLLBACK")?;
                Err(failure)
            }
        }
    }

    fn with(connection: Connection, data_key: &DataKey, lock: Option<File>) -> Self {
        Self {
            epoch: 0,
            sealer: Sealer::new(data_key),
            own: Sealer::new(&data_key.beside(OWN_PURPOSE)),
            connection,
            _lock: lock,
        }
    }

    /// Closes the file; what was written is in it.
    pub(crate) fn close(self) -> Result<(), Failure> {
        self.connection.close().map_err(|(_, error)| failed(&error))
    }

    /// Every record that an engine is loaded with; one that cannot be unsealed is no error.
    pub(crate) fn load(&self) -> Result<Vec<LoadedRecord>, Failure> {
        let mut records = Vec::new();
        for table in Table::ALL.into_iter().filter(|table| table.is_loaded()) {
            self.each(table.name(), |stored_key, stored| {
                records.push(self.unseal(table, stored_key, &stored));
                Ok(())
            })?;
        }
        Ok(records)
    }

    /// Writes all changes or none, durable when it returns. After an error the engine is ahead of the disk
    /// and must not be used any more.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) -> Result<(), Failure> {
        if changes.len() > MAX_CHANGES {
            return Err(Failure::new(Code::Other, "too many changes in one step"));
        }
        let Self {
            connection, sealer, ..
        } = self;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(&error))?;
        let fence =
            transaction.query_row("SELECT epoch FROM fence", [], |row| row.get::<_, i64>(0));
        if fence.map_err(|error| failed(&error))? != self.epoch {
            return Err(busy());
        }
        for change in changes {
            write(&transaction, sealer, change).map_err(|error| failed(&error))?;
        }
        transaction.commit().map_err(|error| failed(&error))
    }

    /// Messages with keys in `[lower, upper)`, the oldest first, `limit` at most.
    pub(crate) fn oldest(
        &self,
        lower: &Key,
        upper: &Key,
        limit: u32,
    ) -> Result<Vec<Line>, Failure> {
        self.lines(lower, upper, limit, "ASC")
    }

    /// As [`Self::oldest`], the newest first.
    pub(crate) fn newest(
        &self,
        lower: &Key,
        upper: &Key,
        limit: u32,
    ) -> Result<Vec<Line>, Failure> {
        self.lines(lower, upper, limit, "DESC")
    }

    fn lines(
        &self,
        lower: &Key,
        upper: &Key,
        limit: u32,
        order: &str,
    ) -> Result<Vec<Line>, Failure> {
        let table = Table::Messages;
        let query = format!(
            "SELECT key, value FROM {} WHERE key >= ?1 AND key < ?2 ORDER BY key {order} LIMIT ?3",
            table.name()
        );
        let bounds = [lower, upper].map(|key| self.sealer.stored_key(table, key));
        let [lower, upper] = bounds;
        let read = || {
            let mut statement = self.connection.prepare_cached(&query)?;
            let rows = statement.query_map((lower, upper, limit), pair)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().map_err(|error| failed(&error))?;
        let unsealed = rows.into_iter().map(|(stored_key, stored)| {
            let record = self.unseal(table, stored_key, &stored);
            (record.key, record.value)
        });
        Ok(unsealed.collect())
    }

    /// Messages with these keys, in their order; nothing for one that is not there or is damaged.
    pub(crate) fn messages(&self, keys: &[Key]) -> Result<Records, Failure> {
        let table = Table::Messages;
        let read = |key| {
            let stored_key = self.sealer.stored_key(table, key);
            let stored = self.value(table.name(), &stored_key)?;
            Ok(stored.and_then(|stored| self.sealer.unseal(table, &stored_key, &stored)))
        };
        keys.iter().map(read).collect()
    }

    /// What this program keeps under a name; nothing where it keeps nothing.
    pub(crate) fn own(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let stored_key = self.own.stored_key(Table::Meta, &Key(name.into()));
        let Some(stored) = self.value(TERMINAL, &stored_key)? else {
            return Ok(None);
        };
        let value = self.own.unseal(Table::Meta, &stored_key, &stored);
        let value = value.ok_or_else(|| damaged("a record of the terminal cannot be read"))?;
        Ok(Some(value))
    }

    /// Keeps something under a name, durable when it returns.
    pub(crate) fn keep_own(&mut self, name: &str, value: &[u8]) -> Result<(), Failure> {
        let stored_key = self.own.stored_key(Table::Meta, &Key(name.into()));
        let mut rng = random::generator();
        let sealed = self.own.seal(Table::Meta, &stored_key, value, &mut rng);
        put(&self.connection, TERMINAL, &stored_key, &sealed).map_err(|error| failed(&error))
    }

    fn value(&self, table: &str, stored_key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let query = format!("SELECT value FROM {table} WHERE key = ?1");
        let read = || {
            let mut statement = self.connection.prepare_cached(&query)?;
            statement
                .query_row([stored_key], |row| row.get(0))
                .optional()
        };
        read().map_err(|error| failed(&error))
    }

    /// Every record of a table as it is stored.
    fn each(
        &self,
        table: &str,
        mut visit: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = |error| failed(&error);
        let query = format!("SELECT key, value FROM {table} ORDER BY key");
        let mut statement = self.connection.prepare(&query).map_err(failed)?;
        let rows = statement.query_map([], pair).map_err(failed)?;
        for row in rows {
            let (stored_key, stored) = row.map_err(failed)?;
            visit(stored_key, stored)?;
        }
        Ok(())
    }

    fn unseal(&self, table: Table, stored_key: Vec<u8>, stored: &[u8]) -> LoadedRecord {
        match self.sealer.key(table, &stored_key) {
            Some(key) => LoadedRecord {
                table,
                key,
                value: self.sealer.unseal(table, &stored_key, stored),
            },
            // A key that is not ours cannot be told: the record counts as damaged.
            None => LoadedRecord {
                table,
                key: Key(stored_key),
                value: None,
            },
        }
    }
}

fn pair(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn write(connection: &Connection, sealer: &Sealer, change: Change) -> rusqlite::Result<()> {
    match change {
        Change::Put { table, key, value } => {
            let stored_key = sealer.stored_key(table, &key);
            let sealed = sealer.seal(table, &stored_key, &value, &mut random::generator());
            put(connection, table.name(), &stored_key, &sealed)
        }
        Change::Delete { table, key } => {
            let query = format!("DELETE FROM {} WHERE key = ?1", table.name());
            let mut statement = connection.prepare_cached(&query)?;
            statement
                .execute([sealer.stored_key(table, &key)])
                .map(drop)
        }
    }
}

fn put(connection: &Connection, table: &str, key: &[u8], value: &[u8]) -> rusqlite::Result<()> {
    let query = format!("INSERT OR REPLACE INTO {table} (key, value) VALUES (?1, ?2)");
    let mut statement = connection.prepare_cached(&query)?;
    statement.execute((key, value)).map(drop)
}

fn exists(path: &Path) -> Result<bool, Failure> {
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(not_a_store("it is a folder")),
        Ok(found) if !found.is_file() => Err(not_a_store("it is no file")),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(not_a_store(&error.to_string())),
    }
}

/// Another program must not open what this one has: SQLite's own lock is the second fence, and enough for a
/// backup, which nobody lives in.
fn lock(path: &Path, kind: Kind) -> Result<Option<File>, Failure> {
    if kind == Kind::Backup {
        return Ok(None);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let unusable = |error: std::io::Error| {
        let line = format!("{} cannot be used: {error}", name.display());
        Failure::new(Code::StoreFailed, line)
    };
    let file = private().append(true).open(&name).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(busy()),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// The file and its folder, for the owner alone.
fn make_file(path: &Path) -> Result<(), Failure> {
    let unusable = |error: std::io::Error| {
        let line = format!("{} cannot be made: {error}", path.display());
        Failure::new(Code::StoreFailed, line)
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(unusable)?;
    }
    private()
        .append(true)
        .open(path)
        .map(drop)
        .map_err(unusable)
}

/// A file that is made where it is not there, for the owner alone.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
