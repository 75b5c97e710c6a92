//! Messages that are authentic and say what no honest peer says: headers and padded bodies by choice, sealed with
//! the session's own keys. What opens, and as what, is foretold by a second reading of docs/PROTOCOL.md.

use pawl_protocol::{BaseKey, Envelope, MAX_SKIP};

use crate::crypt;
use crate::cursor::Cursor;
use crate::people::{NOW, people, restored, stored};

/// The fields of a stored session that matter to its next message.
struct Receiver<'a> {
    tag: &'a [u8],
    data: &'a [u8],
    root: [u8; 32],
    next_header_key: [u8; 32],
    /// The ratchet private key, when it is active.
    private: Option<[u8; 32]>,
    current: Chain,
    retired: Vec<Chain>,
}

/// A receiving chain, or what is left of one.
struct Chain {
    header_key: [u8; 32],
    ratchet_key: [u8; 32],
    /// Chain key and next number, unless it is retired.
    live: Option<([u8; 32], u32)>,
    skipped: Vec<(u32, [u8; 32])>,
}

impl<'a> Receiver<'a> {
    fn of(state: &'a [u8]) -> Self {
        let mut cursor = Cursor::new(&state[246..]);
        let (root, next_header_key) = (cursor.array(), cursor.array());
        let private = (cursor.byte() == 1).then(|| cursor.array());
        match private {
            Some(_) => drop(cursor.array::<104>()),
            None => drop(cursor.array::<68>()),
        }
        assert_eq!(
            cursor.byte(),
            1,
            "every state of Bob's has a receiving chain"
        );
        let mut current = Chain {
            header_key: cursor.array(),
            ratchet_key: cursor.array(),
            live: Some((cursor.array(), u32::from_be_bytes(cursor.array()))),
            skipped: Vec::new(),
        };
        current.skipped = skipped(&mut cursor);
        let retired = (0..cursor.byte()).map(|_| {
            let (header_key, ratchet_key) = (cursor.array(), cursor.array());
            let _retired_at: [u8; 8] = cursor.array();
            Chain {
                header_key,
                ratchet_key,
                live: None,
                skipped: skipped(&mut cursor),
            }
        });
        Self {
            tag: &state[1..17],
            data: &state[49..81],
            root,
            next_header_key,
            private,
            current,
            retired: retired.collect(),
        }
    }
}

fn skipped(cursor: &mut Cursor<'_>) -> Vec<(u32, [u8; 32])> {
    let count = cursor.number();
    let key = |_| {
        let number = u32::from_be_bytes(cursor.array());
        let _stored_at: [u8; 8] = cursor.array();
        (number, cursor.array())
    };
    (0..count).map(key).collect()
}

/// A header and what the receiver must make of it.
struct Header {
    key: [u8; 32],
    bytes: [u8; 42],
    /// The key that a body must be sealed with to open; none where no body may.
    message_key: Option<[u8; 32]>,
}

/// Reads: the state, the place, which fields of the header are to be honest, the header, the body's class, and the
/// body.
pub(crate) fn run(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes);
    let states = &people().states;
    let state = &states[cursor.index(states.len())];
    let receiver = Receiver::of(state);
    let header = receiver.header(&mut cursor);
    let (class, padded) = (cursor.byte(), cursor.byte());
    let length = 160 << (class % 4);
    let mut body = cursor.rest().to_vec();
    body.truncate(length);
    if padded == 0 && body.len() < length {
        body.push(0x80);
    }
    body.resize(length, 0);

    let key = header.message_key.unwrap_or([1; 32]);
    let envelope = crypt::envelope(
        receiver.data,
        receiver.tag,
        (&header.key, &header.bytes),
        (&key, &body),
    );
    let mut session = restored(state);
    let envelope = Envelope::decode(&envelope).expect("an envelope's form");
    let opened = session.open(&envelope, NOW).ok();
    let expected = header.message_key.and(unpadded(&body));
    assert!(
        opened.as_ref().map(|text| text.as_bytes()) == expected,
        "not what the document says: {:?}",
        opened.is_some()
    );
    assert_eq!(expected.is_none(), stored(&session) == *state, "the state");
}

/// The text before the last byte that is not zero, if that is the marker and no smaller class would do.
fn unpadded(body: &[u8]) -> Option<&[u8]> {
    let length = body.iter().rposition(|byte| *byte != 0)?;
    let smallest = body.len() == 160 || length >= body.len() / 2;
    (body[length] == 0x80 && smallest).then(|| &body[..length])
}

impl Receiver<'_> {
    fn header(&self, cursor: &mut Cursor<'_>) -> Header {
        let place = cursor.index(2 + self.retired.len());
        let honest = cursor.byte();
        let mut bytes: [u8; 42] = cursor.array();
        let chain = match place {
            0 => Some(&self.current),
            1 => None,
            _ => self.retired.get(place - 2),
        };
        if let Some(chain) = chain.filter(|_| honest & 1 == 0) {
            bytes[..32].copy_from_slice(&chain.ratchet_key);
        }
        // Small numbers, so that chains are not exhausted before anything is tried.
        for (flag, at) in [(2, 32), (4, 36)] {
            if honest & flag == 0 {
                bytes[at..at + 3].fill(0);
            }
        }
        if honest & 8 == 0 {
            bytes[40..].fill(0);
        }
        let message_key = self.message_key(&bytes, chain);
        Header {
            key: chain.map_or(self.next_header_key, |chain| chain.header_key),
            bytes,
            message_key,
        }
    }

    fn message_key(&self, bytes: &[u8; 42], chain: Option<&Chain>) -> Option<[u8; 32]> {
        let mut cursor = Cursor::new(bytes);
        let ratchet_key: [u8; 32] = cursor.array();
        let [previous, number] = [(); 2].map(|()| u32::from_be_bytes(cursor.array()));
        let valid =
            BaseKey::from_bytes(&ratchet_key).is_ok() && number < u32::MAX && bytes[40..] == [0, 0];
        if !valid {
            return None;
        }
        let Some(chain) = chain else {
            return self.next_key(&ratchet_key, previous, number);
        };
        if chain.ratchet_key != ratchet_key {
            return None;
        }
        match chain.live {
            Some((key, next)) if number >= next => {
                skip(number - next).map(|steps| crypt::message_key(&key, steps))
            }
            _ => {
                let mut skipped = chain.skipped.iter();
                skipped.find(|(at, _)| *at == number).map(|(_, key)| *key)
            }
        }
    }

    /// The peer's next chain: only an active side can see it begin, and never before its last one's end.
    fn next_key(&self, ratchet_key: &[u8; 32], previous: u32, number: u32) -> Option<[u8; 32]> {
        let private = self.private?;
        let (_, next) = self.current.live?;
        let rest = previous.checked_sub(next)?;
        skip(rest.checked_add(number)?)?;
        let chain = crypt::next_chain(&self.root, &private, ratchet_key);
        Some(crypt::message_key(&chain, number))
    }
}

fn skip(count: u32) -> Option<u32> {
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_SKIP)
        .map(|_| count)
}
