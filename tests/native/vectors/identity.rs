//! identity.json: device certificates, account records, and which record may follow which.

use pawl_protocol::{
    AccountKeyPair, AccountRecord, DeviceCertificate, DeviceId, DeviceKeyPair, LocalDevice,
    VerifiedAccountRecord,
};

use super::crypt::{self, labels};
use super::json::{Json, hex, object, unhex};
use super::people::{Person, Tape};
use super::refusals::Refusal;

pub(super) fn make() -> Json {
    let mut rng = Tape::of("identity");
    let (alice, mallory) = (Person::new(&mut rng), Person::new(&mut rng));
    object! {
        "certificates": certificates(&alice, &mallory),
        "refused_certificates": refused_certificates(&alice, &mallory),
        "records": records(&alice, &mut rng),
        "refused_records": refused_records(&alice, &mallory, &mut rng),
        "successions": successions(&alice, &mallory, &mut rng),
    }
}

fn certificates(alice: &Person, mallory: &Person) -> Vec<Json> {
    [("alice", alice), ("mallory", mallory)]
        .map(|(name, person)| {
            object! { "name": name, "device": 1_u64, "keys": person.device_json() }
        })
        .into()
}

/// What a certificate is refused for, by its decoder or by its verification.
pub(super) fn judge_certificate(bytes: &[u8]) -> Option<String> {
    match DeviceCertificate::decode(bytes) {
        Ok(certificate) => certificate.verify().err().map(|error| error.name()),
        Err(error) => Some(error.name()),
    }
}

/// What a record is refused for, by its decoder or by its verification.
pub(super) fn judge_record(bytes: &[u8]) -> Option<String> {
    match AccountRecord::decode(bytes) {
        Ok(record) => record.verify().err().map(|error| error.name()),
        Err(error) => Some(error.name()),
    }
}

/// One refused case; the reason is asserted here and again from the file.
pub(super) fn refused(
    name: &str,
    field: &'static str,
    bytes: &[u8],
    found: Option<String>,
) -> Json {
    let reason = found.unwrap_or_else(|| panic!("{name} is not refused"));
    Json::Object(vec![
        ("name", Json::from(name)),
        (field, hex(bytes)),
        ("refused", Json::from(reason)),
    ])
}

/// A certificate whose signature has the neutral element for its R and fulfils the equation all the same: made with
/// the account's private scalar, S = k a. Verification that is not strict takes it.
const NEUTRAL_R: &str = "1dfac77c072735aa906bce0eea50001e6a9a47b8d6ac5ad23a29699d6031ee8b\
    00000001322cc6586fd1e6cd640917d0dc01f091cfaeec46c6408b7e2f46c8f50bd174dd\
    bb1c2543510a476559b1cc9b96e166876918e77f348f9cbc84cfdc197a630124\
    0100000000000000000000000000000000000000000000000000000000000000\
    469414b96cd144fdc09331e6ee6f2fed2b000c82733b6dec395a689a235b1c07";

/// The order of Ed25519's group, little-endian.
const GROUP_ORDER: [u8; 32] = {
    let low = *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14";
    let mut order = [0; 32];
    order[31] = 0x10;
    let mut at = 0;
    while at < 16 {
        order[at] = low[at];
        at += 1;
    }
    order
};

/// The same signature with the group's order added to its S.
fn not_reduced(certificate: &[u8]) -> Vec<u8> {
    let mut changed = certificate.to_vec();
    let mut carry = 0;
    for (byte, order) in changed[132..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
    }
    changed
}

