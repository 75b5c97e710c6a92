//! The window's laws, against a mailbox that is a plain list.

use proptest::prelude::*;

use super::*;
use pawl_wire::MessageId;

fn letter(seq: u64, size: usize) -> Letter {
    Letter {
        seq,
        message_id: MessageId([0; 16]),
        envelope: vec![0; size],
    }
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(usize),
    Read,
    Ack(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1usize..100_000).prop_map(Step::Arrive),
        Just(Step::Read),
        (0u8..4).prop_map(Step::Ack),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever happens, all mail is delivered once, in order, within the window.
    #[test]
    fn all_mail_is_delivered_once_in_order_within_the_window(steps in steps(), window in 1u32..8) {
        let mut mailbox: Vec<usize> = Vec::new();
        let mut delivery = Delivery::new(window, 0, 0);
        let mut delivered: Vec<u64> = Vec::new();
        let mut acknowledged = 0u64;
        let mut empties = 0;
        let finish = [Step::Read, Step::Ack(0)].into_iter().cycle().take(2 * 130);
        for step in steps.into_iter().chain(finish) {
            match step {
                Step::Arrive(size) => {
                    mailbox.push(size);
                    delivery.hint();
                }
                Step::Read => {
                    let Some((messages, bytes)) = delivery.begin_read() else { continue };
                    let mut held = 0;
                    let mut at_end = false;
                    for _ in 0..messages {
                        if held >= bytes { break; }
                        let seq = delivery.cursor() + 1;
                        let Some(size) = mailbox.get(seq as usize - 1) else { at_end = true; break };
                        delivery.deliver(&letter(seq, *size));
                        delivered.push(seq);
                        held += size;
                    }
                    empties += usize::from(delivery.end_read(at_end).is_some());
                }
                Step::Ack(behind) => {
                    let through = delivery.cursor().saturating_sub(u64::from(behind));
                    prop_assert!(delivery.acknowledge(through).is_ok());
                    acknowledged = acknowledged.max(through);
                }
            }
            let open = delivery.cursor() - acknowledged;
            prop_assert!(open <= u64::from(window));
            prop_assert!(delivery.bytes < WINDOW_BYTES + 100_000);
        }
        let all: Vec<u64> = (1..=mailbox.len() as u64).collect();
        prop_assert_eq!(delivered, all);
        prop_assert_eq!(delivery.bytes, 0);
        prop_assert_eq!(empties, 1);
    }
}

#[test]
fn what_was_not_delivered_cannot_be_acknowledged() {
    let mut delivery = Delivery::new(4, 10, 12);
    assert_eq!(delivery.acknowledge(11), Err(NotDelivered));
    assert_eq!(delivery.acknowledge(10), Ok(false));
    delivery.deliver(&letter(11, 1));
    assert_eq!(delivery.acknowledge(11), Ok(true));
    assert_eq!(delivery.acknowledge(11), Ok(false));
}

#[test]
fn a_hint_during_a_read_is_not_lost() {
    let mut delivery = Delivery::new(4, 0, 0);
    assert!(delivery.begin_read().is_some());
    delivery.hint();
    assert_eq!(delivery.end_read(true), Some(0));
    assert!(delivery.begin_read().is_some());
    assert_eq!(delivery.end_read(true), None);
    assert!(delivery.begin_read().is_none());
}

#[test]
fn a_window_that_was_full_gives_its_memory_back() {
    let mut delivery = Delivery::new(64, 0, 0);
    for seq in 1..=64 {
        delivery.deliver(&letter(seq, 1));
    }
    assert_eq!(delivery.acknowledge(64), Ok(true));
    assert!(delivery.unacknowledged.capacity() <= crate::spare::KEPT);
}
