//! A copy that nobody takes is given up.

use std::fs::File;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::super::backup::{Backup, Take, read};
use super::super::one_device;
use super::*;

fn giver(stall: Duration) -> (Giver, mpsc::Receiver<Vec<u8>>) {
    let (pieces, taken) = mpsc::channel(1);
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a clock");
    let giver = Giver {
        clock,
        pieces,
        stall,
    };
    (giver, taken)
}

fn log_of(folder: &Path) -> File {
    let mut options = File::options();
    let log = options.write(true).open(folder.join("relay.db-wal"));
    log.expect("the log")
}

#[test]
fn a_copy_that_nobody_takes_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = one_device::store(folder.path());
    let log = LogWatch::new(folder.path(), &conn).expect("a store");
    let (giver, taken) = giver(Duration::from_millis(200));
    giver.give(vec![1], &log).expect("there is a place");
    let stalled = giver.give(vec![2], &log);
    assert!(matches!(stalled, Err(GivenUp::Stalled(_))), "{stalled:?}");
    drop(taken);
    let gone = giver.give(vec![3], &log);
    assert!(matches!(gone, Err(GivenUp::Gone)), "{gone:?}");
}

#[test]
fn a_copy_is_given_up_when_the_log_is_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let (conn, _) = one_device::store(folder.path());
    let log = LogWatch::new(folder.path(), &conn).expect("a store");
    let (giver, _taken) = giver(Duration::from_secs(60));
    // Nothing of it is written.
    let file = log_of(folder.path());
    file.set_len(MOST_LOG).expect("a length");
    giver.give(vec![1], &log).expect("it is not longer");
    file.set_len(MOST_LOG + 1).expect("a length");
    let long = giver.give(vec![2], &log);
    assert!(matches!(long, Err(GivenUp::Log(128))), "{long:?}");
}

#[test]
fn a_copy_waits_until_a_log_that_has_grown_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_conn, _) = one_device::store(folder.path());
    let file = log_of(folder.path());
    let length = file.metadata().expect("a length").len();
    file.set_len(MOST_LOG + 1).expect("a length");
    let (given_up, _taken) = giver(Duration::from_millis(200));
    let long = given_up.give_all(folder.path());
    assert!(matches!(long, Err(GivenUp::Log(128))), "{long:?}");
    let (waits, mut taken) = giver(Duration::from_secs(60));
    std::thread::scope(|scope| {
        let all = scope.spawn(|| waits.give_all(folder.path()));
        std::thread::sleep(Duration::from_millis(300));
        assert!(taken.try_recv().is_err(), "nothing is read meanwhile");
        file.set_len(length).expect("a length");
        all.join().expect("no panic").expect("it is read");
    });
    assert!(taken.try_recv().is_ok());
}

#[test]
fn where_no_relay_runs_a_long_log_keeps_nobody_from_a_copy() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_conn, _) = one_device::store(folder.path());
    let file = log_of(folder.path());
    file.set_len(MOST_LOG + 1).expect("a length");
    let to = folder.path().join("copy");
    let copy = Backup::new(folder.path(), &to).expect("a store");
    let read = |take: Take<'_>| read(folder.path(), take);
    copy.fill(read).expect("a copy");
    assert!(to.exists());
}

#[test]
fn whoever_sees_the_end_of_a_copy_may_begin_another_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_conn, _) = one_device::store(folder.path());
    let places = Arc::new(Semaphore::new(1));
    for _ in 0..50 {
        let place = Arc::clone(&places).try_acquire_owned();
        let place = place.expect("the one before has ended");
        let mut copying = start(folder.path().to_owned(), place).expect("a thread");
        while copying.pieces.blocking_recv().is_some() {}
        assert_eq!(*copying.state.borrow(), State::Done);
    }
}
