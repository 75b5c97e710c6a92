//! Accounts of several devices. An engine cannot link devices yet; here the account's key signs the
//! list of its devices, and each of their disks has it. How an engine keeps its own account is
//! `own_account`'s.

use pawl_protocol::{AccountRecord, DeviceId, DeviceKeyPair, LocalDevice};
use pawl_wire::AccountId;

use crate::own_account::OwnAccount;
use crate::people::Disk;
use crate::world::{Ran, World};

/// The list of devices that a disk has of its account.
pub(crate) fn list_on(disk: &Disk) -> (AccountId, Vec<u8>) {
    let own = OwnAccount::on(disk);
    (AccountId(*own.keys().public().as_bytes()), own.record)
}

/// A device leaves its account for another one, where it has this number. It has still to register.
pub(crate) fn join(disk: &mut Disk, account: &Disk, number: u32, command: String) {
    let (mine, theirs) = (OwnAccount::on(disk), OwnAccount::on(account));
    let keys = theirs.keys();
    let pair = DeviceKeyPair::from_bytes(&mine.device_keys).expect("a key");
    let number = DeviceId::new(number).expect("not zero");
    let device = LocalDevice::certify(&keys, number, pair);
    let list = AccountRecord::sign(
        &keys,
        &theirs.username,
        1,
        vec![device.certificate().clone()],
    );
    let joined = OwnAccount {
        registering: true,
        command,
        device_keys: mine.device_keys,
        certificate: device.certificate().encode().to_vec(),
        record: list.expect("valid").record().encode(),
        ..theirs
    };
    joined.write(disk);
}

/// An account has these devices from now on: all of their disks get the list, which is given.
pub(crate) fn sign(disks: &mut [&mut Disk], version: u64) -> (AccountId, Vec<u8>) {
    let mut all: Vec<_> = disks.iter().map(|disk| OwnAccount::on(disk)).collect();
    let certificates = all.iter().map(OwnAccount::certificate).collect();
    let keys = all[0].keys();
    let list = AccountRecord::sign(&keys, &all[0].username, version, certificates);
    let list = list.expect("valid").record().encode();
    for (own, disk) in all.iter_mut().zip(disks) {
        own.record.clone_from(&list);
        own.write(disk);
    }
    (AccountId(*keys.public().as_bytes()), list)
}

impl World {
    /// A device leaves its account's list and its mailbox goes. Nobody's last device does.
    pub(crate) fn remove(&mut self, who: usize) -> Ran {
        let owner = self.devices[who].owner;
        let Some(address) = self.address(who) else {
            return Ok(());
        };
        let staying: Vec<_> = self.devices_of(owner).filter(|it| *it != who).collect();
        if staying.is_empty() {
            return Ok(());
        }
        self.say_what(who, "is none of its account's devices any more");
        self.end(who);
        self.relay.store.boxes.remove(&address);
        let known = self.relay.store.records.get(&address.account);
        let known = known.and_then(|list| AccountRecord::decode(list).ok()?.verify().ok());
        let version = known.map_or(1, |known| known.version());
        let devices = self.devices.iter_mut();
        let disks = devices.filter(|it| it.owner == owner && !it.is_gone);
        let mut disks: Vec<_> = disks.map(|device| &mut device.disk).collect();
        let (account, list) = sign(&mut disks, version + 1);
        self.relay.store.records.insert(account, list);
        // The engines have their account from their disks.
        staying.into_iter().try_for_each(|who| self.crash(who))
    }
}
