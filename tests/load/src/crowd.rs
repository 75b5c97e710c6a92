//! Many devices that say nothing, then all come back at once; and one that was away for long.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, bail};
use pawl_wire::{ClientFrame, DeviceAddress, MessageId, RelayFrame, Submit};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::measure::{BODY, Span, round};
use crate::pawl::{self, Device};
use crate::server::Server;
use crate::socketio;

const CROWD: usize = 9_000;

/// Connections that are being made at a time.
const AT_ONCE: usize = 200;

const WAITING: u64 = 10_000;

/// Envelopes of the one sender that may be unanswered: the relay takes no more than 64.
const IN_FLIGHT: u64 = 64;

/// Memory per idle connection, and how fast all are back after the relay was killed.
pub(crate) async fn pawl(binary: &Path, folder: &Path) -> Result<Vec<Value>> {
    let server = Server::pawl(binary, folder).await?;
    let devices: Vec<Device> = (0..CROWD)
        .map(|number| Device::new(&format!("crowd{number}")))
        .collect::<Result<_>>()?;
    // The accounts are made first: what a registration leaves in the caches is not a connection's.
    connect(server.address, &devices, true).await?;
    let before = server.resident()?;
    let here = connect(server.address, &devices, false).await?;
    let idle = row("pawl", server.resident()?.saturating_sub(before));
    drop(here);
    server.kill().await?;
    let server = Server::pawl(binary, folder).await?;
    let span = Span::begin(&server)?;
    let back = connect(server.address, &devices, false).await?;
    let storm = span.row("storm", "pawl", back.len() as u64)?;
    Ok(vec![idle, storm])
}

pub(crate) async fn socketio(script: &Path) -> Result<Value> {
    let server = Server::socketio(script).await?;
    let before = server.resident()?;
    let mut here = Vec::with_capacity(CROWD);
    for first in (0..CROWD).step_by(AT_ONCE) {
        let mut joining = JoinSet::new();
        for number in first..(first + AT_ONCE).min(CROWD) {
            let address = server.address;
            joining.spawn(async move {
                socketio::Client::join(address, &format!("crowd{number}")).await
            });
        }
        while let Some(joined) = joining.join_next().await {
            here.push(joined??);
        }
    }
    Ok(row("socket.io", server.resident()?.saturating_sub(before)))
}

fn row(implementation: &str, bytes: u64) -> Value {
    json!({
        "row": "idle",
        "implementation": implementation,
        "connections": CROWD,
        "kib_each": round(bytes as f64 / 1024.0 / CROWD as f64),
    })
}

/// All of them connected, authenticated and told that nothing waits. New ones leave again.
pub(crate) async fn connect(
    address: SocketAddr,
    devices: &[Device],
    new: bool,
) -> Result<Vec<pawl::Client>> {
    let mut here = Vec::with_capacity(devices.len());
    for some in devices.chunks(AT_ONCE) {
        let mut connecting = JoinSet::new();
        for device in some {
            let device = device.clone();
            connecting.spawn(async move {
                if new {
                    pawl::Client::register(address, &device).await?;
                    return Ok(None);
                }
                let mut client = pawl::Client::auth(address, &device, 0).await?;
                client.drain().await?;
                anyhow::Ok(Some(client))
            });
        }
        while let Some(connected) = connecting.join_next().await {
            here.extend(connected??);
        }
    }
    Ok(here)
}

/// Puts so many messages into a mailbox.
pub(crate) async fn fill(
    sender: &mut pawl::Client,
    recipient: DeviceAddress,
    messages: u64,
) -> Result<()> {
    let (mut sent, mut stored) = (0, 0);
    while stored < messages {
        while sent < messages && sent - stored < IN_FLIGHT {
            let submit = Submit {
                message_id: MessageId(pawl::random()?),
                recipient,
                envelope: vec![0xee; BODY],
            };
            sender.send(&ClientFrame::Submit(submit)).await?;
            sent += 1;
        }
        match sender.next().await? {
            RelayFrame::Stored { .. } => stored += 1,
            RelayFrame::QueueEmpty { .. } | RelayFrame::KeysLow(_) => (),
            other => bail!("not stored but {other:?}"),
        }
    }
    Ok(())
}

/// A device comes back to a full mailbox.
pub(crate) async fn drain(server: &Server) -> Result<Value> {
    let (from, to) = (Device::new("drainfrom")?, Device::new("drainto")?);
    let mut sender = pawl::Client::register(server.address, &from).await?;
    drop(pawl::Client::register(server.address, &to).await?);
    fill(&mut sender, to.address(), WAITING).await?;
    let span = Span::begin(server)?;
    let mut back = pawl::Client::auth(server.address, &to, 0).await?;
    let last = back.drain().await?;
    if last != WAITING {
        bail!("{last} came, not {WAITING}");
    }
    span.row("drain", "pawl", WAITING)
}
