//! Which object stores there are, as an append-only list of numbered migrations. What is in a record
//! has versions of its own, which belong to the engine. ARCHITECTURE.md "Client state".

use std::ops::Deref;

use pawl_client::Table;
use rexie::{ObjectStore, Rexie};

use super::fault::OpenError;

/// The object store with the fence.
pub const FENCE: &str = "fence";
/// The object store with the wrapping key and the wrapped data key.
pub const KEYS: &str = "keys";

/// The object stores that each version added. A version once released is never changed; a new one is
/// appended.
const MIGRATIONS: &[&[&str]] = &[&[
    FENCE,
    KEYS,
    Table::Meta.name(),
    Table::Contacts.name(),
    Table::Conversations.name(),
    Table::Sessions.name(),
    Table::Prekeys.name(),
    Table::Outbox.name(),
    Table::Messages.name(),
]];

/// The version of the database that this code writes.
pub const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// A connection to the database, closed when the last who uses it is done: an open one would hold up
/// a newer version's migration.
pub(super) struct Connection(Option<Rexie>);

impl Deref for Connection {
    type Target = Rexie;

    fn deref(&self) -> &Rexie {
        self.0.as_ref().expect("it is taken only when dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(database) = self.0.take() {
            database.close();
        }
    }
}

/// Opens the database, migrated to [`SCHEMA_VERSION`].
pub(super) async fn open(name: &str) -> Result<Connection, OpenError> {
    // rexie drops object stores that are not named, so all versions' stores are named.
    let builder = MIGRATIONS
        .iter()
        .flat_map(|added| added.iter())
        .fold(Rexie::builder(name), |builder, store| {
            builder.add_object_store(ObjectStore::new(store))
        })
        .version(SCHEMA_VERSION);
    builder
        .build()
        .await
        .map(|database| Connection(Some(database)))
        .map_err(refused)
}

/// A browser that refuses IndexedDB (private mode, blocked site data) says so in one of these ways.
fn refused(error: rexie::Error) -> OpenError {
    match OpenError::from(error) {
        OpenError::Failed(text)
            if ["SecurityError", "InvalidStateError", "not found", "denied"]
                .iter()
                .any(|sign| text.contains(sign)) =>
        {
            OpenError::Unavailable(text)
        }
        other => other,
    }
}
