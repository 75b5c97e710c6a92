//! Laws of accounts, devices, records, statements and safety numbers.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::common::{Party, rng};
use pawl_protocol::{
    AccountKey, AccountKeyPair, AccountRecord, BaseKey, DecodeError, DeviceCertificate, DeviceId,
    DeviceKeyPair, DrawAhead, LocalDevice, LocalDeviceError, MAX_DEVICES, RecordError,
    SafetyNumber, ScanError, StatementError, SupersedeError, VerifiedAccountRecord,
};

fn devices(account: &AccountKeyPair, numbers: &[u32]) -> Vec<DeviceCertificate> {
    let rng = &mut rng(50);
    let certify = |number: &u32| {
        let id = DeviceId::new(*number).unwrap();
        LocalDevice::certify(account, id, DeviceKeyPair::generate(rng))
    };
    let devices: Vec<_> = numbers.iter().map(certify).collect();
    devices.iter().map(|d| d.certificate().clone()).collect()
}

fn record(name: &str, version: u64, numbers: &[u32]) -> Result<VerifiedAccountRecord, RecordError> {
    let account = AccountKeyPair::generate(&mut rng(51));
    AccountRecord::sign(&account, name, version, devices(&account, numbers))
}

#[test]
fn a_record_says_who_the_account_is_and_verifies_after_the_wire() {
    let signed = record("alice", 7, &[1, 4]).unwrap();
    let decoded = AccountRecord::decode(&signed.record().encode()).unwrap();
    let verified = decoded.verify().unwrap();
    assert_eq!(verified, signed);
    assert_eq!((verified.username(), verified.version()), ("alice", 7));
    assert_eq!(verified.devices().len(), 2);
    let four = DeviceId::new(4).unwrap();
    assert_eq!(verified.device(four).unwrap().address().device, four);
    assert!(verified.device(DeviceId::new(2).unwrap()).is_none());
}

#[test]
fn a_record_that_would_not_verify_is_not_signed() {
    let names = [
        "",
        "white space",
        "t\u{e9}l\u{e9}phone",
        "line\n",
        &"a".repeat(33),
    ];
    for name in names {
        assert_eq!(record(name, 1, &[1]), Err(RecordError::Username));
    }
    assert!(record(&"a".repeat(32), 1, &[1]).is_ok());
    assert_eq!(record("alice", 1, &[]), Err(RecordError::DeviceCount));
    let eleven: Vec<_> = (1..=11).collect();
    assert_eq!(record("alice", 1, &eleven), Err(RecordError::DeviceCount));
    assert!(record("alice", 1, &eleven[..MAX_DEVICES]).is_ok());
    assert_eq!(record("alice", 1, &[2, 1]), Err(RecordError::DeviceOrder));
    assert_eq!(record("alice", 1, &[1, 1]), Err(RecordError::DeviceOrder));
    let (account, other) = (
        AccountKeyPair::generate(&mut rng(52)),
        AccountKeyPair::generate(&mut rng(53)),
    );
    let foreign = AccountRecord::sign(&account, "alice", 1, devices(&other, &[1]));
    assert_eq!(foreign, Err(RecordError::ForeignDevice));
}

#[test]
fn a_record_names_one_to_ten_devices_as_it_is_read() {
    let all: Vec<_> = (1..=10).collect();
    let bytes = record("alice", 7, &all).unwrap().record().encode();
    assert!(AccountRecord::decode(&bytes).is_ok());
    // Behind version, account, username and record version stands how many there are.
    let count = 1 + 32 + 1 + 5 + 8;
    let devices = count + 1..bytes.len() - 64;
    let with = |number: u8, certificates: &[u8]| {
        let signature = &bytes[devices.end..];
        let record = [&bytes[..count], &[number], certificates, signature].concat();
        AccountRecord::decode(&record).map(|_| ())
    };
    let ten = &bytes[devices.clone()];
    let eleven = [ten, &ten[..DeviceCertificate::BYTES]].concat();
    let refused = Err(DecodeError::BadField("device count"));
    assert_eq!(with(10, ten), Ok(()));
    assert_eq!(with(0, &[]), refused);
    assert_eq!(with(11, &eleven), refused);
}

#[test]
fn every_byte_of_a_record_is_signed() {
    let bytes = record("alice", 7, &[1, 4]).unwrap().record().encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let verified = AccountRecord::decode(&changed).map(AccountRecord::verify);
        assert!(!matches!(verified, Ok(Ok(_))), "byte {at} is not signed");
    }
}

#[test]
fn a_record_gives_way_to_newer_ones_and_to_nothing_else() {
    let known = record("alice", 7, &[1]).unwrap();
    assert_eq!(known.supersedes(&known), Ok(()));
    assert_eq!(
        record("alice", 8, &[1, 2]).unwrap().supersedes(&known),
        Ok(())
    );
    let older = record("alice", 6, &[1]).unwrap();
    assert_eq!(older.supersedes(&known), Err(SupersedeError::Rollback));
    let fork = record("alice", 7, &[1, 2]).unwrap();
    assert_eq!(fork.supersedes(&known), Err(SupersedeError::Fork));
    let fork = record("alicia", 7, &[1]).unwrap();
    assert_eq!(fork.supersedes(&known), Err(SupersedeError::Fork));
    let account = AccountKeyPair::generate(&mut rng(54));
    let other = AccountRecord::sign(&account, "alice", 8, devices(&account, &[1])).unwrap();
    assert_eq!(other.supersedes(&known), Err(SupersedeError::OtherAccount));
}

