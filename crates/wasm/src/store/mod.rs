//! The store: sealed records in IndexedDB, one strict transaction per step of the engine. Owns the
//! database, the data key and the fence; must not know what is in a record. A browser may never answer: who
//! calls watches the time. ARCHITECTURE.md "Client state".

mod commit;
mod durability;
mod fault;
mod keys;
mod read;
mod schema;

use std::rc::Rc;

use pawl_client::{Change, Key, LoadedRecord, Records, Sealer};
use zeroize::Zeroizing;

pub use self::fault::{CommitError, OpenError, ReadError};
pub use self::schema::{FENCE, KEYS, SCHEMA_VERSION};

/// A message's key and its record, or nothing where the record cannot be unsealed.
pub type Row = (Key, Option<Zeroizing<Vec<u8>>>);

/// An open store, and the right to write to it until somebody opens it after us.
pub struct Store {
    database: Rc<schema::Connection>,
    sealer: Sealer,
    epoch: f64,
}

impl Store {
    /// Opens or makes the database `name`, raises its fence (whoever wrote before can no longer), and
    /// unwraps the data key.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(name: &str) -> Result<Self, OpenError> {
        Self::open_after(name, None).await
    }

    /// As [`Store::open`], where this tab has had it open as number `epoch`: refused where somebody else
    /// has opened it since.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open_after(name: &str, epoch: Option<f64>) -> Result<Self, OpenError> {
        durability::make_strict();
        let database = Rc::new(schema::open(name).await?);
        let epoch = commit::raise_fence(&database, epoch).await?;
        let data_key = keys::load_or_make(&database).await?;
        let sealer = Sealer::new(&data_key);
        Ok(Self {
            database,
            sealer,
            epoch,
        })
    }

    /// The number of this opening: rises with each, a new database's too, whoever deleted the one before.
    #[must_use]
    pub fn epoch(&self) -> f64 {
        self.epoch
    }

    /// Every record that an engine is loaded with.
    ///
    /// # Errors
    /// [`ReadError`] where the database does not answer; a record that cannot be unsealed is no error.
    pub async fn load(&self) -> Result<Vec<LoadedRecord>, ReadError> {
        read::load(&self.database, &self.sealer).await
    }

    /// Writes all changes or none, durable when it returns.
    ///
    /// # Errors
    /// [`CommitError`]: nothing is written, and the engine must be loaded again.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let batch = commit::Batch::seal(changes, &self.sealer)?;
        commit::write(Rc::clone(&self.database), batch, self.epoch).await
    }

    /// Messages with keys in `[lower, upper)`, newest first, `limit` at most.
    ///
    /// # Errors
    /// [`ReadError`] where the database does not answer.
    pub async fn newest(
        &self,
        lower: &Key,
        upper: &Key,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        read::newest(&self.database, &self.sealer, lower, upper, limit).await
    }

    /// Messages with these keys, in their order; nothing for one that is not there or is damaged.
    ///
    /// # Errors
    /// [`ReadError`] where the database does not answer.
    pub async fn messages(&self, keys: &[Key]) -> Result<Records, ReadError> {
        read::messages(&self.database, &self.sealer, keys).await
    }
}
