//! bundles.json: prekeys and bundles, and why a bundle is not to be used.

use pawl_protocol::{
    AccountKey, DeviceCertificate, KemKind, KemPreKey, OneTimePreKey, PreKeyBundle, SignedPreKey,
};

use super::crypt::{self, array, labels};
use super::identity::refused;
use super::json::{Json, hex, object};
use super::people::{Person, Tape, kem_kind, prekeys_json};
use super::refusals::Refusal;

/// A bundle in bytes, as it comes from a relay.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) account: Vec<u8>,
    pub(super) certificate: Vec<u8>,
    pub(super) signed_prekey: Vec<u8>,
    pub(super) kem_prekey: Vec<u8>,
    pub(super) one_time_prekey: Option<Vec<u8>>,
}

impl Parts {
    fn of(person: &Person, kind: KemKind, with_one_time: bool) -> Self {
        Self {
            account: person.account.public().as_bytes().to_vec(),
            certificate: person.certificate().to_vec(),
            signed_prekey: person.signed.public().encode().to_vec(),
            kem_prekey: person.kem(kind).public().encode(),
            one_time_prekey: with_one_time.then(|| person.one_time.public().encode().to_vec()),
        }
    }

    /// What the bundle is refused for, by a decoder or by its verification.
    pub(super) fn judge(&self) -> Option<String> {
        self.verify().err()
    }

    fn verify(&self) -> Result<(), String> {
        let name = |error: pawl_protocol::DecodeError| error.name();
        let account = AccountKey::from_bytes(&array(&self.account)).map_err(|e| e.name())?;
        let one_time = self.one_time_prekey.as_deref();
        let bundle = PreKeyBundle {
            certificate: DeviceCertificate::decode(&self.certificate).map_err(name)?,
            signed_prekey: SignedPreKey::decode(&self.signed_prekey).map_err(name)?,
            kem_prekey: KemPreKey::decode(&self.kem_prekey).map_err(name)?,
            one_time_prekey: one_time
                .map(OneTimePreKey::decode)
                .transpose()
                .map_err(name)?,
        };
        bundle.verify(&account).map(|_| ()).map_err(|e| e.name())
    }

    fn json(&self) -> Json {
        object! {
            "account": hex(&self.account),
            "certificate": hex(&self.certificate),
            "signed_prekey": hex(&self.signed_prekey),
            "kem_prekey": hex(&self.kem_prekey),
            "one_time_prekey": self.one_time_prekey.as_ref().map(hex),
        }
    }
}

pub(super) fn make() -> Json {
    let mut rng = Tape::of("bundles");
    let (bob, mallory) = (Person::new(&mut rng), Person::new(&mut rng));
    object! {
        "bundles": valid(&bob),
        "refused_bundles": refused_bundles(&bob, &mallory),
        "refused_prekeys": refused_prekeys(&bob),
    }
}

fn valid(bob: &Person) -> Vec<Json> {
    [
        (KemKind::OneTime, true),
        (KemKind::OneTime, false),
        (KemKind::LastResort, true),
        (KemKind::LastResort, false),
    ]
    .map(|(kind, with_one_time)| {
        let parts = Parts::of(bob, kind, with_one_time);
        assert_eq!(parts.judge(), None);
        let without = if with_one_time { "with" } else { "without" };
        object! {
            "name": format!("{} KEM prekey, {without} a one-time prekey", kem_kind(kind)),
            "device": bob.device_json(),
            "prekeys": prekeys_json(&bob.prekeys(kind, with_one_time)),
            "bundle": parts.json(),
        }
    })
    .into()
}

/// `record` (a signed or a KEM prekey without its signature) signed by `seed` under `label`.
fn signed(seed: &[u8], label: &[u8], record: &[u8], fields_at: usize) -> Vec<u8> {
    let signature = crypt::sign(seed, label, &record[fields_at..]);
    [record, &signature].concat()
}

type Case = (&'static str, Parts);

fn refused_bundles(bob: &Person, mallory: &Person) -> Vec<Json> {
    let good = Parts::of(bob, KemKind::OneTime, true);
    let others = Parts::of(mallory, KemKind::OneTime, true);
    let mut cases = certificate_cases(&good, &others);
    cases.extend(signed_prekey_cases(bob, &good, &others));
    cases.extend(kem_prekey_cases(bob, &good, &others));
    cases
        .into_iter()
        .map(|(name, parts)| {
            let reason = parts.judge();
            let reason = reason.unwrap_or_else(|| panic!("{name} is not refused"));
            object! { "name": name, "bundle": parts.json(), "refused": reason }
        })
        .collect()
}

fn change(bytes: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] = value;
    changed
}

fn certificate_cases(good: &Parts, others: &Parts) -> Vec<Case> {
    let with = |certificate| Parts {
        certificate,
        ..good.clone()
    };
    let asked_for_another = Parts {
        account: others.account.clone(),
        ..good.clone()
    };
    let not_signed = change(&good.certificate, 99, good.certificate[99] ^ 1);
    vec![
        ("of another account than was asked for", asked_for_another),
        ("another account's device", with(others.certificate.clone())),
        (
            "a certificate that the account did not sign",
            with(not_signed),
        ),
    ]
}

