//! The laws of live mail under any order of events, with a plain record of what happened to each envelope.

use std::sync::Mutex;

use pawl_wire::AccountId;
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::*;

#[derive(Default)]
struct Pushed(Mutex<Vec<u64>>);

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
    Leave,
    Listen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1usize..200_000).prop_map(Step::Submit),
        1 => Just(Step::Again),
        3 => (0u64..6).prop_map(Step::Acknowledge),
        2 => Just(Step::Due),
        3 => Just(Step::Reserve),
        1 => Just(Step::Leave),
        1 => Just(Step::Listen),
    ];
    prop::collection::vec(step, 1..150)
}

type Answer = oneshot::Receiver<Result<Submitted, StoreError>>;

/// A mailbox on disk, as its rows would be, and what its device has.
struct World {
    live: LiveMail,
    outlet: Arc<Pushed>,
    disk: Vec<u64>,
    disk_last: u64,
    acknowledged: u64,
    highest: u64,
    answers: Vec<Answer>,
    submitted: u8,
}

impl World {
    fn new() -> Self {
        Self {
            live: LiveMail::new(Duration::ZERO),
            outlet: Arc::default(),
            disk: Vec::new(),
            disk_last: 0,
            acknowledged: 0,
            highest: 0,
            answers: Vec::new(),
            submitted: 0,
        }
    }

    fn submit(&mut self, number: u8, size: usize) {
        let (reply, answer) = oneshot::channel();
        self.answers.push(answer);
        let submission = Submission {
            submit: Submit {
                message_id: MessageId([number; 16]),
                recipient: address(),
                envelope: vec![number; size],
            },
            lane: Lane::default(),
            reply,
        };
        let mut writes = Vec::new();
        let taken = self.live.take(submission, &mut writes);
        self.write(writes);
        if let Taken::Disk(submission) = taken {
            self.disk_last += 1;
            self.disk.push(self.disk_last);
            submission.answer(Ok(Submitted::Stored(DEVICE)));
        }
    }

    /// As the writer does, whose commits all succeed here.
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
                    self.disk.push(seq);
                    submission.answer(Ok(Submitted::Stored(DEVICE)));
                }
                Write::LastSeq(_, seq) => {
                    assert!(seq >= self.pushed(), "a number would come twice");
                    self.disk_last = seq;
                }
            }
        }
    }

    fn pushed(&self) -> u64 {
        let pushed = self.outlet.0.lock().expect("a list");
        assert!(pushed.windows(2).all(|two| two[0] < two[1]), "{pushed:?}");
        pushed.last().copied().unwrap_or(0)
    }

    fn acknowledge(&mut self, ahead: u64) {
        // A device has what was pushed to it, and what it read from the disk.
        let has = self.pushed().max(self.disk.last().copied().unwrap_or(0));
        let through = (self.acknowledged + ahead).min(has);
        self.acknowledged = self.acknowledged.max(through);
        if self.live.acknowledge(DEVICE, through) {
            self.disk.retain(|seq| *seq > through);
        }
        assert!(
            self.disk.iter().all(|seq| *seq > through),
            "acknowledged mail stays on disk"
        );
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
            Step::Reserve => {
                let ranges = self.live.take_unreserved();
                for (_, through) in &ranges {
                    self.disk_last = *through;
                }
                self.live.reserved(ranges);
            }
            Step::Leave => {
                let mut writes = Vec::new();
                self.live.end(DEVICE, None, &mut writes);
                self.write(writes);
            }
            Step::Listen => self.listen(),
        }
        assert!(
            self.pushed() <= self.disk_last,
            "a number that a crash would give again"
        );
        self.highest = self.highest.max(self.pushed());
    }

    fn listen(&mut self) {
        let outlet: Arc<dyn Outlet> = Arc::clone(&self.outlet) as _;
        if !self.disk.is_empty() || self.live.has(DEVICE, &outlet) {
            return;
        }
        let listener = Listener {
            device: DEVICE,
            address: address(),
            outlet,
            cursor: self.disk_last,
            window: WINDOW,
        };
        let known = (1..=self.submitted)
            .map(|number| MessageId([number; 16]))
            .collect();
        let last_seq = self.disk_last;
        let empty = Empty {
            last_seq,
            lingering: 0,
            known,
        };
        self.live.begin(listener, empty);
    }
}

proptest! {
    /// Numbers rise, none is pushed that is not reserved, nothing is written late or lost, and every sender
    /// is answered once its envelope is acknowledged or on disk.
    #[test]
    fn live_mail_is_acknowledged_or_written(steps in steps()) {
        let mut world = World::new();
        world.step(Step::Listen);
        for step in steps {
            world.step(step);
        }
        world.step(Step::Leave);
        for mut answer in world.answers {
            let answer = answer.try_recv();
            prop_assert!(
                matches!(answer, Ok(Ok(Submitted::Stored(_) | Submitted::Duplicate))),
                "{answer:?}"
            );
        }
    }
}

#[test]
fn ids_that_skipped_the_disk_are_known_and_bounded() {
    let mut recent = Recent::default();
    for number in 0..=MAX_RECENT as u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        recent.add((DEVICE, MessageId(id)));
    }
    assert_eq!(recent.ids.len(), MAX_RECENT);
    assert_eq!(recent.order.len(), MAX_RECENT);
    assert!(!recent.ids.contains(&(DEVICE, MessageId([0; 16]))));
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

/// What is behind a failure on its lane is not delivered either: it would overtake what is sent again.
#[test]
fn a_blocked_lane_delivers_nothing() {
    let mut world = World::new();
    world.step(Step::Listen);
    let (reply, mut answer) = oneshot::channel();
    let submission = Submission {
        submit: Submit {
            message_id: MessageId([1; 16]),
            recipient: address(),
            envelope: vec![1],
        },
        lane: Lane::default(),
        reply,
    };
    submission.lane.block();
    let mut writes = Vec::new();
    assert!(matches!(
        world.live.take(submission, &mut writes),
        Taken::Here
    ));
    assert!(matches!(
        answer.try_recv(),
        Ok(Err(StoreError::BehindFailure))
    ));
    world.step(Step::Reserve);
    assert!(writes.is_empty() && world.pushed() == 0);
}
