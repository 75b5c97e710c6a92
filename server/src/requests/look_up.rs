//! `LookUp`: the account that has a username.

use pawl_wire::{RelayFrame, Username};

use super::answer::Answer;
use super::asker::Asker;
use super::rejected::Rejected;
use crate::limits::rates::Rates;
use crate::store::Store;

/// A look-up has no refusal of its own: one that comes too fast ends the connection.
pub(super) async fn look_up(
    username: Username,
    asker: Asker,
    rates: &Rates,
    store: &Store,
) -> Result<Answer, Rejected> {
    rates.look_up(asker.ip)?;
    let record = store.look_up(asker.whose(), username.clone()).await?;
    Ok(Box::pin(async move {
        let record = record.await?;
        Ok(RelayFrame::Account { username, record })
    }))
}
