//! `FetchBundle`: a device's public keys, one of each one-time kind among them.

use std::sync::Arc;

use pawl_wire::{BundleRefusal, ClaimId, DeviceAddress, RelayFrame};

use super::answer::{Answer, at_once};
use super::asker::Asker;
use super::rejected::Rejected;
use crate::limits::rates::Rates;
use crate::routing::hub::Hub;
use crate::store::{Claimed, Store};

/// Whose keys run low hears of it by the hub.
pub(super) async fn bundle(
    claim: ClaimId,
    device: DeviceAddress,
    asker: Asker,
    rates: &Rates,
    hub: Arc<Hub>,
    store: &Store,
) -> Result<Answer, Rejected> {
    let refused = move |cause, retry_after_ms| RelayFrame::NoBundle {
        claim,
        cause,
        retry_after_ms,
    };
    if let Err(wait) = rates.claim(asker.ip, asker.device, device) {
        return Ok(at_once(refused(BundleRefusal::RateLimited, wait.0)));
    }
    let low = move |device| hub.keys_low(device);
    let claimed = store.claim(asker.whose(), claim, device, low).await?;
    Ok(Box::pin(async move {
        Ok(match claimed.await? {
            Claimed::Bundle { bundle, .. } => RelayFrame::Bundle { claim, bundle },
            Claimed::UnknownDevice => refused(BundleRefusal::UnknownDevice, 0),
        })
    }))
}
