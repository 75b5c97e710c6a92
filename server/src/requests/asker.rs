//! Who asks.

use std::net::IpAddr;

use pawl_wire::DeviceAddress;

use crate::store::{DeviceId, Whose};

/// A device that has proved itself, and where it asks from.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) ip: IpAddr,
    pub(crate) device: DeviceId,
    pub(crate) address: DeviceAddress,
}

impl Asker {
    /// In whose turn its requests are.
    pub(crate) fn whose(self) -> Whose {
        Whose::device(self.ip, self.device)
    }
}
