//! The real binary is killed two hundred times under load, and its disk fills up, while its clients note what they
//! do and see; then the checker (`history`) looks at all of it. And the checker is given relays that are broken on
//! purpose.
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use crate::history::{Broken, Event, check};
use crate::support::Child;
use crate::world::{FLAGS, World, below};

/// Kills in the long run.
const KILLS: usize = 200;

/// What is done to the store while the relay is dead.
type Damage = fn(&Path);

/// Whether the checker found what that damage breaks.
type Found = fn(&Broken) -> bool;

/// Runs the load over `kills` deaths of the relay and gives everything that clients saw.
async fn run(kills: usize, damage: Option<Damage>) -> Vec<Event> {
    let mut world = World::start().await;
    for _ in 0..kills {
        world.go_on(30 + below(200), usize::MAX / 2).await;
        world.kill();
        if let Some(damage) = damage {
            damage(world.folder.path());
        }
        world.restart();
    }
    world.end().await
}
/// A relay whose files may not grow beyond so many blocks of 512 bytes: what a full disk is to it.
fn cramped(folder: &Path, blocks: u64) -> Child {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f $1; shift; exec \"$@\"";
    command
        .args(["-c", script, "sh", &blocks.to_string()])
        .arg(env!("CARGO_BIN_EXE_pawl-server"))
        .args(["--log", "off", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .args(FLAGS);
    Child::spawn(&mut command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_under_load_breaks_no_promise() {
    let mut world = World::start().await;
    for _ in 0..6 {
        world.go_on(300, usize::MAX / 2).await;
        world.kill();
        let sizes = ["relay.db", "relay.db-wal"].map(|file| {
            let file = std::fs::metadata(world.folder.path().join(file));
            file.map_or(0, |file| file.len())
        });
        let blocks = sizes[0].max(sizes[1]) / 512 + 200;
        world.relive(cramped(world.folder.path(), blocks));
        // Far more than fits.
        world.go_on(100_000, 30).await;
        world.kill();
        world.restart();
    }
    let unavailable = world.unavailable.load(Ordering::Relaxed);
    assert!(unavailable >= 6 * 30, "it was never full: {unavailable}");
    assert_eq!(check(&world.end().await), [].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_deaths_under_load_break_no_promise() {
    let history = run(KILLS, None).await;
    let count = |wanted: fn(&Event) -> bool| history.iter().filter(|event| wanted(event)).count();
    assert!(count(|event| matches!(event, Event::Stored { .. })) > 10 * KILLS);
    assert!(
        count(|event| matches!(
            event,
            Event::Claimed {
                prekey: Some(_),
                ..
            }
        )) > KILLS / 10
    );
    assert_eq!(check(&history), [].into());
}

fn store(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("relay.db")).expect("a store")
}

/// A relay that says Stored before it is: what came last is gone after a crash.
fn loses_its_end(folder: &Path) {
    store(folder)
        .execute(
            "DELETE FROM mail WHERE id > (SELECT max(id) FROM mail) - 20",
            [],
        )
        .expect("it deletes");
}

/// A relay that takes keys in no transaction: what it gave is there again after a crash.
fn forgets_what_it_gave(folder: &Path) {
    store(folder)
        .execute_batch(
            "INSERT OR IGNORE INTO one_time_key (device, kind, key_id, record)
                 SELECT device, 1, prekey_id, prekey FROM claim WHERE prekey_id IS NOT NULL;
             DELETE FROM claim",
        )
        .expect("it writes");
}

/// A relay that puts mail into another's mailbox: the latest of the sleeper's into that of the first.
fn delivers_to_another(folder: &Path) {
    store(folder)
        .execute(
            "UPDATE OR IGNORE mail SET device = (SELECT min(device) FROM mailbox), seq = 10000000 + id
             WHERE id = (SELECT max(id) FROM mail WHERE device = (SELECT max(device) FROM mailbox))",
            [],
        )
        .expect("it writes");
}

/// A relay that takes one device's word for another: what the first acknowledged is erased from the sleeper's mailbox.
fn acknowledges_for_another(folder: &Path) {
    store(folder)
        .execute(
            "DELETE FROM mail WHERE device = (SELECT max(device) FROM mailbox)
             AND seq <= (SELECT last_seq FROM mailbox ORDER BY device LIMIT 1)",
            [],
        )
        .expect("it deletes");
}

/// A relay whose mailbox has no order.
fn turns_mail_around(folder: &Path) {
    store(folder)
        .execute_batch(
            "UPDATE mail SET seq = -seq;
             UPDATE mail SET seq = (SELECT last_seq FROM mailbox m WHERE m.device = mail.device) + 1 + seq",
        )
        .expect("it writes");
}

/// The checker finds each of them: it is not satisfied by anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_are_broken_on_purpose_are_found() {
    let finds: [(&str, Damage, Found); 5] = [
        ("loses its end", loses_its_end, |broken| {
            matches!(broken, Broken::Lost(_))
        }),
        ("forgets what it gave", forgets_what_it_gave, |broken| {
            matches!(broken, Broken::KeyTwice(..) | Broken::ClaimChanged(_))
        }),
        ("delivers to another", delivers_to_another, |broken| {
            matches!(broken, Broken::ForAnother(..))
        }),
        (
            "acknowledges for another",
            acknowledges_for_another,
            |broken| matches!(broken, Broken::Lost(_)),
        ),
        ("turns mail around", turns_mail_around, |broken| {
            matches!(broken, Broken::OutOfOrder(..))
        }),
    ];
    for (name, damage, found) in finds {
        let broken = check(&run(20, Some(damage)).await);
        assert!(broken.iter().any(found), "{name}: {broken:?}");
    }
}
