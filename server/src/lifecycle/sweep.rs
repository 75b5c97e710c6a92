//! What is done again and again while a relay serves: its time goes on, what is past its time is
//! erased, what was counted long ago is forgotten.

use std::sync::Arc;
use std::time::Duration;

use crate::state::Relay;
use crate::top::LOOKS_PER_TURN;

/// Between two looks at the clocks: what a relay that is killed has not counted.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is past its time is looked for with the first of so many looks at the clocks; minutes do not matter to days.
const LOOKS_PER_SWEEP: u64 = 10;

/// Who is new for the places that are kept is so for half a day to a day.
const LOOKS_PER_HALF_DAY: u64 = 12 * 60;

/// Between two slices of one sweep, so that the writer serves others in between.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// Never ends.
pub(crate) async fn sweep(relay: Arc<Relay>) {
    let mut has_days = false;
    for look in 0_u64.. {
        if let Err(error) = relay.store().go_on().await {
            tracing::error!(%error, "the relay's time does not go on");
        }
        if look > 0 && look.is_multiple_of(LOOKS_PER_HALF_DAY) {
            relay.admission().look_at_newest(relay.store(), false).await;
        }
        if look > 0 && look.is_multiple_of(LOOKS_PER_TURN) {
            relay.top().turn();
        }
        if look.is_multiple_of(LOOKS_PER_SWEEP) {
            relay.rates().forget_quiet();
            has_days = has_days || begin_days(&relay).await;
            erase(&relay).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the store keeps the days of accounts' last use as the settings want it.
async fn begin_days(relay: &Relay) -> bool {
    let begun = relay.store().begin_days().await;
    if let Err(error) = &begun {
        tracing::error!(%error, "cannot note the days on which accounts are used");
    }
    begun.is_ok()
}

/// What is past its time, all of it.
async fn erase(relay: &Relay) {
    loop {
        let swept = match relay.store().sweep().await {
            Ok(false) => relay.store().sweep_accounts(relay.hub().devices()).await,
            other => other,
        };
        match swept {
            Ok(true) => tokio::time::sleep(SWEEP_PAUSE).await,
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, "cannot erase what is past its time");
                return;
            }
        }
    }
}
