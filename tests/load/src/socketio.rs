//! A client of the Socket.io relay: as much of Engine.IO 4 over a WebSocket as the load needs.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use tokio_tungstenite::tungstenite::Message;

use crate::link::Link;

pub(crate) struct Client(Link);

impl Client {
    /// Connects and joins the room `name`.
    pub(crate) async fn join(address: SocketAddr, name: &str) -> Result<Self> {
        let mut client = Self(Link::open(address, "/socket.io/?EIO=4&transport=websocket").await?);
        client.expect("0").await?;
        client.send("40".into()).await?;
        client.expect("40").await?;
        client.send(format!("420[\"join\",\"{name}\"]")).await?;
        client.expect("430").await?;
        Ok(client)
    }

    async fn send(&mut self, text: String) -> Result<()> {
        self.0.send(Message::Text(text.into())).await
    }

    async fn expect(&mut self, prefix: &str) -> Result<()> {
        let text = self.next_text().await?;
        if !text.starts_with(prefix) {
            bail!("not {prefix} but {text}");
        }
        Ok(())
    }

    /// The next text that is no ping; pings are answered.
    async fn next_text(&mut self) -> Result<String> {
        loop {
            match self.0.next().await? {
                Message::Text(text) if text.as_str() == "2" => self.send("3".into()).await?,
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                other => bail!("no text but {other:?}"),
            }
        }
    }

    pub(crate) async fn submit(&mut self, to: &str, body: &str) -> Result<()> {
        self.send(format!(
            "42[\"message\",{{\"to\":\"{to}\",\"body\":\"{body}\"}}]"
        ))
        .await
    }

    /// The body of the next message.
    pub(crate) async fn delivery(&mut self) -> Result<String> {
        let text = self.next_text().await?;
        let body = text
            .strip_prefix("42[\"message\",\"")
            .and_then(|rest| rest.strip_suffix("\"]"));
        match body {
            Some(body) => Ok(body.to_owned()),
            None => bail!("no message but {text}"),
        }
    }
}
