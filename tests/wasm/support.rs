//! What the tests in a browser share: databases of their own, and eyes and hands below the store.

use js_sys::{Array, Promise};
use pawl_client::{Change, Key, Table};
use pawl_wasm::store::{CommitError, Store};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

#[wasm_bindgen(inline_js = r#"
const asked = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
  request.onblocked = () => reject(new Error('blocked'));
});

async function withStore(name, store, mode, work) {
  const database = await asked(indexedDB.open(name));
  try {
    const transaction = database.transaction([store], mode);
    const ended = new Promise((resolve) => { transaction.oncomplete = resolve; transaction.onabort = resolve; });
    const result = await work(transaction.objectStore(store));
    await ended;
    return result;
  } finally {
    database.close();
  }
}

let seen = [];
let watching = false;
let watchedName = '';

// Records every transaction of one database as the browser made it: "mode durability stores".
export function watch(name) {
  watchedName = name;
  seen = [];
  if (watching) return;
  watching = true;
  const open = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (...given) {
    const transaction = open.apply(this, given);
    if (this.name === watchedName) seen.push([transaction.mode, transaction.durability, ...[...transaction.objectStoreNames].sort()].join(' '));
    return transaction;
  };
}

export function watched() {
  return seen;
}

// The put after so many others throws an error of that name, once.
export function failPutAfter(count, error) {
  const put = IDBObjectStore.prototype.put;
  let left = count;
  IDBObjectStore.prototype.put = function (...given) {
    if (left-- > 0) return put.apply(this, given);
    IDBObjectStore.prototype.put = put;
    throw new DOMException('as the test asked', error);
  };
}

// The put after `count` others is asked, and refused by the store later.
export function refusePutAfter(count) {
  const put = IDBObjectStore.prototype.put;
  let left = count;
  IDBObjectStore.prototype.put = function (...given) {
    const asked = put.apply(this, given);
    if (left-- > 0) return asked;
    IDBObjectStore.prototype.put = put;
    return this.add(...given);
  };
}

// The next transaction that is to commit is aborted by the browser instead, for this reason.
export function abortCommit(error) {
  const commit = IDBTransaction.prototype.commit;
  IDBTransaction.prototype.commit = function () {
    IDBTransaction.prototype.commit = commit;
    Object.defineProperty(this, 'error', { value: new DOMException('as the test asked', error) });
    this.abort();
  };
}

// The next database that is asked for is not opened, and the browser says as little as it may.
export function abortOpen() {
  const open = IDBFactory.prototype.open;
  IDBFactory.prototype.open = function () {
    IDBFactory.prototype.open = open;
    throw new DOMException('as the test asked', 'AbortError');
  };
}

// Everything that an object store holds, [key, value] by [key, value].
export async function dump(name, store) {
  return withStore(name, store, 'readonly', async (objects) => {
    const [keys, values] = await Promise.all([asked(objects.getAllKeys()), asked(objects.getAll())]);
    return keys.flatMap((key, index) => [new Uint8Array(key), values[index]]);
  });
}

export async function overwrite(name, store, key, value) {
  await withStore(name, store, 'readwrite', (objects) => asked(objects.put(value, key)));
}

export async function remove(name, store, key) {
  await withStore(name, store, 'readwrite', (objects) => asked(objects.delete(key)));
}

export async function extractable(name) {
  return withStore(name, 'keys', 'readonly', async (objects) => (await asked(objects.get('wrapping'))).extractable);
}

export async function raiseVersion(name, version) {
  (await asked(indexedDB.open(name, version))).close();
}

