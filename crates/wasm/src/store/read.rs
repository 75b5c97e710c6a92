//! Reading: everything that an engine starts with, and messages by the page.

use js_sys::{ArrayBuffer, Uint8Array};
use pawl_client::{Key, LoadedRecord, Records, Sealer, Table};
use rexie::{Direction, KeyRange, Rexie, Transaction, TransactionMode};
use wasm_bindgen::{JsCast, JsValue};

use super::Row;
use super::fault::ReadError;

/// Reads all tables but the messages, in one transaction.
pub(super) async fn load(
    database: &Rexie,
    sealer: &Sealer,
) -> Result<Vec<LoadedRecord>, ReadError> {
    let tables: Vec<Table> = Table::ALL
        .into_iter()
        .filter(|table| table.is_loaded())
        .collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
    let transaction = database.transaction(&names, TransactionMode::ReadOnly)?;
    let mut records = Vec::new();
    for table in tables {
        for (stored_key, stored) in read_table(&transaction, table).await? {
            records.push(unseal(sealer, table, &stored_key, &stored));
        }
    }
    Ok(records)
}

async fn read_table(
    transaction: &Transaction,
    table: Table,
) -> Result<Vec<(JsValue, JsValue)>, ReadError> {
    let store = transaction.store(table.name())?;
    let keys = store.get_all_keys(None, None).await?;
    let values = store.get_all(None, None).await?;
    Ok(keys.into_iter().zip(values).collect())
}

fn unseal(sealer: &Sealer, table: Table, stored_key: &JsValue, stored: &JsValue) -> LoadedRecord {
    let stored_key = bytes(stored_key).unwrap_or_default();
    let key = sealer.key(table, &stored_key);
    let value = bytes(stored).and_then(|stored| sealer.unseal(table, &stored_key, &stored));
    match key {
        Some(key) => LoadedRecord { table, key, value },
        // A key that is not ours cannot be told: the record counts as damaged.
        None => LoadedRecord {
            table,
            key: Key(stored_key),
            value: None,
        },
    }
}

/// Messages in `[lower, upper)`, newest first. Both bounds are of one conversation.
pub(super) async fn newest(
    database: &Rexie,
    sealer: &Sealer,
    lower: &Key,
    upper: &Key,
    limit: u32,
) -> Result<Vec<Row>, ReadError> {
    if lower >= upper {
        // IndexedDB takes an empty range for an error.
        return Ok(Vec::new());
    }
    let table = Table::Messages;
    let bound = |key| JsValue::from(Uint8Array::from(sealer.stored_key(table, key).as_slice()));
    let range = KeyRange::bound(&bound(lower), &bound(upper), Some(false), Some(true))
        .map_err(|error| ReadError(error.to_string()))?;
    let transaction = database.transaction(&[table.name()], TransactionMode::ReadOnly)?;
    let store = transaction.store(table.name())?;
    let rows = store
        .scan(Some(range), Some(limit), None, Some(Direction::Prev))
        .await?;
    let records = rows
        .iter()
        .map(|(key, value)| unseal(sealer, table, key, value));
    Ok(records.map(|record| (record.key, record.value)).collect())
}

/// Messages by their keys.
pub(super) async fn messages(
    database: &Rexie,
    sealer: &Sealer,
    keys: &[Key],
) -> Result<Records, ReadError> {
    let table = Table::Messages;
    let transaction = database.transaction(&[table.name()], TransactionMode::ReadOnly)?;
    let store = transaction.store(table.name())?;
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        let stored_key = JsValue::from(Uint8Array::from(sealer.stored_key(table, key).as_slice()));
        let stored = store.get(stored_key.clone()).await?;
        rows.push(stored.and_then(|stored| unseal(sealer, table, &stored_key, &stored).value));
    }
    Ok(rows)
}

/// The bytes of a key (an ArrayBuffer) or of a value (a Uint8Array).
fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    if value.is_instance_of::<ArrayBuffer>() || value.is_instance_of::<Uint8Array>() {
        Some(Uint8Array::new(value).to_vec())
    } else {
        None
    }
}
