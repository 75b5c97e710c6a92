//! Public records, as a relay or a stranger may have made them: one encoding each, and what verifies is what was
//! signed.

use std::sync::OnceLock;

use pawl_protocol::{
    AccountKey, AccountRecord, BaseKey, DeviceCertificate, KemPreKey, OneTimePreKey, SafetyNumber,
    ScanError, SignedPreKey, X25519Public,
};

use crate::cursor::Cursor;
use crate::people::people;

pub(crate) fn run(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes);
    let kind = cursor.byte() % 8;
    let bytes = cursor.rest();
    let again = match kind {
        0 => DeviceCertificate::decode(bytes).ok().map(certificate),
        1 => AccountRecord::decode(bytes).ok().map(record),
        2 => SignedPreKey::decode(bytes)
            .ok()
            .map(|key| key.encode().to_vec()),
        3 => KemPreKey::decode(bytes).ok().map(|key| key.encode()),
        4 => OneTimePreKey::decode(bytes)
            .ok()
            .map(|key| key.encode().to_vec()),
        5 => scanned(bytes),
        6 => key(bytes, |key| {
            X25519Public::from_bytes(key)
                .ok()
                .map(|key| *key.as_bytes())
        }),
        _ => key(bytes, |key| {
            assert_eq!(
                X25519Public::from_bytes(key).is_ok(),
                BaseKey::from_bytes(key).is_ok()
            );
            AccountKey::from_bytes(key).ok().map(|key| *key.as_bytes())
        }),
    };
    assert!(
        again.is_none_or(|again| again == bytes),
        "two encodings of one value"
    );
}

/// Nobody else's signing key is here, so only what Alice and Bob signed can verify.
fn certificate(certificate: DeviceCertificate) -> Vec<u8> {
    let bytes = certificate.encode();
    if certificate.verify().is_ok() {
        let people = people();
        let known = [&people.alice, &people.bob].map(|person| person.device.certificate().encode());
        assert!(known.contains(&bytes), "a forged certificate");
    }
    bytes.to_vec()
}

fn record(record: AccountRecord) -> Vec<u8> {
    let bytes = record.encode();
    if let Ok(verified) = record.verify() {
        assert_eq!(verified.record().encode(), bytes);
        assert!(bytes == crate::seeds::account_record(), "a forged record");
        verified
            .supersedes(&verified)
            .expect("the same replaces itself");
    }
    bytes
}

fn scanned(bytes: &[u8]) -> Option<Vec<u8>> {
    // Ten thousand hashes, so once.
    static NUMBER: OnceLock<SafetyNumber> = OnceLock::new();
    let number = NUMBER.get_or_init(|| {
        let [alice, bob] = [&people().alice, &people().bob].map(|person| person.account.public());
        SafetyNumber::between(&alice, &bob)
    });
    let payload = number.qr_payload();
    match number.matches(bytes) {
        Ok(same) => assert_eq!(same, payload[..] == *bytes),
        Err(ScanError::NotASafetyNumber) => assert_ne!(bytes.len(), payload.len()),
        Err(ScanError::UnknownVersion(version)) => {
            assert!(bytes.len() == payload.len() && version != payload[0]);
        }
    }
    None
}

fn key(bytes: &[u8], read: impl Fn(&[u8; 32]) -> Option<[u8; 32]>) -> Option<Vec<u8>> {
    read(bytes.try_into().ok()?).map(|key| key.to_vec())
}
