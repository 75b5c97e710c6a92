//! One WebSocket whose buffers are small, so that thousands of them fit beside the server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Bytes read at once: a few messages.
const READ_BUFFER: usize = 2 * 1024;

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Link(WebSocketStream<TcpStream>);

impl Link {
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0);
        let request = format!("ws://{address}{path}");
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .context("no WebSocket")?;
        Ok(Self(socket))
    }

    pub(crate) async fn send(&mut self, message: Message) -> Result<()> {
        self.0.send(message).await.context("cannot send")
    }

    /// The next text or binary message.
    pub(crate) async fn next(&mut self) -> Result<Message> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await {
                Ok(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => {
                    return Ok(message);
                }
                Ok(Some(Ok(Message::Close(frame)))) => bail!("it closed: {frame:?}"),
                Ok(Some(Ok(_))) => (),
                Ok(Some(Err(error))) => return Err(error).context("it broke"),
                Ok(None) => bail!("it ended"),
                Err(_) => bail!("it says nothing"),
            }
        }
    }
}
