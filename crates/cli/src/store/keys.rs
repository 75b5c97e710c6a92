//! The data key at rest: wrapped by a key made from a passphrase with Argon2id, or by a key file. Knows what
//! stands in the file about it, and nothing of how a passphrase is asked for.

use argon2::{Algorithm, Argon2, Params, Version};
use pawl_client::{DataKey, Sealer, Table};
use rand_core::Rng;
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use super::fault::{damaged, failed};
use crate::failure::{Code, Failure};
use crate::random;

/// Argon2id: kibibytes of memory, a fifth of a second on a small machine.
const MEMORY: u32 = 64 * 1024;
/// Argon2id: passes over it.
const PASSES: u32 = 3;
/// The most that a file may ask for: another version's choice, not an attack on this machine's memory.
const MOST_MEMORY: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 16;
const SALT: usize = 16;

/// Characters that a person remembers.
pub(crate) struct Passphrase {
    /// In the one form that all systems type alike; what is new is sealed with it.
    pub(crate) text: Zeroizing<String>,
    /// As it was typed, where that is something else: older stores were sealed so.
    pub(crate) typed: Option<Zeroizing<String>>,
}

/// What opens a store.
pub(crate) enum Secret {
    Passphrase(Passphrase),
    KeyFile(DataKey),
}

/// Which kind of secret a store wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    Passphrase = 1,
    KeyFile = 2,
}

impl Secret {
    pub(crate) fn kind(&self) -> SecretKind {
        match self {
            Self::Passphrase(_) => SecretKind::Passphrase,
            Self::KeyFile(_) => SecretKind::KeyFile,
        }
    }
}

/// A wrapped data key, as it stands in the file.
pub(super) struct Wrapped {
    kind: i64,
    memory: u32,
    passes: u32,
    salt: Vec<u8>,
    wrapped: Vec<u8>,
}

impl Wrapped {
    /// Wraps a data key for a new store.
    pub(super) fn wrap(data_key: &DataKey, secret: &Secret) -> Result<Self, Failure> {
        let mut salt = vec![0; SALT];
        random::generator().fill_bytes(&mut salt);
        let mut wrapped = Self {
            kind: secret.kind() as i64,
            memory: MEMORY,
            passes: PASSES,
            salt,
            wrapped: Vec::new(),
        };
        let sealer = wrapped.sealer(secret)?;
        let mut rng = random::generator();
        wrapped.wrapped = sealer.seal(
            Table::Meta,
            &wrapped.header(),
            data_key.as_bytes(),
            &mut rng,
        );
        Ok(wrapped)
    }

    /// The data key.
    pub(super) fn unwrap(&self, secret: &Secret) -> Result<DataKey, Failure> {
        if secret.kind() != self.kind()? {
            let line = match secret.kind() {
                SecretKind::Passphrase => "this store opens with a key file: give --key-file",
                SecretKind::KeyFile => "this store opens with a passphrase, not with a key file",
            };
            return Err(Failure::new(Code::Secret, line));
        }
        let mut opened = self.open(&self.sealer(secret)?);
        if let (
            None,
            Secret::Passphrase(Passphrase {
                typed: Some(typed), ..
            }),
        ) = (&opened, secret)
        {
            opened = self.open(&self.stretched(typed)?);
        }
        let wrong = match secret.kind() {
            SecretKind::Passphrase => "wrong passphrase",
            SecretKind::KeyFile => "wrong key file",
        };
        opened.ok_or_else(|| Failure::new(Code::Secret, wrong))
    }

    fn open(&self, sealer: &Sealer) -> Option<DataKey> {
        let opened = sealer.unseal(Table::Meta, &self.header(), &self.wrapped);
        opened.and_then(|bytes| DataKey::from_bytes(&bytes))
    }

    pub(super) fn kind(&self) -> Result<SecretKind, Failure> {
        let kinds = [SecretKind::Passphrase, SecretKind::KeyFile];
        let kind = kinds.into_iter().find(|kind| *kind as i64 == self.kind);
        kind.ok_or_else(|| damaged("it does not say how it is sealed"))
    }

    pub(super) fn read(connection: &Connection) -> Result<Self, Failure> {
        let query = "SELECT kind, memory, passes, salt, wrapped FROM keys WHERE id = 1";
        let row = connection.query_row(query, [], |row| {
            Ok(Self {
                kind: row.get(0)?,
                memory: row.get(1)?,
                passes: row.get(2)?,
                salt: row.get(3)?,
                wrapped: row.get(4)?,
            })
        });
        let row = row.optional().map_err(|error| failed(&error))?;
        row.ok_or_else(|| damaged("its key is gone"))
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let insert = "INSERT INTO keys (id, kind, memory, passes, salt, wrapped) VALUES (1, ?1, ?2, ?3, ?4, ?5)";
        let row = (
            self.kind,
            self.memory,
            self.passes,
            &self.salt,
            &self.wrapped,
        );
        connection.execute(insert, row).map(drop)
    }

    /// Everything that the wrapping key was made with, authenticated with what it wraps.
    fn header(&self) -> Vec<u8> {
        let numbers = [self.memory.to_be_bytes(), self.passes.to_be_bytes()].concat();
        let kind = self.kind.to_be_bytes();
        [b"Pawl store key v1", &kind[..], &numbers, &self.salt].concat()
    }

    fn sealer(&self, secret: &Secret) -> Result<Sealer, Failure> {
        match secret {
            Secret::Passphrase(passphrase) => self.stretched(&passphrase.text),
            Secret::KeyFile(key) => Ok(Sealer::new(key)),
        }
    }

    fn stretched(&self, passphrase: &str) -> Result<Sealer, Failure> {
        let key = self.stretch(passphrase.as_bytes())?;
        let key = DataKey::from_bytes(key.as_ref());
        let key = key.ok_or_else(|| damaged("no key of 32 bytes"))?;
        Ok(Sealer::new(&key))
    }

    fn stretch(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; 32]>, Failure> {
        let wrong = |_| damaged("it asks for an impossible Argon2id");
        if self.memory > MOST_MEMORY || self.passes > MOST_PASSES {
            return Err(damaged("it asks for more memory than Pawl ever uses"));
        }
        let params = Params::new(self.memory, self.passes, 1, Some(32)).map_err(wrong)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &self.salt, key.as_mut())
            .map_err(wrong)?;
        Ok(key)
    }
}
