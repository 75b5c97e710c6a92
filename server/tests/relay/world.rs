//! Clients that load a relay while something is done to it, and note what they do and see for the checker (`history`).

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pawl_wire::limits::{MAX_RECEIVE_WINDOW, MIN_ENVELOPE};
use pawl_wire::{ClaimId, ClientFrame, ConnectionError, MessageId, RelayFrame, SubmitRefusal};
use tokio::sync::watch;

use crate::history::{Event, Who};
use crate::keys::one_time;
use crate::support::{Child, Client, Device, message_id, random};
use crate::vandal::{SlowReader, Vandal};

/// Devices that come and go; the one after them is away until the end.
pub(crate) const ACTORS: usize = 5;
pub(crate) const SLEEPER: Who = ACTORS;

/// In a rough world, one that reads as slowly as it can, and one that keeps to no rule.
pub(crate) const SLOW: Who = ACTORS + 1;
pub(crate) const VANDAL: Who = ACTORS + 2;

/// Looks, a millisecond or more apart, at clients that note nothing before a test gives up: far beyond any sane answer.
const QUIET: usize = 30_000;

/// Envelopes that one of them has unanswered.
const OUTBOX: usize = 12;

/// Limits that this load does not meet.
pub(crate) const FLAGS: [&str; 16] = [
    "--uploads-per-account",
    "1000000",
    "--stranger-messages",
    "1000000",
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

/// Connections of one device that are dead at this end only.
const MOST_DEAD: usize = 30;

/// Where the relay is, and whether new messages are still made.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) address: SocketAddr,
    pub(crate) busy: bool,
}

/// What all of them share.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) devices: Arc<Vec<Device>>,
    pub(crate) history: History,
    pub(crate) scene: watch::Receiver<Scene>,
    /// Connections that ended because the relay could not write.
    pub(crate) unavailable: Arc<AtomicUsize>,
    /// Mail that went into connections whose device was no longer there.
    pub(crate) unread: Arc<AtomicUsize>,
    /// How often the slow reader has come back.
    pub(crate) returns: Arc<AtomicUsize>,
    /// Connections of the vandal that the relay ended.
    pub(crate) thrown_out: Arc<AtomicUsize>,
    is_rough: bool,
}

impl Stage {
    pub(crate) fn note(&self, event: Event) {
        self.history.lock().expect("a history").push(event);
    }

    pub(crate) fn now(&self) -> Scene {
        *self.scene.borrow()
    }

    /// Bytes of what was sent to a device and has not come to it.
    pub(crate) fn waiting(&self, who: Who) -> usize {
        let history = self.history.lock().expect("a history");
        let mut waiting = BTreeMap::new();
        for event in history.iter() {
            match event {
                Event::Submitted { to, id, bytes, .. } if *to == who => {
                    waiting.insert(*id, bytes.len());
                }
                Event::Delivered { at, id, .. } if *at == who => {
                    waiting.remove(id);
                }
                _ => (),
            }
        }
        waiting.values().sum()
    }
}

pub(crate) struct Actor {
    me: Who,
    stage: Stage,
    /// On its disk: what it has, and what was not answered, in order.
    last_seq: u64,
    outbox: VecDeque<(MessageId, Who, Vec<u8>)>,
    /// A claim that may be repeated.
    claim: Option<(ClaimId, Who)>,
    next_key: u32,
    count: u32,
    /// Open, and neither read nor written any more: the relay cannot tell them from those of a device that is quiet.
    dead: Vec<Client>,
}

/// A number below `end`.
pub(crate) fn below(end: usize) -> usize {
    usize::from(u16::from_be_bytes(random())) % end
}

impl Actor {
    fn new(me: Who, stage: Stage) -> Self {
        Self {
            me,
            stage,
            last_seq: 0,
            outbox: VecDeque::new(),
            claim: None,
            next_key: 1,
            count: 0,
            dead: Vec::new(),
        }
    }

