//! `Publish`: a device's new public keys.

use pawl_wire::{ConnectionError, PublishedKeys, RelayFrame};

use super::answer::Answer;
use super::asker::Asker;
use super::keys::are_keys;
use super::rejected::Rejected;
use crate::limits::rates::Rates;
use crate::store::{Published, Store};

/// An upload has no refusal of its own: a client paces its own far below the limit.
pub(super) async fn publish(
    request: u32,
    keys: PublishedKeys,
    asker: Asker,
    rates: &Rates,
    store: &Store,
) -> Result<Answer, Rejected> {
    if !are_keys(&keys) {
        return Err(ConnectionError::Malformed.into());
    }
    rates.upload(asker.device)?;
    let published = store.publish(asker.whose(), asker.device, keys).await?;
    Ok(Box::pin(async move {
        match published.await? {
            Published::Done => Ok(RelayFrame::Published { request }),
            Published::KeyReused => Err(ConnectionError::KeyReused.into()),
        }
    }))
}
