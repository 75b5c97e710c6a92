//! Clients that load a relay while something is done to it, and note what they do and see for the checker (`history`).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pawl_wire::{ClaimId, ClientFrame, ConnectionError, MessageId, RelayFrame, SubmitRefusal};
use tokio::sync::watch;

use crate::history::{Event, Who};
use crate::keys::one_time;
use crate::support::{Child, Client, Device, message_id, random};
/// Devices that come and go; the one after them is away until the end.
pub(crate) const ACTORS: usize = 5;
pub(crate) const SLEEPER: Who = ACTORS;

/// Envelopes that one of them has unanswered.
const OUTBOX: usize = 12;

/// Limits that this load does not meet.
pub(crate) const FLAGS: [&str; 12] = [
    "--mailbox-messages",
    "1000000",
    "--mailbox-bytes",
    "10000000000",
    "--submits-per-second",
    "1000000",
    "--claims-per-minute",
    "1000000",
    "--claims-per-account",
    "1000000",
    "--claims-per-target",
    "1000000",
];

pub(crate) type History = Arc<Mutex<Vec<Event>>>;

/// Where the relay is, and whether new messages are still made.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    address: SocketAddr,
    busy: bool,
}

pub(crate) struct Actor {
    me: Who,
    devices: Arc<Vec<Device>>,
    history: History,
    scene: watch::Receiver<Scene>,
    /// Connections that ended because the relay could not write.
    unavailable: Arc<AtomicUsize>,
    /// On its disk: what it has, and what was not answered, in order.
    last_seq: u64,
    outbox: VecDeque<(MessageId, Who, Vec<u8>)>,
    /// A claim that may be repeated.
    claim: Option<(ClaimId, Who)>,
    next_key: u32,
    count: u32,
}

/// A number below `end`.
pub(crate) fn below(end: usize) -> usize {
    usize::from(u16::from_be_bytes(random())) % end
}

impl Actor {
    fn note(&self, event: Event) {
        self.history.lock().expect("a history").push(event);
    }

