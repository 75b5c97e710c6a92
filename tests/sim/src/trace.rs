//! What a traced run says, in words: what goes into an engine, what it sends and shows.

use pawl_client::{Command, Engine, Event, Input};
use pawl_wire::{ClientFrame, MessageId, RelayFrame};

use crate::conversation::other_in;

fn short(id: MessageId) -> String {
    id.0[..3].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kind(envelope: &[u8]) -> &'static str {
    match envelope.get(1) {
        Some(1) => "first message",
        Some(2) => "message",
        _ => "no envelope",
    }
}

pub(crate) fn input(input: &Input, engine: &Engine) -> String {
    match input {
        Input::Command { command, .. } => match command {
            Command::CreateAccount { .. } => "asks for an account".into(),
            Command::StartConversation { username } => format!("begins to write to {username}"),
            Command::SendText { text, .. } => format!("sends text {text:?}"),
            Command::MarkRead { conversation, .. } => {
                format!("has read {}", other_in(engine, *conversation))
            }
            _ => "asks for something".into(),
        },
        Input::SocketOpened => "is connected".into(),
        Input::SocketClosed { code } => format!("is disconnected, code {code:?}"),
        Input::Frames(frames) => {
            let frames: Vec<_> = frames.iter().map(|bytes| heard(bytes)).collect();
            format!("<- {}", frames.join("; "))
        }
        Input::Lines(rows) => format!("has read {} lines", rows.len()),
        Input::Tick => "wakes up".into(),
        Input::Hint(hint) => format!("hears: {hint:?}"),
    }
}

fn heard(bytes: &[u8]) -> String {
    match RelayFrame::decode(bytes) {
        Ok(RelayFrame::Challenge { epoch, .. }) => format!("Challenge, epoch {}", epoch.0[0]),
        Ok(RelayFrame::AuthOk(stock)) => format!(
            "AuthOk, {} and {} one-time keys",
            stock.one_time_prekeys, stock.one_time_kems
        ),
        Ok(RelayFrame::Stored {
            message_id,
            duplicate,
        }) => format!("Stored {}, duplicate {duplicate}", short(message_id)),
        Ok(RelayFrame::Refused {
            message_id, cause, ..
        }) => format!("Refused {}: {cause:?}", short(message_id)),
        Ok(RelayFrame::Deliver {
            seq,
            message_id,
            envelope,
        }) => format!("Deliver {seq}: {} {}", kind(&envelope), short(message_id)),
        Ok(RelayFrame::QueueEmpty { through }) => format!("QueueEmpty {through}"),
        Ok(RelayFrame::Account { username, record }) => {
            format!("Account {}, {}", username.as_str(), record.is_some())
        }
        Ok(RelayFrame::Bundle { bundle, .. }) => {
            let id = bundle.one_time_prekey.map_or(0, |key| key.id);
            format!("Bundle with one-time key {id}")
        }
        Ok(RelayFrame::NoBundle { cause, .. }) => format!("NoBundle: {cause:?}"),
        Ok(RelayFrame::Published { request }) => format!("Published {request}"),
        Ok(RelayFrame::KeysLow(_)) => "KeysLow".into(),
        Ok(RelayFrame::Pong { .. }) => "Pong".into(),
        Ok(RelayFrame::Drain { .. }) => "Drain".into(),
        Ok(RelayFrame::Error { code, .. }) => format!("Error {code:?}"),
        Err(error) => format!("no frame: {error}"),
    }
}

pub(crate) fn sent(bytes: &[u8]) -> String {
    let what = match ClientFrame::decode(bytes) {
        Ok(ClientFrame::Auth(auth)) => format!("Auth, has {}", auth.last_seq),
        Ok(ClientFrame::Register(_)) => "Register".into(),
        Ok(ClientFrame::Submit(submit)) => format!(
            "Submit {} {}",
            kind(&submit.envelope),
            short(submit.message_id)
        ),
        Ok(ClientFrame::Ack { through }) => format!("Ack {through}"),
        Ok(ClientFrame::LookUp { username }) => format!("LookUp {}", username.as_str()),
        Ok(ClientFrame::FetchBundle { .. }) => "FetchBundle".into(),
        Ok(ClientFrame::Publish { request, keys }) => format!(
            "Publish {request}, {} and {} one-time keys",
            keys.one_time_prekeys.len(),
            keys.one_time_kems.len()
        ),
        Ok(ClientFrame::Ping { .. }) => "Ping".into(),
        Err(error) => format!("no frame: {error}"),
    };
    format!("-> {what}")
}

/// What is shown, where it is worth a line.
pub(crate) fn event(event: &Event) -> Option<String> {
    match event {
        Event::MessagesChanged { messages, .. } => {
            let lines = messages.iter().map(|line| match (line.mine, line.notice) {
                (_, Some(notice)) => format!("{notice:?}"),
                (true, _) => format!("own {:?} {:?}", line.text, line.status),
                (false, _) => format!("{:?}", line.text),
            });
            Some(format!("shows {}", lines.collect::<Vec<_>>().join(", ")))
        }
        Event::CommandDone { error: None, .. } => Some("says done".into()),
        Event::CommandDone { error, .. } => Some(format!("refuses: {error:?}")),
        Event::Alert { alert } => Some(format!("alerts: {alert:?}")),
        _ => None,
    }
}
