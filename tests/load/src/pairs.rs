//! Pairs of devices, each with a number of messages in flight: what a relay does all day.

use std::sync::Arc;

use anyhow::{Result, bail};
use pawl_wire::{ClientFrame, DeviceAddress, MessageId, RelayFrame, Submit};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::measure::{BODY, Clock, Span, add_latencies};
use crate::pawl::{self, Device};
use crate::server::Server;
use crate::socketio;

const PAIRS: usize = 50;
const IN_FLIGHT: usize = 8;

/// Messages of one pair: seconds of work for any of the servers.
const MESSAGES: u64 = 2_000;

const ALL: u64 = PAIRS as u64 * MESSAGES;

/// To whom a load is sent.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Recipients {
    /// Connected: they read and acknowledge.
    Here,
    /// Away: everything has to be written.
    Away,
}

/// Pawl's relay.
pub(crate) async fn pawl(server: &Server, recipients: Recipients) -> Result<Value> {
    let (row, letter) = match recipients {
        Recipients::Here => ("live", 'h'),
        Recipients::Away => ("stored", 'a'),
    };
    let clock = Clock::start();
    let mut sending = Vec::new();
    let mut receiving = JoinSet::new();
    for number in 0..PAIRS {
        let from = Device::new(&format!("{letter}from{number}"))?;
        let to = Device::new(&format!("{letter}to{number}"))?;
        let from = pawl::Client::register(server.address, &from).await?;
        let mut receiver = pawl::Client::register(server.address, &to).await?;
        receiver.drain().await?;
        if recipients == Recipients::Here {
            receiving.spawn(pawl_receive(receiver, clock));
        }
        sending.push((from, to.address()));
    }
    let span = Span::begin(server)?;
    let mut sent = JoinSet::new();
    for (from, to) in sending {
        sent.spawn(pawl_send(from, to, clock));
    }
    finish(sent).await?;
    let times = finish(receiving).await?;
    let mut row = span.row(row, "pawl", ALL)?;
    if recipients == Recipients::Here {
        add_latencies(&mut row, times.into_iter().flatten().collect());
    }
    Ok(row)
}

async fn pawl_send(mut from: pawl::Client, to: DeviceAddress, clock: Clock) -> Result<()> {
    let mut open = 0;
    let mut stored = 0;
    let mut sent = 0;
    while stored < MESSAGES {
        while open < IN_FLIGHT && sent < MESSAGES {
            let mut envelope = vec![0xee; BODY];
            envelope[..8].copy_from_slice(&clock.us().to_be_bytes());
            let submit = Submit {
                message_id: MessageId(pawl::random()?),
                recipient: to,
                envelope,
            };
            from.send(&ClientFrame::Submit(submit)).await?;
            open += 1;
            sent += 1;
        }
        match from.next().await? {
            RelayFrame::Stored { .. } => {
                open -= 1;
                stored += 1;
            }
            RelayFrame::QueueEmpty { .. } => (),
            other => bail!("not stored but {other:?}"),
        }
    }
    Ok(())
}

async fn pawl_receive(mut to: pawl::Client, clock: Clock) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(MESSAGES as usize);
    while times.len() < MESSAGES as usize {
        match to.next().await? {
            RelayFrame::Deliver { seq, envelope, .. } => {
                let Some(sent) = envelope.first_chunk() else {
                    bail!("a body without a time");
                };
                times.push(clock.us().saturating_sub(u64::from_be_bytes(*sent)));
                to.send(&ClientFrame::Ack { through: seq }).await?;
            }
            RelayFrame::QueueEmpty { .. } => (),
            other => bail!("no mail but {other:?}"),
        }
    }
    Ok(times)
}

/// The Socket.io relay, which has no answers: what is in flight is what was not received.
pub(crate) async fn socketio(server: &Server) -> Result<Value> {
    let clock = Clock::start();
    let mut pairs = Vec::new();
    for number in 0..PAIRS {
        let from = socketio::Client::join(server.address, &format!("from{number}")).await?;
        let name = format!("to{number}");
        let to = socketio::Client::join(server.address, &name).await?;
        pairs.push((from, to, name));
    }
    let span = Span::begin(server)?;
    let mut sending = JoinSet::new();
    let mut receiving = JoinSet::new();
    for (from, to, name) in pairs {
        let room = Arc::new(Semaphore::new(IN_FLIGHT));
        sending.spawn(socketio_send(from, name, clock, Arc::clone(&room)));
        receiving.spawn(socketio_receive(to, clock, room));
    }
    finish(sending).await?;
    let times = finish(receiving).await?;
    let mut row = span.row("live", "socket.io", ALL)?;
    add_latencies(&mut row, times.into_iter().flatten().collect());
    Ok(row)
}

async fn socketio_send(
    mut from: socketio::Client,
    to: String,
    clock: Clock,
    room: Arc<Semaphore>,
) -> Result<()> {
    for _ in 0..MESSAGES {
        room.acquire().await?.forget();
        let body = format!("{:016x}{}", clock.us(), "e".repeat(BODY - 16));
        from.submit(&to, &body).await?;
    }
    Ok(())
}

async fn socketio_receive(
    mut to: socketio::Client,
    clock: Clock,
    room: Arc<Semaphore>,
) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(MESSAGES as usize);
    for _ in 0..MESSAGES {
        let body = to.delivery().await?;
        let Some(Ok(sent)) = body.get(..16).map(|hex| u64::from_str_radix(hex, 16)) else {
            bail!("a body without a time");
        };
        times.push(clock.us().saturating_sub(sent));
        room.add_permits(1);
    }
    Ok(times)
}

async fn finish<T: 'static>(mut tasks: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        all.push(done??);
    }
    Ok(all)
}
