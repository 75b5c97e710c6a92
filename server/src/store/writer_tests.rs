//! The writer's laws: a failing job is undone alone, and nothing is answered before its commit.

use super::super::inbox::Writer;
use super::super::{Pending, Whose};
use super::*;

async fn insert(writer: &Writer, number: i64) -> Result<Pending<()>, StoreError> {
    let op = move |conn: &Connection| {
        conn.execute("INSERT INTO seen VALUES (?1)", [number])?;
        Ok(())
    };
    writer.submit(Whose::OWN, op, |_| ()).await
}

fn start(folder: &std::path::Path) -> (Writer, Connection) {
    let path = folder.join("test.db");
    let open = || Connection::open(&path).expect("a file");
    let conn = open();
    conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE seen (number INTEGER UNIQUE)")
        .expect("a table");
    conn.busy_timeout(std::time::Duration::ZERO)
        .expect("a setting");
    let (time, wake) = (Arc::new(Time::at(0)), Arc::new(|_| ()));
    let room = Arc::new(Room::new(folder, &Limits::default()));
    let writer = Writer::start(conn, Limits::default(), Arc::default(), time, room, wake);
    (writer.expect("a thread"), open())
}

fn numbers(conn: &Connection) -> Vec<i64> {
    let mut select = conn
        .prepare("SELECT number FROM seen ORDER BY number")
        .expect("a query");
    let rows = select.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("numbers")
}

#[tokio::test]
async fn a_job_that_panics_or_fails_is_undone_and_the_others_stand() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, other) = start(folder.path());
    let good = insert(&writer, 1).await.expect("it queues");
    let panics = |conn: &Connection| -> Result<(), StoreError> {
        conn.execute("INSERT INTO seen VALUES (2)", [])?;
        panic!("on purpose");
    };
    let bad = writer
        .submit(Whose::OWN, panics, |_| ())
        .await
        .expect("it queues");
    let twice = insert(&writer, 1).await.expect("it queues");
    let last = insert(&writer, 3).await.expect("it queues");
    assert!(good.await.is_ok());
    assert!(matches!(bad.await, Err(StoreError::Panicked)));
    assert!(matches!(twice.await, Err(StoreError::Sqlite(_))));
    assert!(last.await.is_ok());
    assert_eq!(numbers(&other), [1, 3]);
}

#[tokio::test]
async fn what_is_not_committed_is_said_and_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, other) = start(folder.path());
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the only writer");
    let followed = |result: &Result<(), _>| assert!(result.is_err());
    let answer = writer.submit(Whose::OWN, |_| Ok(()), followed).await;
    let answer = answer.expect("it queues").await;
    assert!(matches!(answer, Err(StoreError::NotCommitted)));
    other.execute_batch("ROLLBACK").expect("it lets go");
    let again = insert(&writer, 1).await.expect("it queues");
    assert!(again.await.is_ok());
    assert_eq!(numbers(&other), [1]);
}

#[tokio::test]
async fn stopping_finishes_what_is_queued_and_refuses_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, other) = start(folder.path());
    let mut answers = Vec::new();
    for number in 0..100 {
        answers.push(insert(&writer, number).await.expect("it queues"));
    }
    writer.stop();
    for answer in answers {
        assert!(answer.await.is_ok());
    }
    assert_eq!(numbers(&other).len(), 100);
    assert!(matches!(
        insert(&writer, 100).await,
        Err(StoreError::Stopped)
    ));
}
