//! People who have accounts already, once for all runs of a process: making two hundred keys for each of them is most
//! of what a small world would cost. Always the same ones: what differs between runs comes after.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pawl_client::{Key, Table};

use crate::people::{Disk, NAMES};
use crate::plan::{Kind, Plan};
use crate::relay::Store;
use crate::world::World;

/// Disks that threads can share.
type Records = BTreeMap<(Table, Key), Vec<u8>>;

static NURSERY: OnceLock<(Store, Vec<Records>)> = OnceLock::new();

/// A relay that knows so many people, and their disks.
pub(crate) fn registered(people: usize) -> (Store, Vec<Disk>) {
    let (store, disks) = NURSERY.get_or_init(make);
    let mut store = store.clone();
    let names = &NAMES[..people];
    store.keep(|name| names.contains(&name));
    let share = |records: &Records| {
        let records = records.iter();
        records
            .map(|(place, record)| (place.clone(), record.as_slice().into()))
            .collect()
    };
    (store, disks[..people].iter().map(share).collect())
}

fn make() -> (Store, Vec<Records>) {
    let plan = Plan {
        // Of none of the runs: ids are drawn from it.
        seed: u64::MAX,
        kind: Kind::Weather,
        people: NAMES.len(),
        fresh: true,
        actions: Vec::new(),
    };
    let mut world = World::new(plan, None, false).expect("empty disks load");
    world.run_for(10_000).expect("nothing goes wrong");
    let own = |disk: &Disk| {
        let records = disk.iter();
        records
            .map(|(place, record)| (place.clone(), record.to_vec()))
            .collect()
    };
    let disks = world.devices.iter().map(|device| own(&device.disk));
    (world.relay.store.clone(), disks.collect())
}
