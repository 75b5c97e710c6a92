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
