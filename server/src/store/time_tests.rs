//! Whatever the machine's clock says, nothing expires before its time but by a bound, and time goes on.

use std::time::Duration;

use pawl_wire::Epoch;
use pawl_wire::limits::MAIL_LIFETIME_MS;
use proptest::prelude::*;

use super::*;
use crate::store::{invites, schema, sweep};

const MINUTE: u64 = 60 * 1_000;
const TEN_MINUTES: u64 = 10 * MINUTE;

/// 2026, and long after.
const BEGIN: u64 = 1_790_000_000_000;
const FAR: u64 = 40 * DAY_MS;

const START: Reading = Reading {
    own: BEGIN,
    followed: BEGIN,
};

/// A relay that looks at the clocks every ten minutes for so long, on a machine whose clock is off by what `off` says of
/// the time that has passed.
fn run(mut reading: Reading, begun: u64, lasts: u64, off: impl Fn(u64) -> i64) -> Reading {
    let mut passed = 0;
    while passed < lasts {
        passed += TEN_MINUTES;
        let machine = (begun + passed).saturating_add_signed(off(passed));
        reading = reading.after(TEN_MINUTES, machine);
    }
    reading
}

const fn signed(time: u64) -> i64 {
    time.cast_signed()
}

#[test]
fn with_a_good_clock_it_is_that_clock() {
    let end = run(START, BEGIN, 50 * DAY_MS, |_| 0);
    assert_eq!(end.own, BEGIN + 50 * DAY_MS);
    assert_eq!(end.followed, end.own);
}

#[test]
fn a_clock_that_is_ahead_for_a_moment_costs_that_moment() {
    for ahead in [DAY_MS, FAR, 12 * 365 * DAY_MS] {
        let off = |passed| if passed == DAY_MS { signed(ahead) } else { 0 };
        let end = run(START, BEGIN, 2 * DAY_MS, off);
        assert_eq!(end.own, BEGIN + 2 * DAY_MS + TEN_MINUTES);
        assert_eq!(end.followed, BEGIN + 2 * DAY_MS);
    }
}

#[test]
fn a_clock_that_stays_ahead_costs_a_week_at_most_and_not_at_once() {
    let at_once = START.after(TEN_MINUTES, BEGIN + FAR);
    assert_eq!(at_once.own, BEGIN + 2 * TEN_MINUTES);
    let off = |_| signed(FAR);
    let end = run(START, BEGIN, 30 * DAY_MS, off);
    assert_eq!(end.own, BEGIN + 30 * DAY_MS + MOST_OWED_MS);
    // Put right at last, it changes nothing any more.
    let after = run(end, BEGIN + 30 * DAY_MS, DAY_MS, |_| 0);
    assert_eq!(after.own, end.own + DAY_MS);
}

#[test]
fn a_clock_that_goes_back_stops_nothing() {
    let off = |passed| if passed > DAY_MS { -signed(FAR) } else { 0 };
    let end = run(START, BEGIN, 3 * DAY_MS, off);
    assert_eq!(end.own, BEGIN + 3 * DAY_MS);
    let dead_battery = run(START, 0, DAY_MS, |_| 0);
    assert_eq!(dead_battery.own, BEGIN + DAY_MS);
}

#[test]
fn a_short_absence_is_made_up_for_and_of_a_long_one_a_week() {
    let back = BEGIN + DAY_MS;
    let first = START.after(0, back);
    assert_eq!(first.own, BEGIN);
    assert_eq!(run(first, back, DAY_MS / 2, |_| 0).own, BEGIN + DAY_MS);
    // Also when the relay is started over and over until then.
    let again = (0..5).fold(first, |reading, _| reading.after(0, back));
    assert_eq!(run(again, back, 2 * DAY_MS, |_| 0).own, back + 2 * DAY_MS);
    let late = BEGIN + FAR;
    let end = run(START.after(0, late), late, 20 * DAY_MS, |_| 0);
    assert_eq!(end.own, BEGIN + MOST_OWED_MS + 20 * DAY_MS);
}

/// Its time is made up for while what came since waits, too.
#[test]
fn what_comes_after_a_long_absence_loses_a_week_or_half_of_its_time() {
    let back = BEGIN + FAR;
    let hours = |days: u64| days * 24;
    // How many days after the start it came, for how many days it is kept, and for how many hours it was.
    for (after, life, lived) in [
        (0, 30, hours(23)),
        (0, 14, hours(7)),
        (0, 7, hours(7) / 2),
        (0, 2, hours(1)),
        (5, 30, hours(28)),
        (5, 2, hours(1)),
        (7, 2, hours(2)),
    ] {
        let came = run(START.after(0, back), back, after * DAY_MS, |_| 0);
        let begun = back + after * DAY_MS;
        let age = |lasts| run(came, begun, lasts, |_| 0).own - came.own;
        let lived = lived * 60 * MINUTE;
        assert!(age(lived) >= life * DAY_MS, "{after} {life}");
        assert!(age(lived - TEN_MINUTES) < life * DAY_MS, "{after} {life}");
    }
}

