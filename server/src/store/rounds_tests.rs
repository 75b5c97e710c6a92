//! The writer and live mail together, on a real file: commits that fail, and messages that meet in one round.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pawl_wire::{MessageId, Submit};

use super::super::inbox::Writer;
use super::super::live::Outlet;
use super::super::one_device::{self, ADDRESS};
use super::super::{Lane, Letter, Pending, Whose};
use super::*;

/// A connection, by what it is told.
#[derive(Default)]
struct Ear {
    pushed: Mutex<Vec<u64>>,
    wakes: AtomicUsize,
    replaced: AtomicBool,
}

impl Outlet for Ear {
    fn push(&self, letter: Letter) {
        self.pushed.lock().expect("a list").push(letter.seq);
    }

    fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }

    fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Relaxed)
    }
}

impl Ear {
    fn pushed(&self) -> Vec<u64> {
        self.pushed.lock().expect("a list").clone()
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Relaxed)
    }
}

/// One writer with one device, and a second connection to its file.
struct World {
    writer: Writer,
    other: Connection,
    device: DeviceId,
    _folder: tempfile::TempDir,
}

impl World {
    /// What is not acknowledged is not written by itself: no test here waits for a clock.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (conn, device) = one_device::store(folder.path());
        conn.busy_timeout(Duration::ZERO).expect("a setting");
        let limits = Limits {
            live_grace: Duration::from_secs(86_400),
            ..Limits::default()
        };
        let (time, wake) = (Arc::new(Time::at(0)), Arc::new(|_| ()));
        let room = Arc::new(Room::new(folder.path(), &limits));
        let writer = Writer::start(conn, limits, Arc::default(), time, room, wake);
        Self {
            writer: writer.expect("a thread"),
            other: open(folder.path()),
            device,
            _folder: folder,
        }
    }

    /// Waits until what is queued is done, and what follows its commit.
    async fn settle(&self) {
        for _ in 0..2 {
            let job = self.writer.submit(Whose::OWN, |_| Ok(()), |_| ()).await;
            // Where commits fail, this one does, too.
            let _ = job.expect("it queues").await;
        }
    }

    async fn listen(&self, ear: &Arc<Ear>, cursor: u64) {
        let listener = Listener {
            device: self.device,
            address: ADDRESS,
            outlet: Arc::clone(ear) as _,
            cursor,
            window: 64,
        };
        self.writer
            .listen(Whose::OWN, listener)
            .await
            .expect("it queues");
    }

    async fn mail(&self, lane: &Lane, id: u8) -> Pending<Submitted> {
        let submit = Submit {
            message_id: MessageId([id; 16]),
            recipient: ADDRESS,
            envelope: vec![id; 10],
        };
        let mail = self
            .writer
            .mail(Whose::OWN, DeviceId(99), submit, lane.clone())
            .await;
        mail.expect("it queues")
    }

    /// The answer, which must be there when what was queued before is done.
    async fn answer(&self, mut pending: Pending<Submitted>) -> Result<Submitted, StoreError> {
        self.settle().await;
        pending.0.try_recv().expect("it is answered")
    }

    async fn stored(&self, pending: Pending<Submitted>) {
        let answer = self.answer(pending).await.expect("no fault");
        assert_eq!(answer, Submitted::Stored(self.device));
    }

    async fn acknowledge(&self, through: u64) {
        let queued = self
            .writer
            .acknowledge(Whose::OWN, self.device, through)
            .await;
        queued.expect("it queues");
    }

    /// A letter for a live connection: it is pushed, acknowledged, and then stored.
    async fn lives(&self, ear: &Ear, id: u8) {
        let before = ear.pushed().len();
        let answer = self.mail(&Lane::default(), id).await;
        self.settle().await;
        let pushed = ear.pushed();
        assert_eq!(pushed.len(), before + 1);
        self.acknowledge(pushed[before]).await;
        self.stored(answer).await;
    }

    fn waiting(&self) -> i64 {
        self.other
            .query_row("SELECT count(*) FROM mail", [], |row| row.get(0))
            .expect("a count")
    }

    fn run(&self, sql: &str) {
        self.other.execute_batch(sql).expect("it can");
    }

    /// Keeps the writer from its next round until what it gives is dropped: what is queued meanwhile is one round.
    async fn hold(&self) -> std::sync::mpsc::Sender<()> {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let wait = move |_: &Connection| {
            let _ = held.recv();
            Ok(())
        };
        let job = self.writer.submit(Whose::OWN, wait, |_| ()).await;
        drop(job.expect("it queues"));
        hold
    }
}

fn open(folder: &Path) -> Connection {
    Connection::open(folder.join("relay.db")).expect("a file")
}

