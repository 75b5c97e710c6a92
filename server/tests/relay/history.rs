//! What clients saw, and what of it must not have been: an offline checker that knows nothing of the relay.

use std::collections::{BTreeMap, BTreeSet};

use pawl_wire::{Bundle, ClaimId, MessageId};

/// A device, by its number in the test.
pub(crate) type Who = usize;

/// What one client did or saw, in the order in which it was noted.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// For the first time; a repetition is the same event.
    Submitted {
        from: Who,
        to: Who,
        id: MessageId,
        bytes: Vec<u8>,
    },
    /// The same by somebody who keeps to no order and may send other bytes under an id that they have used.
    Flung {
        from: Who,
        to: Who,
        id: MessageId,
        bytes: Vec<u8>,
    },
    /// The relay said so.
    Stored { id: MessageId },
    /// It came, and is on the device's disk from here on.
    Delivered {
        at: Who,
        seq: u64,
        id: MessageId,
        bytes: Vec<u8>,
    },
    /// One-time keys of `of` that came for a claim: elliptic curve, and KEM.
    Claimed {
        of: Who,
        claim: ClaimId,
        prekey: Option<u32>,
        kem: Option<u32>,
    },
}

impl Event {
    /// A bundle that came for a claim of `of`'s keys; the tests' one-time KEM keys tell themselves from last resorts.
    pub(crate) fn claimed(of: Who, claim: ClaimId, bundle: &Bundle) -> Self {
        let is_one_time = bundle.kem_prekey.record.starts_with(b"kem");
        Self::Claimed {
            of,
            claim,
            prekey: bundle.one_time_prekey.as_ref().map(|key| key.id),
            kem: is_one_time.then_some(bundle.kem_prekey.id),
        }
    }
}

/// What a relay may not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// It said Stored, and the message never came.
    Lost(MessageId),
    /// Nobody sent this, or not with these bytes.
    NotSent(Who, MessageId),
    /// It was sent to another device than the one that got it.
    ForAnother(Who, MessageId),
    /// A sender's messages to one device first came in another order than they were sent.
    OutOfOrder(Who, Who, MessageId),
    /// On one device, a number came that was not above those before it, for a message that had not come.
    NumberTwice(Who, u64),
    /// A one-time key for two claims.
    KeyTwice(Who, u32),
    /// A claim that was asked again got other keys.
    ClaimChanged(ClaimId),
}

/// Everything that is wrong with a history that has ended: all clients are back and have all their mail.
pub(crate) fn check(history: &[Event]) -> BTreeSet<Broken> {
    let mut broken = BTreeSet::new();
    check_mail(history, &mut broken);
    check_keys(history, &mut broken);
    broken
}

/// A message as it was sent.
struct Sent<'a> {
    from: Who,
    to: Who,
    bytes: &'a [u8],
    /// Among its sender's messages, if they keep to an order.
    place: Option<usize>,
}

/// Under one id: one message, unless somebody flings others.
type Outbox<'a> = BTreeMap<MessageId, Vec<Sent<'a>>>;

fn note_sent<'a>(sent: &mut Outbox<'a>, id: MessageId, one: Sent<'a>) {
    let known = sent.entry(id).or_default();
    let is_same = |known: &Sent<'_>| known.to == one.to && known.bytes == one.bytes;
    if !known.iter().any(is_same) {
        known.push(one);
    }
}

fn find<'a, 'b>(
    sent: &'a Outbox<'b>,
    id: MessageId,
    at: Who,
    bytes: &[u8],
) -> Result<&'a Sent<'b>, Broken> {
    let known = sent.get(&id).map(Vec::as_slice).unwrap_or_default();
    let mut same = known.iter().filter(|one| one.bytes == bytes);
    match (same.clone().find(|one| one.to == at), same.next()) {
        (Some(one), _) => Ok(one),
        (None, Some(_)) => Err(Broken::ForAnother(at, id)),
        (None, None) => Err(Broken::NotSent(at, id)),
    }
}

