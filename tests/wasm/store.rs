//! The laws of the store, in a browser's own IndexedDB: strict, all or nothing, one writer, sealed,
//! and clear about what it cannot read. ARCHITECTURE.md "Durability", "Sealed records".

use pawl_client::{Key, Table};
use pawl_wasm::store::{CommitError, FENCE, KEYS, OpenError, SCHEMA_VERSION, Store};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{
    Database, abort_commit, abort_open, commit, delete, fail_put_after, is_fenced, put, records,
    refuse_put_after,
};

const SECRET: &[u8] = b"meet me under the clock at nine";

#[wasm_bindgen_test]
async fn a_step_is_one_strict_transaction_over_its_stores_and_the_fence() {
    let database = Database::fresh("strict").await;
    let store = database.open().await;
    database.watch();
    let changes = vec![
        put(Table::Sessions, b"session", b"ratchet"),
        put(Table::Outbox, b"1", b"envelope"),
        delete(Table::Prekeys, b"7"),
    ];
    commit(&store, changes).await;
    let seen = database.watched();
    assert_eq!(seen, ["readwrite strict fence outbox prekeys sessions"]);
}

#[wasm_bindgen_test]
async fn opening_writes_strictly_too() {
    let database = Database::fresh("strict-open").await;
    database.watch();
    let store = database.open().await;
    let seen = database.watched();
    let writing: Vec<_> = seen
        .iter()
        .filter(|seen| seen.starts_with("readwrite"))
        .collect();
    assert_eq!(writing, ["readwrite strict fence", "readwrite strict keys"]);
    drop(store);
}

#[wasm_bindgen_test]
async fn a_step_that_fails_half_way_leaves_nothing_behind() {
    let database = Database::fresh("rollback").await;
    let store = database.open().await;
    commit(
        &store,
        vec![
            put(Table::Meta, b"a", b"before"),
            put(Table::Outbox, b"1", b"old"),
        ],
    )
    .await;
    let before = records(&store).await;

    fail_put_after(2, "DataError");
    let step = vec![
        put(Table::Meta, b"a", b"after"),
        put(Table::Meta, b"b", b"new"),
        delete(Table::Outbox, b"1"),
        put(Table::Sessions, b"s", b"ratchet"),
    ];
    assert!(matches!(
        store.commit(step).await,
        Err(CommitError::Failed(_))
    ));
    assert_eq!(records(&store).await, before);

    commit(&store, vec![put(Table::Meta, b"a", b"after")]).await;
    assert_ne!(
        records(&store).await,
        before,
        "the store goes on after a failure"
    );
}

#[wasm_bindgen_test]
async fn whichever_of_many_puts_is_refused_none_is_kept_and_the_cause_is_told() {
    let database = Database::fresh("refused").await;
    let store = database.open().await;
    for refused in 0..6 {
        let puts = |table: Table| (0_u8..3).map(move |key| put(table, &[key], b"new"));
        refuse_put_after(refused);
        let step = puts(Table::Messages).chain(puts(Table::Sessions)).collect();
        match store.commit(step).await {
            Err(CommitError::Failed(cause)) => {
                assert!(cause.contains("ConstraintError"), "{cause}")
            }
            _ => panic!("put {refused} was refused"),
        }
        for table in [Table::Messages, Table::Sessions] {
            assert!(database.dump(table.name()).await.is_empty());
        }
    }
}

/// The browser says of the second failure only that it was aborted.
#[wasm_bindgen_test]
async fn a_full_disk_is_not_the_cause_of_what_fails_when_there_is_room_again() {
    let database = Database::fresh("cause").await;
    let store = database.open().await;
    let step = || vec![put(Table::Meta, b"a", b"first")];
    abort_commit("QuotaExceededError");
    assert!(matches!(
        store.commit(step()).await,
        Err(CommitError::Full(_))
    ));
    abort_open();
    match Store::open_after(database.0, Some(store.epoch())).await {
        Err(OpenError::Failed(cause)) => assert!(cause.contains("AbortError"), "{cause}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was aborted"),
    }
    commit(&store, step()).await;
}

#[wasm_bindgen_test]
async fn who_opens_last_is_the_only_writer() {
    let database = Database::fresh("fence").await;
    let first = database.open().await;
    commit(&first, vec![put(Table::Meta, b"a", b"first")]).await;
    let second = database.open().await;
    assert!(second.epoch() > first.epoch());

    let late = vec![
        put(Table::Meta, b"a", b"late"),
        put(Table::Outbox, b"1", b"late"),
    ];
    assert!(is_fenced(first.commit(late).await));
    commit(&second, vec![put(Table::Meta, b"b", b"second")]).await;
    let expected = vec![
        (Table::Meta, b"a".to_vec(), Some(b"first".to_vec())),
        (Table::Meta, b"b".to_vec(), Some(b"second".to_vec())),
    ];
    assert_eq!(records(&second).await, expected);
}

