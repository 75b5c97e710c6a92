//! safety_numbers.json: digits and QR payload of two accounts, and what a scanned code is.

use pawl_protocol::{AccountKey, AccountKeyPair, SafetyNumber};

use super::json::{Json, hex, object};
use super::people::Tape;
use super::refusals::Refusal;

pub(super) fn make() -> Json {
    let mut rng = Tape::of("safety numbers");
    let keys: [AccountKey; 4] =
        std::array::from_fn(|_| AccountKeyPair::generate(&mut rng).public());
    let pairs = [(0, 1), (1, 0), (0, 2), (2, 3), (0, 0)];
    let numbers = pairs.map(|(one, other)| {
        let number = SafetyNumber::between(&keys[one], &keys[other]);
        object! {
            "account": hex(keys[one].as_bytes()),
            "other_account": hex(keys[other].as_bytes()),
            "digits": number.digits(),
            "shown": number.to_string(),
            "qr_payload": hex(number.qr_payload()),
        }
    });
    object! {
        "numbers": Vec::from(numbers),
        "scans": scans(&keys),
    }
}

fn scans(keys: &[AccountKey; 4]) -> Vec<Json> {
    let number = SafetyNumber::between(&keys[0], &keys[1]);
    let good = number.qr_payload();
    let others = SafetyNumber::between(&keys[0], &keys[2]).qr_payload();
    let mut version_2 = good;
    version_2[0] = 2;
    let swapped = [&good[..1], &good[33..], &good[1..33]].concat();
    let digits = number.digits();
    let cases: [(&str, &[u8]); 8] = [
        ("the same number", &good),
        ("another number", &others),
        ("the halves the other way round", &swapped),
        ("version 2", &version_2),
        ("empty", &[]),
        ("truncated by one byte", &good[..64]),
        ("one byte behind it", &[&good[..], &[0]].concat()),
        ("the digits instead", digits.as_bytes()),
    ];
    cases
        .map(|(name, scanned)| {
            let verdict = match number.matches(scanned) {
                Ok(true) => Json::Null,
                Ok(false) => Json::from("no match"),
                Err(error) => Json::from(error.name()),
            };
            object! {
                "name": name,
                "account": hex(keys[0].as_bytes()),
                "other_account": hex(keys[1].as_bytes()),
                "scanned": hex(scanned),
                "refused": verdict,
            }
        })
        .into()
}
