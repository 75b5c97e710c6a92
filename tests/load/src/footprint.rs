//! What a relay needs that has little to do: memory when it has just started and with some people there, and the disk
//! of an account and of a message that waits.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pawl_wire::limits::{KEM_RECORD, MAX_KEYS_PER_PUBLISH, ONE_TIME_PREKEY_RECORD};
use pawl_wire::{ClientFrame, KeyRecord, PublishedKeys, RelayFrame};
use serde_json::{Value, json};

use crate::crowd::{connect, fill};
use crate::measure::{BODY, round};
use crate::pawl::{Client, Device};
use crate::server::Server;

const PEOPLE: usize = 100;
const MESSAGES: u64 = 10_000;

/// Keys of a kind that a client holds with the relay.
const STOCK: u32 = 100;

pub(crate) async fn pawl(binary: &Path, folder: &Path) -> Result<Vec<Value>> {
    let server = Server::pawl(binary, folder).await?;
    let mut rows = vec![memory(&server, 0)?];
    server.end().await?;
    let empty = size(folder)?;

    let server = Server::pawl(binary, folder).await?;
    let people: Vec<Device> = (0..PEOPLE)
        .map(|number| Device::new(&format!("person{number}")))
        .collect::<Result<_>>()?;
    for person in &people {
        let mut client = Client::register(server.address, person).await?;
        publish(&mut client).await?;
    }
    server.end().await?;
    let peopled = size(folder)?;
    rows.push(disk("account", PEOPLE as u64, peopled - empty));

    let server = Server::pawl(binary, folder).await?;
    let here = connect(server.address, &people, false).await?;
    rows.push(memory(&server, here.len())?);
    drop(here);
    let (Some(from), Some(to)) = (people.first(), people.last()) else {
        bail!("nobody is there");
    };
    let mut sender = Client::auth(server.address, from, 0).await?;
    fill(&mut sender, to.address(), MESSAGES).await?;
    drop(sender);
    server.end().await?;
    let mut row = disk("waiting message", MESSAGES, size(folder)? - peopled);
    row["body_bytes"] = json!(BODY);
    rows.push(row);
    Ok(rows)
}

/// All one-time keys that a client uploads.
async fn publish(client: &mut Client) -> Result<()> {
    let most = u32::try_from(MAX_KEYS_PER_PUBLISH).context("a small number")?;
    for first in (1..=STOCK).step_by(MAX_KEYS_PER_PUBLISH) {
        let keys = |length| {
            let key = |id| KeyRecord {
                id,
                record: vec![7; length],
            };
            (first..first + most).map(key).collect()
        };
        let keys = PublishedKeys {
            one_time_prekeys: keys(ONE_TIME_PREKEY_RECORD),
            one_time_kems: keys(KEM_RECORD),
            ..PublishedKeys::default()
        };
        let request = first;
        client.send(&ClientFrame::Publish { request, keys }).await?;
        loop {
            match client.next().await? {
                RelayFrame::Published { .. } => break,
                RelayFrame::QueueEmpty { .. } | RelayFrame::KeysLow(_) => (),
                other => bail!("not published but {other:?}"),
            }
        }
    }
    Ok(())
}

fn memory(server: &Server, connections: usize) -> Result<Value> {
    Ok(json!({
        "row": "memory",
        "implementation": "pawl",
        "connections": connections,
        "mib": round(server.resident()? as f64 / 1_048_576.0),
    }))
}

fn disk(what: &str, count: u64, bytes: u64) -> Value {
    json!({
        "row": "disk",
        "implementation": "pawl",
        "what": what,
        "count": count,
        "bytes_each": (bytes as f64 / count as f64).round(),
    })
}

/// The store of a relay that has ended, which has no log.
fn size(folder: &Path) -> Result<u64> {
    let log = folder.join("relay.db-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        bail!("the relay left a log");
    }
    let store = folder.join("relay.db").metadata();
    Ok(store.context("no store")?.len())
}
