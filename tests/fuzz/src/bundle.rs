//! A prekey bundle that a relay has tampered with: it verifies only with what its device signed, and whatever
//! verifies begins a session.

use pawl_protocol::{
    DeviceCertificate, KemPreKey, OneTimePreKey, PreKeyBundle, Session, SignedPreKey,
};

use crate::cursor::Cursor;
use crate::people::{Person, people, rng};

/// The four parts of a bundle, encoded.
type Parts = [Vec<u8>; 4];

fn parts(person: &Person, one_time: bool) -> Parts {
    let bundle = person.bundle(one_time);
    [
        bundle.certificate.encode().to_vec(),
        bundle.signed_prekey.encode().to_vec(),
        bundle.kem_prekey.encode(),
        bundle
            .one_time_prekey
            .map_or_else(Vec::new, |key| key.encode().to_vec()),
    ]
}

/// Reads: whose part each of the four is, then bytes to change: part, offset, difference.
pub(crate) fn run(bytes: &[u8]) {
    let people = people();
    let mut cursor = Cursor::new(bytes);
    let choice = cursor.byte();
    let sources = [
        parts(&people.bob, true),
        parts(&people.bob, false),
        parts(&people.alice, true),
        parts(&people.alice, false),
    ];
    let of = |part: usize| &sources[usize::from(choice >> (2 * part)) & 3][part];
    let mut changed: Parts = std::array::from_fn(|part| of(part).clone());
    while !cursor.is_empty() {
        let part = &mut changed[cursor.index(4)];
        if !part.is_empty() {
            let at = cursor.index(part.len());
            part[at] ^= cursor.byte();
        }
    }
    let Some(bundle) = decode(&changed) else {
        return;
    };
    let Ok(verified) = bundle.verify(&people.bob.account.public()) else {
        return;
    };
    let honest = |part: usize| sources[..2].iter().any(|of| of[part] == changed[part]);
    let honest = (0..3).all(honest);
    assert!(honest, "a forged bundle");
    let mut session = Session::initiate(&people.alice.device, verified, &mut rng(1))
        .expect("keys of small order are no keys");
    session.seal(b"text", &mut rng(2)).expect("short");
}

fn decode(parts: &Parts) -> Option<PreKeyBundle> {
    let one_time = match parts[3].as_slice() {
        [] => None,
        bytes => Some(OneTimePreKey::decode(bytes).ok()?),
    };
    Some(PreKeyBundle {
        certificate: DeviceCertificate::decode(&parts[0]).ok()?,
        signed_prekey: SignedPreKey::decode(&parts[1]).ok()?,
        kem_prekey: KemPreKey::decode(&parts[2]).ok()?,
        one_time_prekey: one_time,
    })
}
