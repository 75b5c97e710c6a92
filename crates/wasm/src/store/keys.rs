//! The data key at rest: wrapped by an AES-GCM key of WebCrypto that cannot be exported, both in one
//! object store. It keeps a copied profile from telling anything to who has not the browser's own
//! key store; it is no passphrase. ARCHITECTURE.md "Sealed records".

use std::rc::Rc;

use js_sys::{Array, Object, Promise, Uint8Array};
use pawl_client::{DataKey, Table};
use rand_core::Rng;
use rexie::{Rexie, TransactionMode};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};
use zeroize::Zeroizing;

use super::commit::{detached, finish};
use super::fault::{CommitError, OpenError, ReadError};
use super::schema::{Connection, KEYS};
use crate::js::object;
use crate::random;

/// Bytes of AES-GCM's nonce, in front of the wrapped key.
const NONCE: usize = 12;
const WRAPPING: &str = "wrapping";
const WRAPPED: &str = "wrapped";

/// What the `keys` store holds.
struct Stored {
    wrapping: CryptoKey,
    wrapped: Vec<u8>,
}

/// The data key of this database; a new one where the database is new.
pub(super) async fn load_or_make(database: &Rc<Connection>) -> Result<DataKey, OpenError> {
    if let Some(stored) = read(database).await? {
        return unwrap(&stored).await;
    }
    let (stored, made) = make().await?;
    if write(database, stored).await? {
        return Ok(made);
    }
    // Another tab was faster; its key is the one.
    match read(database).await? {
        Some(stored) => unwrap(&stored).await,
        None => Err(OpenError::Damaged("the data key vanished")),
    }
}

async fn read(database: &Rexie) -> Result<Option<Stored>, OpenError> {
    let stores = [KEYS, Table::Meta.name()];
    let transaction = database.transaction(&stores, TransactionMode::ReadOnly)?;
    let keys = transaction.store(KEYS)?;
    let wrapping = keys.get(WRAPPING.into()).await?;
    let wrapped = keys.get(WRAPPED.into()).await?;
    let records = transaction.store(Table::Meta.name())?.count(None).await?;
    match (wrapping, wrapped) {
        (None, None) if records == 0 => Ok(None),
        (Some(wrapping), Some(wrapped)) => Ok(Some(Stored {
            wrapping: wrapping
                .dyn_into()
                .map_err(|_| OpenError::Damaged("the wrapping key is not a key"))?,
            wrapped: wrapped
                .dyn_into::<Uint8Array>()
                .map_err(|_| OpenError::Damaged("the wrapped key is not bytes"))?
                .to_vec(),
        })),
        _ => Err(OpenError::Damaged("a key is missing")),
    }
}

/// Writes the keys, unless there are some by now; says whether it did.
async fn write(database: &Rc<Connection>, stored: Stored) -> Result<bool, CommitError> {
    let database = Rc::clone(database);
    detached(async move {
        let transaction = database.transaction(&[KEYS], TransactionMode::ReadWrite)?;
        let written = async {
            let keys = transaction.store(KEYS)?;
            if keys.key_exists(WRAPPING.into()).await? {
                return Ok(false);
            }
            let wrapped: JsValue = Uint8Array::from(stored.wrapped.as_slice()).into();
            keys.put(&stored.wrapping, Some(&WRAPPING.into())).await?;
            keys.put(&wrapped, Some(&WRAPPED.into())).await?;
            Ok(true)
        }
        .await;
        finish(transaction, written).await
    })
    .await
}

async fn make() -> Result<(Stored, DataKey), OpenError> {
    let algorithm = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let wrapping: CryptoKey =
        settled(subtle()?.generate_key_with_object(&algorithm, false, &usages))
            .await?
            .unchecked_into();
    let data_key = DataKey::generate(&mut random::generator());
    let mut nonce = [0; NONCE];
    random::generator().fill_bytes(&mut nonce);
    let sealed =
        subtle()?.encrypt_with_object_and_u8_array(&gcm(&nonce), &wrapping, data_key.as_bytes());
    let sealed = Uint8Array::new(&settled(sealed).await?).to_vec();
    let wrapped = [&nonce[..], &sealed].concat();
    Ok((Stored { wrapping, wrapped }, data_key))
}

async fn unwrap(stored: &Stored) -> Result<DataKey, OpenError> {
    let damaged = OpenError::Damaged("the data key does not open");
    let Some((nonce, sealed)) = stored.wrapped.split_first_chunk::<NONCE>() else {
        return Err(damaged);
    };
    let opened = subtle()?.decrypt_with_object_and_u8_array(&gcm(nonce), &stored.wrapping, sealed);
    let Ok(opened) = settled(opened).await else {
        return Err(damaged);
    };
    let opened = Uint8Array::new(&opened);
    let bytes = Zeroizing::new(opened.to_vec());
    opened.fill(0, 0, opened.length());
    DataKey::from_bytes(&bytes).ok_or(damaged)
}

fn subtle() -> Result<SubtleCrypto, OpenError> {
    let scope: WorkerGlobalScope = JsValue::from(js_sys::global()).unchecked_into();
    let crypto = scope.crypto().map_err(|error| crypto_error(&error))?;
    Ok(crypto.subtle())
}

async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, OpenError> {
    let promise = promise.map_err(|error| crypto_error(&error))?;
    JsFuture::from(promise)
        .await
        .map_err(|error| crypto_error(&error))
}

fn crypto_error(error: &JsValue) -> OpenError {
    OpenError::Crypto(crate::js::describe(error))
}

fn gcm(nonce: &[u8; NONCE]) -> Object {
    let iv = Uint8Array::from(&nonce[..]);
    object(&[("name", "AES-GCM".into()), ("iv", iv.into())])
}

impl From<ReadError> for CommitError {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.0)
    }
}
