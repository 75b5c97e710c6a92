//! Thousands of contacts with ten devices each: a step costs what it is about, and not what there is.

use crate::requests::{Contact, friends, record};
use crate::support::World;
use pawl_client::{Command, Key, Table};
use prost::Message;

const ALICE: usize = 0;
const BOB: usize = 1;
const HOUR: u64 = 60 * 60 * 1_000;

/// As much of a channel as there must be.
#[derive(Message)]
struct Channel {
    /// Nothing is to be mended.
    #[prost(uint64, repeated, tag = "6")]
    repair: Vec<u64>,
    #[prost(message, repeated, tag = "8")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(bytes = "vec", tag = "1")]
    conversation: Vec<u8>,
    #[prost(uint64, tag = "7")]
    owed_from: u64,
}

/// Alice, who talks with Bob and has so many contacts more, with a channel to each of their ten devices.
fn acquainted(contacts: u64) -> World {
    let mut world = World::talking(4_300, 3);
    friends(&mut world, ALICE, 0..contacts);
    let disk = &mut world.clients[ALICE].disk;
    let people: Vec<_> = disk
        .iter()
        .filter(|((table, key), _)| *table == Table::Contacts && key.0.len() == 8)
        .map(|(_, contact)| Contact::decode(&contact[5..]).expect("a contact"))
        .collect();
    for contact in people.iter().filter(|it| it.username.starts_with("friend")) {
        let stream = Stream {
            conversation: contact.conversation.clone(),
            owed_from: 1,
        };
        let channel = record(&Channel {
            repair: vec![0; 18],
            streams: vec![stream],
        });
        for device in 1..=10_u32 {
            let key = [&contact.account[..], &device.to_be_bytes()].concat();
            disk.insert((Table::Contacts, Key(key)), channel.clone());
        }
    }
    world.break_connection(ALICE, None);
    world.crash(ALICE);
    world.settle();
    assert_eq!(world.alerts(ALICE), [], "every record is whole");
    world
}

/// The most that a step has looked at in a day of such a person.
fn most_looked_at(contacts: u64) -> u64 {
    let mut world = acquainted(contacts);
    world.probe = Some(pawl_client::looked_at);
    for text in 0..5 {
        let before = world.clients[ALICE].commits;
        let id = world.next_id();
        world.send_as(ALICE, &id, "bob", &format!("text {text}"));
        let commits = world.clients[ALICE].commits - before;
        assert_eq!(commits, 1, "a send is one transaction");
        world.settle();
        world.send(BOB, "alice", "answer");
    }
    let id = world.clients[ALICE].engine.conversation_with("bob");
    let read = Command::MarkRead {
        conversation: id.expect("a conversation"),
        through: u64::MAX / 2,
    };
    assert_eq!(world.ask(ALICE, read), None);
    // To somebody with ten devices, none of which the relay knows.
    world.send(ALICE, "friend-7", "are you there?");
    world.break_connection(ALICE, None);
    world.settle();
    world.set_network(BOB, false);
    world.send(ALICE, "bob", "good night");
    world.run_for(24 * HOUR);
    world.most_probed
}

#[test]
fn a_step_looks_at_as_much_with_five_thousand_contacts_of_ten_devices_as_with_fifty() {
    let (few, many) = (most_looked_at(50), most_looked_at(5_000));
    assert!(few > 0, "something is counted");
    assert!(
        many <= few + 16,
        "{few} with 50 contacts, {many} with 5,000"
    );
}
