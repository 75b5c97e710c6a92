//! Stored private state, as a damaged disk may give it back: one encoding each, and a session that was read does
//! not panic, whatever it holds.

use pawl_protocol::{
    AccountKeyPair, DeviceKeyPair, Envelope, KemPreKeyPair, OneTimePreKeyPair, SecretBytes,
    Session, SignedPreKeyPair,
};

use crate::cursor::Cursor;
use crate::people::{NOW, people, rng};

pub(crate) fn run(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes);
    let kind = cursor.byte() % 6;
    let bytes = cursor.rest();
    let again = match kind {
        0 => Session::from_bytes(bytes)
            .ok()
            .map(|session| session.to_bytes()),
        1 => AccountKeyPair::from_bytes(bytes)
            .ok()
            .map(|keys| keys.to_bytes()),
        2 => DeviceKeyPair::from_bytes(bytes)
            .ok()
            .map(|keys| keys.to_bytes()),
        3 => SignedPreKeyPair::from_bytes(bytes)
            .ok()
            .map(|keys| keys.to_bytes()),
        4 => KemPreKeyPair::from_bytes(bytes)
            .ok()
            .map(|keys| keys.to_bytes()),
        _ => OneTimePreKeyPair::from_bytes(bytes)
            .ok()
            .map(|keys| keys.to_bytes()),
    };
    let same = |again: SecretBytes| again.as_bytes() == bytes;
    assert!(again.is_none_or(same), "two encodings of one value");
    if kind == 0
        && let Ok(session) = Session::from_bytes(bytes)
    {
        use_it(session);
    }
}

/// Whatever it answers.
fn use_it(mut session: Session) {
    let people = people();
    for envelope in people.waiting.iter().chain(&people.initial) {
        let envelope = Envelope::decode(envelope).expect("an honest envelope");
        let _ = session.open(&envelope, NOW);
    }
    // The prefix of an initial message is repeated as it was stored, whatever it says.
    let prefix_is_ours = !session.awaits_reply();
    for seed in 0..2 {
        if let Ok(sealed) = session.seal(b"text", &mut rng(seed))
            && prefix_is_ours
        {
            Envelope::decode(&sealed).expect("what is sealed is an envelope");
        }
    }
    session.expire(NOW);
    session.expire(u64::MAX);
    let again = Session::from_bytes(session.to_bytes().as_bytes());
    again.expect("what was stored");
}