fn check_mail(history: &[Event], broken: &mut BTreeSet<Broken>) {
    let mut sent = Outbox::new();
    let mut stored = BTreeSet::new();
    let mut came: BTreeSet<MessageId> = BTreeSet::new();
    let mut last_place: BTreeMap<(Who, Who), usize> = BTreeMap::new();
    let mut last_seq: BTreeMap<Who, u64> = BTreeMap::new();
    for (index, event) in history.iter().enumerate() {
        let place = matches!(event, Event::Submitted { .. }).then_some(index);
        match event {
            Event::Submitted {
                from,
                to,
                id,
                bytes,
            }
            | Event::Flung {
                from,
                to,
                id,
                bytes,
            } => {
                let (from, to) = (*from, *to);
                let one = Sent {
                    from,
                    to,
                    bytes,
                    place,
                };
                note_sent(&mut sent, *id, one);
            }
            Event::Stored { id } => {
                stored.insert(*id);
            }
            Event::Delivered { at, seq, id, bytes } => {
                let one = match find(&sent, *id, *at, bytes) {
                    Ok(one) => one,
                    Err(wrong) => {
                        broken.insert(wrong);
                        continue;
                    }
                };
                // At least once is what is promised: only the first time has a place.
                if !came.insert(*id) {
                    continue;
                }
                if let Some(place) = one.place {
                    let before = last_place.insert((one.from, *at), place);
                    if before.is_some_and(|before| before > place) {
                        broken.insert(Broken::OutOfOrder(one.from, *at, *id));
                    }
                }
                let before = last_seq.insert(*at, *seq);
                if before.is_some_and(|before| before >= *seq) {
                    broken.insert(Broken::NumberTwice(*at, *seq));
                }
            }
            Event::Claimed { .. } => (),
        }
    }
    broken.extend(stored.difference(&came).copied().map(Broken::Lost));
}

fn check_keys(history: &[Event], broken: &mut BTreeSet<Broken>) {
    let mut claims: BTreeMap<ClaimId, (Option<u32>, Option<u32>)> = BTreeMap::new();
    let mut given: BTreeMap<(Who, bool, u32), ClaimId> = BTreeMap::new();
    for event in history {
        let Event::Claimed {
            of,
            claim,
            prekey,
            kem,
        } = event
        else {
            continue;
        };
        let keys = (*prekey, *kem);
        if *claims.entry(*claim).or_insert(keys) != keys {
            broken.insert(Broken::ClaimChanged(*claim));
        }
        let kinds = [(false, prekey), (true, kem)];
        for (kind, key) in kinds
            .into_iter()
            .filter_map(|(kind, key)| key.map(|key| (kind, key)))
        {
            if *given.entry((*of, kind, key)).or_insert(*claim) != *claim {
                broken.insert(Broken::KeyTwice(*of, key));
            }
        }
    }
}

const ID: MessageId = MessageId([1; 16]);
const NEXT: MessageId = MessageId([2; 16]);
const CLAIM: ClaimId = ClaimId([3; 16]);

/// From device 0 to device 1.
fn submitted(id: MessageId) -> Event {
    Event::Submitted {
        from: 0,
        to: 1,
        id,
        bytes: id.0.to_vec(),
    }
}

fn delivered(at: Who, seq: u64, id: MessageId) -> Event {
    Event::Delivered {
        at,
        seq,
        id,
        bytes: id.0.to_vec(),
    }
}

fn claimed(claim: ClaimId, prekey: u32, kem: u32) -> Event {
    Event::Claimed {
        of: 1,
        claim,
        prekey: Some(prekey),
        kem: Some(kem),
    }
}

#[test]
fn a_history_of_a_relay_that_does_no_wrong_is_clean() {
    let history = [
        submitted(ID),
        submitted(NEXT),
        Event::Stored { id: ID },
        delivered(1, 1, ID),
        // Again, since it was not acknowledged; and one whose answer was lost.
        delivered(1, 1, ID),
        delivered(1, 2, NEXT),
        // The first answer to a claim was lost. Keys of two kinds may have one number.
        claimed(CLAIM, 7, 7),
        claimed(CLAIM, 7, 7),
        claimed(ClaimId([4; 16]), 8, 8),
    ];
    assert_eq!(check(&history), [].into());
}

#[test]
fn each_wrong_of_a_relay_is_called_by_its_name() {
    let altered = Event::Delivered {
        at: 1,
        seq: 1,
        id: ID,
        bytes: vec![0xee],
    };
    let wrongs = [
        (
            vec![submitted(ID), Event::Stored { id: ID }],
            Broken::Lost(ID),
        ),
        (vec![delivered(1, 1, ID)], Broken::NotSent(1, ID)),
        (vec![submitted(ID), altered], Broken::NotSent(1, ID)),
        (
            vec![submitted(ID), delivered(2, 1, ID)],
            Broken::ForAnother(2, ID),
        ),
        (
            vec![
                submitted(ID),
                submitted(NEXT),
                delivered(1, 1, NEXT),
                delivered(1, 2, ID),
            ],
            Broken::OutOfOrder(0, 1, ID),
        ),
        (
            vec![
                submitted(ID),
                submitted(NEXT),
                delivered(1, 1, ID),
                delivered(1, 1, NEXT),
            ],
            Broken::NumberTwice(1, 1),
        ),
        (
            vec![claimed(CLAIM, 7, 7), claimed(ClaimId([4; 16]), 8, 7)],
            Broken::KeyTwice(1, 7),
        ),
        (
            vec![claimed(CLAIM, 7, 7), claimed(CLAIM, 7, 8)],
            Broken::ClaimChanged(CLAIM),
        ),
    ];
    for (history, wrong) in wrongs {
        assert_eq!(check(&history), [wrong].into());
    }
}
