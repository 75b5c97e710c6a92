//! People who have accounts already, once for all runs of a process: making two hundred keys for each of their devices
//! is most of what a small world would cost. Always the same ones: what differs between runs comes after.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pawl_client::{Key, Table};

use crate::lists;
use crate::people::{Device, Disk, NAMES};
use crate::plan::{Kind, MOST_DEVICES, Plan, Seat};
use crate::relay::Store;
use crate::world::World;

/// Disks that threads can share.
type Records = BTreeMap<(Table, Key), Vec<u8>>;

static NURSERY: OnceLock<(Store, BTreeMap<Seat, Records>)> = OnceLock::new();

/// So many people can have several devices, the first ones.
const WITH_SEVERAL: usize = 4;

/// A relay that knows these devices of the first people, and their disks.
pub(crate) fn registered(seats: &[Seat]) -> (Store, Vec<Disk>) {
    let (store, all) = NURSERY.get_or_init(make);
    let mut store = store.clone();
    let people = seats.iter().map(|(owner, _)| owner + 1).max().unwrap_or(0);
    store.keep(|name| NAMES[..people].contains(&name));
    let share = |seat| {
        let records = all.get(seat).into_iter().flatten();
        let shared = records.map(|(place, record)| (place.clone(), record.as_slice().into()));
        shared.collect()
    };
    let mut disks: Vec<Disk> = seats.iter().map(share).collect();
    for owner in 0..people {
        let of_one = disks.iter_mut().zip(seats);
        let of_one = of_one.filter(|(_, seat)| seat.0 == owner);
        let mut of_one: Vec<_> = of_one.map(|(disk, _)| disk).collect();
        let count = of_one.len() as u32;
        let (account, list) = match count {
            1 => lists::list_on(of_one[0]),
            _ => lists::sign(&mut of_one, u64::from(count)),
        };
        store.records.insert(account, list);
        let is_there = |number: u32| number <= count;
        store
            .boxes
            .retain(|device, _| device.account != account || is_there(device.device));
    }
    (store, disks)
}

/// People who have made accounts, with a device each.
fn settled(seed: u64, people: usize) -> World {
    let plan = Plan {
        // Of none of the runs: ids are drawn from it.
        seed,
        kind: Kind::Weather,
        people,
        devices: Vec::new(),
        fresh: true,
        actions: Vec::new(),
    };
    let mut world = World::new(plan, None, false).expect("empty disks load");
    world.run_for(10_000).expect("nothing goes wrong");
    world
}

fn make() -> (Store, BTreeMap<Seat, Records>) {
    let mut world = settled(u64::MAX, NAMES.len());
    let further = usize::from(MOST_DEVICES) - 1;
    let spare = settled(u64::MAX - 1, WITH_SEVERAL * further);
    for (at, device) in spare.devices.into_iter().enumerate() {
        let (owner, number) = (at / further, 2 + (at % further) as u32);
        let mut disk = device.disk;
        let command = format!("{:032x}", world.next_id());
        lists::join(&mut disk, &world.devices[owner].disk, number, command);
        world
            .devices
            .push(Device::new((owner, number), false, disk));
        let who = world.devices.len() - 1;
        world.begin(who).expect("the disk loads");
    }
    world.run_for(10_000).expect("nothing goes wrong");
    let own = |disk: &Disk| {
        let records = disk.iter();
        let own = records.map(|(place, record)| (place.clone(), record.to_vec()));
        own.collect()
    };
    let devices = world.devices.iter();
    let disks = devices.map(|device| ((device.owner, device.number), own(&device.disk)));
    (world.relay.store.clone(), disks.collect())
}
