//! Known answers of the whole protocol for fixed randomness: an encoding, label or derivation that changes
//! changes these, and with them the protocol's version.

use sha2::{Digest, Sha256};

use crate::common::{NOW, Party, initial, open, rng, stored};
use pawl_protocol::{SafetyNumber, Session};

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_protocol_gives_what_it_gave() {
    let rng = &mut rng(0x5061_776c);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let bundle = bob.bundle();
    let mut a = alice.initiate(&bob, rng);
    let first = a.seal(b"first", rng).unwrap();
    let (mut b, _) = Session::accept(&bob.device, &bob.prekeys(), &initial(&first), NOW).unwrap();
    let reply = b.seal(b"reply", rng).unwrap();
    open(&mut a, &reply);
    let next = a.seal(b"next", rng).unwrap();
    open(&mut b, &next);
    let number = SafetyNumber::between(&alice.account.public(), &bob.account.public());
    let answers = [
        hash(&bundle.certificate.encode()),
        hash(&bundle.signed_prekey.encode()),
        hash(&bundle.kem_prekey.encode()),
        hash(&first),
        hash(&reply),
        hash(&next),
        hash(&stored(&a)),
        hash(&stored(&b)),
        number.digits(),
    ];
    let known: Vec<_> = include_str!("known_answers.txt").lines().collect();
    assert_eq!(answers.as_slice(), known);
}