export async function drop_(name) {
  await asked(indexedDB.deleteDatabase(name));
}
"#)]
extern "C" {
    fn watch(name: &str);
    fn watched() -> Array;
    #[wasm_bindgen(js_name = failPutAfter)]
    pub(crate) fn fail_put_after(count: u32, error: &str);
    #[wasm_bindgen(js_name = refusePutAfter)]
    pub(crate) fn refuse_put_after(count: u32);
    #[wasm_bindgen(js_name = abortCommit)]
    pub(crate) fn abort_commit(error: &str);
    #[wasm_bindgen(js_name = abortOpen)]
    pub(crate) fn abort_open();
    fn dump(name: &str, store: &str) -> Promise;
    fn overwrite(name: &str, store: &str, key: &JsValue, value: &JsValue) -> Promise;
    fn remove(name: &str, store: &str, key: &str) -> Promise;
    fn extractable(name: &str) -> Promise;
    #[wasm_bindgen(js_name = raiseVersion)]
    fn raise_version(name: &str, version: u32) -> Promise;
    fn drop_(name: &str) -> Promise;
}

/// A database of one test, which begins without it.
pub(crate) struct Database(pub(crate) &'static str);

impl Database {
    pub(crate) async fn fresh(name: &'static str) -> Self {
        settled(drop_(name)).await;
        Self(name)
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.0).await.expect("the store opens")
    }

    /// Begins to watch the transactions of this database.
    pub(crate) fn watch(&self) {
        watch(self.0);
    }

    /// The transactions since, each as "mode durability stores".
    pub(crate) fn watched(&self) -> Vec<String> {
        watched()
            .iter()
            .filter_map(|seen| seen.as_string())
            .collect()
    }

    /// Raw keys and values of a table.
    pub(crate) async fn dump(&self, store: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let flat = Array::from(&settled(dump(self.0, store)).await).to_vec();
        flat.chunks(2)
            .map(|row| (raw(&row[0]), raw(&row[1])))
            .collect()
    }

    pub(crate) async fn overwrite(&self, store: &str, key: &[u8], value: &[u8]) {
        let bytes = |bytes| JsValue::from(js_sys::Uint8Array::from(bytes));
        settled(overwrite(self.0, store, &bytes(key), &bytes(value))).await;
    }

    pub(crate) async fn overwrite_named(&self, store: &str, key: &str, value: &[u8]) {
        let value = js_sys::Uint8Array::from(value).into();
        settled(overwrite(self.0, store, &key.into(), &value)).await;
    }

    pub(crate) async fn remove(&self, store: &str, key: &str) {
        settled(remove(self.0, store, key)).await;
    }

    pub(crate) async fn wrapping_key_is_extractable(&self) -> bool {
        settled(extractable(self.0)).await.is_truthy()
    }

    pub(crate) async fn raise_version(&self, version: u32) {
        settled(raise_version(self.0, version)).await;
    }
}

/// Bytes, or a number's.
fn raw(value: &JsValue) -> Vec<u8> {
    if let Some(number) = value.as_f64() {
        return number.to_be_bytes().to_vec();
    }
    js_sys::Uint8Array::new(value).to_vec()
}

async fn settled(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.expect("the browser does it")
}

pub(crate) fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change::Put {
        table,
        key: Key(key.to_vec()),
        value: Zeroizing::new(value.to_vec()),
    }
}

pub(crate) fn delete(table: Table, key: &[u8]) -> Change {
    let key = Key(key.to_vec());
    Change::Delete { table, key }
}

/// What a store gives an engine, in an order that can be compared.
pub(crate) async fn records(store: &Store) -> Vec<(Table, Vec<u8>, Option<Vec<u8>>)> {
    let loaded = store.load().await.expect("the store can be read");
    let plain = |value: Zeroizing<Vec<u8>>| value.to_vec();
    let mut records: Vec<_> = loaded
        .into_iter()
        .map(|record| (record.table, record.key.0, record.value.map(plain)))
        .collect();
    records.sort();
    records
}

pub(crate) async fn commit(store: &Store, changes: Vec<Change>) {
    store.commit(changes).await.expect("the step is committed");
}

pub(crate) fn is_fenced(result: Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Fenced))
}
