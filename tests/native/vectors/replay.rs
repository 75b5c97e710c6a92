//! Every refusal of the committed files once more, from the files alone: the exact reason, and the state as it was.

use std::collections::BTreeSet;

use pawl_protocol::{
    AccountKey, AccountRecord, BaseKey, DeviceCertificate, DeviceKeyPair, Envelope, KemPreKeyPair,
    LocalDevice, OneTimePreKeyPair, PreKeyBundle, ResponderPreKeys, SafetyNumber, Session,
    SignedPreKeyPair, VerifiedPreKeyBundle, X25519Public,
};
use serde_json::Value;

use super::crypt::array;
use super::json::unhex;
use super::refusals::Refusal;
use super::{bundles, handshakes, identity};

/// A device and its prekeys, put together from a case's fields.
pub(super) struct Restored {
    pub(super) device: LocalDevice,
    signed: SignedPreKeyPair,
    kem: KemPreKeyPair,
    one_time: Option<OneTimePreKeyPair>,
}

fn id(prekey: &Value) -> [u8; 4] {
    let id = prekey["id"].as_u64().expect("an id");
    u32::try_from(id).expect("32 bits").to_be_bytes()
}

/// A record's last 64 bytes.
fn signature(prekey: &Value) -> Vec<u8> {
    let record = unhex(&prekey["record"]);
    record[record.len() - 64..].to_vec()
}

impl Restored {
    pub(super) fn read(case: &Value) -> Self {
        let device = &case["device"];
        let keys = [
            vec![1],
            unhex(&device["signing_seed"]),
            unhex(&device["identity_private"]),
        ];
        let keys = DeviceKeyPair::from_bytes(&keys.concat()).expect("keys");
        let certificate = DeviceCertificate::decode(&unhex(&device["certificate"]));
        let (signed, kem) = (
            &case["prekeys"]["signed_prekey"],
            &case["prekeys"]["kem_prekey"],
        );
        let kind = if kem["kind"] == "one-time" { 1 } else { 2 };
        let signed_bytes = [
            vec![1],
            id(signed).into(),
            unhex(&signed["private"]),
            signature(signed),
        ];
        let kem_bytes = [
            vec![1, kind],
            id(kem).into(),
            unhex(&kem["seed"]),
            signature(kem),
        ];
        let one_time = &case["prekeys"]["one_time_prekey"];
        let one_time = one_time.is_object().then(|| {
            let bytes = [vec![1], id(one_time).into(), unhex(&one_time["private"])].concat();
            OneTimePreKeyPair::from_bytes(&bytes).expect("a prekey")
        });
        Self {
            device: LocalDevice::new(keys, certificate.expect("honest")).expect("honest"),
            signed: SignedPreKeyPair::from_bytes(&signed_bytes.concat()).expect("a prekey"),
            kem: KemPreKeyPair::from_bytes(&kem_bytes.concat()).expect("a prekey"),
            one_time,
        }
    }

    pub(super) fn prekeys(&self) -> ResponderPreKeys<'_> {
        ResponderPreKeys {
            signed_prekey: &self.signed,
            kem_prekey: &self.kem,
            one_time_prekey: self.one_time.as_ref(),
        }
    }

    pub(super) fn verified_bundle(&self) -> VerifiedPreKeyBundle {
        let bundle = PreKeyBundle {
            certificate: self.device.certificate().clone(),
            signed_prekey: self.signed.public(),
            kem_prekey: self.kem.public(),
            one_time_prekey: self.one_time.as_ref().map(OneTimePreKeyPair::public),
        };
        let account = self.device.address().account;
        bundle.verify(&account).expect("an honest bundle")
    }
}

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(super::path(file)).expect("committed");
    serde_json::from_str(&text).expect("JSON")
}

/// Judges every case of a list; `None` is what is not refused. Gives the reasons that were met.
fn replay(file: &str, list: &str, judge: impl Fn(&Value) -> Option<String>) -> BTreeSet<String> {
    let file = read(file);
    let cases = file[list].as_array().expect("a list");
    assert!(!cases.is_empty(), "{list} is empty");
    for case in cases {
        let reason = case["refused"].as_str().map(str::to_owned);
        assert_eq!(judge(case), reason, "{list}: {}", case["name"]);
    }
    let reasons = cases.iter().filter_map(|case| case["refused"].as_str());
    reasons.map(str::to_owned).collect()
}

fn key_32(case: &Value) -> [u8; 32] {
    array(&unhex(&case["bytes"]))
}

fn bundle(case: &Value) -> Option<String> {
    let bundle = &case["bundle"];
    let one_time = &bundle["one_time_prekey"];
    let parts = bundles::Parts {
        account: unhex(&bundle["account"]),
        certificate: unhex(&bundle["certificate"]),
        signed_prekey: unhex(&bundle["signed_prekey"]),
        kem_prekey: unhex(&bundle["kem_prekey"]),
        one_time_prekey: one_time.is_string().then(|| unhex(one_time)),
    };
    parts.judge()
}

fn prekey(case: &Value) -> Option<String> {
    ["signed_prekey", "kem_prekey", "one_time_prekey"]
        .iter()
        .find(|kind| case[**kind].is_string())
        .and_then(|kind| bundles::judge_prekey(kind, &unhex(&case[*kind])))
}

