//! The laws of live mail under any order of events, with a plain record of what happened to each envelope.

use std::sync::Mutex;

use pawl_wire::AccountId;
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::*;

/// A connection, by what was pushed to it.
#[derive(Default)]
struct Pushed(Mutex<Vec<u64>>);

impl Pushed {
    fn all(&self) -> Vec<u64> {
        self.0.lock().expect("a list").clone()
    }
}

impl Outlet for Pushed {
    fn push(&self, letter: Letter) {
        self.0.lock().expect("a list").push(letter.seq);
    }

    fn wake(&self) {}

    fn is_replaced(&self) -> bool {
        false
    }
}

const DEVICE: DeviceId = DeviceId(7);
const WINDOW: usize = 4;

fn address() -> DeviceAddress {
    DeviceAddress {
        account: AccountId([7; 32]),
        device: 1,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Submit(usize),
    Again,
    Acknowledge(u64),
    Due,
    Reserve,
    /// The connection ends.
    Leave,
    /// One that was there before ends late.
    LeaveLate(usize),
    /// A newer connection takes the place of the one before.
    Replace,
    Listen,
    /// The sender's connection is not read until it is answered.
    Hurry,
    /// The sender connects anew.
    Reconnect,
    /// From here on commits fail, or no longer.
    Disk(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1usize..200_000).prop_map(Step::Submit),
        1 => Just(Step::Again),
        3 => (0u64..6).prop_map(Step::Acknowledge),
        2 => Just(Step::Due),
        3 => Just(Step::Reserve),
        1 => Just(Step::Leave),
        1 => any::<usize>().prop_map(Step::LeaveLate),
        1 => Just(Step::Replace),
        2 => Just(Step::Listen),
        1 => Just(Step::Hurry),
        1 => Just(Step::Reconnect),
        1 => prop_oneof![2 => Just(true), 1 => Just(false)].prop_map(Step::Disk),
    ];
    prop::collection::vec(step, 1..150)
}

type Reply = Result<Submitted, StoreError>;

/// What a sender waits for.
struct Answer {
    lane: usize,
    waits: oneshot::Receiver<Reply>,
    came: Option<Reply>,
}

/// A mailbox on disk, as its rows would be, and what its device has.
struct World {
    live: LiveMail,
    /// The device's connections, the newest last.
    outlets: Vec<Arc<Pushed>>,
    /// The sender's connections, the newest last.
    lanes: Vec<Lane>,
    disk_works: bool,
    disk: Vec<u64>,
    disk_last: u64,
    acknowledged: u64,
    /// What could not be erased up to here stays until the next acknowledgement.
    lingers: u64,
    answers: Vec<Answer>,
    submitted: u8,
}

impl World {
    fn new() -> Self {
        Self {
            live: LiveMail::new(Duration::ZERO),
            outlets: vec![Arc::default()],
            lanes: vec![Lane::default()],
            disk_works: true,
            disk: Vec::new(),
            disk_last: 0,
            acknowledged: 0,
            lingers: 0,
            answers: Vec::new(),
            submitted: 0,
        }
    }

    fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::clone(self.outlets.last().expect("there is one")) as _
    }

    fn submit(&mut self, number: u8, size: usize) {
        let (reply, waits) = oneshot::channel();
        let lane = self.lanes.last().expect("there is one").clone();
        self.hear();
        let current = self.lanes.len() - 1;
        let mut of_lane = self.answers.iter().filter(|answer| answer.lane == current);
        let is_blocked = of_lane.any(|answer| matches!(answer.came, Some(Err(_))));
        let pushed = self.pushed();
        self.answers.push(Answer {
            lane: current,
            waits,
            came: None,
        });
        let submission = Submission {
            from: DeviceId(99),
            submit: submit(number, size),
            lane,
            reply,
        };
        let mut writes = Vec::new();
        let taken = self.live.take(submission, &mut writes);
        assert!(!is_blocked || matches!(taken, Taken::Here) && writes.is_empty());
        self.write(writes);
        if let Taken::Disk(submission) = taken {
            let is_blocked = submission.lane.check().is_err();
            if self.disk_works && !is_blocked {
                self.disk_last += 1;
                self.disk.push(self.disk_last);
                submission.answer(Ok(Submitted::Stored(DEVICE)));
            } else {
                submission.answer(Err(StoreError::NotCommitted));
            }
        }
        if is_blocked {
            assert_eq!(self.pushed(), pushed, "it overtakes what failed");
            self.hear();
            let came = &self.answers.last().expect("it was asked").came;
            assert!(matches!(came, Some(Err(StoreError::BehindFailure))));
        }
    }

    /// As the writer does.
    fn write(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Envelope(_, seq, _) if seq > self.pushed() => {
                    panic!("{seq} is written, and its connection never gets it");
                }
                Write::Envelope(_, seq, submission) | Write::Unread(_, seq, submission) => {
                    assert!(
                        seq > self.acknowledged,
                        "{seq} is written after it was acknowledged"
                    );
                    assert!(
                        self.disk.last().is_none_or(|last| *last < seq),
                        "{seq} out of order"
                    );
                    // On a lane of which something failed nothing is stored any more.
                    if self.disk_works && submission.lane.check().is_ok() {
                        self.disk.push(seq);
                        self.disk_last = self.disk_last.max(seq);
                        submission.answer(Ok(Submitted::Stored(DEVICE)));
                    } else {
                        submission.answer(Err(StoreError::NotCommitted));
                    }
                }
                Write::LastSeq(_, seq) => {
                    assert!(seq >= self.pushed(), "a number would come twice");
                    if self.disk_works {
                        self.disk_last = seq;
                    }
                }
            }
        }
    }

    /// The last number that any connection got.
    fn pushed(&self) -> u64 {
        let pushed: Vec<_> = self
            .outlets
            .iter()
            .flat_map(|outlet| outlet.all())
            .collect();
        assert!(pushed.windows(2).all(|two| two[0] < two[1]), "{pushed:?}");
        pushed.last().copied().unwrap_or(0)
    }

    fn hear(&mut self) {
        for answer in &mut self.answers {
            if answer.came.is_none() {
                answer.came = answer.waits.try_recv().ok();
            }
        }
    }

    fn acknowledge(&mut self, ahead: u64) {
        // A device has what was pushed to it, and what it read from the disk.
        let has = self.pushed().max(self.disk.last().copied().unwrap_or(0));
        let through = (self.acknowledged + ahead).min(has);
        self.acknowledged = self.acknowledged.max(through);
        if self.live.acknowledge(DEVICE, through) {
            if self.disk_works {
                self.disk.retain(|seq| *seq > through);
            } else {
                self.lingers = through;
            }
        }
        let lingers = self.lingers;
        assert!(
            self.disk
                .iter()
                .all(|seq| *seq > through || *seq <= lingers),
            "acknowledged mail stays on disk"
        );
    }

    fn reserve(&mut self) {
        let ranges = self.live.take_unreserved();
        if self.disk_works {
            for (_, through) in &ranges {
                self.disk_last = *through;
            }
            self.live.reserved(ranges);
        } else if !ranges.is_empty() {
            self.end(None);
        }
    }

    fn end(&mut self, only: Option<&Arc<dyn Outlet>>) {
        let mut writes = Vec::new();
        self.live.end(DEVICE, only, &mut writes);
        self.write(writes);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit(size) => {
                self.submitted += 1;
                self.submit(self.submitted, size);
            }
            Step::Again => self.submit(self.submitted, 10),
            Step::Acknowledge(ahead) => self.acknowledge(ahead),
            Step::Due => {
                let mut writes = Vec::new();
                self.live.write_due(clock::now(), &mut writes);
                self.write(writes);
            }
            Step::Reserve => self.reserve(),
            Step::Leave => self.end(Some(&self.outlet())),
            Step::LeaveLate(which) => {
                let was_live = self.live.is_live(DEVICE);
                let which = which % self.outlets.len();
                let outlet = Arc::clone(&self.outlets[which]) as _;
                self.end(Some(&outlet));
                let is_newest = which + 1 == self.outlets.len();
                assert!(is_newest || self.live.is_live(DEVICE) == was_live);
            }
            Step::Replace => {
                self.end(None);
                self.outlets.push(Arc::default());
            }
            Step::Listen => self.listen(),
            Step::Hurry => self.hurry(),
            Step::Reconnect => self.lanes.push(Lane::default()),
            Step::Disk(works) => self.disk_works = works,
        }
        assert!(
            self.pushed() <= self.disk_last,
            "a number that a crash would give again"
        );
    }

    fn hurry(&mut self) {
        let lane = self.lanes.len() - 1;
        let mut writes = Vec::new();
        self.live.hurry(&self.lanes[lane], &mut writes);
        self.write(writes);
        self.hear();
        let waits = |answer: &Answer| answer.lane == lane && answer.came.is_none();
        assert!(!self.answers.iter().any(waits), "waits for its recipient");
    }

    fn listen(&mut self) {
        let lingering = self.disk.last().copied().unwrap_or(0);
        if lingering > self.acknowledged || self.live.is_live(DEVICE) {
            return;
        }
        let listener = Listener {
            device: DEVICE,
            address: address(),
            outlet: self.outlet(),
            cursor: self.acknowledged,
            window: WINDOW,
        };
        let known = (1..=self.submitted)
            .map(|number| MessageId([number; 16]))
            .collect();
        let empty = Empty {
            last_seq: self.disk_last,
            lingering,
            known,
        };
        self.live.begin(listener, empty);
    }
}

