//! From a store to a backup and back: the same records, sealed anew under the other file's key, without what
//! ratchets. A backup is a store in one file that no engine is ever loaded from.

use pawl_client::{Key, Table};
use rusqlite::TransactionBehavior;

use super::fault::failed;
use super::schema::TERMINAL;
use super::{Store, put};
use crate::failure::Failure;
use crate::random;

impl Store {
    /// Writes everything that goes into a backup to another, new store, in one transaction. How many damaged
    /// records were left out.
    pub(crate) fn copy_to(&self, other: &mut Self) -> Result<usize, Failure> {
        let failed = |error: rusqlite::Error| failed(&error);
        let Self {
            connection,
            sealer,
            own,
            ..
        } = other;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let mut damaged = 0;
        for table in Table::ALL.into_iter().filter(|table| table.is_backed_up()) {
            self.each(table.name(), |stored_key, stored| {
                let record = self.unseal(table, stored_key, &stored);
                let Some(value) = record.value else {
                    damaged += 1;
                    return Ok(());
                };
                let stored_key = sealer.stored_key(table, &record.key);
                let mut rng = random::generator();
                let sealed = sealer.seal(table, &stored_key, &value, &mut rng);
                put(&transaction, table.name(), &stored_key, &sealed).map_err(failed)
            })?;
        }
        self.each(TERMINAL, |stored_key, stored| {
            let meta = Table::Meta;
            let name = self.own.key(meta, &stored_key);
            let value = self.own.unseal(meta, &stored_key, &stored);
            let (Some(Key(name)), Some(value)) = (name, value) else {
                damaged += 1;
                return Ok(());
            };
            let stored_key = own.stored_key(meta, &Key(name));
            let sealed = own.seal(meta, &stored_key, &value, &mut random::generator());
            put(&transaction, TERMINAL, &stored_key, &sealed).map_err(failed)
        })?;
        transaction.commit().map_err(failed)?;
        Ok(damaged)
    }
}
