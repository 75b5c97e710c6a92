//! Sealing of records and of their keys under a data key, so that a store's files tell neither what is
//! said nor to whom: one way for every driver. Knows no store, and nothing of where the data key is kept.
//! ARCHITECTURE.md "Sealed records".
//!
//! A record: `version 1 | nonce 24 | ciphertext and tag`, XChaCha20-Poly1305, associated data
//! "Pawl record v1", table, stored key, version. A key: `nonce 24 | ciphertext and tag` with a nonce
//! that is an HMAC of table and key, so that the same key is always stored under the same bytes. A
//! message's key keeps its last eight bytes, the position, in the clear behind its sealed conversation.
//!
//! Everything is `inline`, so that it is compiled beside the driver that calls it: what a browser loads is half a
//! kilobyte smaller so.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::storage::store::{Key, Table};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// Bytes of a message's position, big-endian, at the end of its key.
const POSITION: usize = 8;
const RECORD_CONTEXT: &[u8] = b"Pawl record v1";
const KEY_CONTEXT: &[u8] = b"Pawl record key v1";

/// The 32-byte key from which everything in the store is sealed.
#[derive(ZeroizeOnDrop)]
pub struct DataKey([u8; 32]);

impl DataKey {
    /// A fresh one.
    #[inline]
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// From its 32 bytes; nothing where there are more or fewer.
    #[inline]
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes, to be wrapped.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of a store beside this one, for records of a driver's own.
    #[inline]
    #[must_use]
    pub fn beside(&self, purpose: &[u8]) -> Self {
        Self(*self.derive(purpose))
    }

    #[inline]
    fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(purpose, key.as_mut())
            .expect("32 bytes are far below HKDF's limit");
        key
    }
}

/// Seals and unseals with keys derived from one data key, each for one purpose.
pub struct Sealer {
    records: XChaCha20Poly1305,
    keys: XChaCha20Poly1305,
    nonces: Zeroizing<[u8; 32]>,
}

impl Sealer {
    /// The sealer of a data key.
    #[inline]
    #[must_use]
    pub fn new(data_key: &DataKey) -> Self {
        let cipher = |purpose| XChaCha20Poly1305::new((&*data_key.derive(purpose)).into());
        Self {
            records: cipher(b"Pawl store: records v1"),
            keys: cipher(b"Pawl store: keys v1"),
            nonces: data_key.derive(b"Pawl store: key nonces v1"),
        }
    }

    /// A record as it is stored under `stored_key`.
    #[inline]
    #[must_use]
    pub fn seal(
        &self,
        table: Table,
        stored_key: &[u8],
        record: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let sealed = encrypt(
            &self.records,
            &nonce,
            record,
            &record_data(table, stored_key),
        );
        [&[VERSION], &nonce[..], &sealed].concat()
    }

    /// The record of what is stored under `stored_key`; nothing where it was not sealed for that place
    /// with this data key.
    #[inline]
    #[must_use]
    pub fn unseal(
        &self,
        table: Table,
        stored_key: &[u8],
        stored: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (&version, rest) = stored.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        if version != VERSION {
            return None;
        }
        decrypt(
            &self.records,
            nonce,
            sealed,
            &record_data(table, stored_key),
        )
        .map(Zeroizing::new)
    }

    /// Under which bytes a key is stored.
    #[inline]
    #[must_use]
    pub fn stored_key(&self, table: Table, key: &Key) -> Vec<u8> {
        let (name, position) = split(table, &key.0);
        let nonce = self.key_nonce(table, name);
        let sealed = encrypt(&self.keys, &nonce, name, &key_data(table));
        [&nonce[..], &sealed, position].concat()
    }

    /// The key that is stored under these bytes; nothing where they are not of this data key.
    #[inline]
    #[must_use]
    pub fn key(&self, table: Table, stored_key: &[u8]) -> Option<Key> {
        let (sealed, position) = split(table, stored_key);
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let name = decrypt(&self.keys, nonce, sealed, &key_data(table))?;
        Some(Key([&name[..], position].concat()))
    }

    #[inline]
    fn key_nonce(&self, table: Table, name: &[u8]) -> [u8; NONCE] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.nonces.as_ref())
            .expect("HMAC takes a key of any length");
        mac.update(&key_data(table));
        mac.update(name);
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        *digest.first_chunk().expect("24 of 32 bytes")
    }
}

/// In the table of messages the position stays apart, since pages are read in its order; every key
/// there ends with one.
#[inline]
fn split(table: Table, key: &[u8]) -> (&[u8], &[u8]) {
    let position = if table == Table::Messages {
        POSITION
    } else {
        0
    };
    key.split_at(key.len().saturating_sub(position))
}

#[inline]
fn encrypt(cipher: &XChaCha20Poly1305, nonce: &[u8; NONCE], msg: &[u8], aad: &[u8]) -> Vec<u8> {
    cipher
        .encrypt(nonce.into(), Payload { msg, aad })
        .expect("a record is far below the cipher's limit of 256 GiB")
}

#[inline]
fn decrypt(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8; NONCE],
    msg: &[u8],
    aad: &[u8],
) -> Option<Vec<u8>> {
    if msg.len() < TAG {
        return None;
    }
    cipher.decrypt(nonce.into(), Payload { msg, aad }).ok()
}

/// The table's name is followed by a zero, so that no two places give the same bytes.
#[inline]
fn record_data(table: Table, stored_key: &[u8]) -> Vec<u8> {
    [
        RECORD_CONTEXT,
        table.name().as_bytes(),
        &[0],
        stored_key,
        &[VERSION],
    ]
    .concat()
}

#[inline]
fn key_data(table: Table) -> Vec<u8> {
    [KEY_CONTEXT, table.name().as_bytes(), &[0, VERSION]].concat()
}
