//! A client without an engine: one WebSocket, frames in and out, and what is expected of them.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pawl_wire::{
    ClientFrame, ConnectionError, DeviceAddress, KeyStock, MessageId, Register, Registration,
    RelayFrame, Submit, close_code,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use super::keys::{Challenge, Device};

/// How long a test waits for a frame before it fails: far beyond any sane answer, so that no test
/// fails on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a client connects to, and what it says there.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) authority: String,
    /// The path under which the relay stands.
    pub(crate) prefix: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Bytes that the system takes from the relay before the client reads, where that is not its own choice.
    pub(crate) receive_buffer: Option<u32>,
}

impl Target {
    /// The relay itself.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            authority: address.to_string(),
            prefix: "",
            headers: Vec::new(),
            receive_buffer: None,
        }
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) challenge: Challenge,
    pub(crate) registration: Registration,
    pub(crate) work_bits: u32,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The last frame, if there was one.
    pub(crate) error: Option<ConnectionError>,
    /// The close code, if the relay said one.
    pub(crate) code: Option<u16>,
}

impl End {
    /// What the relay says when it ends a connection for this.
    pub(crate) fn refused(error: ConnectionError) -> Self {
        Self {
            error: Some(error),
            code: Some(close_code::of(error)),
        }
    }
}

