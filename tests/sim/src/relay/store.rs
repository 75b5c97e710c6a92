//! What is on the model relay's disk. It is cloned as often as a world copies it and goes back.

use std::collections::{BTreeMap, BTreeSet};

use pawl_wire::{AccountId, DeviceAddress, Epoch, Username};

use super::mailbox::Mailbox;

/// What is on the relay's disk.
#[derive(Clone)]
pub struct Store {
    /// Another one after each restore that the relay knows of.
    pub epoch: Epoch,
    /// Whose a name is.
    pub names: BTreeMap<Username, AccountId>,
    /// The signed account records.
    pub records: BTreeMap<AccountId, Vec<u8>>,
    /// What is kept of each device.
    pub boxes: BTreeMap<DeviceAddress, Mailbox>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            epoch: Epoch([1; 16]),
            names: BTreeMap::new(),
            records: BTreeMap::new(),
            boxes: BTreeMap::new(),
        }
    }
}

impl Store {
    /// Forgets everybody else.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.names.retain(|name, _| is_kept(name.as_str()));
        let accounts: BTreeSet<_> = self.names.values().copied().collect();
        self.records.retain(|account, _| accounts.contains(account));
        self.boxes
            .retain(|device, _| accounts.contains(&device.account));
    }

    /// Where somebody's mail goes.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<DeviceAddress> {
        let mut names = self.names.iter();
        let (_, account) = names.find(|(username, _)| username.as_str() == name)?;
        Some(DeviceAddress {
            account: *account,
            device: 1,
        })
    }

    /// As after a restore from before all mail, which says so: accounts, and the keys that are no
    /// one-time keys, are left.
    pub fn restore(&mut self) {
        self.next_epoch();
        self.boxes.values_mut().for_each(Mailbox::restore);
    }

    pub(super) fn next_epoch(&mut self) {
        self.epoch = Epoch([self.epoch.0[0].wrapping_add(1); 16]);
    }
}
