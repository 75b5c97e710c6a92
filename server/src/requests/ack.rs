//! `Ack`: a device has mail on disk. It has no answer.

use pawl_wire::ConnectionError;

use super::asker::Asker;
use super::rejected::Rejected;
use crate::routing::delivery::Delivery;
use crate::store::Store;

pub(super) async fn ack(
    through: u64,
    asker: Asker,
    delivery: &mut Delivery,
    store: &Store,
) -> Result<(), Rejected> {
    let is_new = delivery
        .acknowledge(through)
        .map_err(|_| ConnectionError::Malformed)?;
    if is_new {
        store
            .acknowledge(asker.whose(), asker.device, through)
            .await?;
    }
    Ok(())
}
