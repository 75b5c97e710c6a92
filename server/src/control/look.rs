//! Who causes what, with the names of accounts, for one look.

use std::collections::HashMap;

use super::{Cause, Sight};
use crate::limits::network::Network;
use crate::store::{AccountRow, DeviceId, Store, StoreError};
use crate::top::Top;

pub(super) async fn look(store: &Store, top: &Top, rows: usize) -> Result<Sight, StoreError> {
    let heaviest = top.heaviest(rows);
    let devices = heaviest.messages.iter().chain(&heaviest.bytes);
    let devices = devices.map(|(device, _)| *device).collect();
    let names = store.names(devices).await?;
    let full = store.fullest(rows).await?;
    Ok(Sight {
        seconds: heaviest.seconds,
        accounts_by_messages: accounts(&names, &heaviest.messages),
        accounts_by_bytes: accounts(&names, &heaviest.bytes),
        mailboxes_by_bytes: full.into_iter().map(mailbox).collect(),
        networks_by_open: networks(&heaviest.open),
        networks_by_connections: networks(&heaviest.connections),
        networks_by_registrations: networks(&heaviest.registrations),
        networks_by_refusals: networks(&heaviest.refusals),
    })
}

/// Without those that are gone.
fn accounts(names: &HashMap<DeviceId, String>, counts: &[(DeviceId, u64)]) -> Vec<Cause> {
    let named = counts.iter().filter_map(|(device, count)| {
        let who = names.get(device)?.clone();
        Some(Cause { who, count: *count })
    });
    named.collect()
}

fn networks(counts: &[(Network, u64)]) -> Vec<Cause> {
    let cause = |(network, count): &(Network, u64)| Cause {
        who: network.to_string(),
        count: *count,
    };
    counts.iter().map(cause).collect()
}

fn mailbox(row: AccountRow) -> Cause {
    Cause {
        who: row.name,
        count: row.waiting_bytes,
    }
}
