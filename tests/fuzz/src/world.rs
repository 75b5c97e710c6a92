//! Two parties and a network that does what it likes: it drops, repeats, reorders, alters, cuts, splices, replays,
//! reflects, and gives a device a damaged disk. A failed open leaves the state byte for byte the same; what opens is
//! what was sent, once; and at the end the two still understand each other.

use std::collections::BTreeMap;

use chacha20::ChaCha20Rng;
use pawl_protocol::{Envelope, MAX_PLAINTEXT_BYTES, SealError, Session};

use crate::cursor::Cursor;
use crate::people::{NOW, people, restored, rng, stored};

/// Longer input is the same again; fewer messages than a chain may skip.
const STEPS: usize = 200;

struct Side {
    /// None until Bob has accepted.
    session: Option<Session>,
    /// Every envelope that was sent to this side.
    sent: Vec<Vec<u8>>,
    /// Those of them that the network may still deliver.
    under_way: Vec<usize>,
    /// The text of each envelope that has not been opened yet.
    expected: BTreeMap<Vec<u8>, String>,
}

struct World {
    /// Alice, Bob.
    sides: [Side; 2],
    now: u64,
    rng: ChaCha20Rng,
    texts: usize,
}

pub(crate) fn run(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes);
    let mut world = World::new(cursor.byte() % 2 == 1);
    for _ in 0..STEPS {
        if cursor.is_empty() {
            break;
        }
        world.step(&mut cursor);
    }
    world.understand_each_other();
}

impl World {
    fn new(answered: bool) -> Self {
        let side = |session| Side {
            session,
            sent: Vec::new(),
            under_way: Vec::new(),
            expected: BTreeMap::new(),
        };
        let begun = Some(restored(&people().begun));
        let mut world = Self {
            sides: [side(begun), side(None)],
            now: NOW,
            rng: rng(1),
            texts: 0,
        };
        if answered {
            world.exchange(0);
            world.exchange(1);
        }
        world
    }

    fn step(&mut self, cursor: &mut Cursor<'_>) {
        let choice = cursor.byte();
        let to = usize::from(choice >> 7);
        match choice % 16 {
            0..=3 => self.send(1 - to, usize::from(choice >> 4 & 3)),
            4 | 5 => self.deliver(to, cursor, true),
            6 => self.deliver(to, cursor, false),
            7 => self.drop_one(to, cursor),
            8 => self.altered(to, cursor),
            9 => self.cut(to, cursor),
            10 => self.spliced(to, cursor),
            11 => self.replay(to),
            12 => self.reflect(to, cursor),
            13 => self.reload(to),
            14 => self.damage(to, cursor),
            _ => self.now += u64::from(cursor.byte()) * 3_600_000,
        }
    }

    fn send(&mut self, from: usize, class: usize) {
        let Some(session) = &mut self.sides[from].session else {
            return;
        };
        let text = format!("{from} {}{}", self.texts, " ".repeat(class * 160));
        self.texts += 1;
        let envelope = session.seal(text.as_bytes(), &mut self.rng).expect("short");
        let to = &mut self.sides[1 - from];
        to.under_way.push(to.sent.len());
        to.expected.insert(envelope.clone(), text);
        to.sent.push(envelope);
    }

    fn deliver(&mut self, to: usize, cursor: &mut Cursor<'_>, once: bool) {
        let waiting = &mut self.sides[to].under_way;
        if waiting.is_empty() {
            return;
        }
        let at = cursor.index(waiting.len());
        let index = if once {
            waiting.remove(at)
        } else {
            waiting[at]
        };
        let envelope = self.sides[to].sent[index].clone();
        self.open(to, &envelope);
    }

    fn drop_one(&mut self, to: usize, cursor: &mut Cursor<'_>) {
        let waiting = &mut self.sides[to].under_way;
        if !waiting.is_empty() {
            waiting.remove(cursor.index(waiting.len()));
        }
    }

    /// An envelope that was sent to this side, whether it has come or not.
    fn any(&self, to: usize, cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
        let sent = &self.sides[to].sent;
        (!sent.is_empty()).then(|| sent[cursor.index(sent.len())].clone())
    }

