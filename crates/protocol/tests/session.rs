//! Laws of a session: both sides agree, and what is stored goes on where it was.

mod common;

use common::{NOW, Party, conversation, initial, open, rng, stored};
use pawl_protocol::{
    AcceptError, Envelope, InitiateError, KemKind, MAX_ENVELOPE_BYTES, MAX_PLAINTEXT_BYTES,
    OneTimePreKeyPair, OpenError, SealError, Session,
};

#[test]
fn both_sides_agree_with_and_without_one_time_keys() {
    let rng = &mut rng(1);
    let alice = Party::new(rng);
    for bob in [Party::new(rng), Party::new(rng).without_one_time_keys(rng)] {
        let mut a = alice.initiate(&bob, rng);
        let first = a.seal(b"first", rng).expect("sealed");
        let second = a.seal(b"second", rng).expect("sealed");
        assert_eq!(initial(&first).signed_prekey_id(), 7);
        assert_eq!(initial(&first).kem_kind(), bob.kem_prekey.kind());
        assert_eq!(initial(&first).kem_prekey_id(), 8);
        let one_time = bob.one_time_prekey.as_ref().map(OneTimePreKeyPair::id);
        assert_eq!(initial(&first).one_time_prekey_id(), one_time);

        let (mut b, text) = bob.accept(&first);
        assert_eq!(text.as_bytes(), b"first");
        assert_eq!(b.tag(), a.tag());
        assert_eq!(b.base_key(), a.base_key());
        assert_eq!(b.peer().address(), alice.device.address());
        assert_eq!(a.peer().address(), bob.device.address());
        assert_eq!(open(&mut b, &second), b"second");

        assert!(a.awaits_reply() && !b.awaits_reply());
        let reply = b.seal(b"reply", rng).expect("sealed");
        assert!(matches!(Envelope::decode(&reply), Ok(Envelope::Ratchet(_))));
        assert_eq!(open(&mut a, &reply), b"reply");
        assert!(!a.awaits_reply());
        for turn in 0..20 {
            let (from, to) = if turn % 2 == 0 {
                (&mut a, &mut b)
            } else {
                (&mut b, &mut a)
            };
            let envelope = from.seal(&[turn; 200], rng).expect("sealed");
            assert_eq!(open(to, &envelope), [turn; 200]);
        }
    }
}
