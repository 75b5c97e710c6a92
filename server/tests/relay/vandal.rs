//! Bad company for the clients of `world`: one that reads as slowly as it can, and one that keeps to no rule, with a
//! device of its own and without any. What of its bytes is a valid message is noted, so that the checker stays exact.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pawl_wire::limits::{MAX_ENVELOPE, MAX_FRAME, MIN_ENVELOPE};
use pawl_wire::{ClaimId, ClientFrame, MessageId, RelayFrame, Submit};

use crate::history::{Event, Who};
use crate::keys::one_time;
use crate::support::client::Target;
use crate::support::{Client, frame, message_id, random};
use crate::world::{ACTORS, SLOW, Stage, VANDAL, below};

/// The system doubles it and takes a few kilobytes at least.
const TINY: u32 = 1_024;

/// Whole frames of earlier connections that are thrown in again.
const MOST_OLD: usize = 60;

/// Connections that the vandal leaves open and never looks at again.
const MOST_DEAD: usize = 60;

/// Keeps to the rules, with a small buffer and long pauses.
pub(crate) struct SlowReader {
    stage: Stage,
    last_seq: u64,
}

impl SlowReader {
    pub(crate) fn new(stage: &Stage) -> Self {
        Self {
            stage: stage.clone(),
            last_seq: 0,
        }
    }

