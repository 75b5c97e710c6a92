//! One step's changes as one transaction, with the fence checked inside it. Every error path aborts:
//! a transaction that is merely dropped commits what it has. ARCHITECTURE.md "Durability".

use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::join_all;
use js_sys::Uint8Array;
use pawl_client::{Change, Sealer, Table};
use rexie::{Transaction, TransactionMode};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::fault::CommitError;
use super::schema::{Connection, FENCE};
use crate::clock::now;
use crate::random;

/// Records in one step: a full outbox or stock of prekeys is below a thousand.
const MAX_CHANGES: usize = 4_096;

/// The fence's only key.
const EPOCH: &str = "epoch";

/// A record as it will be stored, or nothing where it is erased.
struct Write {
    table: Table,
    stored_key: Vec<u8>,
    sealed: Option<Vec<u8>>,
}

/// Changes as they will be stored, in the order in which they were made: the browser keeps it, so the
/// last change to a key is the one that counts.
pub(super) struct Batch(Vec<Write>);

impl Batch {
    /// Seals everything before a transaction is open: it would not outlive a wait.
    pub(super) fn seal(changes: Vec<Change>, sealer: &Sealer) -> Result<Self, CommitError> {
        if changes.len() > MAX_CHANGES {
            return Err(CommitError::Failed("too many changes in one step".into()));
        }
        let write = |change| {
            let (table, key, value) = match change {
                Change::Put { table, key, value } => (table, key, Some(value)),
                Change::Delete { table, key } => (table, key, None),
            };
            let stored_key = sealer.stored_key(table, &key);
            let sealed = value
                .map(|value| sealer.seal(table, &stored_key, &value, &mut random::generator()));
            Write {
                table,
                stored_key,
                sealed,
            }
        };
        Ok(Self(changes.into_iter().map(write).collect()))
    }

    fn of(&self, table: Table) -> impl Iterator<Item = &Write> {
        self.0.iter().filter(move |write| write.table == table)
    }

    fn tables(&self) -> impl Iterator<Item = Table> {
        let changed = |table: &Table| self.of(*table).next().is_some();
        Table::ALL.into_iter().filter(changed)
    }

    fn stores(&self) -> Vec<&'static str> {
        let tables = self.tables().map(Table::name);
        tables.chain([FENCE]).collect()
    }
}

/// Writes a batch, all or nothing.
pub(super) async fn write(
    database: Rc<Connection>,
    batch: Batch,
    epoch: f64,
) -> Result<(), CommitError> {
    detached(async move {
        let transaction = database.transaction(&batch.stores(), TransactionMode::ReadWrite)?;
        let written = put_all(&transaction, &batch, epoch).await;
        finish(transaction, written).await
    })
    .await
}

/// Raises the fence and returns its new number. `after`: only where it still has that number.
pub(super) async fn raise_fence(
    database: &Rc<Connection>,
    after: Option<f64>,
) -> Result<f64, CommitError> {
    let database = Rc::clone(database);
    detached(async move {
        let transaction = database.transaction(&[FENCE], TransactionMode::ReadWrite)?;
        let raised = async {
            let stored = read_epoch(&transaction).await?;
            if after.is_some() && after != stored {
                return Err(CommitError::Fenced);
            }
            #[expect(clippy::cast_precision_loss, reason = "milliseconds are below 2^53")]
            let epoch = stored.map_or(now() as f64, |stored| stored + 1.0);
            let fence = transaction.store(FENCE)?;
            fence.put(&epoch.into(), Some(&EPOCH.into())).await?;
            Ok(epoch)
        }
        .await;
        finish(transaction, raised).await
    })
    .await
}

/// Runs a transaction to its end whatever becomes of the one who waits for it: one that is dropped
/// half-way commits what it has.
pub(super) async fn detached<T: 'static>(
    work: impl Future<Output = Result<T, CommitError>> + 'static,
) -> Result<T, CommitError> {
    let (done, wait) = oneshot::channel();
    spawn_local(async move {
        let _ = done.send(work.await);
    });
    wait.await
        .unwrap_or_else(|_| Err(CommitError::Failed("the transaction vanished".into())))
}

/// Commits where all went well, and aborts otherwise.
pub(super) async fn finish<T>(
    transaction: Transaction,
    outcome: Result<T, CommitError>,
) -> Result<T, CommitError> {
    match outcome {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // It may have been aborted by the browser already; then there is nothing left to do.
            let _ = transaction.abort().await;
            Err(error)
        }
    }
}

async fn read_epoch(transaction: &Transaction) -> Result<Option<f64>, CommitError> {
    let value = transaction.store(FENCE)?.get(EPOCH.into()).await?;
    Ok(value.and_then(|value| value.as_f64()))
}

async fn put_all(transaction: &Transaction, batch: &Batch, epoch: f64) -> Result<(), CommitError> {
    if read_epoch(transaction).await? != Some(epoch) {
        return Err(CommitError::Fenced);
    }
    for table in batch.tables() {
        let store = transaction.store(table.name())?;
        let requests = batch.of(table).map(|write| put_one(&store, write));
        // All are awaited, failed or not: a request's callback must outlive it.
        join_all(requests)
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
    }
    Ok(())
}

async fn put_one(store: &rexie::Store, write: &Write) -> Result<(), rexie::Error> {
    let key: JsValue = Uint8Array::from(write.stored_key.as_slice()).into();
    match &write.sealed {
        Some(sealed) => {
            let value: JsValue = Uint8Array::from(sealed.as_slice()).into();
            store.put(&value, Some(&key)).await.map(drop)
        }
        None => store.delete(key).await,
    }
}
