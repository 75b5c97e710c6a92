//! keys.json: labels, and public keys that are taken or refused.

use pawl_protocol::{AccountKey, X25519Public};

use super::crypt::labels;
use super::json::{Json, hex, object};
use super::people::Tape;
use super::refusals::Refusal;
use chacha20::rand_core::Rng;

const ED25519_BASE: [u8; 32] = {
    let mut point = [0x66; 32];
    point[0] = 0x58;
    point
};

pub(super) fn make() -> Json {
    let mut rng = Tape::of("keys");
    object! {
        "labels": labels_json(),
        "x25519": x25519(&mut rng),
        "ed25519": ed25519(),
    }
}

fn labels_json() -> Vec<Json> {
    [
        ("device certificate", labels::CERTIFICATE),
        ("account record", labels::ACCOUNT_RECORD),
        ("signed prekey", labels::SIGNED_PREKEY),
        ("one-time KEM prekey", labels::ONE_TIME_KEM_PREKEY),
        ("last-resort KEM prekey", labels::LAST_RESORT_KEM_PREKEY),
        ("associated data", labels::ASSOCIATED_DATA),
        ("handshake", labels::HANDSHAKE),
        ("root chain", labels::ROOT_CHAIN),
        ("message key", labels::MESSAGE_KEY),
        ("safety number", labels::SAFETY_NUMBER),
    ]
    .map(|(name, bytes)| object! { "name": name, "bytes": hex(bytes) })
    .into()
}

fn x25519(rng: &mut Tape) -> Vec<Json> {
    let number = |first: u8, last: u8| {
        let mut bytes = [if last == 0 { 0 } else { 0xff }; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ]
    .map(|text| super::json::unhex(&text.into()));
    let mut random = [0; 32];
    rng.fill_bytes(&mut random);
    random[31] &= 0x7f;
    let cases: [(&str, &[u8]); 13] = [
        ("the base point", &number(9, 0)),
        ("random, below the modulus", &random),
        ("the largest coordinate but one", &number(0xeb, 0x7f)),
        ("0, of small order", &number(0, 0)),
        ("1, of small order", &number(1, 0)),
        ("p - 1, of small order", &number(0xec, 0x7f)),
        ("of order 8", &order_8[0]),
        ("of order 8", &order_8[1]),
        ("p, which RFC 7748 would take for 0", &number(0xed, 0x7f)),
        ("p + 1", &number(0xee, 0x7f)),
        ("2^255 - 1", &number(0xff, 0x7f)),
        ("the base point with the top bit", &top_bit(number(9, 0))),
        ("2^256 - 1", &[0xff; 32]),
    ];
    cases
        .map(|(name, bytes)| {
            let key = bytes.try_into().expect("32 bytes");
            key_case(name, bytes, X25519Public::from_bytes(key).err())
        })
        .into()
}

fn ed25519() -> Vec<Json> {
    let mut low = [0; 32];
    low[0] = 1;
    let neutral = low;
    low[0] = 2;
    let mut not_reduced = [0xff; 32];
    (not_reduced[0], not_reduced[31]) = (0xee, 0x7f);
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let order_8 = super::json::unhex(
        &"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".into(),
    );
    let cases: [(&str, &[u8]); 10] = [
        ("the base point", &ED25519_BASE),
        ("the base point, x negated", &top_bit(ED25519_BASE)),
        ("the neutral element", &neutral),
        ("the neutral element, its x of 0 negated", &top_bit(neutral)),
        ("y = -1, of order 2", &minus_one),
        ("y = 0, of order 4", &[0; 32]),
        ("of order 8", &order_8),
        (
            "y = p + 1, another form of the neutral element",
            &not_reduced,
        ),
        ("y = 2^255 - 1", &top_bit([0xff; 32])),
        ("y = 2, no point", &low),
    ];
    cases
        .map(|(name, bytes)| {
            let key = bytes.try_into().expect("32 bytes");
            key_case(name, bytes, AccountKey::from_bytes(key).err())
        })
        .into()
}

fn top_bit(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] ^= 0x80;
    bytes
}

fn key_case(name: &str, bytes: &[u8], refusal: Option<impl Refusal>) -> Json {
    object! {
        "name": name,
        "bytes": hex(bytes),
        "refused": refusal.map(|refusal| Json::from(refusal.name())),
    }
}
