//! Laws of a mailbox's shares: whoever fills it, others still find room.

use super::*;

const BOB: DeviceId = DeviceId(1);
const FRIEND: DeviceId = DeviceId(2);
const SIZE: u64 = 305;

/// A mailbox as the disk would have it, and its shares.
struct World {
    shares: Shares,
    limits: Limits,
    waiting: Waiting,
    seq: u64,
}

impl World {
    fn new() -> Self {
        Self {
            shares: Shares::default(),
            limits: Limits::default(),
            waiting: Waiting::default(),
            seq: 0,
        }
    }

    /// Whether it was taken.
    fn write(&mut self, from: DeviceId, size: u64) -> bool {
        let has_room = self
            .shares
            .has_room(BOB, from, size, self.waiting, &self.limits);
        if has_room {
            self.seq += 1;
            self.waiting.add(size);
            self.shares.put(BOB, from, self.seq, size);
        }
        has_room
    }

    /// Writes until refused; how many were taken.
    fn fill(&mut self, from: DeviceId, size: u64) -> u64 {
        let mut taken = 0;
        while self.write(from, size) {
            taken += 1;
        }
        taken
    }

    fn fill_all(&mut self, from: std::ops::Range<i64>, size: u64) -> u64 {
        from.map(|number| self.fill(DeviceId(number), size)).sum()
    }

    /// Bob comes, takes everything and goes.
    fn fetch(&mut self) {
        self.shares.acknowledge(BOB, self.seq);
        self.waiting = Waiting::default();
    }
}

#[test]
fn a_stranger_has_three_hundred_places() {
    let mut world = World::new();
    assert_eq!(world.fill(DeviceId(9), SIZE), 300);
    assert!(world.write(FRIEND, SIZE));
}

#[test]
fn strangers_together_have_half() {
    let mut world = World::new();
    assert_eq!(world.fill_all(100..400, SIZE), 10_000);
    let mut world = World::new();
    world.fill_all(100..400, 96 * 1024);
    let half = world.limits.mailbox_bytes / 2;
    assert!(world.waiting.bytes <= half);
    assert!(world.waiting.bytes > half - 96 * 1024);
}

#[test]
fn who_is_known_has_the_other_half_and_a_quarter_for_one() {
    let mut world = World::new();
    assert!(world.write(FRIEND, SIZE));
    world.fetch();
    world.fill_all(100..400, SIZE);
    let taken = world.fill(FRIEND, SIZE);
    assert!(taken >= 2_500, "{taken}");
    let mut world = World::new();
    world.write(FRIEND, SIZE);
    world.fetch();
    assert_eq!(world.fill(FRIEND, SIZE), world.limits.mailbox_messages / 4);
}

#[test]
fn ten_who_got_known_and_all_strangers_do_not_shut_a_friend_out() {
    let mut world = World::new();
    for number in 100..110 {
        assert!(world.write(DeviceId(number), SIZE));
    }
    assert!(world.write(FRIEND, SIZE));
    world.fetch();
    world.fill_all(200..400, SIZE);
    world.fill_all(100..110, SIZE);
    let taken = world.fill(FRIEND, SIZE);
    assert!(taken >= 100, "{taken}");
}

#[test]
fn what_went_past_the_disk_makes_its_sender_known() {
    let mut world = World::new();
    world.shares.learn(BOB, FRIEND);
    assert!(world.fill(FRIEND, SIZE) > 300);
}

#[test]
fn after_a_restart_what_waits_is_nobodys_and_there_is_room() {
    let mut world = World::new();
    world.fill_all(100..400, SIZE);
    world.shares = Shares::default();
    let taken = world.fill(FRIEND, SIZE);
    assert_eq!(taken, 300, "everybody is a stranger");
    // The next acknowledgement says who they are.
    world.fetch();
    assert!(world.fill(FRIEND, SIZE) > 300);
}

#[test]
fn a_failed_commit_forgets_what_waits_and_not_whom_one_knows() {
    let mut world = World::new();
    world.write(FRIEND, SIZE);
    world.fetch();
    world.write(FRIEND, SIZE);
    world.shares.lose_count();
    assert_eq!(world.shares.followed, 0);
    assert!(world.fill(FRIEND, SIZE) > 300);
}

#[test]
fn known_senders_are_bounded_and_the_oldest_is_forgotten() {
    let mut world = World::new();
    let many = i64::try_from(MAX_KNOWN).expect("small") + 1;
    for number in 0..many {
        world.shares.learn(BOB, DeviceId(100 + number));
    }
    let mailbox = &world.shares.mailboxes[&BOB];
    assert_eq!(mailbox.known.len(), MAX_KNOWN);
    assert_eq!(mailbox.senders.len(), MAX_KNOWN);
    assert_eq!(world.fill(DeviceId(100), SIZE), 300);
    assert!(world.fill(DeviceId(100 + many - 1), SIZE) > 300);
}

#[test]
fn mailboxes_are_bounded() {
    let mut world = World::new();
    world.write(FRIEND, SIZE);
    for number in 0..MAX_MAILBOXES + 10 {
        let mailbox = DeviceId(10 + i64::try_from(number).expect("small"));
        world.shares.learn(mailbox, FRIEND);
    }
    assert!(world.shares.mailboxes.len() <= MAX_MAILBOXES);
    assert!(
        world.shares.mailboxes.contains_key(&BOB),
        "one with mail stays"
    );
}

#[test]
fn sums_follow_who_is_known() {
    let mut world = World::new();
    for _ in 0..5 {
        world.write(FRIEND, SIZE);
    }
    world.shares.acknowledge(BOB, 2);
    let mailbox = &world.shares.mailboxes[&BOB];
    assert_eq!(mailbox.strangers, Waiting::default());
    let three = Waiting {
        messages: 3,
        bytes: 3 * SIZE,
    };
    assert_eq!(mailbox.acquaintances, three);
    assert_eq!(world.shares.followed, 3);
}
