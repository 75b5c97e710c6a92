//! The states of a channel's repair, one after the other, and as a record.

use pawl_protocol::SessionTag;

use super::repair::{Repair, State};
use crate::api::event::NoticeCause;
use crate::limits::DAY;
use crate::numbers::{Millis, Number, Position};

const CAUSE: NoticeCause = NoticeCause::KeysGone;

/// A time, in days.
const fn day(days: u64) -> Millis {
    Millis(days * DAY)
}

fn tag(number: u8) -> SessionTag {
    SessionTag::from_bytes([number; 16])
}

#[test]
fn what_came_between_a_question_and_an_answer_that_does_not_ask_is_asked_about() {
    for asks_back in [true, false] {
        let mut repair = Repair::default();
        let asked = repair.ask(Number(7), asks_back, Millis(1_000));
        repair.suspect(tag(1), CAUSE, Millis(2_000));
        repair.hear_echo(asked - 1);
        assert_eq!(
            repair.state(),
            State::Asking,
            "that is the answer to another"
        );
        repair.hear_echo(asked);
        assert_eq!(repair.processed(), Number(7));
        // After an answer that asks in turn, this side's own answer says what it lacks.
        let expected = match asks_back {
            true => State::Knowing(Millis(1)),
            false => State::Suspicious,
        };
        assert_eq!(repair.state(), expected);
        assert_eq!(repair.due(false).is_some(), !asks_back);
    }
}

#[test]
fn each_state_that_is_drawn_is_gone_through() {
    let mut repair = Repair::default();
    assert_eq!(repair.state(), State::Well);
    assert!(!repair.is_troubled());
    assert!(repair.wait_for_receipt(day(1)) && !repair.wait_for_receipt(day(2)));
    assert_eq!(repair.state(), State::Silent(day(1)));
    repair.hear_receipt(true, day(1));
    assert_eq!(repair.state(), State::Well);
    repair.suspect(tag(1), CAUSE, day(1));
    assert_eq!(repair.state(), State::Suspicious);
    assert!(!repair.is_news(tag(1)) && repair.is_news(tag(2)));
    repair.count_mending(None);
    let asked = repair.ask(Number(3), true, day(1));
    assert_eq!(repair.state(), State::Asking);
    assert_eq!(repair.notice_due(Millis::ZERO), Some(day(2)));
    assert_eq!(
        (repair.tell(), repair.notice_due(Millis::ZERO)),
        (Some(CAUSE), None)
    );
    assert_eq!(repair.state(), State::Told);
    repair.hear_echo(asked);
    assert_eq!(repair.state(), State::Knowing(Millis(1)));
    assert!(repair.knows_of_hole());
    repair.note_hole(None);
    assert_eq!(repair.state(), State::Well);
    assert!(!repair.is_troubled());
}

#[test]
fn all_of_it_comes_back_from_a_record() {
    let mut repair = Repair::default();
    let again = |repair: &Repair| {
        Repair::from_fields(&repair.to_fields(), &repair.unreadable_bytes()).expect("a record")
    };
    assert_eq!(again(&repair), repair);
    repair.suspect(tag(1), CAUSE, Millis(11));
    repair.suspect(tag(2), CAUSE, Millis(12));
    repair.tell();
    repair.ask(Number(13), true, Millis(14));
    repair.hear_question(15, 1);
    repair.wait_for_receipt(Millis(16));
    repair.note_hole(Some(Millis(17)));
    repair.resent.count(Number(18));
    repair.resent.count(Number(18));
    repair.resent.count(Number(19));
    repair.ask_about_resent(Millis(20));
    assert_eq!(repair.resent.left(day(2)), 1_000);
    assert_eq!(again(&repair), repair);
    assert!(Repair::from_fields(&[1, 2, 3], &[]).is_err());
    assert!(Repair::from_fields(&repair.to_fields(), &[1]).is_err());
    let mut odd = repair.to_fields();
    odd.pop();
    assert!(Repair::from_fields(&odd, &[]).is_err());
}

#[test]
fn a_clock_that_was_ahead_makes_nobody_wait_for_it() {
    let mut repair = Repair::default();
    repair.suspect(tag(1), CAUSE, day(91));
    repair.ask(Number(1), true, day(90));
    repair.wait_for_receipt(day(92));
    repair.note_hole(Some(day(93)));
    repair.resent.left(day(93));
    repair.ask_about_resent(day(94));
    repair.forget(day(2));
    assert!(repair.due(false).is_some_and(|due| due < day(3)));
    assert!(
        repair
            .notice_due(Millis::ZERO)
            .is_some_and(|due| due <= day(3))
    );
    assert!(repair.resend_at(&[(Number(1), Position(1))]) < day(3));
    repair.tell();
    repair.forget(day(3));
    assert_eq!(repair.state(), State::Told);
}
