//! Frames of both directions and usernames. Protobuf has many encodings of one value; ours is one of them, and
//! reads back as the same.

use pawl_wire::{ClientFrame, RelayFrame, Username};

pub(crate) fn client_frame(bytes: &[u8]) {
    if let Ok(frame) = ClientFrame::decode(bytes) {
        let encoded = frame.encode();
        let again = ClientFrame::decode(&encoded).expect("what is encoded is a frame");
        assert!(again == frame && again.encode() == encoded, "another frame");
    }
}

pub(crate) fn relay_frame(bytes: &[u8]) {
    if let Ok(frame) = RelayFrame::decode(bytes) {
        let encoded = frame.encode();
        let again = RelayFrame::decode(&encoded).expect("what is encoded is a frame");
        assert!(again == frame && again.encode() == encoded, "another frame");
    }
}

pub(crate) fn username(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let canonical = Username::from_canonical(text);
    match Username::parse(text) {
        Ok(name) => {
            let again = Username::from_canonical(name.as_str());
            assert_eq!(again.as_ref(), Ok(&name), "not canonical");
            let rule = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
            assert!((1..=32).contains(&name.as_str().len()) && name.as_str().chars().all(rule));
            assert!(
                name.as_str()
                    .starts_with(|c: char| c.is_ascii_alphanumeric())
            );
            assert_eq!(
                canonical.is_ok(),
                name.as_str() == text,
                "two canonical forms"
            );
        }
        Err(_) => assert!(canonical.is_err(), "canonical and no name"),
    }
}