    /// Until there is nothing more to do in a quiet scene.
    async fn run(mut self) -> (Who, u64) {
        loop {
            let scene = self.stage.now();
            if !scene.busy && self.outbox.is_empty() {
                self.look_at_the_dead().await;
                return (self.me, self.last_seq);
            }
            let device = &self.stage.devices[self.me];
            match Client::try_auth(scene.address, device, self.last_seq).await {
                Ok(client) => self.connected(client).await,
                Err(refusal) => {
                    if refusal == Some(ConnectionError::Unavailable) {
                        self.stage.unavailable.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    }

    async fn connected(&mut self, mut client: Client) {
        // As a client does: what was not answered is sent again under its id, in order.
        for (id, to, bytes) in self.outbox.clone() {
            client
                .submit(self.stage.devices[to].address(), id, bytes)
                .await;
        }
        if let Some((claim, of)) = self.claim {
            let device = self.stage.devices[of].address();
            client
                .send(&ClientFrame::FetchBundle { claim, device })
                .await;
        }
        loop {
            let scene = self.stage.now();
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
                        if below(if self.stage.is_rough { 60 } else { 300 }) == 0 {
                            return self.leave(client);
                        }
                    }
                }
            }
        }
    }

    /// The relay hears of it, or the network has lost the device and says nothing.
    fn leave(&mut self, client: Client) {
        if self.stage.is_rough && below(2) == 0 && self.dead.len() < MOST_DEAD {
            self.dead.push(client);
        }
    }

    /// What the relay had put into them.
    async fn look_at_the_dead(&mut self) {
        for mut client in self.dead.drain(..) {
            let soon = Duration::from_millis(50);
            while let Ok(Ok(frame)) = tokio::time::timeout(soon, client.try_next()).await {
                if matches!(frame, RelayFrame::Deliver { .. }) {
                    self.stage.unread.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    async fn act(&mut self, client: &mut Client) {
        let recipients = if self.stage.is_rough { SLOW } else { SLEEPER } + 1;
        while self.outbox.len() < OUTBOX {
            let to = below(recipients);
            let id = message_id();
            self.count += 1;
            let mut bytes =
                vec![0xee; MIN_ENVELOPE + below(if to == SLOW { 90_000 } else { 2_000 })];
            bytes[..4].copy_from_slice(&self.count.to_be_bytes());
            bytes[4] = u8::try_from(self.me).expect("a small number");
            // On its disk before it leaves.
            self.outbox.push_back((id, to, bytes.clone()));
            self.stage.note(Event::Submitted {
                from: self.me,
                to,
                id,
                bytes: bytes.clone(),
            });
            client
                .submit(self.stage.devices[to].address(), id, bytes)
                .await;
        }
        if below(8) == 0 && self.claim.is_none() {
            let (claim, of) = (ClaimId(random()), below(ACTORS));
            self.claim = Some((claim, of));
            let device = self.stage.devices[of].address();
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
                self.stage.note(Event::Delivered {
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
                self.stage.note(Event::Stored { id });
                self.outbox.retain(|(known, ..)| *known != id);
            }
            RelayFrame::Bundle { claim, bundle } => {
                let Some((_, of)) = self.claim.filter(|(known, _)| *known == claim) else {
                    panic!("a bundle that was not asked for");
                };
                self.stage.note(Event::claimed(of, claim, &bundle));
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
                self.stage.unavailable.fetch_add(1, Ordering::Relaxed);
            }
            _ => (),
        }
    }
}

/// How long nothing has been noted.
#[derive(Default)]
struct Patience {
    last: usize,
    quiet: usize,
}

impl Patience {
    /// Waits a little; whether there is any left.
    async fn look(&mut self, noted: usize) -> bool {
        self.quiet = if self.last == noted {
            self.quiet + 1
        } else {
            0
        };
        self.last = noted;
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.quiet < QUIET
    }
}

/// A relay under load.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    relay: Option<Child>,
    pub(crate) stage: Stage,
    pub(crate) unavailable: Arc<AtomicUsize>,
    scene: watch::Sender<Scene>,
    actors: tokio::task::JoinSet<(Who, u64)>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(false).await
    }

    /// With connections that die at one end only, a slow reader, and a vandal.
    pub(crate) async fn start_rough() -> Self {
        let mut world = Self::start_with(true).await;
        world.actors.spawn(SlowReader::new(&world.stage).run());
        world.actors.spawn(Vandal::new(&world.stage).run());
        world
    }

    async fn start_with(is_rough: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let all = if is_rough { VANDAL } else { SLEEPER };
        let names = (0..=all).map(|number| format!("actor{number}"));
        let mut devices: Vec<Device> = names.map(|name| Device::new(&name)).collect();
        if is_rough {
            devices[SLOW].window = MAX_RECEIVE_WINDOW;
        }
        let relay = Child::start(folder.path(), &FLAGS);
        for device in &devices {
            Client::register(relay.address, device).await.leave().await;
        }
        let (scene, seen) = watch::channel(Scene {
            address: relay.address,
            busy: true,
        });
        let stage = Stage {
            devices: Arc::new(devices),
            history: History::default(),
            scene: seen,
            unavailable: Arc::default(),
            unread: Arc::default(),
            returns: Arc::default(),
            thrown_out: Arc::default(),
            is_rough,
        };
        let mut world = Self {
            folder,
            relay: Some(relay),
            unavailable: Arc::clone(&stage.unavailable),
            stage,
            scene,
            actors: tokio::task::JoinSet::new(),
        };
        for me in 0..ACTORS {
            world
                .actors
                .spawn(Actor::new(me, world.stage.clone()).run());
        }
        world
    }

    pub(crate) fn noted(&self) -> usize {
        self.stage.history.lock().expect("a history").len()
    }

    /// Until clients have noted so much more, or the relay could not write so often.
    pub(crate) async fn go_on(&mut self, noted: usize, failures: usize) {
        let noted = self.noted() + noted;
        let failures = self.unavailable.load(Ordering::Relaxed) + failures;
        let mut patience = Patience::default();
        while self.noted() < noted && self.unavailable.load(Ordering::Relaxed) < failures {
            assert!(self.actors.try_join_next().is_none(), "an actor gave up");
            assert!(patience.look(self.noted()).await, "the relay serves nobody");
        }
    }

    pub(crate) fn kill(&mut self) {
        self.take().kill();
    }

    /// For those who kill it in their own way.
    pub(crate) fn take(&mut self) -> Child {
        self.relay.take().expect("it lives")
    }

    pub(crate) fn relay(&mut self) -> &mut Child {
        self.relay.as_mut().expect("it lives")
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
    pub(crate) async fn end(mut self) -> Vec<Event> {
        self.scene.send_modify(|scene| scene.busy = false);
        let address = self.scene.borrow().address;
        let mut ends = vec![(SLEEPER, 0)];
        let mut patience = Patience::default();
        while !self.actors.is_empty() {
            if let Some(end) = self.actors.try_join_next() {
                ends.push(end.expect("an actor that did not panic"));
                continue;
            }
            // One of them waits for an answer that the relay forgot, say.
            assert!(
                patience.look(self.noted()).await,
                "{} clients come to no end",
                self.actors.len()
            );
        }
        for (at, last_seq) in ends {
            let mut client = Client::auth(address, &self.stage.devices[at], last_seq).await;
            for (seq, id, bytes) in client.waiting().await {
                let event = Event::Delivered { at, seq, id, bytes };
                self.stage.note(event);
            }
        }
        let mut history = self.stage.history.lock().expect("a history");
        std::mem::take(&mut *history)
    }
}
