//! Who was challenged and has to prove who they are. Verifies what `pawl_wire::statement` lays out.

use std::net::IpAddr;

use ed25519_dalek::{Signature, VerifyingKey};
use pawl_wire::{DeviceAddress, Epoch, Nonce, SignatureBytes, statement};

use crate::store::DeviceId;

/// Where a connection comes from, and what it was challenged with.
pub(crate) struct Challenged<'a> {
    pub(crate) ip: IpAddr,
    /// The names of this relay that a signature may be for.
    pub(crate) authorities: &'a [String],
    pub(crate) nonce: Nonce,
    pub(crate) epoch: Epoch,
}

impl Challenged<'_> {
    /// Whether the statement is signed, as it reads for one of the names that this relay has.
    pub(super) fn proves(
        &self,
        write: impl Fn(&statement::Connection<'_>) -> Vec<u8>,
        is_signed: impl Fn(&[u8]) -> bool,
    ) -> bool {
        self.authorities.iter().any(|authority| {
            is_signed(&write(&statement::Connection {
                authority,
                nonce: self.nonce,
                epoch: self.epoch,
            }))
        })
    }
}

/// A device that has proved itself, and what it says of what it has.
pub(crate) struct Proved {
    pub(crate) device: DeviceId,
    pub(crate) address: DeviceAddress,
    /// What it has on disk.
    pub(crate) last_seq: u64,
    /// Envelopes that it takes before it acknowledges.
    pub(crate) window: u32,
}

pub(super) fn verify(key: &[u8; 32], statement: &[u8], signature: &SignatureBytes) -> bool {
    let signature = Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(statement, &signature).is_ok())
}
