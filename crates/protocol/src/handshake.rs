//! PQXDH (revision 3) on X25519, ML-KEM-768 and HKDF-SHA-256: the associated data and the derivation of a
//! session's first keys. Knows neither envelope nor ratchet. PROTOCOL.md "Handshake".
//!
//! Everything that either side believes about the handshake goes into the associated data, and that into the
//! derivation: two sides that believe different things have different keys.

use sha2::{Digest, Sha256};
use x25519_dalek::SharedSecret;

use crate::curve::X25519Public;
use crate::envelope::{BaseKey, PROTOCOL_VERSION, SUITE, SessionTag};
use crate::identity::DeviceCertificate;
use crate::kdf::{hkdf, part};
use crate::kem::{KemPublic, KemSecret};
use crate::labels;
use crate::prekeys::KemKind;
use crate::ratchet::{ChainKey, HeaderKey, RootKey};

/// PQXDH's `F` for Curve25519: what no encoded public key is, so that the input differs from XEdDSA's.
const F: [u8; 32] = [0xff; 32];

/// What both sides must agree on for a handshake to give them the same keys.
pub(crate) struct Transcript<'a> {
    pub(crate) initiator: &'a DeviceCertificate,
    pub(crate) responder: &'a DeviceCertificate,
    pub(crate) signed_prekey: (u32, X25519Public),
    pub(crate) one_time_prekey: Option<(u32, X25519Public)>,
    pub(crate) kem_prekey: (KemKind, u32, &'a KemPublic),
    pub(crate) tag: SessionTag,
    pub(crate) base_key: BaseKey,
}

/// The hash that every AEAD of a session has at the front of its associated data. Not secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AssociatedData(pub(crate) [u8; 32]);

impl Transcript<'_> {
    pub(crate) fn associated_data(&self) -> AssociatedData {
        let mut hash = Sha256::new()
            .chain_update(labels::ASSOCIATED_DATA)
            .chain_update([PROTOCOL_VERSION, SUITE])
            .chain_update(self.initiator.signed_fields())
            .chain_update(self.responder.signed_fields())
            .chain_update(self.signed_prekey.0.to_be_bytes())
            .chain_update(self.signed_prekey.1.as_bytes());
        match &self.one_time_prekey {
            Some((id, key)) => {
                hash.update([1]);
                hash.update(id.to_be_bytes());
                hash.update(key.as_bytes());
            }
            None => hash.update([0; 37]),
        }
        let (kind, id, key) = &self.kem_prekey;
        let hash = hash
            .chain_update([kind.to_byte()])
            .chain_update(id.to_be_bytes())
            .chain_update(key.hash())
            .chain_update(self.tag.as_bytes())
            .chain_update(self.base_key.as_bytes());
        AssociatedData(hash.finalize().into())
    }
}

/// The secrets that both sides compute, in the order in which they are hashed.
pub(crate) struct Agreements {
    /// DH(IKa, SPKb).
    pub(crate) identity_signed: SharedSecret,
    /// DH(EKa, IKb).
    pub(crate) base_identity: SharedSecret,
    /// DH(EKa, SPKb).
    pub(crate) base_signed: SharedSecret,
    /// DH(EKa, OPKb), when there is a one-time prekey.
    pub(crate) base_one_time: Option<SharedSecret>,
    /// The KEM's shared secret.
    pub(crate) kem: KemSecret,
}

/// What a handshake gives: the Double Ratchet's `SK`, `shared_hka` and `shared_nhkb`, and the initiator's first
/// chain. That chain takes no further agreement with the signed prekey: DH(EKa, SPKb) is in here already.
pub(crate) struct HandshakeKeys {
    pub(crate) root: RootKey,
    /// The initiator's first sending chain.
    pub(crate) chain: ChainKey,
    /// That chain's header key.
    pub(crate) initiator_header: HeaderKey,
    /// The header key of the initiator's second chain.
    pub(crate) initiator_next_header: HeaderKey,
    /// The responder's first sending header key.
    pub(crate) responder_header: HeaderKey,
}

impl Agreements {
    pub(crate) fn derive(&self, associated_data: &AssociatedData) -> HandshakeKeys {
        let none: &[u8] = &[];
        let inputs = [
            F.as_slice(),
            self.identity_signed.as_bytes(),
            self.base_identity.as_bytes(),
            self.base_signed.as_bytes(),
            self.base_one_time.as_ref().map_or(none, |dh| dh.as_bytes()),
            self.kem.as_bytes(),
        ];
        let keys = hkdf::<160>(&[0; 32], &inputs, &[labels::HANDSHAKE, &associated_data.0]);
        HandshakeKeys {
            root: RootKey::from_bytes(part(&keys, 0)),
            chain: ChainKey::from_bytes(part(&keys, 1)),
            initiator_header: HeaderKey::from_bytes(part(&keys, 2)),
            initiator_next_header: HeaderKey::from_bytes(part(&keys, 3)),
            responder_header: HeaderKey::from_bytes(part(&keys, 4)),
        }
    }
}

#[cfg(test)]
mod tests {
    //! The classic silent fault of a handshake is an input that both sides leave out: they agree, and nobody
    //! notices. So each input is changed alone, and every derived key must change.

