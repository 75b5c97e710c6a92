//! Bytes that a relay delivers, opened by whoever could be addressed: what was not sent does not open, and
//! nothing changes by it.

use pawl_protocol::{Envelope, Session};

use crate::people::{NOW, people, restored, stored};

pub(crate) fn run(bytes: &[u8]) {
    let people = people();
    let Ok(envelope) = Envelope::decode(bytes) else {
        return;
    };
    assert!(bytes[3..].starts_with(envelope.tag().as_bytes()));
    let sent = people
        .initial
        .iter()
        .chain(&people.waiting)
        .any(|sent| sent == bytes);
    for state in people.states.iter().chain([&people.begun]) {
        let mut session = restored(state);
        let opened = session.open(&envelope, NOW);
        assert!(sent || opened.is_err(), "a forged message opened");
        assert!(
            opened.is_ok() || stored(&session) == *state,
            "a failed open changed it"
        );
    }
    if let Envelope::Initial(message) = &envelope {
        if let Ok(sender) = message.sender() {
            assert_eq!(sender.encode(), bytes[19..183]);
        }
        for person in [&people.bob, &people.alice] {
            let prekeys = person.prekeys_for(message);
            let accepted = Session::accept(&person.device, &prekeys, message, NOW);
            assert!(sent || accepted.is_err(), "a forged handshake was accepted");
        }
    }
}