fn succession(case: &Value) -> Option<String> {
    let record = |name: &str| {
        let record = AccountRecord::decode(&unhex(&case[name])).expect("a record");
        record.verify().expect("signed")
    };
    let verdict = record("offered").supersedes(&record("known"));
    verdict.err().map(|error| error.name())
}

fn open(case: &Value) -> Option<String> {
    let state = unhex(&case["state"]);
    let mut session = Session::from_bytes(&state).expect("a stored session");
    let envelope = unhex(&case["envelope"]);
    let now = case["now"].as_u64().expect("a time");
    let result = match Envelope::decode(&envelope) {
        Ok(envelope) => session.open(&envelope, now).map_err(|error| error.name()),
        Err(error) => Err(error.name()),
    };
    let after = session.to_bytes().as_bytes().to_vec();
    assert_eq!(after, state, "{} changed the state", case["name"]);
    assert_eq!(after, unhex(&case["state_after"]), "{}", case["name"]);
    result.err()
}

fn seal(case: &Value) -> Option<String> {
    let state = unhex(&case["state"]);
    let mut session = Session::from_bytes(&state).expect("a stored session");
    let length = case["plaintext_length"].as_u64().expect("a length");
    let text = vec![b'x'; usize::try_from(length).expect("short")];
    let result = session.seal(&text, &mut super::people::Tape::of("replay"));
    assert_eq!(
        session.to_bytes().as_bytes(),
        state,
        "{} changed the state",
        case["name"]
    );
    result.err().map(|error| error.name())
}

fn scan(case: &Value) -> Option<String> {
    let key = |name: &str| AccountKey::from_bytes(&array(&unhex(&case[name]))).expect("a key");
    let number = SafetyNumber::between(&key("account"), &key("other_account"));
    match number.matches(&unhex(&case["scanned"])) {
        Ok(true) => None,
        Ok(false) => Some("no match".into()),
        Err(error) => Some(error.name()),
    }
}

/// What the vectors must hold at least one of: every refusal that bytes from outside can cause.
const EVERY_REASON: [&str; 43] = [
    "bad field: KEM kind",
    "bad field: body length",
    "bad field: device",
    "bad field: device count",
    "bad field: initial prefix flag",
    "bad field: one-time prekey flag",
    "bad field: one-time prekey id",
    "bad field: receiving flag",
    "bad field: retired chains",
    "bad field: sending state",
    "bad field: skipped keys",
    "bad field: username",
    "body not authentic",
    "certificate signature",
    "chain exhausted",
    "device order",
    "foreign device",
    "fork",
    "header not authentic",
    "invalid header",
    "invalid padding",
    "KEM prekey signature",
    "key not canonical",
    "key not on the curve",
    "key of small order",
    "message key gone",
    "no match",
    "not a safety number",
    "not a statement",
    "other account",
    "own device",
    "prekey mismatch",
    "record signature",
    "rollback",
    "signed prekey signature",
    "too long",
    "too many skipped",
    "trailing bytes",
    "truncated",
    "unknown suite",
    "unknown type",
    "unknown version",
    "wrong session",
];

#[test]
fn every_refusal_happens_again_from_the_files_alone_and_changes_nothing() {
    if std::env::var_os(super::WRITE).is_some() {
        return; // the files are being written
    }
    let decode = |case: &Value| {
        let bytes = unhex(&case["envelope"]);
        Envelope::decode(&bytes).err().map(|error| error.name())
    };
    let restore = |case: &Value| {
        Session::from_bytes(&unhex(&case["state"]))
            .err()
            .map(|e| e.name())
    };
    let statement = |case: &Value| {
        let bytes = unhex(&case["statement"]);
        super::statements::judge(&bytes)
    };
    let certificate = |case: &Value| identity::judge_certificate(&unhex(&case["certificate"]));
    let record = |case: &Value| identity::judge_record(&unhex(&case["record"]));
    let met = [
        replay("keys", "x25519", |case| {
            X25519Public::from_bytes(&key_32(case))
                .err()
                .map(|e| e.name())
        }),
        replay("keys", "x25519", |case| {
            BaseKey::from_bytes(&key_32(case)).err().map(|e| e.name())
        }),
        replay("keys", "ed25519", |case| {
            AccountKey::from_bytes(&key_32(case))
                .err()
                .map(|e| e.name())
        }),
        replay("identity", "refused_certificates", certificate),
        replay("identity", "refused_records", record),
        replay("identity", "successions", succession),
        replay("bundles", "bundles", bundle),
        replay("bundles", "refused_bundles", bundle),
        replay("bundles", "refused_prekeys", prekey),
        replay(
            "handshakes",
            "refused_by_initiator",
            handshakes::judge_initiate,
        ),
        replay(
            "handshakes",
            "refused_by_responder",
            handshakes::judge_accept,
        ),
        replay("ratchet", "refused_by_open", open),
        replay("ratchet", "refused_by_seal", seal),
        replay("ratchet", "refused_states", restore),
        replay("envelopes", "refused_envelopes", decode),
        replay("padding", "refused_padding", open),
        replay("safety_numbers", "scans", scan),
        replay("statements", "refused_statements", statement),
    ];
    let met: BTreeSet<_> = met.into_iter().flatten().collect();
    let expected: BTreeSet<_> = EVERY_REASON.map(str::to_owned).into();
    assert_eq!(met, expected);
}