    fn altered(&mut self, to: usize, cursor: &mut Cursor<'_>) {
        let Some(mut envelope) = self.any(to, cursor) else {
            return;
        };
        for _ in 0..=cursor.byte() % 4 {
            let at = cursor.index(envelope.len());
            envelope[at] ^= cursor.byte();
        }
        self.open(to, &envelope);
    }

    fn cut(&mut self, to: usize, cursor: &mut Cursor<'_>) {
        if let Some(mut envelope) = self.any(to, cursor) {
            let length = cursor.index(envelope.len() + 40);
            envelope.resize(length, 0);
            self.open(to, &envelope);
        }
    }

    fn spliced(&mut self, to: usize, cursor: &mut Cursor<'_>) {
        if let (Some(one), Some(other)) = (self.any(to, cursor), self.any(to, cursor)) {
            let at = cursor.index(one.len().min(other.len()));
            self.open(to, &[&one[..at], &other[at..]].concat());
        }
    }

    /// All of it again.
    fn replay(&mut self, to: usize) {
        for envelope in self.sides[to].sent.clone() {
            if !self.sides[to].expected.contains_key(&envelope) {
                self.open(to, &envelope);
            }
        }
    }

    /// Back to the one who sent it.
    fn reflect(&mut self, to: usize, cursor: &mut Cursor<'_>) {
        if let Some(envelope) = self.any(to, cursor) {
            self.open(1 - to, &envelope);
        }
    }

    /// From the disk; what is too long is refused and changes nothing.
    fn reload(&mut self, side: usize) {
        if let Some(session) = &mut self.sides[side].session {
            let state = stored(session);
            *session = restored(&state);
            let refused = session.seal(&[0; MAX_PLAINTEXT_BYTES + 1], &mut self.rng);
            assert_eq!(refused, Err(SealError::TooLong));
            assert!(stored(session) == state, "it comes back as another");
        }
    }

    /// What a damaged disk gives back is refused, or is a session that does no harm: it may open nothing that
    /// was not sent, and does not panic.
    fn damage(&mut self, side: usize, cursor: &mut Cursor<'_>) {
        let Some(session) = &self.sides[side].session else {
            return;
        };
        let mut state = stored(session);
        let at = cursor.index(state.len());
        state[at] ^= cursor.byte();
        let Ok(mut damaged) = Session::from_bytes(&state) else {
            return;
        };
        if let Some(envelope) = self.any(side, cursor)
            && let Ok(envelope) = Envelope::decode(&envelope)
        {
            let _ = damaged.open(&envelope, self.now);
        }
        let _ = damaged.seal(b"text", &mut rng(2));
        restored(&stored(&damaged));
    }

    /// Opens whatever comes, and compares with what was sent.
    fn open(&mut self, to: usize, bytes: &[u8]) -> bool {
        let (side, now) = (&mut self.sides[to], self.now);
        let before = side.session.as_ref().map(stored);
        let opened = match (Envelope::decode(bytes), &mut side.session) {
            (Err(_), _) => None,
            (Ok(envelope), Some(session)) => session.open(&envelope, now).ok(),
            (Ok(Envelope::Initial(message)), session) => {
                let bob = &people().bob;
                let prekeys = bob.prekeys_for(&message);
                Session::accept(&bob.device, &prekeys, &message, now)
                    .ok()
                    .map(|(new, text)| {
                        *session = Some(new);
                        text
                    })
            }
            (Ok(Envelope::Ratchet(_)), None) => None,
        };
        match &opened {
            Some(text) => {
                let expected = side
                    .expected
                    .remove(bytes)
                    .expect("opened what was not sent, or twice");
                assert_eq!(text.as_bytes(), expected.as_bytes());
            }
            None => assert!(
                side.session.as_ref().map(stored) == before,
                "a failed open changed the state"
            ),
        }
        opened.is_some()
    }

    /// Everything under way is lost; a new message opens.
    fn exchange(&mut self, from: usize) {
        self.send(from, 0);
        let envelope = self.sides[1 - from].sent.last().cloned();
        let envelope = envelope.expect("whoever has a session sends");
        assert!(
            self.open(1 - from, &envelope),
            "they no longer understand each other"
        );
    }

    fn understand_each_other(&mut self) {
        for from in [0, 1, 0] {
            self.exchange(from);
        }
    }
}