fn submit(number: u8, size: usize) -> Submit {
    Submit {
        message_id: MessageId([number; 16]),
        recipient: address(),
        envelope: vec![number; size],
    }
}

proptest! {
    /// Numbers rise, none is pushed that is not reserved, nothing is written late or lost, and every sender
    /// is answered once its envelope is acknowledged or on disk.
    #[test]
    fn live_mail_is_acknowledged_or_written(steps in steps()) {
        let mut world = World::new();
        let ever_failed = steps.iter().any(|step| matches!(step, Step::Disk(false)));
        world.step(Step::Listen);
        for step in steps {
            world.step(step);
        }
        world.step(Step::Leave);
        world.hear();
        let failed = [StoreError::NotCommitted, StoreError::BehindFailure].map(|error| error.to_string());
        for Answer { came, .. } in world.answers {
            let is_answered = match &came {
                Some(Ok(Submitted::Stored(_) | Submitted::Duplicate)) => true,
                Some(Err(error)) => ever_failed && failed.contains(&error.to_string()),
                _ => false,
            };
            prop_assert!(is_answered, "{came:?}");
        }
    }
}

#[test]
fn ids_that_skipped_the_disk_are_known_and_bounded() {
    let mut recent = Recent::default();
    let mut one = submit(0, 0);
    for number in 0..=MAX_RECENT as u64 {
        one.message_id.0[..8].copy_from_slice(&number.to_le_bytes());
        recent.add(&one);
    }
    assert_eq!(recent.ids.len(), MAX_RECENT);
    assert_eq!(recent.order.len(), MAX_RECENT);
    assert!(recent.has(&one) && !recent.has(&submit(0, 0)));
    one.recipient.device = 2;
    assert!(!recent.has(&one), "another device's");
}

#[test]
fn more_ids_on_disk_than_are_held_are_all_looked_up() {
    let mut known = Known::new(vec![MessageId([1; 16])]);
    assert!(known.may_hold(MessageId([1; 16])) && !known.may_hold(MessageId([2; 16])));
    for number in 0..=MAX_KNOWN as u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        known.add(MessageId(id));
    }
    assert!(known.may_hold(MessageId([2; 16])));
}

/// A mailbox that was busy and is quiet holds no memory for that: thousands of others are as quiet.
#[test]
fn a_mailbox_gives_back_what_a_burst_took() {
    let mut world = World::new();
    let listener = Listener {
        device: DEVICE,
        address: address(),
        outlet: world.outlet(),
        cursor: 0,
        window: 64,
    };
    let empty = Empty {
        last_seq: 0,
        lingering: 0,
        known: Vec::new(),
    };
    world.live.begin(listener, empty);
    for number in 1..=64 {
        world.submit(number, 10);
    }
    world.reserve();
    assert!(world.live.mailboxes[&DEVICE].held.capacity() >= 64);
    world.acknowledge(64);
    let mailbox = &world.live.mailboxes[&DEVICE];
    assert!(mailbox.held.is_empty() && mailbox.held.capacity() <= crate::spare::KEPT);
}