/// The connection that acknowledged has everything, whatever the disk still holds: it must not look again and again.
#[tokio::test]
async fn an_acknowledgement_that_fails_wakes_nobody_and_is_made_good_by_the_next() {
    let world = World::new();
    world.stored(world.mail(&Lane::default(), 1).await).await;
    world.run(
        "CREATE TRIGGER stays BEFORE DELETE ON mail BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    );
    world.acknowledge(1).await;
    world.settle().await;
    let ear = Arc::<Ear>::default();
    world.listen(&ear, 1).await;
    world.settle().await;
    assert_eq!((world.waiting(), ear.wakes()), (1, 0));
    world.run("DROP TRIGGER stays");
    world.lives(&ear, 2).await;
    world.settle().await;
    assert_eq!((world.waiting(), ear.wakes()), (0, 0));
}

#[tokio::test]
async fn numbers_that_cannot_be_reserved_are_not_given_out() {
    let world = World::new();
    let (ear, lane) = (Arc::<Ear>::default(), Lane::default());
    world.listen(&ear, 0).await;
    world.settle().await;
    world.run("BEGIN IMMEDIATE");
    let failed = world.answer(world.mail(&lane, 1).await).await;
    assert!(
        matches!(failed, Err(StoreError::NotCommitted)),
        "{failed:?}"
    );
    let behind = world.answer(world.mail(&lane, 2).await).await;
    assert!(
        matches!(behind, Err(StoreError::BehindFailure)),
        "{behind:?}"
    );
    assert!(
        ear.pushed().is_empty(),
        "a crash would give this number again"
    );
    assert_eq!(ear.wakes(), 1, "it is live no longer and must look");
    world.run("ROLLBACK");
    world.listen(&ear, 0).await;
    world.settle().await;
    world.lives(&ear, 1).await;
    assert_eq!(world.waiting(), 0);
}

#[tokio::test]
async fn a_replaced_connection_that_listens_in_the_round_of_the_newer_takes_no_mail() {
    let world = World::new();
    let older = Arc::<Ear>::default();
    let hold = world.hold().await;
    world.listen(&older, 0).await;
    older.replaced.store(true, Ordering::Relaxed);
    let opened = world
        .writer
        .open(Whose::OWN, vec![world.device], |_| Ok(()), |_| ())
        .await;
    drop(hold);
    opened.expect("it queues").await.expect("it opens");
    world.settle().await;
    let stored = world.mail(&Lane::default(), 1).await;
    world.settle().await;
    assert!(older.pushed().is_empty());
    world.stored(stored).await;
    assert_eq!(world.waiting(), 1);
}

#[tokio::test]
async fn mail_of_the_round_in_which_a_connection_opens_and_listens_is_not_missed() {
    let world = World::new();
    let ear = Arc::<Ear>::default();
    let hold = world.hold().await;
    let opened = world
        .writer
        .open(Whose::OWN, vec![world.device], |_| Ok(()), |_| ())
        .await;
    let stored = world.mail(&Lane::default(), 1).await;
    world.listen(&ear, 0).await;
    drop(hold);
    opened.expect("it queues").await.expect("it opens");
    world.stored(stored).await;
    world.settle().await;
    assert_eq!((ear.wakes(), ear.pushed()), (1, vec![]), "it must look");
}

#[tokio::test]
async fn an_id_that_skipped_the_disk_is_known_also_when_its_device_is_away() {
    let world = World::new();
    let ear = Arc::<Ear>::default();
    world.listen(&ear, 0).await;
    world.settle().await;
    world.lives(&ear, 1).await;
    let left = world
        .writer
        .leave(Whose::OWN, world.device, Arc::clone(&ear) as _)
        .await;
    left.expect("it queues");
    let again = world.answer(world.mail(&Lane::default(), 1).await).await;
    assert_eq!(again.expect("known"), Submitted::Duplicate);
    assert_eq!(world.waiting(), 0);
}

/// A sender whose connection is not read, and so acknowledges nothing, waits for nobody's acknowledgement.
#[tokio::test]
async fn what_is_hurried_is_written_and_is_still_the_connections() {
    let world = World::new();
    let ear = Arc::<Ear>::default();
    world.listen(&ear, 0).await;
    world.settle().await;
    let (lane, calm) = (Lane::default(), Lane::default());
    let before = world.mail(&calm, 1).await;
    let hurried = world.mail(&lane, 2).await;
    let mut behind = world.mail(&calm, 3).await;
    world
        .writer
        .hurry(Whose::OWN, lane.clone())
        .await
        .expect("it queues");
    world.stored(hurried).await;
    world.stored(before).await;
    world.settle().await;
    assert_eq!((world.waiting(), ear.pushed()), (2, vec![1, 2, 3]));
    assert!(behind.0.try_recv().is_err(), "it still waits for its own");
    world.acknowledge(3).await;
    world.stored(behind).await;
    world.settle().await;
    assert_eq!((world.waiting(), ear.wakes()), (0, 0));
}
