//! What can happen to what a client has stored, and between its reading and its writing.

use pawl_client::{Key, Table};

use super::{Disk, World};
use crate::record::{is_channel, without_received};

impl World {
    /// Hands over lines that were read and held; how many times there were some.
    pub fn hand_over(&mut self, i: usize) -> usize {
        let held = std::mem::take(&mut self.clients[i].held);
        let count = held.len();
        self.clients[i].inputs.extend(held);
        count
    }

    /// The client no longer knows which texts it has received, though its sessions work: what it says in
    /// its next receipts is wrong.
    pub fn forget_received(&mut self, i: usize) {
        for ((table, key), value) in &mut self.clients[i].disk {
            if *table == Table::Contacts && is_channel(key) {
                *value = without_received(value).expect("a channel");
            }
        }
        self.break_connection(i, None);
        self.crash(i);
    }

    /// The client begins again from what its disk held once, as after a restored backup.
    pub fn roll_back(&mut self, i: usize, disk: Disk) {
        self.clients[i].disk = disk;
        self.break_connection(i, None);
        // Whoever restores a disk takes longer than a millisecond.
        self.now += 1_000;
        self.crash(i);
    }

    /// Records on a client's disk are cut in half.
    pub fn cut(&mut self, i: usize, which: impl Fn(Table, &Key) -> bool) {
        let records = self.clients[i].disk.iter_mut();
        for (_, value) in records.filter(|((table, key), _)| which(*table, key)) {
            value.truncate(value.len() / 2);
        }
    }

    /// The same for what is known of people, and not of the channels to their devices.
    pub fn cut_contacts(&mut self, i: usize) {
        self.cut(i, |table, key| table == Table::Contacts && key.0.len() == 8);
    }

    /// Records vanish from a client's disk, and it begins again.
    pub fn lose(&mut self, i: usize, gone: impl Fn(Table, &Key) -> bool) {
        let disk = &mut self.clients[i].disk;
        disk.retain(|(table, key), _| !gone(*table, key));
        self.break_connection(i, None);
        self.crash(i);
    }
}