    use super::*;
    use crate::curve::X25519Pair;
    use crate::identity::{AccountKeyPair, DeviceId, DeviceKeyPair, LocalDevice};
    use chacha20::ChaCha20Rng;
    use chacha20::rand_core::SeedableRng;

    fn agreements(seeds: [u8; 5], with_one_time: bool) -> Agreements {
        let ours = X25519Pair::from_bytes(&[0x11; 32]);
        let agree = |seed| {
            let theirs = X25519Pair::from_bytes(&[seed; 32]).public();
            ours.agree(&theirs).ok().unwrap()
        };
        Agreements {
            identity_signed: agree(seeds[0]),
            base_identity: agree(seeds[1]),
            base_signed: agree(seeds[2]),
            base_one_time: with_one_time.then(|| agree(seeds[3])),
            kem: KemSecret::from_bytes(&[seeds[4]; 32]),
        }
    }

    fn keys(agreements: &Agreements, data: &AssociatedData) -> [[u8; 32]; 5] {
        let keys = agreements.derive(data);
        [
            *keys.root.as_bytes(),
            *keys.chain.as_bytes(),
            *keys.initiator_header.as_bytes(),
            *keys.initiator_next_header.as_bytes(),
            *keys.responder_header.as_bytes(),
        ]
    }

    #[test]
    fn different_secrets_give_different_session_keys() {
        let data = AssociatedData([9; 32]);
        // Multiples of eight, so that clamping leaves them different.
        let seeds = [0x20, 0x28, 0x30, 0x38, 0x40];
        let mut all = vec![
            keys(&agreements(seeds, true), &data),
            keys(&agreements(seeds, false), &data),
            keys(&agreements(seeds, true), &AssociatedData([8; 32])),
        ];
        for at in 0..5 {
            let mut changed = seeds;
            changed[at] = 0x48;
            all.push(keys(&agreements(changed, true), &data));
        }
        for at in 0..4 {
            let mut swapped = seeds;
            swapped.swap(at, at + 1);
            all.push(keys(&agreements(swapped, true), &data));
        }
        let flat: Vec<_> = all.iter().flatten().collect();
        assert_eq!(flat.len(), 12 * 5);
        for (i, key) in flat.iter().enumerate() {
            assert!(!flat[..i].contains(key), "two handshakes share a key");
        }
    }

    struct Inputs {
        initiator: LocalDevice,
        responder: LocalDevice,
        kem: KemPublic,
        kind: KemKind,
        ids: [u32; 3],
        keys: [X25519Public; 3],
        one_time: bool,
        tag: SessionTag,
    }

    impl Inputs {
        fn new() -> Self {
            let public = |seed| X25519Pair::from_bytes(&[seed; 32]).public();
            Self {
                initiator: device(1, 1, 1),
                responder: device(2, 2, 1),
                kem: KemPublic::from_bytes(&[5; 1184]),
                kind: KemKind::OneTime,
                ids: [1, 2, 3],
                keys: [public(0x20), public(0x28), public(0x30)],
                one_time: true,
                tag: SessionTag::from_bytes([4; 16]),
            }
        }

        fn hash(&self) -> [u8; 32] {
            let transcript = Transcript {
                initiator: self.initiator.certificate(),
                responder: self.responder.certificate(),
                signed_prekey: (self.ids[0], self.keys[0]),
                one_time_prekey: self.one_time.then_some((self.ids[1], self.keys[1])),
                kem_prekey: (self.kind, self.ids[2], &self.kem),
                tag: self.tag,
                base_key: BaseKey(self.keys[2]),
            };
            transcript.associated_data().0
        }
    }

    fn device(account: u64, keys: u64, number: u32) -> LocalDevice {
        let account = AccountKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(account));
        let keys = DeviceKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(keys));
        LocalDevice::certify(&account, DeviceId::new(number).unwrap(), keys)
    }

    #[test]
    fn everything_that_the_sides_believe_is_in_the_associated_data() {
        let changes: [fn(&mut Inputs); 17] = [
            |_| {},
            |i| i.initiator = device(3, 1, 1),
            |i| i.initiator = device(1, 3, 1),
            |i| i.initiator = device(1, 1, 2),
            |i| i.responder = device(3, 2, 1),
            |i| i.responder = device(2, 3, 1),
            |i| i.responder = device(2, 2, 2),
            |i| core::mem::swap(&mut i.initiator, &mut i.responder),
            |i| i.kem = KemPublic::from_bytes(&[6; 1184]),
            |i| i.kind = KemKind::LastResort,
            |i| i.ids[0] = 9,
            |i| i.ids[1] = 9,
            |i| i.ids[2] = 9,
            |i| i.keys.swap(0, 1),
            |i| i.keys.swap(1, 2),
            |i| i.one_time = false,
            |i| i.tag = SessionTag::from_bytes([5; 16]),
        ];
        let hashes: Vec<_> = changes
            .iter()
            .map(|change| {
                let mut inputs = Inputs::new();
                change(&mut inputs);
                inputs.hash()
            })
            .collect();
        for (i, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..i].contains(hash), "change {i} changes nothing");
        }
    }
}
