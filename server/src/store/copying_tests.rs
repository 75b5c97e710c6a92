//! A copy that nobody takes is given up.

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
    let file = std::fs::File::options()
        .write(true)
        .open(folder.path().join("relay.db-wal"))
        .expect("the log");
    file.set_len(MOST_LOG).expect("a length");
    giver.give(vec![1], &log).expect("it is not longer");
    file.set_len(MOST_LOG + 1).expect("a length");
    let long = giver.give(vec![2], &log);
    assert!(matches!(long, Err(GivenUp::Log(128))), "{long:?}");
}