impl Client {
    /// Connects and reads the challenge.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let to = Target::at(address);
        Self::open(&to).await.expect("a connection")
    }

    /// The same, as a proxy would pass it on.
    pub(crate) async fn connect_from(address: SocketAddr, forwarded: &str) -> Self {
        let mut to = Target::at(address);
        to.headers.push(("X-Forwarded-For", forwarded.to_owned()));
        Self::open(&to).await.expect("a connection")
    }

    /// Connects and reads the challenge, unless nobody is there or they go away.
    pub(crate) async fn open(to: &Target) -> Option<Self> {
        let request = format!("ws://{}{}/api/ws", to.address, to.prefix);
        let mut request = request.into_client_request().expect("a request");
        for (name, value) in &to.headers {
            let value = value.parse().expect("a header");
            request.headers_mut().insert(*name, value);
        }
        let host = to.authority.parse().expect("a header");
        request.headers_mut().insert("Host", host);
        let (socket, _) = match to.receive_buffer {
            None => connect_async(request).await.ok()?,
            Some(bytes) => {
                let socket = TcpSocket::new_v4().expect("a socket");
                socket.set_recv_buffer_size(bytes).expect("a small buffer");
                let stream = socket.connect(to.address).await.ok()?;
                let stream = MaybeTlsStream::Plain(stream);
                client_async(request, stream).await.ok()?
            }
        };
        let mut client = Self {
            socket,
            challenge: Challenge {
                authority: to.authority.clone(),
                nonce: pawl_wire::Nonce([0; 32]),
                epoch: pawl_wire::Epoch([0; 16]),
            },
            registration: Registration::Open,
            work_bits: 0,
        };
        match client.try_next().await.ok()? {
            RelayFrame::Challenge {
                nonce,
                epoch,
                registration,
                work_bits,
                ..
            } => {
                client.registration = registration;
                client.work_bits = work_bits;
                client.challenge.nonce = nonce;
                client.challenge.epoch = epoch;
            }
            other => panic!("the first frame is {other:?}"),
        }
        Some(client)
    }

    /// Connects and registers.
    pub(crate) async fn register(address: SocketAddr, device: &Device) -> Self {
        let mut client = Self::connect(address).await;
        let register = device.register(&client.challenge);
        client
            .send(&ClientFrame::Register(Box::new(register)))
            .await;
        client.expect_auth_ok().await;
        client
    }

    /// Connects and authenticates.
    pub(crate) async fn auth(address: SocketAddr, device: &Device, last_seq: u64) -> Self {
        let mut client = Self::connect(address).await;
        let auth = device.auth(&client.challenge, last_seq);
        client.send(&ClientFrame::Auth(auth)).await;
        client.expect_auth_ok().await;
        client
    }

    /// The port that this end has.
    pub(crate) fn port(&self) -> Option<u16> {
        match self.socket.get_ref() {
            MaybeTlsStream::Plain(stream) => Some(stream.local_addr().ok()?.port()),
            _ => None,
        }
    }

    /// Connects and authenticates, unless the relay is not there or goes away (`None`), or refuses.
    pub(crate) async fn try_auth(
        address: SocketAddr,
        device: &Device,
        last_seq: u64,
    ) -> Result<Self, Option<ConnectionError>> {
        Self::try_auth_at(&Target::at(address), device, last_seq).await
    }

    /// The same, there.
    pub(crate) async fn try_auth_at(
        to: &Target,
        device: &Device,
        last_seq: u64,
    ) -> Result<Self, Option<ConnectionError>> {
        let mut client = Self::open(to).await.ok_or(None)?;
        let auth = device.auth(&client.challenge, last_seq);
        client.send(&ClientFrame::Auth(auth)).await;
        match client.try_next().await {
            Ok(RelayFrame::AuthOk(_)) => Ok(client),
            Ok(RelayFrame::Error { code, .. }) => Err(Some(code)),
            Ok(other) => panic!("not let in but {other:?}"),
            Err(_) => Err(None),
        }
    }

    async fn expect_auth_ok(&mut self) {
        let frame = self.next().await;
        assert!(matches!(frame, RelayFrame::AuthOk(_)), "{frame:?}");
    }

    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        self.send_bytes(frame.encode()).await;
    }

    /// Sends what may be no frame. A relay that hangs up meanwhile is not the sender's failure.
    pub(crate) async fn send_bytes(&mut self, bytes: Vec<u8>) {
        let _ = self.socket.send(Message::Binary(bytes.into())).await;
    }

    /// Sends bytes as they are, which may be no WebSocket frames.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        // As above.
        let _ = self.socket.get_mut().write_all(bytes).await;
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> RelayFrame {
        self.try_next().await.expect("a frame, not the end")
    }

    /// The next frame, or how it ended.
    pub(crate) async fn try_next(&mut self) -> Result<RelayFrame, Option<u16>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("the relay answers");
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    return Ok(RelayFrame::decode(&bytes).expect("a frame"));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|CloseFrame { code, .. }| code.into()));
                }
                Some(Ok(_)) => (),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Registers on this connection; how it ended, or nothing when the device is in.
    pub(crate) async fn join(&mut self, register: Register) -> Option<End> {
        self.send(&ClientFrame::Register(Box::new(register))).await;
        match self.try_next().await {
            Ok(RelayFrame::AuthOk(_)) => None,
            Ok(RelayFrame::Error { code, .. }) => Some(End {
                error: Some(code),
                code: self.end().await.code,
            }),
            other => panic!("{other:?}"),
        }
    }

    /// Reads to the end and says how it was.
    pub(crate) async fn end(&mut self) -> End {
        let mut error = None;
        loop {
            match self.try_next().await {
                Ok(RelayFrame::Error { code, .. }) => error = Some(code),
                Ok(_) => (),
                Err(code) => return End { error, code },
            }
        }
    }

    /// The next frame that answers something; skips what the relay says by itself.
    pub(crate) async fn answer(&mut self) -> RelayFrame {
        loop {
            match self.next().await {
                RelayFrame::QueueEmpty { .. }
                | RelayFrame::Deliver { .. }
                | RelayFrame::KeysLow(_) => (),
                frame => return frame,
            }
        }
    }

    /// Waits until the relay says that few one-time keys are left.
    pub(crate) async fn keys_low(&mut self) -> KeyStock {
        loop {
            match self.next().await {
                RelayFrame::KeysLow(stock) => return stock,
                RelayFrame::QueueEmpty { .. } => (),
                other => panic!("not low but {other:?}"),
            }
        }
    }

    /// Closes and waits until the relay has closed too.
    pub(crate) async fn leave(mut self) {
        let _ = self.socket.close(None).await;
        self.end().await;
    }

    /// Submits and waits for the answer, which must be `Stored`; true for a duplicate.
    pub(crate) async fn store(
        &mut self,
        to: DeviceAddress,
        id: MessageId,
        envelope: Vec<u8>,
    ) -> bool {
        self.submit(to, id, envelope).await;
        match self.answer().await {
            RelayFrame::Stored {
                message_id,
                duplicate,
            } if message_id == id => duplicate,
            other => panic!("not stored but {other:?}"),
        }
    }

    pub(crate) async fn submit(&mut self, to: DeviceAddress, id: MessageId, envelope: Vec<u8>) {
        let submit = Submit {
            message_id: id,
            recipient: to,
            envelope,
        };
        self.send(&ClientFrame::Submit(submit)).await;
    }

    /// Deliveries up to `QueueEmpty`: sequence number, id, envelope.
    pub(crate) async fn waiting(&mut self) -> Vec<(u64, MessageId, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                RelayFrame::Deliver {
                    seq,
                    message_id,
                    envelope,
                } => {
                    all.push((seq, message_id, envelope));
                    self.send(&ClientFrame::Ack { through: seq }).await;
                }
                RelayFrame::QueueEmpty { .. } => return all,
                other => panic!("not mail but {other:?}"),
            }
        }
    }

    /// One delivery, not acknowledged; skips `QueueEmpty`.
    pub(crate) async fn delivery(&mut self) -> (u64, MessageId, Vec<u8>) {
        loop {
            match self.next().await {
                RelayFrame::Deliver {
                    seq,
                    message_id,
                    envelope,
                } => return (seq, message_id, envelope),
                RelayFrame::QueueEmpty { .. } => (),
                other => panic!("not mail but {other:?}"),
            }
        }
    }

    /// Waits until everything sent before has been handled: answers come in order.
    pub(crate) async fn settle(&mut self) {
        self.send(&ClientFrame::Ping { token: 77 }).await;
        while self.next().await != (RelayFrame::Pong { token: 77 }) {}
    }
}
