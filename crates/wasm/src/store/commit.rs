//! One step's changes as one transaction, with the fence checked inside it. Every error path aborts:
//! a transaction that is merely dropped commits what it has. ARCHITECTURE.md "Durability".

use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{join, join_all};
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
        let mut rng = random::for_a_step();
        let write = |change| {
            let (table, key, value) = match change {
                Change::Put { table, key, value } => (table, key, Some(value)),
                Change::Delete { table, key } => (table, key, None),
            };
            let stored_key = sealer.stored_key(table, &key);
            let sealed = value.map(|value| sealer.seal(table, &stored_key, &value, &mut rng));
            Write {
                table,
                stored_key,
                sealed,
            }
        };
        Ok(Self(changes.into_iter().map(write).collect()))
    }

    fn stores(&self) -> Vec<&'static str> {
        let changed = |table: &Table| self.0.iter().any(|write| write.table == *table);
        let tables = Table::ALL.into_iter().filter(changed).map(Table::name);
        tables.chain([FENCE]).collect()
    }

    /// Puts in a row into one table, and each erasure by itself.
    fn runs(&self) -> impl Iterator<Item = &[Write]> {
        let is_put = |write: &Write| write.sealed.is_some();
        self.0
            .chunk_by(move |a, b| a.table == b.table && is_put(a) && is_put(b))
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

/// Everything is asked at once, the fence first, so that a step costs the store one answer and not one for each
/// table: what is written where the fence has another number is aborted.
async fn put_all(transaction: &Transaction, batch: &Batch, epoch: f64) -> Result<(), CommitError> {
    let runs = batch.runs().map(|run| write_run(transaction, run));
    // All are awaited, failed or not: a request's callback must outlive it.
    let (stored, written) = join(read_epoch(transaction), join_all(runs)).await;
    if stored? != Some(epoch) {
        return Err(CommitError::Fenced);
    }
    Ok(written.into_iter().collect::<Result<(), _>>()?)
}

/// Only the last put of a run is listened to: one that fails aborts the transaction, and the last one with it.
async fn write_run(transaction: &Transaction, run: &[Write]) -> Result<(), rexie::Error> {
    let bytes = |bytes: &[u8]| JsValue::from(Uint8Array::from(bytes));
    let [first, ..] = run else { return Ok(()) };
    let store = transaction.store(first.table.name())?;
    if first.sealed.is_none() {
        return store.delete(bytes(&first.stored_key)).await;
    }
    let puts = run.iter().filter_map(|write| {
        let value = bytes(write.sealed.as_deref()?);
        Some((value, Some(bytes(&write.stored_key))))
    });
    store.put_all(puts).await
}