    pub(crate) async fn run(mut self) -> (Who, u64) {
        while self.stage.now().busy {
            let to = Target {
                receive_buffer: Some(TINY),
                ..Target::at(self.stage.now().address)
            };
            let device = &self.stage.devices[SLOW];
            match Client::try_auth_at(&to, device, self.last_seq).await {
                Ok(client) => {
                    self.stage.returns.fetch_add(1, Ordering::Relaxed);
                    self.connected(client).await;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
        (SLOW, self.last_seq)
    }

    async fn connected(&mut self, mut client: Client) {
        while self.stage.now().busy && below(100) != 0 {
            let soon = Duration::from_millis(5);
            match tokio::time::timeout(soon, client.try_next()).await {
                Ok(Ok(frame)) => self.take(frame),
                Ok(Err(_)) => return,
                // Its window may be full.
                Err(_) => self.acknowledge(&mut client).await,
            }
            if below(30) == 0 {
                self.acknowledge(&mut client).await;
            }
            tokio::time::sleep(Duration::from_millis(below(10) as u64)).await;
        }
    }

    async fn acknowledge(&self, client: &mut Client) {
        let through = self.last_seq;
        client.send(&ClientFrame::Ack { through }).await;
    }

    fn take(&mut self, frame: RelayFrame) {
        if let RelayFrame::Deliver {
            seq,
            message_id: id,
            envelope: bytes,
        } = frame
        {
            let at = SLOW;
            self.stage.note(Event::Delivered { at, seq, id, bytes });
            self.last_seq = self.last_seq.max(seq);
        }
    }
}

/// Bytes for a socket, and whether what comes behind them would be taken for a part of them.
type Attack = (Vec<u8>, bool);

pub(crate) struct Vandal {
    stage: Stage,
    last_seq: u64,
    /// An id is for one recipient, and a claim for one device: otherwise the history would say less.
    ids: BTreeMap<MessageId, Who>,
    claims: BTreeMap<ClaimId, Who>,
    old: Vec<Vec<u8>>,
    dead: Vec<Client>,
    next_key: u32,
}

impl Vandal {
    pub(crate) fn new(stage: &Stage) -> Self {
        Self {
            stage: stage.clone(),
            last_seq: 0,
            ids: BTreeMap::new(),
            claims: BTreeMap::new(),
            old: Vec::new(),
            dead: Vec::new(),
            next_key: 1,
        }
    }

    /// With its device, and without, until the scene is quiet.
    pub(crate) async fn run(mut self) -> (Who, u64) {
        let stage = self.stage.clone();
        let inside = async {
            while self.stage.now().busy {
                self.connect().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::join!(inside, strangers(&stage));
        (VANDAL, self.last_seq)
    }

    async fn connect(&mut self) {
        if below(6) == 0 {
            return self.authenticate_oddly().await;
        }
        let (address, device) = (self.stage.now().address, &self.stage.devices[VANDAL]);
        // It may say that it has less than it has.
        let last_seq = if below(4) == 0 { 0 } else { self.last_seq };
        let Ok(mut client) = Client::try_auth(address, device, last_seq).await else {
            return;
        };
        for _ in 0..=below(30) {
            let (bytes, is_last) = self.attack();
            client.send_raw(&bytes).await;
            if is_last || below(3) == 0 && !self.listen(&mut client).await {
                break;
            }
        }
        self.listen(&mut client).await;
        if below(3) == 0 && self.dead.len() < MOST_DEAD {
            self.dead.push(client);
        }
    }

    /// The first frame of its own device, with up to four bytes that are others.
    async fn authenticate_oddly(&mut self) {
        let to = Target::at(self.stage.now().address);
        let Some(mut client) = Client::open(&to).await else {
            return;
        };
        let auth = self.stage.devices[VANDAL].auth(&client.challenge, self.last_seq);
        let auth = flipped(&ClientFrame::Auth(auth).encode());
        client.send_raw(&frame(0x82, &auth)).await;
        // What the signature does not cover is its own to say.
        self.listen(&mut client).await;
    }

    /// False when the relay has ended it.
    async fn listen(&mut self, client: &mut Client) -> bool {
        let soon = Duration::from_millis(1 + below(4) as u64);
        loop {
            match tokio::time::timeout(soon, client.try_next()).await {
                Ok(Ok(frame)) => self.take(frame),
                Ok(Err(_)) => {
                    self.stage.thrown_out.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
                Err(_) => return true,
            }
        }
    }

    fn take(&mut self, frame: RelayFrame) {
        match frame {
            RelayFrame::Deliver {
                seq,
                message_id: id,
                envelope: bytes,
            } => {
                let at = VANDAL;
                self.stage.note(Event::Delivered { at, seq, id, bytes });
                self.last_seq = self.last_seq.max(seq);
            }
            RelayFrame::Stored { message_id: id, .. } => {
                let to = self.ids.get(&id).expect("it was asked to store that");
                // Its own mail it may have called known without having seen it.
                if *to != VANDAL {
                    self.stage.note(Event::Stored { id });
                }
            }
            RelayFrame::Bundle { claim, bundle } => {
                let of = *self.claims.get(&claim).expect("it claimed that");
                self.stage.note(Event::claimed(of, claim, &bundle));
            }
            _ => (),
        }
    }

    /// A message of a client that keeps to the rules.
    fn good(&mut self) -> Vec<u8> {
        let of = |who: usize| self.stage.devices[who].address();
        // Some are smaller than any envelope, or larger.
        let size = below(if below(20) == 0 { MAX_ENVELOPE } else { 900 });
        let size = size + MIN_ENVELOPE - 20;
        let frame = match below(9) {
            0 => ClientFrame::Ack {
                through: self.last_seq,
            },
            1 => ClientFrame::FetchBundle {
                claim: ClaimId(random()),
                device: of(below(ACTORS)),
            },
            2 => {
                let keys = one_time(self.next_key..=self.next_key + 4);
                // Sometimes the same ids again.
                self.next_key += 5 * u32::from(below(2) == 0);
                ClientFrame::Publish { request: 7, keys }
            }
            3 => ClientFrame::LookUp {
                username: self.stage.devices[below(VANDAL)].username.clone(),
            },
            4 => ClientFrame::Ping { token: 9 },
            _ => ClientFrame::Submit(Submit {
                message_id: message_id(),
                recipient: of(below(VANDAL + 1)),
                envelope: vec![0xdd; size],
            }),
        };
        frame.encode()
    }

    /// Notes what the relay may make of a message; false when it must not be sent.
    fn note(&mut self, message: &[u8]) -> bool {
        let who = |address| {
            let mut devices = self.stage.devices.iter();
            devices.position(|device| device.address() == address)
        };
        match ClientFrame::decode(message) {
            Ok(ClientFrame::Submit(submit)) => {
                let Some(to) = who(submit.recipient) else {
                    return true;
                };
                if *self.ids.entry(submit.message_id).or_insert(to) != to {
                    return false;
                }
                self.stage.note(Event::Flung {
                    from: VANDAL,
                    to,
                    id: submit.message_id,
                    bytes: submit.envelope,
                });
                true
            }
            Ok(ClientFrame::FetchBundle { claim, device }) => {
                who(device).is_none_or(|of| *self.claims.entry(claim).or_insert(of) == of)
            }
            _ => true,
        }
    }

    /// The bytes of one message, unless the history could not hold what comes of it.
    fn whole(&mut self, message: &[u8]) -> Vec<u8> {
        if !self.note(message) {
            return Vec::new();
        }
        if self.old.len() < MOST_OLD {
            self.old.push(message.to_vec());
        } else {
            self.old[below(MOST_OLD)] = message.to_vec();
        }
        frame(0x82, message)
    }

    fn attack(&mut self) -> Attack {
        let message = self.good();
        // What ends a connection is rarer, so that there is one to attack.
        match below(29) {
            0..4 => (self.whole(&message).repeat(3), false),
            4..10 => {
                let all = [message, self.good(), self.good()];
                let sent: Vec<_> = all.iter().map(|one| self.whole(one)).collect();
                (sent.into_iter().rev().flatten().collect(), false)
            }
            // A part of a message, all of its frame.
            20 => (self.whole(&message[..below(message.len())]), false),
            10..14 => (self.whole(&flipped(&message)), false),
            // Two in one: what is said twice in protobuf counts as it is said last.
            21 => {
                let both = [message, self.good()].concat();
                (self.whole(&both), false)
            }
            14..17 => (self.in_pieces(&message), false),
            22 => (self.far_acknowledgement(), false),
            17..20 if !self.old.is_empty() => {
                let old = self.old[below(self.old.len())].clone();
                (self.whole(&old), false)
            }
            23 => (frame(0x82, &vec![0; MAX_FRAME + 1]), true),
            24 | 25 => self.false_length(&message),
            // Far more answers than it will read.
            26 => {
                let ping = frame(0x82, &ClientFrame::Ping { token: 5 }.encode());
                (ping.repeat(3_000), true)
            }
            27 => {
                let odd = [0x81, 0x83, 0xc2, 0x80, 0x09, 0x8f, 0x88];
                (frame(odd[below(odd.len())], &message), true)
            }
            _ => (self.whole(&random::<40>()[..below(40)]), false),
        }
    }

    /// In frames of any size, with pings between them; sometimes in more than are taken.
    fn in_pieces(&mut self, message: &[u8]) -> Vec<u8> {
        if !self.note(message) {
            return Vec::new();
        }
        let size = 1 + message.len() / (1 + below(300));
        let last = message.len().div_ceil(size) - 1;
        let pieces = message.chunks(size).enumerate();
        let piece = |(index, bytes): (usize, &[u8])| {
            let first = if index == 0 { 0x02 } else { 0 };
            let end = if index == last { 0x80 } else { 0 };
            [frame(first | end, bytes), frame(0x89, b"between")].concat()
        };
        pieces.flat_map(piece).collect()
    }

    /// Of what it never got: what is far ahead, and numbers of others.
    fn far_acknowledgement(&mut self) -> Vec<u8> {
        let history = self.stage.history.lock().expect("a history");
        let of_others = history.iter().rev().take(50).find_map(|event| match event {
            Event::Delivered { at, seq, .. } if *at != VANDAL => Some(*seq),
            _ => None,
        });
        drop(history);
        let through = match below(3) {
            0 => u64::MAX >> below(64),
            1 => self.last_seq + 1,
            _ => of_others.unwrap_or_default(),
        };
        frame(0x82, &ClientFrame::Ack { through }.encode())
    }

    /// A frame that says it is longer or shorter than it is; nothing may follow it.
    fn false_length(&mut self, message: &[u8]) -> Attack {
        let mut bytes = frame(0x82, message);
        let cut = 1 + below(message.len().min(100));
        if below(2) == 0 {
            bytes.truncate(bytes.len() - cut);
            return (bytes, true);
        }
        // Its beginning is a message of its own; the rest is no frame of any kind.
        let beginning = &message[..message.len() - cut];
        let mut bytes = self.whole(beginning);
        bytes.extend([0xff; 100]);
        (bytes, true)
    }
}

/// Up to four bytes are others.
fn flipped(message: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..=below(4) {
        let place = below(bytes.len());
        let [other] = random();
        bytes[place] = other;
    }
    bytes
}

/// Those who have not proved who they are: nothing that they send may be taken for anybody's word.
async fn strangers(stage: &Stage) {
    let mut dead = Vec::new();
    let mut challenge = None;
    while stage.now().busy {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let Some(mut client) = Client::open(&Target::at(stage.now().address)).await else {
            continue;
        };
        let device = &stage.devices[below(ACTORS)];
        let old = challenge.replace(client.challenge.clone());
        let bytes = match (below(5), old) {
            // What a device has said once, to a relay that asks it something else.
            (0 | 1, Some(old)) => frame(
                0x82,
                &ClientFrame::Auth(device.auth(&old, u64::from(u32::MAX))).encode(),
            ),
            (2, _) => {
                let submit = Submit {
                    message_id: message_id(),
                    recipient: device.address(),
                    envelope: vec![0xcc; MIN_ENVELOPE],
                };
                frame(0x82, &ClientFrame::Submit(submit).encode())
            }
            (3, _) => frame(0x82, &ClientFrame::Ack { through: 1 << 40 }.encode()),
            // Half a frame, and then nothing.
            _ => vec![0x82, 0xfe, 0x10],
        };
        client.send_raw(&bytes).await;
        let soon = Duration::from_millis(10);
        if let Ok(Ok(frame)) = tokio::time::timeout(soon, client.try_next()).await {
            assert!(matches!(frame, RelayFrame::Error { .. }), "{frame:?}");
        }
        if dead.len() < MOST_DEAD {
            dead.push(client);
        }
    }
}