/// As on a machine without a battery for its clock, which starts in 1970 until the network sets it.
#[test]
fn a_clock_that_is_not_set_at_each_start_tells_of_no_absence() {
    let mut reading = START;
    let mut begun = BEGIN;
    for unset in [0, 1_000, TEN_MINUTES, 1] {
        // Off for a minute, up for a week.
        reading = reading.after(0, unset);
        reading = reading.after(MINUTE, unset + MINUTE);
        begun += 2 * MINUTE;
        reading = run(reading, begun, 7 * DAY_MS, |_| 0);
        begun += 7 * DAY_MS;
        assert_eq!((reading.own, reading.followed), (begun, begun));
    }
}

#[test]
fn a_clock_that_was_never_set_tells_of_no_absence_when_it_is() {
    let never = Reading {
        own: 0,
        followed: 0,
    };
    let set = run(never, 0, DAY_MS, |_| 0).after(TEN_MINUTES, BEGIN);
    assert_eq!(set.own, DAY_MS + TEN_MINUTES);
    let end = run(set, BEGIN, DAY_MS, |_| 0);
    assert_eq!(end.own, set.own + DAY_MS);
    assert_eq!(end.followed, BEGIN + DAY_MS);
}

proptest! {
    /// Nothing that a clock says makes time stand still, go back, or go more than twice as fast.
    #[test]
    fn own_time_goes_on_at_one_to_two_times_the_pace(
        looks in prop::collection::vec((0u64..DAY_MS, any::<u64>()), 1..50),
    ) {
        let mut reading = START;
        for (elapsed, machine) in looks {
            let next = reading.after(elapsed, machine);
            let passed = next.own - reading.own;
            prop_assert!((elapsed..=2 * elapsed).contains(&passed), "{passed} in {elapsed}");
            reading = next;
        }
    }
}

fn open(folder: &std::path::Path, machine: u64) -> Connection {
    let path = folder.join("relay.db");
    schema::open_writer(&path, Epoch([0; 16]), machine)
        .expect("a store")
        .0
}

#[test]
fn a_relay_goes_on_from_what_the_store_has_and_tells_of_jumps() {
    let folder = tempfile::tempdir().expect("a folder");
    let conn = open(folder.path(), BEGIN);
    let at = Instant::now();
    let time = Time::open(&conn, at).expect("a time");
    assert_eq!(time.now(), BEGIN);
    let look = |time: &Time, minutes: u64, machine: u64| {
        let at = at + Duration::from_millis(minutes * MINUTE);
        let seen = time.look(&conn, at, machine).expect("it can write");
        time.keep(&seen);
        seen.jump
    };
    assert_eq!(look(&time, 10, BEGIN + 10 * MINUTE), None);
    assert_eq!(look(&time, 20, BEGIN + FAR), Some(Jump::Ahead));
    assert_eq!(look(&time, 30, BEGIN + FAR + 10 * MINUTE), None);
    assert_eq!(look(&time, 40, BEGIN + 40 * MINUTE), Some(Jump::Back));
    assert_eq!(time.now(), BEGIN + 60 * MINUTE);
    // Another process, whatever the clock says to it; that it was away is no jump.
    let time = Time::open(&open(folder.path(), 0), at).expect("a time");
    assert_eq!(time.now(), BEGIN + 60 * MINUTE);
    assert_eq!(look(&time, 0, BEGIN + FAR), None);
    assert_eq!(time.now(), BEGIN + 60 * MINUTE);
}

#[test]
fn a_look_that_is_not_committed_did_not_take_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let conn = open(folder.path(), BEGIN);
    let begun = Instant::now();
    let time = Time::open(&conn, begun).expect("a time");
    let look = |minutes: u64, machine: u64| {
        let at = begun + Duration::from_millis(minutes * MINUTE);
        time.look(&conn, at, machine).expect("it can write")
    };
    time.keep(&look(10, BEGIN + 10 * MINUTE));
    for minutes in [20, 21] {
        assert_eq!(look(minutes, BEGIN + FAR).jump, Some(Jump::Ahead));
        assert_eq!(time.now(), BEGIN + 10 * MINUTE);
    }
    time.keep(&look(22, BEGIN + FAR));
    assert_eq!(look(23, BEGIN + FAR + MINUTE).jump, None);
}