    /// Until there is nothing more to do in a quiet scene.
    async fn run(mut self) -> (Who, u64) {
        loop {
            let scene = *self.scene.borrow();
            if !scene.busy && self.outbox.is_empty() {
                return (self.me, self.last_seq);
            }
            let device = &self.devices[self.me];
            match Client::try_auth(scene.address, device, self.last_seq).await {
                Ok(client) => self.connected(client).await,
                Err(refusal) => {
                    if refusal == Some(ConnectionError::Unavailable) {
                        self.unavailable.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    }

    async fn connected(&mut self, mut client: Client) {
        // As a client does: what was not answered is sent again under its id, in order.
        for (id, to, bytes) in self.outbox.clone() {
            client.submit(self.devices[to].address(), id, bytes).await;
        }
        if let Some((claim, of)) = self.claim {
            let device = self.devices[of].address();
            client
                .send(&ClientFrame::FetchBundle { claim, device })
                .await;
        }
        loop {
            let scene = *self.scene.borrow();
            if !scene.busy && self.outbox.is_empty() {
                return;
            }
            let pause = tokio::time::sleep(Duration::from_millis(1));
            tokio::select! {
                frame = client.try_next() => match frame {
                    Ok(frame) => self.take(&mut client, frame).await,
                    Err(_) => return,
                },
                () = pause => {
                    if scene.busy {
                        self.act(&mut client).await;
                        // A connection that breaks at any point.
                        if below(300) == 0 {
                            return;
                        }
                    }
                }
            }
        }
    }

    async fn act(&mut self, client: &mut Client) {
        while self.outbox.len() < OUTBOX {
            let to = below(ACTORS + 1);
            let id = message_id();
            self.count += 1;
            let mut bytes = vec![0xee; 60 + below(2_000)];
            bytes[..4].copy_from_slice(&self.count.to_be_bytes());
            bytes[4] = u8::try_from(self.me).expect("a small number");
            // On its disk before it leaves.
            self.outbox.push_back((id, to, bytes.clone()));
            self.note(Event::Submitted {
                from: self.me,
                to,
                id,
                bytes: bytes.clone(),
            });
            client.submit(self.devices[to].address(), id, bytes).await;
        }
        if below(8) == 0 && self.claim.is_none() {
            let (claim, of) = (ClaimId(random()), below(ACTORS));
            self.claim = Some((claim, of));
            let device = self.devices[of].address();
            client
                .send(&ClientFrame::FetchBundle { claim, device })
                .await;
        }
        if below(20) == 0 {
            let keys = one_time(self.next_key..=self.next_key + 9);
            self.next_key += 10;
            let request = self.next_key;
            client.send(&ClientFrame::Publish { request, keys }).await;
        }
    }

    async fn take(&mut self, client: &mut Client, frame: RelayFrame) {
        match frame {
            RelayFrame::Deliver {
                seq,
                message_id,
                envelope,
            } => {
                self.note(Event::Delivered {
                    at: self.me,
                    seq,
                    id: message_id,
                    bytes: envelope,
                });
                self.last_seq = self.last_seq.max(seq);
                // Sometimes late, and then for several.
                if below(4) != 0 {
                    let through = self.last_seq;
                    client.send(&ClientFrame::Ack { through }).await;
                }
            }
            RelayFrame::Stored { message_id: id, .. } => {
                self.note(Event::Stored { id });
                self.outbox.retain(|(known, ..)| *known != id);
            }
            RelayFrame::Bundle { claim, bundle } => {
                let Some((_, of)) = self.claim.filter(|(known, _)| *known == claim) else {
                    panic!("a bundle that was not asked for");
                };
                let is_one_time = bundle.kem_prekey.record.starts_with(b"kem");
                self.note(Event::Claimed {
                    of,
                    claim,
                    prekey: bundle.one_time_prekey.map(|key| key.id),
                    kem: is_one_time.then_some(bundle.kem_prekey.id),
                });
                // Asked again after it was answered, one time in two.
                if below(2) == 0 {
                    self.claim = None;
                }
            }
            RelayFrame::Refused {
                cause: SubmitRefusal::MailboxFull | SubmitRefusal::UnknownRecipient,
                ..
            } => panic!("refused for no reason"),
            RelayFrame::Error {
                code: ConnectionError::Unavailable,
                ..
            } => {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
            }
            _ => (),
        }
    }
}

/// A relay under load.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    relay: Option<Child>,
    devices: Arc<Vec<Device>>,
    history: History,
    pub(crate) unavailable: Arc<AtomicUsize>,
    scene: watch::Sender<Scene>,
    actors: tokio::task::JoinSet<(Who, u64)>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let names = (0..=ACTORS).map(|number| format!("actor{number}"));
        let devices: Arc<Vec<Device>> = Arc::new(names.map(|name| Device::new(&name)).collect());
        let relay = Child::start(folder.path(), &FLAGS);
        for device in devices.iter() {
            Client::register(relay.address, device).await.leave().await;
        }
        let (scene, seen) = watch::channel(Scene {
            address: relay.address,
            busy: true,
        });
        let mut world = Self {
            folder,
            relay: Some(relay),
            devices,
            history: History::default(),
            unavailable: Arc::default(),
            scene,
            actors: tokio::task::JoinSet::new(),
        };
        for me in 0..ACTORS {
            let actor = Actor {
                me,
                devices: Arc::clone(&world.devices),
                history: Arc::clone(&world.history),
                scene: seen.clone(),
                unavailable: Arc::clone(&world.unavailable),
                last_seq: 0,
                outbox: VecDeque::new(),
                claim: None,
                next_key: 1,
                count: 0,
            };
            world.actors.spawn(actor.run());
        }
        world
    }

    pub(crate) fn noted(&self) -> usize {
        self.history.lock().expect("a history").len()
    }

    /// Until clients have noted so much more, or the relay could not write so often.
    pub(crate) async fn go_on(&mut self, noted: usize, failures: usize) {
        let noted = self.noted() + noted;
        let failures = self.unavailable.load(Ordering::Relaxed) + failures;
        while self.noted() < noted && self.unavailable.load(Ordering::Relaxed) < failures {
            assert!(self.actors.try_join_next().is_none(), "an actor gave up");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn kill(&mut self) {
        self.relay.take().expect("it lives").kill();
    }

    pub(crate) fn relive(&mut self, relay: Child) {
        self.scene
            .send_modify(|scene| scene.address = relay.address);
        self.relay = Some(relay);
    }

    pub(crate) fn restart(&mut self) {
        self.relive(Child::start(self.folder.path(), &FLAGS));
    }

    /// All come back and get what is theirs; then everything that was noted.
    pub(crate) async fn end(self) -> Vec<Event> {
        self.scene.send_modify(|scene| scene.busy = false);
        let address = self.scene.borrow().address;
        let mut ends = vec![(SLEEPER, 0)];
        ends.extend(self.actors.join_all().await);
        for (at, last_seq) in ends {
            let mut client = Client::auth(address, &self.devices[at], last_seq).await;
            for (seq, id, bytes) in client.waiting().await {
                let event = Event::Delivered { at, seq, id, bytes };
                self.history.lock().expect("a history").push(event);
            }
        }
        let mut history = self.history.lock().expect("a history");
        std::mem::take(&mut *history)
    }
}