fn refused_certificates(alice: &Person, mallory: &Person) -> Vec<Json> {
    let good = alice.certificate();
    let replace = |at: usize, bytes: &[u8]| {
        let mut changed = good.to_vec();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let signed = |seed: &[u8], label| {
        let signature = crypt::sign(seed, label, &good[..100]);
        replace(100, &signature)
    };
    let [mut neutral, mut p] = [[0; 32], [0xff; 32]];
    neutral[0] = 1;
    (p[0], p[31]) = (0xed, 0x7f);
    let mut no_point = [0; 32];
    no_point[0] = 2;
    let last_byte = good[163] ^ 1;
    let cases: [(&str, Vec<u8>); 19] = [
        ("empty", Vec::new()),
        ("truncated by one byte", good[..163].to_vec()),
        ("one byte behind it", [&good[..], &[0]].concat()),
        ("account key of small order", replace(0, &neutral)),
        ("account key not canonical", replace(0, &p)),
        ("account key that is no point", replace(0, &no_point)),
        ("device number 0", replace(32, &[0; 4])),
        ("signing key of small order", replace(36, &neutral)),
        ("signing key not canonical", replace(36, &p)),
        ("identity key of small order", replace(68, &[0; 32])),
        ("identity key not canonical", replace(68, &p)),
        ("another device number", replace(32, &[0, 0, 0, 2])),
        (
            "another identity key",
            replace(68, &mallory.certificate()[68..100]),
        ),
        ("a changed signature", replace(163, &[last_byte])),
        ("a signature whose S is not reduced", not_reduced(&good)),
        (
            "a signature whose R is of small order",
            unhex(&NEUTRAL_R.into()),
        ),
        (
            "signed by another account",
            signed(&mallory.account_seed(), labels::CERTIFICATE),
        ),
        (
            "signed as an account record",
            signed(&alice.account_seed(), labels::ACCOUNT_RECORD),
        ),
        (
            "signed by the device instead of the account",
            signed(&alice.signing_seed(), labels::CERTIFICATE),
        ),
    ];
    cases
        .map(|(name, bytes)| refused(name, "certificate", &bytes, judge_certificate(&bytes)))
        .into()
}

fn record(
    alice: &Person,
    name: &str,
    version: u64,
    devices: Vec<DeviceCertificate>,
) -> VerifiedAccountRecord {
    AccountRecord::sign(&alice.account, name, version, devices).expect("an honest record")
}

fn device(account: &AccountKeyPair, number: u32, rng: &mut Tape) -> DeviceCertificate {
    let keys = DeviceKeyPair::generate(rng);
    let number = DeviceId::new(number).expect("not zero");
    LocalDevice::certify(account, number, keys)
        .certificate()
        .clone()
}

fn records(alice: &Person, rng: &mut Tape) -> Vec<Json> {
    let own = alice.device.certificate().clone();
    let mut three = vec![own.clone()];
    three.extend([2, 5].map(|number| device(&alice.account, number, rng)));
    let ten = (1..=10)
        .map(|number| device(&alice.account, number, rng))
        .collect();
    let long = "a-name.of_thirty-two-characters1";
    [
        ("one device", record(alice, "alice", 1, vec![own.clone()])),
        ("three devices", record(alice, "alice", 2, three)),
        (
            "the longest name, the highest version",
            record(alice, long, u64::MAX, vec![own.clone()]),
        ),
        ("ten devices", record(alice, "a", 3, ten)),
        ("version 0", record(alice, "alice", 0, vec![own.clone()])),
        (
            "the first and the last printable character",
            record(alice, "!~", 1, vec![own]),
        ),
    ]
    .map(|(name, record)| {
        object! {
            "name": name,
            "username": record.username(),
            "version": record.version().to_string(),
            "devices": record.devices().iter().map(|d| hex(d.encode())).collect::<Vec<_>>(),
            "record": hex(record.record().encode()),
        }
    })
    .into()
}

/// A record of these parts, signed by the account whatever they say.
fn sign_record(alice: &Person, label: &[u8], name: &[u8], devices: &[&[u8]]) -> Vec<u8> {
    let account = alice.account.public();
    let name_length = u8::try_from(name.len()).expect("short");
    let count = u8::try_from(devices.len()).expect("few");
    let mut bytes = [&[1], &account.as_bytes()[..], &[name_length], name].concat();
    bytes.extend_from_slice(&7_u64.to_be_bytes());
    bytes.push(count);
    bytes.extend(devices.concat());
    let signature = crypt::sign(&alice.account_seed(), label, &bytes);
    [bytes, signature.to_vec()].concat()
}

fn refused_records(alice: &Person, mallory: &Person, rng: &mut Tape) -> Vec<Json> {
    let own = alice.certificate();
    let foreign = mallory.certificate();
    let second = device(&alice.account, 2, rng).encode();
    let mut forged = second;
    forged[99] ^= 1; // an identity key that the account did not sign
    let label = labels::ACCOUNT_RECORD;
    let good = sign_record(alice, label, b"alice", &[&own]);
    assert_eq!(judge_record(&good), None);
    let with = |at: usize, value: u8| {
        let mut changed = good.clone();
        changed[at] = value;
        changed
    };
    let name = |name: &[u8]| sign_record(alice, label, name, &[&own]);
    let devices = |devices: &[&[u8]]| sign_record(alice, label, b"alice", devices);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("truncated by one byte", good[..good.len() - 1].to_vec()),
        ("one byte behind it", [&good[..], &[0]].concat()),
        ("version 2 of the encoding", with(0, 2)),
        ("a name of no characters", name(b"")),
        ("a name of 33 characters", name(&[b'a'; 33])),
        ("a name with a space", name(b"al ice")),
        ("a name with a control character", name(b"al\x07ice")),
        ("a name that is not ASCII", name("alic\u{435}".as_bytes())),
        ("a name that is not UTF-8", name(&[b'a', 0xff])),
        ("no device", devices(&[])),
        ("eleven devices", devices(&[&own[..]; 11])),
        ("a device of another account", devices(&[&own, &foreign])),
        ("devices in falling order", devices(&[&second, &own])),
        ("a device twice", devices(&[&own, &own])),
        (
            "a device that the account did not certify",
            devices(&[&own, &forged]),
        ),
        ("another version number", with(46, 8)),
        ("another name", with(34, b'b')),
        (
            "a changed signature",
            with(good.len() - 1, good[good.len() - 1] ^ 1),
        ),
        (
            "signed as a device certificate",
            sign_record(alice, labels::CERTIFICATE, b"alice", &[&own]),
        ),
    ];
    cases
        .iter()
        .map(|(name, bytes)| refused(name, "record", bytes, judge_record(bytes)))
        .collect()
}

fn successions(alice: &Person, mallory: &Person, rng: &mut Tape) -> Vec<Json> {
    let own = || vec![alice.device.certificate().clone()];
    let two = vec![own().remove(0), device(&alice.account, 2, rng)];
    let known = record(alice, "alice", 5, own());
    let others = mallory.device.certificate().clone();
    let cases = [
        ("the same record", record(alice, "alice", 5, own())),
        ("a newer one", record(alice, "alice", 6, two.clone())),
        ("an older one", record(alice, "alice", 4, own())),
        (
            "the same version with other devices",
            record(alice, "alice", 5, two),
        ),
        (
            "the same version with another name",
            record(alice, "bob", 5, own()),
        ),
        (
            "another account's",
            record(mallory, "alice", 9, vec![others]),
        ),
    ];
    cases
        .map(|(name, offered)| {
            let verdict = offered.supersedes(&known);
            object! {
                "name": name,
                "known": hex(known.record().encode()),
                "offered": hex(offered.record().encode()),
                "refused": verdict.err().map(|error| Json::from(error.name())),
            }
        })
        .into()
}