fn signed_prekey_cases(bob: &Person, good: &Parts, others: &Parts) -> Vec<Case> {
    let with = |signed_prekey| Parts {
        signed_prekey,
        ..good.clone()
    };
    let sign = |seed: &[u8], label| with(signed(seed, label, &good.signed_prekey[..36], 0));
    let (device, account) = (bob.signing_seed(), bob.account_seed());
    vec![
        (
            "another device's signed prekey",
            with(others.signed_prekey.clone()),
        ),
        (
            "signed prekey with another id",
            with(change(&good.signed_prekey, 3, 8)),
        ),
        (
            "signed prekey signed by the account instead of the device",
            sign(&account, labels::SIGNED_PREKEY),
        ),
        (
            "signed prekey signed as a KEM prekey",
            sign(&device, labels::ONE_TIME_KEM_PREKEY),
        ),
        ("signed prekey signed without a label", sign(&device, b"")),
    ]
}

fn kem_prekey_cases(bob: &Person, good: &Parts, others: &Parts) -> Vec<Case> {
    let last = Parts::of(bob, KemKind::LastResort, true);
    let with = |kem_prekey| Parts {
        kem_prekey,
        ..good.clone()
    };
    let sign = |seed: &[u8], label| with(signed(seed, label, &good.kem_prekey[..1189], 1));
    let (device, account) = (bob.signing_seed(), bob.account_seed());
    let mut not_a_key = good.kem_prekey[..1189].to_vec();
    not_a_key[5..8].copy_from_slice(&[0x01, 0x0d, 0x00]); // the first coefficient is 3,329
    let not_a_key = signed(&device, labels::ONE_TIME_KEM_PREKEY, &not_a_key, 1);
    vec![
        (
            "another device's KEM prekey",
            with(others.kem_prekey.clone()),
        ),
        (
            "KEM prekey with another id",
            with(change(&good.kem_prekey, 4, 9)),
        ),
        (
            "a one-time KEM prekey passed off as last-resort",
            with(change(&good.kem_prekey, 0, 2)),
        ),
        (
            "a last-resort KEM prekey passed off as one-time",
            with(change(&last.kem_prekey, 0, 1)),
        ),
        (
            "KEM prekey signed as a signed prekey",
            sign(&device, labels::SIGNED_PREKEY),
        ),
        (
            "KEM prekey signed by the account instead of the device",
            sign(&account, labels::ONE_TIME_KEM_PREKEY),
        ),
        (
            "KEM prekey with a coefficient of 3,329, signed",
            with(not_a_key),
        ),
    ]
}

fn refused_prekeys(bob: &Person) -> Vec<Json> {
    let good = Parts::of(bob, KemKind::OneTime, true);
    let one_time = good.one_time_prekey.clone().expect("there is one");
    let replace = |bytes: &[u8], at: usize, by: &[u8]| {
        let mut changed = bytes.to_vec();
        changed[at..at + by.len()].copy_from_slice(by);
        changed
    };
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    let shorter = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    let (spk, kem) = (&good.signed_prekey, &good.kem_prekey);
    let cases: [(&'static str, &str, Vec<u8>); 14] = [
        ("signed_prekey", "truncated by one byte", shorter(spk)),
        ("signed_prekey", "one byte behind it", longer(spk)),
        (
            "signed_prekey",
            "a key of small order",
            replace(spk, 4, &[0; 32]),
        ),
        (
            "signed_prekey",
            "a key that is not canonical",
            replace(spk, 4, &p),
        ),
        ("kem_prekey", "truncated by one byte", shorter(kem)),
        ("kem_prekey", "one byte behind it", longer(kem)),
        ("kem_prekey", "kind 0", replace(kem, 0, &[0])),
        ("kem_prekey", "kind 3", replace(kem, 0, &[3])),
        ("one_time_prekey", "empty", Vec::new()),
        (
            "one_time_prekey",
            "truncated by one byte",
            shorter(&one_time),
        ),
        ("one_time_prekey", "one byte behind it", longer(&one_time)),
        (
            "one_time_prekey",
            "a key of small order",
            replace(&one_time, 4, &[0; 32]),
        ),
        (
            "one_time_prekey",
            "a key that is not canonical",
            replace(&one_time, 4, &p),
        ),
        (
            "one_time_prekey",
            "a key with the top bit",
            replace(&one_time, 35, &[one_time[35] | 0x80]),
        ),
    ];
    cases
        .map(|(kind, name, bytes)| refused(name, kind, &bytes, judge_prekey(kind, &bytes)))
        .into()
}

pub(super) fn judge_prekey(kind: &str, bytes: &[u8]) -> Option<String> {
    let error = match kind {
        "signed_prekey" => SignedPreKey::decode(bytes).err(),
        "kem_prekey" => KemPreKey::decode(bytes).err(),
        _ => OneTimePreKey::decode(bytes).err(),
    };
    error.map(|error| error.name())
}
