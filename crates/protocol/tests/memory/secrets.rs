//! The keys of the story, as the watching process works them out from its own copy of it.

use std::collections::BTreeMap;

use curve25519_dalek::{EdwardsPoint, Scalar};
use hmac::{Hmac, KeyInit, Mac};
use pawl_protocol::Session;
use sha2::{Digest, Sha256, Sha512};
use x25519_dalek::X25519_BASEPOINT_BYTES;

use crate::story::{Counter, Party, STATEMENT, STEPS, Seen, TEXT, agree, tell};

/// Halves of keys, 16 bytes each, by what they are halves of.
#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<[u8; 16], String>);

impl Secrets {
    fn add(&mut self, name: &str, key: &[u8]) {
        for half in key.as_chunks::<16>().0 {
            self.0.entry(*half).or_insert_with(|| name.to_owned());
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8; 16], &str)> {
        self.0.iter().map(|(half, name)| (half, name.as_str()))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.values().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn add_party(&mut self, party: &Party) {
        let account = party.account.to_bytes();
        self.add("account key", &account.as_bytes()[1..]);
        let device = party.device.keys().to_bytes();
        self.add("signing key", &device.as_bytes()[1..33]);
        self.add("identity key", &device.as_bytes()[33..]);
        let signed = party.signed_prekey.to_bytes();
        self.add("signed prekey", &signed.as_bytes()[5..37]);
        let kem = party.kem_prekey.to_bytes();
        self.add("KEM seed", &kem.as_bytes()[6..70]);
        let one_time = party.one_time_prekey.to_bytes();
        self.add("one-time prekey", &one_time.as_bytes()[5..]);
    }

    /// What Ed25519 makes of a seed whenever it signs, and of what it signs; nothing keeps it. Who has the nonce of a
    /// public signature has the key.
    fn add_signing(&mut self, party: &Party) {
        let (account, device) = (party.account.to_bytes(), party.device.keys().to_bytes());
        let certificate = &party.device.certificate().encode()[..100];
        let signed_prekey = &party.signed_prekey.public().encode()[..36];
        let kem_prekey = &party.kem_prekey.public().encode()[1..1189];
        let certificate = [b"Pawl device certificate v1\0", certificate].concat();
        let signed_prekey = [b"Pawl signed prekey v1\0", signed_prekey].concat();
        let kem_prekey = [b"Pawl one-time KEM prekey v1\0", kem_prekey].concat();
        let by_account = [STATEMENT, &certificate];
        let by_device = [STATEMENT, &signed_prekey, &kem_prekey];
        self.add_signatures(&account.as_bytes()[1..], &by_account);
        self.add_signatures(&device.as_bytes()[1..33], &by_device);
    }

    fn add_signatures(&mut self, seed: &[u8], messages: &[&[u8]]) {
        let expanded = Sha512::digest(seed);
        self.add("signing scalar and prefix", &expanded);
        let scalar = *expanded.first_chunk::<32>().unwrap();
        let scalar = curve25519_dalek::scalar::clamp_integer(scalar);
        self.add("signing scalar and prefix", &scalar);
        let scalar = Scalar::from_bytes_mod_order(scalar);
        self.add_scalar("signing scalar and prefix", &scalar);
        let public = EdwardsPoint::mul_base(&scalar).compress().to_bytes();
        for message in messages {
            let wide = hash(&[&expanded[32..], message]);
            self.add("signature's nonce", &wide);
            let nonce = Scalar::from_bytes_mod_order_wide(&wide);
            self.add_scalar("signature's nonce", &nonce);
            // What is added to it gives it away.
            let commitment = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
            let challenge = hash(&[&commitment, &public, message]);
            let product = Scalar::from_bytes_mod_order_wide(&challenge) * scalar;
            self.add_scalar("signature's product", &product);
        }
    }

    /// Its bytes, its limbs of 52 bits, and its 64 digits from -8 to 8: the forms in which it is computed with.
    fn add_scalar(&mut self, name: &str, scalar: &Scalar) {
        let bytes = scalar.as_bytes();
        self.add(name, bytes);
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
        let limb = |at| (0..52).map(move |i| u64::from(bit(52 * at + i)) << i).sum();
        let limbs: [u64; 5] = std::array::from_fn(limb);
        self.add(name, &limbs.map(u64::to_le_bytes).concat());
        let mut carry = 0;
        let digits: [u8; 64] = std::array::from_fn(|at| {
            let digit = (bytes[at / 2] >> (4 * (at % 2)) & 15) + carry;
            carry = u8::from(digit >= 8 && at < 63);
            digit.wrapping_sub(carry << 4)
        });
        self.add(name, &digits);
    }

    fn add_session(&mut self, session: &Session) {
        let state = session.to_bytes();
        let mut fields = Fields(&state.as_bytes()[245..]);
        if fields.take(1) == [1] {
            fields.take(1317);
        }
        self.add("root key", fields.take(32));
        self.add("header key", fields.take(32));
        if fields.take(1) == [1] {
            self.add("ratchet key", fields.take(32));
            self.add_chain(fields.take(32));
            self.add("header key", fields.take(64));
            fields.take(8);
        } else {
            fields.take(32);
            self.add("header key", fields.take(32));
            fields.take(4);
        }
        if fields.take(1) == [1] {
            self.add("header key", fields.take(32));
            fields.take(32);
            self.add_chain(fields.take(32));
            fields.take(4);
            self.add_skipped(&mut fields);
        }
        for _ in 0..fields.take(1)[0] {
            self.add("header key", fields.take(32));
            fields.take(40);
            self.add_skipped(&mut fields);
        }
        assert!(fields.0.is_empty());
    }

    /// A chain key, and all that comes of it for one message.
    fn add_chain(&mut self, key: &[u8]) {
        self.add("chain key", key);
        let secret = hmac(key, &[1]);
        self.add("chain secret", &secret);
        let message = hkdf::Hkdf::<Sha256>::new(None, &secret);
        let mut key = [0; 32];
        message.expand(b"Pawl message key v1\0", &mut key).unwrap();
        self.add("message key", &key);
    }

    fn add_skipped(&mut self, fields: &mut Fields<'_>) {
        let count = fields.take(2);
        for _ in 0..u16::from_be_bytes([count[0], count[1]]) {
            self.add("message key", &fields.take(44)[12..]);
        }
    }

    /// The base key, the four agreements and the KEM's secret of the handshake that this message carries.
    fn add_handshake(&mut self, alice: &Party, bob: &Party, envelope: &[u8], drawn: &[Vec<u8>]) {
        let base_public = &envelope[183..215];
        let draws = || drawn.iter().filter(|draw| draw.len() == 32);
        let base = draws().find(|draw| agree(draw, &X25519_BASEPOINT_BYTES) == base_public);
        let base = base.expect("the base key was drawn");
        self.add("base key", base);
        let identity = alice.device.keys().to_bytes();
        let signed_prekey = bob.signed_prekey.public().key();
        self.add(
            "DH1",
            &agree(&identity.as_bytes()[33..], signed_prekey.as_bytes()),
        );
        let identity = bob.device.keys().identity_key();
        self.add("DH2", &agree(base, identity.as_bytes()));
        self.add("DH3", &agree(base, signed_prekey.as_bytes()));
        let one_time = bob.one_time_prekey.public().key();
        self.add("DH4", &agree(base, one_time.as_bytes()));
        let key = bob.kem_prekey.public();
        let key = ml_kem::ml_kem_768::EncapsulationKey::new(key.key().as_bytes().into()).unwrap();
        let shared = draws().find_map(|draw| {
            let message = <[u8; 32]>::try_from(draw.as_slice()).unwrap();
            let (ciphertext, shared) = key.encapsulate_deterministic(&message.into());
            (ciphertext[..] == envelope[229..1317]).then_some(shared)
        });
        self.add(
            "KEM secret",
            &shared.expect("the KEM's randomness was drawn"),
        );
    }
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        head
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn hmac(key: &[u8], input: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(input).finalize().into_bytes().into()
}

/// All secrets of the story that is told from this seed.
pub(crate) fn of(seed: u64) -> Secrets {
    let mut rng = Counter::new(seed, true);
    let mut secrets = Secrets::default();
    let mut public = Vec::new();
    tell(STEPS, &mut rng, &mut |seen| match seen {
        Seen::Party(party) => {
            secrets.add_party(party);
            secrets.add_signing(party);
        }
        Seen::Session(session) => secrets.add_session(session),
        Seen::Envelope(envelope) => public.push(envelope.to_vec()),
    });
    secrets.add("text", TEXT);
    let drawn = rng.log();
    let mut again = Counter::new(seed, false);
    let (alice, bob) = (Party::new(&mut again), Party::new(&mut again));
    secrets.add_handshake(&alice, &bob, &public[0], &drawn);
    // What was drawn and is nowhere in public: whatever it is for, it is secret.
    let public = public.concat();
    let is_public = |piece: &[u8]| memchr::memmem::find(&public, piece).is_some();
    for half in drawn.iter().flat_map(|draw| draw.as_chunks::<16>().0) {
        if !half.as_chunks::<8>().0.iter().all(|piece| is_public(piece)) {
            secrets.add("randomness", half);
        }
    }
    secrets
}