#[wasm_bindgen_test]
async fn who_was_replaced_does_not_take_the_store_back() {
    let database = Database::fresh("retry").await;
    let first = database.open().await;
    let again = Store::open_after(database.0, Some(first.epoch())).await;
    let again = again.expect("nobody has opened it since");
    assert!(again.epoch() > first.epoch());

    let second = database.open().await;
    let late = Store::open_after(database.0, Some(again.epoch())).await;
    assert!(matches!(late, Err(OpenError::Fenced)));
    commit(&second, vec![put(Table::Meta, b"a", b"second")]).await;
}

#[wasm_bindgen_test]
async fn a_store_that_was_deleted_begins_with_a_higher_number_than_it_had() {
    let before = {
        let database = Database::fresh("anew").await;
        database.open().await.epoch()
    };
    let after = Database::fresh("anew").await.open().await.epoch();
    assert!(after >= before, "other tabs still know the old number");
}

#[wasm_bindgen_test]
async fn reopening_gives_back_what_was_committed_and_no_messages() {
    let database = Database::fresh("reopen").await;
    let store = database.open().await;
    for round in 0..3_u8 {
        commit(
            &store,
            vec![
                put(Table::Contacts, b"bob", &[round; 40]),
                put(Table::Outbox, &[round], b"x"),
            ],
        )
        .await;
    }
    commit(
        &store,
        vec![
            delete(Table::Outbox, &[1]),
            put(Table::Messages, &[0; 12], b"text"),
        ],
    )
    .await;
    let before = records(&store).await;
    assert_eq!(before.len(), 3);
    drop(store);
    assert_eq!(records(&database.open().await).await, before);
}

#[wasm_bindgen_test]
async fn the_last_change_to_a_key_in_a_step_counts() {
    let database = Database::fresh("last").await;
    let store = database.open().await;
    let step = vec![
        put(Table::Meta, b"a", b"one"),
        delete(Table::Meta, b"a"),
        put(Table::Meta, b"a", b"two"),
        put(Table::Meta, b"b", b"gone"),
        delete(Table::Meta, b"b"),
    ];
    commit(&store, step).await;
    let expected = vec![(Table::Meta, b"a".to_vec(), Some(b"two".to_vec()))];
    assert_eq!(records(&store).await, expected);

    let many = (0..200_u8).map(|round| put(Table::Meta, b"a", &[round]));
    commit(&store, many.collect()).await;
    let expected = vec![(Table::Meta, b"a".to_vec(), Some(vec![199]))];
    assert_eq!(records(&store).await, expected);

    let by_turns = (0..100_u8).flat_map(|round| {
        let (gone, kept) = (delete(Table::Meta, b"a"), put(Table::Meta, b"a", &[round]));
        [gone, kept, put(Table::Outbox, &[round], b"x")]
    });
    commit(&store, by_turns.collect()).await;
    let meta = database.dump(Table::Meta.name()).await;
    assert_eq!(meta.len(), 1);
    let kept = records(&store).await;
    assert_eq!(kept[0], (Table::Meta, b"a".to_vec(), Some(vec![99])));
}

#[wasm_bindgen_test]
async fn the_raw_database_tells_neither_text_nor_name() {
    let database = Database::fresh("sealed").await;
    let store = database.open().await;
    for table in Table::ALL {
        commit(
            &store,
            vec![put(table, b"a name that nobody may read", SECRET)],
        )
        .await;
    }
    drop(store);
    let utf16: Vec<u8> = SECRET.iter().flat_map(|byte| [*byte, 0]).collect();
    for table in Table::ALL {
        let rows = database.dump(table.name()).await;
        assert_eq!(rows.len(), 1);
        for bytes in rows.iter().flat_map(|(key, value)| [key, value]) {
            assert!(!contains(bytes, SECRET) && !contains(bytes, &utf16));
            assert!(!contains(bytes, b"nobody"));
        }
    }
    assert!(!database.wrapping_key_is_extractable().await);
}

#[wasm_bindgen_test]
async fn the_same_record_is_never_sealed_the_same_way_twice() {
    let database = Database::fresh("nonces").await;
    let store = database.open().await;
    commit(&store, vec![put(Table::Meta, b"a", SECRET)]).await;
    let first = database.dump("meta").await;
    commit(&store, vec![put(Table::Meta, b"a", SECRET)]).await;
    let second = database.dump("meta").await;
    assert_eq!(first[0].0, second[0].0, "one key, one place");
    assert_ne!(first[0].1, second[0].1);
}

