//! The one WebSocket to the relay: binary frames, bounded both ways. Knows nothing of what is in a frame;
//! reconnecting is the engine's decision.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Largest frame that is taken from a relay, in bytes: as `pawl_wire::MAX_FRAME`.
const MAX_FRAME: usize = 128 * 1024;
/// Frames that wait to be sent: several windows. Past it the network stands still, and the engine does better
/// to begin again.
const MAX_WAITING: usize = 512;
/// Frames that wait for the engine; then the network waits.
const MAX_UNREAD: usize = 64;
/// How long the last frames have to leave.
const LAST_FRAMES: Duration = Duration::from_secs(2);

type Stream = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// What happened on a socket.
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A binary message.
    Frame(Vec<u8>),
    /// It could not be opened or is closed; said once.
    Closed {
        /// The close code, where there was one.
        code: Option<u16>,
        /// Why it could not be opened.
        why: Option<String>,
        /// Something answered by HTTP, and as no relay does.
        is_elsewhere: bool,
    },
}

/// A socket that is being opened or is open; closed, and silent, once it is dropped.
pub(crate) struct Socket {
    events: mpsc::Receiver<SocketEvent>,
    frames: mpsc::Sender<Vec<u8>>,
    task: JoinHandle<()>,
}

impl Socket {
    /// Begins to open one.
    pub(crate) fn open(url: String) -> Self {
        let (said, events) = mpsc::channel(MAX_UNREAD);
        let (frames, waiting) = mpsc::channel(MAX_WAITING);
        let task = tokio::spawn(live(url, said, waiting));
        Self {
            events,
            frames,
            task,
        }
    }

    /// Hands a frame over; whether it was taken.
    pub(crate) fn send(&self, frame: Vec<u8>) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    /// What happens next. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> SocketEvent {
        let ended = SocketEvent::Closed {
            code: None,
            why: None,
            is_elsewhere: false,
        };
        self.events.recv().await.unwrap_or(ended)
    }

    /// What has happened already, if anything has.
    pub(crate) fn try_next(&mut self) -> Option<SocketEvent> {
        self.events.try_recv().ok()
    }

    /// Lets the last frames leave, and closes.
    pub(crate) async fn finish(mut self) {
        let (none, _) = mpsc::channel(1);
        self.frames = none;
        self.events.close();
        let _ = timeout(LAST_FRAMES, &mut self.task).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn live(url: String, said: mpsc::Sender<SocketEvent>, mut waiting: mpsc::Receiver<Vec<u8>>) {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let closed = match connect_async_with_config(url, Some(limits), true).await {
        Ok((stream, _)) => SocketEvent::Closed {
            code: carry(stream, &said, &mut waiting).await,
            why: None,
            is_elsewhere: false,
        },
        Err(error) => SocketEvent::Closed {
            code: None,
            why: Some(reason(&error)),
            is_elsewhere: is_elsewhere(&error),
        },
    };
    // Nobody listens once the socket is dropped.
    let _ = said.send(closed).await;
}

/// Carries frames both ways until either side ends; gives the close code.
async fn carry(
    stream: Stream,
    said: &mpsc::Sender<SocketEvent>,
    waiting: &mut mpsc::Receiver<Vec<u8>>,
) -> Option<u16> {
    let _ = said.send(SocketEvent::Opened).await;
    let (mut sink, mut stream) = stream.split();
    let read = async {
        loop {
            match stream.next().await {
                Some(Ok(Message::Binary(frame))) => {
                    // After `finish` nobody listens, and the last frames still leave.
                    let _ = said.send(SocketEvent::Frame(frame.into())).await;
                }
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|CloseFrame { code, .. }| code.into());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // A text is no frame of a relay's.
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    };
    let write = async {
        while let Some(frame) = waiting.recv().await {
            if sink.send(Message::Binary(frame.into())).await.is_err() {
                return;
            }
        }
        let _ = sink.close().await;
    };
    tokio::select! {
        code = read => code,
        () = write => None,
    }
}

/// Whether a page came, or the way to one. A relay that takes nobody says so with another status.
fn is_elsewhere(error: &Error) -> bool {
    let Error::Http(response) = error else {
        return false;
    };
    response.status().is_success() || response.status().is_redirection()
}

/// Why there is no connection, as far as it helps a person.
fn reason(error: &Error) -> String {
    match error {
        Error::Http(response) => format!("it answers {}", response.status()),
        Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}