#[test]
fn a_device_is_put_together_only_from_parts_that_belong_together() {
    let rng = &mut rng(55);
    let (alice, bob) = (Party::new(rng), Party::new(rng));
    let keys = || DeviceKeyPair::from_bytes(alice.device.keys().to_bytes().as_bytes()).unwrap();
    let own = alice.device.certificate().clone();
    let again = LocalDevice::new(keys(), own.clone()).unwrap();
    assert_eq!(again.address(), alice.device.address());
    let foreign = LocalDevice::new(keys(), bob.device.certificate().clone());
    assert_eq!(foreign.unwrap_err(), LocalDeviceError::OtherKeys);
    let mut bytes = own.encode();
    bytes[163] ^= 1;
    let unsigned = LocalDevice::new(keys(), DeviceCertificate::decode(&bytes).unwrap());
    assert!(matches!(unsigned, Err(LocalDeviceError::Certificate(_))));
    assert_eq!(DeviceId::new(0), None);
}

#[test]
fn only_statements_to_a_relay_are_signed_as_they_are() {
    let rng = &mut rng(56);
    let alice = Party::new(rng);
    let statement = b"Pawl relay authentication v1\0 and so on";
    let signature = alice.device.keys().sign_statement(statement).unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&alice.device.keys().signing_key());
    let signature = ed25519_dalek::Signature::from_bytes(&signature);
    assert!(key.unwrap().verify_strict(statement, &signature).is_ok());
    for bytes in [
        b"Pawl device certificate v1\0".as_slice(),
        b"Pawl relay",
        b"",
    ] {
        let refused = Err(StatementError::WrongPrefix);
        assert_eq!(alice.device.keys().sign_statement(bytes), refused);
        assert_eq!(alice.account.sign_statement(bytes), refused);
    }
    assert!(alice.account.sign_statement(statement).is_ok());
}

#[test]
fn keys_come_back_from_their_stored_form() {
    let rng = &mut rng(57);
    let alice = Party::new(rng);
    let again = AccountKeyPair::from_bytes(alice.account.to_bytes().as_bytes()).unwrap();
    assert_eq!(again.public(), alice.account.public());
    assert_eq!(
        AccountKey::from_bytes(again.public().as_bytes()),
        Ok(again.public())
    );
}

fn hashed(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What is kept per account, or per handshake, is found by them.
#[test]
fn keys_are_compared_and_hashed_as_their_bytes_are() {
    let keys: Vec<_> = (64..80)
        .map(|seed| Party::new(&mut rng(seed)))
        .map(|party| {
            let base_key = party.device.keys().identity_key();
            let base_key = BaseKey::from_bytes(base_key.as_bytes()).unwrap();
            (party.account.public(), base_key)
        })
        .collect();
    for (account, base_key) in &keys {
        for (other, other_base) in &keys {
            let order = account.as_bytes().cmp(other.as_bytes());
            assert_eq!(account.cmp(other), order);
            assert_eq!(account.partial_cmp(other), Some(order));
            assert_eq!(hashed(account) == hashed(other), order.is_eq());
            let order = base_key.as_bytes().cmp(other_base.as_bytes());
            assert_eq!(base_key.cmp(other_base), order);
            assert_eq!(base_key.partial_cmp(other_base), Some(order));
            assert_eq!(hashed(base_key) == hashed(other_base), order.is_eq());
        }
    }
}

#[test]
fn a_safety_number_is_the_same_from_both_sides_and_of_these_two_only() {
    let keys: Vec<_> = (60..63)
        .map(|seed| AccountKeyPair::generate(&mut rng(seed)).public())
        .collect();
    let number = SafetyNumber::between(&keys[0], &keys[1]);
    assert!(number == SafetyNumber::between(&keys[1], &keys[0]));
    let other = SafetyNumber::between(&keys[0], &keys[2]);
    assert_ne!(number.digits(), other.digits());

    assert_eq!(number.digits().len(), 60);
    assert!(number.digits().bytes().all(|b| b.is_ascii_digit()));
    let groups: Vec<_> = number.to_string().split(' ').map(str::len).collect();
    assert_eq!(groups, [5; 12]);
    assert_eq!(number.to_string().replace(' ', ""), number.digits());

    assert_eq!(number.matches(&number.qr_payload()), Ok(true));
    assert_eq!(number.matches(&other.qr_payload()), Ok(false));
    assert_eq!(number.matches(b""), Err(ScanError::NotASafetyNumber));
    assert_eq!(number.matches(&[1; 64]), Err(ScanError::NotASafetyNumber));
    assert_eq!(number.matches(&[9; 65]), Err(ScanError::UnknownVersion(9)));
    // Bytes of another length are no code of a later version: they are no code.
    for length in [64, 66] {
        let scanned = vec![9; length];
        assert_eq!(number.matches(&scanned), Err(ScanError::NotASafetyNumber));
    }
}

#[test]
fn nothing_prints_a_key() {
    let rng = &mut rng(58);
    let alice = Party::new(rng);
    let number = SafetyNumber::between(&alice.account.public(), &alice.account.public());
    let printed = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {number:?} {:?}",
        alice.account,
        alice.device.keys(),
        alice.signed_prekey,
        alice.kem_prekey,
        alice.one_time_prekey,
        alice.account.public(),
        alice.device.keys().identity_key(),
        alice.kem_prekey.public().key(),
        DrawAhead::new(rng),
    );
    assert_eq!(
        printed,
        "AccountKeyPair(..) DeviceKeyPair(..) SignedPreKeyPair(..) KemPreKeyPair(..) \
         Some(OneTimePreKeyPair(..)) AccountKey(..) X25519Public(..) KemPublic(..) \
         SafetyNumber(..) DrawAhead(..)"
    );
}
