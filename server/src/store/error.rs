//! Why the store does not do what it is asked, and why it cannot be opened at all.

/// Why the store did not do what it was asked. The connection that asked ends with `Unavailable`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite refused, or the disk did.
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The group that this was part of could not be committed.
    #[error("the store could not commit")]
    NotCommitted,
    /// An envelope before this one was not stored.
    #[error("the envelope before it was not stored")]
    BehindFailure,
    /// A fault of ours; the job was undone.
    #[error("a store job panicked")]
    Panicked,
    /// The file that is open is not the one at its path.
    #[error("relay.db is not where it was opened: its folder was moved or replaced")]
    Moved,
    /// Somebody else wrote into the store, or its disk lost something: whom it shut out nobody knows.
    #[error("the row {0} of the table ban names neither an account nor a network")]
    NoBan(i64),
    /// The relay is going down.
    #[error("the store has stopped")]
    Stopped,
}

impl StoreError {
    /// The disk has no room left.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if is_full(error))
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// Why the store cannot be opened. Each text is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the lock file in it cannot be written.
    #[error("cannot write there: {0}")]
    Unwritable(std::io::Error),
    /// The folder cannot be looked into.
    #[error("cannot read there: {0}")]
    Unreadable(std::io::Error),
    /// Nothing that a command could work on; only a relay makes one.
    #[error(
        "there is no store in it: start the relay once, or name its folder with --data or --config"
    )]
    NoStore,
    /// Another relay runs on this folder.
    #[error("another relay is using it")]
    InUse,
    /// Another version of the relay made the file.
    #[error("its tables are version {found}, this relay knows version {known}")]
    OtherVersion {
        /// In the file.
        found: i32,
        /// In this binary.
        known: i32,
    },
    /// A file of another program.
    #[error("relay.db is not a Pawl relay's store")]
    NotOurs,
    /// What `backup` wrote, put in the store's place by hand.
    #[error(
        "relay.db is a copy that `pawl-server backup` made: `pawl-server restore` makes a store of it"
    )]
    ACopy,
    /// Not even the reserve is left.
    #[error("the disk is full, and the reserve in the folder is used up: make some MiB of room")]
    Full,
    /// No thread for it.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// Anything else that SQLite says.
    #[error("cannot open relay.db: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotOurs,
            _ => Self::Sqlite(error),
        }
    }
}
