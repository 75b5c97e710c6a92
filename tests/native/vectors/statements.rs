//! statements.json: what is signed for a relay, and what the signer refuses to sign as a statement.

use pawl_wire::statement::{self, Connection};
use pawl_wire::{AccountId, DeviceAddress, Epoch, Nonce, SigningKeyBytes, Username};

use super::crypt::labels;
use super::json::{Json, hex, object};
use super::people::{Person, Tape};
use super::refusals::Refusal;

pub(super) fn make() -> Json {
    let mut rng = Tape::of("statements");
    let person = Person::new(&mut rng);
    let connection = Connection {
        authority: "chat.example:8443",
        nonce: Nonce([0xa1; 32]),
        epoch: Epoch([0xb2; 16]),
    };
    let device = DeviceAddress {
        account: AccountId(*person.account.public().as_bytes()),
        device: 1,
    };
    let username = Username::parse("Alice").expect("a name");
    let key = SigningKeyBytes(person.device.keys().signing_key());
    let auth = statement::auth(&connection, device, 300);
    let register = statement::register(&connection, device, &key, &username);
    let by_device = |bytes: &[u8]| {
        person
            .device
            .keys()
            .sign_statement(bytes)
            .expect("a statement")
    };
    let by_account = person
        .account
        .sign_statement(&register)
        .expect("a statement");
    object! {
        "device": person.device_json(),
        "authority": connection.authority,
        "nonce": hex(connection.nonce.0),
        "epoch": hex(connection.epoch.0),
        "device_number": 1_u64,
        "last_sequence_number": 300_u64,
        "username": username.as_str(),
        "auth": object! {
            "statement": hex(&auth),
            "device_signature": hex(by_device(&auth)),
        },
        "register": object! {
            "statement": hex(&register),
            "account_signature": hex(by_account),
            "device_signature": hex(by_device(&register)),
        },
        "refused_statements": refused(),
    }
}

fn refused() -> Vec<Json> {
    let cases: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("the prefix without its space", b"Pawl relay"),
        ("another capital", b"pawl relay auth v1"),
        ("a device certificate's label", labels::CERTIFICATE),
        ("a signed prekey's label", labels::SIGNED_PREKEY),
    ];
    cases
        .map(|(name, statement)| {
            let refusal = judge(statement).expect("refused");
            object! { "name": name, "statement": hex(statement), "refused": refusal }
        })
        .into()
}

/// What a device refuses to sign as a statement.
pub(super) fn judge(statement: &[u8]) -> Option<String> {
    let person = Person::new(&mut Tape::of("replay"));
    let result = person.device.keys().sign_statement(statement);
    result.err().map(|error| error.name())
}