fn terms(expires_at: u64) -> invites::Terms {
    let (uses, label) = (1, None);
    invites::Terms {
        uses,
        expires_at,
        label,
    }
}

fn waiting(conn: &Connection, own: u64, sql: &str) -> i64 {
    let lifetime = Duration::from_millis(MAIL_LIFETIME_MS);
    while sweep::sweep(conn, own, lifetime).expect("it can write") {}
    conn.query_row(sql, [], |row| row.get(0)).expect("a number")
}

/// Makes a store of version 3 of it, and opens that.
fn from_3(folder: &std::path::Path, conn: Connection, machine: u64) -> (Connection, Time) {
    conn.execute_batch(
        "DROP TABLE erased; ALTER TABLE relay DROP COLUMN last_device;
         DROP INDEX account_by_day; ALTER TABLE account DROP COLUMN last_day;
         ALTER TABLE relay DROP COLUMN own_time; ALTER TABLE relay DROP COLUMN followed_time;
         ALTER TABLE relay DROP COLUMN today; ALTER TABLE relay DROP COLUMN made_today;
         ALTER TABLE invite DROP COLUMN label; ALTER TABLE ban DROP COLUMN reason;
         PRAGMA user_version = 3",
    )
    .expect("it writes");
    drop(conn);
    let conn = open(folder, machine);
    let time = Time::open(&conn, Instant::now()).expect("a time");
    (conn, time)
}

/// Version 3 stamped its rows by the machine's clock.
#[test]
fn a_store_that_had_no_time_begins_one_that_erases_nothing() {
    const ROWS: &str = "SELECT (SELECT count(*) FROM mail) + (SELECT count(*) FROM delivered)";
    for (stamps, machine) in [
        ([BEGIN, BEGIN + DAY_MS], BEGIN + FAR),
        ([BEGIN + FAR, BEGIN], BEGIN + DAY_MS),
        ([BEGIN, BEGIN], 0),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = open(folder.path(), 0);
        conn.execute(
            "INSERT INTO mail (device, seq, message_id, envelope, stored_at)
             VALUES (1, 1, x'01', x'00', ?1), (1, 2, x'02', x'00', ?2)",
            stamps.map(mail::to_sql),
        )
        .expect("it writes");
        conn.execute_batch(
            "INSERT INTO delivered (device, message_id, acked_at)
                 SELECT device, message_id, stored_at FROM mail",
        )
        .expect("it writes");
        let (conn, time) = from_3(folder.path(), conn, machine);
        assert_eq!(waiting(&conn, time.now(), ROWS), 4);
        // And in time all of it goes.
        assert_eq!(waiting(&conn, time.now() + MAIL_LIFETIME_MS + 1, ROWS), 0);
    }
}

#[test]
fn invites_of_a_store_that_had_no_time_count_for_what_they_were_made_for() {
    let day = |days: u64| BEGIN + days * DAY_MS;
    // When the only letter came, the machine's clock, and what is left of an invite that was made on day 24 for a day.
    for (letter, machine, left) in [
        (None, day(24) + 1, DAY_MS),
        (Some(day(0)), day(25), DAY_MS),
        (Some(day(24) + TEN_MINUTES), day(30), DAY_MS - TEN_MINUTES),
        // The clock is ahead, and was when the letter came; it is behind, and dead.
        (None, day(64), DAY_MS),
        (Some(day(64)), day(24), DAY_MS),
        (Some(day(0)), day(10), DAY_MS),
        (Some(day(0)), 0, DAY_MS),
        (None, 0, DAY_MS),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = open(folder.path(), 0);
        if let Some(came) = letter {
            conn.execute(
                "INSERT INTO mail (device, seq, message_id, envelope, stored_at)
                 VALUES (1, 1, x'01', x'00', ?1)",
                [mail::to_sql(came)],
            )
            .expect("it writes");
        }
        let ends = day(25);
        invites::insert(&conn, "code", &terms(ends), day(24)).expect("it writes");
        // Past its time on day 2, and not swept.
        invites::insert(&conn, "old", &terms(day(2)), day(1)).expect("it writes");
        let (conn, time) = from_3(folder.path(), conn, machine);
        let open = |code, after| {
            let found = invites::find(&conn, code, time.now() + after).expect("a read");
            found.is_some()
        };
        let case = (letter, machine);
        assert!(open("code", left - 1) && !open("code", left), "{case:?}");
        let is_known = machine >= day(2);
        assert_eq!(open("old", 0), !is_known, "{case:?}");
        assert!(!open("old", DAY_MS), "{case:?}");
    }
}
