//! The laws of sealing: a record opens in its own place under its own data key and nowhere else; keys
//! are stored alike each time and tell nothing but a message's position.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use pawl_client::{DataKey, Key, Sealer, Table};

fn sealer(byte: u8) -> Sealer {
    Sealer::new(&DataKey::from_bytes(&[byte; 32]).expect("32 bytes are a data key"))
}

fn seal(sealer: &Sealer, table: Table, stored_key: &[u8], record: &[u8]) -> Vec<u8> {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    sealer.seal(table, stored_key, record, &mut rng)
}

#[test]
fn a_record_opens_only_where_it_was_sealed() {
    let sealed = seal(&sealer(1), Table::Sessions, b"place", b"ratchet");
    let open = |sealer: Sealer, table, place: &[u8]| {
        let opened = sealer.unseal(table, place, &sealed);
        opened.map(|record| record.to_vec())
    };
    assert_eq!(
        open(sealer(1), Table::Sessions, b"place"),
        Some(b"ratchet".to_vec())
    );
    assert_eq!(open(sealer(2), Table::Sessions, b"place"), None);
    assert_eq!(open(sealer(1), Table::Outbox, b"place"), None);
    assert_eq!(open(sealer(1), Table::Sessions, b"other"), None);
}

#[test]
fn no_bit_can_be_altered_and_no_byte_cut_or_added() {
    let sealer = sealer(1);
    let sealed = seal(&sealer, Table::Meta, b"k", b"value");
    let opens = |bytes: &[u8]| sealer.unseal(Table::Meta, b"k", bytes).is_some();
    for index in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[index] ^= 0x80;
        assert!(!opens(&altered), "byte {index}");
        assert!(!opens(&sealed[..index]), "cut to {index}");
    }
    assert!(!opens(&[&sealed[..], &[0]].concat()));
    assert!(opens(&sealed));
}

#[test]
fn a_key_is_stored_alike_each_time_and_comes_back() {
    let sealer = sealer(1);
    for table in Table::ALL {
        // A message's key ends with eight bytes of position.
        let shortest = if table == Table::Messages { 8 } else { 0 };
        for length in [shortest, shortest + 1, 12, 64] {
            let key = Key((0..length).collect());
            let stored = sealer.stored_key(table, &key);
            assert_eq!(stored, sealer.stored_key(table, &key));
            assert_eq!(sealer.key(table, &stored), Some(key));
        }
    }
    let stored = sealer.stored_key(Table::Meta, &Key(b"bob".to_vec()));
    assert_eq!(sealer.key(Table::Contacts, &stored), None);
}

#[test]
fn messages_of_a_conversation_stay_in_order_and_together() {
    let sealer = sealer(3);
    let stored = |name: &[u8], position: u64| {
        let key = Key([name, &position.to_be_bytes()].concat());
        sealer.stored_key(Table::Messages, &key)
    };
    let positions = [0, 1, 127, 128, 255, 256, u64::MAX];
    let bob = positions.map(|position| stored(b"bob", position));
    let eve = positions.map(|position| stored(b"eve", position));
    assert!(bob.is_sorted() && eve.is_sorted());
    assert!(
        bob.last() < eve.first() || eve.last() < bob.first(),
        "conversations do not mingle"
    );
}