#[wasm_bindgen_test]
async fn a_damaged_or_moved_record_is_set_aside_and_the_rest_is_there() {
    let database = Database::fresh("damaged").await;
    let store = database.open().await;
    let both = vec![
        put(Table::Sessions, b"a", b"one"),
        put(Table::Sessions, b"b", b"two"),
    ];
    commit(&store, both).await;
    let rows = database.dump("sessions").await;
    let mut flipped = rows[0].1.clone();
    *flipped.last_mut().expect("a sealed record is never empty") ^= 1;
    let intact = records(&store).await;

    // A flipped bit; the other record's bytes; nothing at all; the same bytes in another table.
    for damage in [flipped, rows[1].1.clone(), Vec::new()] {
        database.overwrite("sessions", &rows[0].0, &damage).await;
        let after = records(&store).await;
        assert_eq!(after.len(), 2, "its key is still told");
        let lost: Vec<_> = after.iter().filter(|record| record.2.is_none()).collect();
        assert_eq!(lost.len(), 1);
        assert!(
            after
                .iter()
                .all(|record| record.2.is_none() || intact.contains(record))
        );
    }
    database.overwrite("outbox", &rows[1].0, &rows[1].1).await;
    let moved = records(&store).await;
    assert!(
        moved
            .iter()
            .any(|record| record.0 == Table::Outbox && record.2.is_none())
    );
}

#[wasm_bindgen_test]
async fn a_missing_or_altered_data_key_is_refused_and_nothing_is_overwritten() {
    let database = Database::fresh("wrong-key").await;
    commit(&database.open().await, vec![put(Table::Meta, b"a", SECRET)]).await;
    let before = database.dump("meta").await;

    database.overwrite_named(KEYS, "wrapped", &[7; 60]).await;
    assert!(matches!(
        Store::open(database.0).await,
        Err(OpenError::Damaged(_))
    ));
    database.remove(KEYS, "wrapped").await;
    assert!(matches!(
        Store::open(database.0).await,
        Err(OpenError::Damaged(_))
    ));
    database.remove(KEYS, "wrapping").await;
    assert!(matches!(
        Store::open(database.0).await,
        Err(OpenError::Damaged(_))
    ));
    assert_eq!(database.dump("meta").await, before);
}

#[wasm_bindgen_test]
async fn two_tabs_that_make_the_store_at_once_agree_on_its_key() {
    let database = Database::fresh("race").await;
    let (first, second) = futures_util::future::join(database.open(), database.open()).await;
    let (old, new) = if first.epoch() < second.epoch() {
        (first, second)
    } else {
        (second, first)
    };
    assert!(is_fenced(
        old.commit(vec![put(Table::Meta, b"a", b"x")]).await
    ));
    commit(&new, vec![put(Table::Meta, b"a", SECRET)]).await;
    let expected = vec![(Table::Meta, b"a".to_vec(), Some(SECRET.to_vec()))];
    assert_eq!(
        records(&old).await,
        expected,
        "either can read what the other wrote"
    );
}

#[wasm_bindgen_test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let database = Database::fresh("newer").await;
    drop(database.open().await);
    assert!(!database.dump(FENCE).await.is_empty());
    database.raise_version(SCHEMA_VERSION + 1).await;
    assert!(matches!(
        Store::open(database.0).await,
        Err(OpenError::Newer)
    ));
    assert!(!database.dump(FENCE).await.is_empty());
}

#[wasm_bindgen_test]
async fn a_newer_version_elsewhere_closes_this_connection() {
    let database = Database::fresh("updated").await;
    let store = database.open().await;
    database.raise_version(SCHEMA_VERSION + 1).await;
    let step = store.commit(vec![put(Table::Meta, b"a", b"x")]).await;
    assert!(matches!(step, Err(CommitError::Failed(_))));
    assert!(matches!(
        Store::open(database.0).await,
        Err(OpenError::Newer)
    ));
}

#[wasm_bindgen_test]
async fn messages_are_read_newest_first_within_one_conversation() {
    let database = Database::fresh("pages").await;
    let store = database.open().await;
    // Positions that text order or a signed byte would put wrongly; three conversations side by side.
    let positions = [0_u64, 1, 9, 10, 127, 128, 255, 256, 65_536];
    let conversations = [b"aaaa", b"bbbb", b"cccc"];
    let rows = conversations
        .iter()
        .flat_map(|name| positions.map(|position| (name, position)));
    let changes = rows.map(|(name, position)| {
        put(
            Table::Messages,
            &message(*name, position).0,
            &position.to_be_bytes(),
        )
    });
    commit(&store, changes.collect()).await;

    let mut before = u64::MAX;
    let mut seen = Vec::new();
    loop {
        let (lower, upper) = (message(b"bbbb", 0), message(b"bbbb", before));
        let page = store
            .newest(&lower, &upper, 4)
            .await
            .expect("the store can be read");
        let Some((last, _)) = page.last() else { break };
        before = position(last);
        for (key, value) in &page {
            assert!(key.0.starts_with(b"bbbb"));
            assert_eq!(
                value.as_ref().map(|value| value.to_vec()),
                Some(position(key).to_be_bytes().to_vec())
            );
            seen.push(position(key));
        }
    }
    assert_eq!(seen, positions.iter().rev().copied().collect::<Vec<_>>());
}

fn message(conversation: &[u8], position: u64) -> Key {
    Key([conversation, &position.to_be_bytes()].concat())
}

fn position(key: &Key) -> u64 {
    u64::from_be_bytes(
        *key.0
            .last_chunk()
            .expect("a message's key ends with its position"),
    )
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
