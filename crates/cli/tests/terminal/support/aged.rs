//! A store as Pawl 0.2 left it: every record has version 1 in its first byte, under the store's own seal.

use std::fs;

use getrandom::SysRng;
use pawl_client::{DataKey, Sealer, Table};
use rand_core::UnwrapErr;
use rusqlite::Connection;

use super::Person;

/// Sets every record's version to the one before.
pub(crate) fn age(person: &Person) {
    let database = Connection::open(person.store()).expect("a store");
    let sealer = Sealer::new(&data_key(person, &database));
    for table in Table::ALL {
        let name = table.name();
        let query = format!("SELECT key, value FROM {name}");
        let mut query = database.prepare(&query).expect("a table");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: Vec<(Vec<u8>, Vec<u8>)> =
            rows.and_then(Iterator::collect).expect("keys and records");
        for (key, sealed) in rows {
            let mut record = sealer.unseal(table, &key, &sealed).expect("a record");
            assert_eq!(record[0], 2, "the version of today's records");
            record[0] = 1;
            let sealed = sealer.seal(table, &key, &record, &mut UnwrapErr(SysRng));
            let update = format!("UPDATE {name} SET value = ?1 WHERE key = ?2");
            database
                .execute(&update, (sealed, key))
                .expect("it is written");
        }
    }
}

/// What the records are sealed with, which the key file unwraps.
fn data_key(person: &Person, database: &Connection) -> DataKey {
    let text = fs::read_to_string(person.path("key")).expect("a key file");
    let digits = text.trim().as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).expect("digits"));
    let bytes: Vec<_> = digits
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect();
    let wrapping = Sealer::new(&DataKey::from_bytes(&bytes).expect("32 bytes"));
    let query = "SELECT kind, memory, passes, salt, wrapped FROM keys WHERE id = 1";
    let row = database.query_row(query, [], |row| {
        let (kind, memory, passes): (i64, u32, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (salt, wrapped): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let numbers = [memory.to_be_bytes(), passes.to_be_bytes()].concat();
        let header = [
            b"Pawl store key v1",
            &kind.to_be_bytes()[..],
            &numbers,
            &salt,
        ]
        .concat();
        Ok((header, wrapped))
    });
    let (header, wrapped) = row.expect("the wrapped key");
    let opened = wrapping.unseal(Table::Meta, &header, &wrapped);
    DataKey::from_bytes(&opened.expect("it opens")).expect("32 bytes")
}
