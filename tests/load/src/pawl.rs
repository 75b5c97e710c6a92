//! A client of Pawl's relay without an engine: real signatures, bytes for keys and envelopes.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use ed25519_dalek::{Signer, SigningKey};
use pawl_wire::limits::{FRAME_VERSION, KEM_RECORD, MAX_RECEIVE_WINDOW, SIGNED_PREKEY_RECORD};
use pawl_wire::{
    AccountId, Auth, ClientFrame, DeviceAddress, Epoch, KeyRecord, Nonce, PublishedKeys, Register,
    RelayFrame, SignatureBytes, SigningKeyBytes, Username, statement,
};
use tokio_tungstenite::tungstenite::Message;

use crate::link::Link;

#[derive(Clone)]
pub(crate) struct Device {
    account: SigningKey,
    signing: SigningKey,
    username: Username,
}

#[expect(clippy::disallowed_methods, reason = "a load needs no seed")]
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("no randomness")?;
    Ok(bytes)
}

impl Device {
    pub(crate) fn new(name: &str) -> Result<Self> {
        Ok(Self {
            account: SigningKey::from_bytes(&random()?),
            signing: SigningKey::from_bytes(&random()?),
            username: Username::parse(name).context("a username")?,
        })
    }

    pub(crate) fn address(&self) -> DeviceAddress {
        DeviceAddress {
            account: AccountId(self.account.verifying_key().to_bytes()),
            device: 1,
        }
    }

    fn register(&self, connection: &statement::Connection<'_>) -> Register {
        let signing_key = SigningKeyBytes(self.signing.verifying_key().to_bytes());
        let statement =
            statement::register(connection, self.address(), &signing_key, &self.username);
        let key = |length| {
            Some(KeyRecord {
                id: 1,
                record: vec![7; length],
            })
        };
        Register {
            version: FRAME_VERSION,
            username: self.username.clone(),
            device: self.address(),
            signing_key,
            account_record: b"a record".to_vec(),
            keys: PublishedKeys {
                signed_prekey: key(SIGNED_PREKEY_RECORD),
                last_resort_kem: key(KEM_RECORD),
                ..PublishedKeys::default()
            },
            invite: None,
            receive_window: MAX_RECEIVE_WINDOW,
            account_signature: SignatureBytes(self.account.sign(&statement).to_bytes()),
            device_signature: SignatureBytes(self.signing.sign(&statement).to_bytes()),
            work: 0,
        }
    }

    fn auth(&self, connection: &statement::Connection<'_>, last_seq: u64) -> Auth {
        let statement = statement::auth(connection, self.address(), last_seq);
        Auth {
            version: FRAME_VERSION,
            device: self.address(),
            last_seq,
            receive_window: MAX_RECEIVE_WINDOW,
            signature: SignatureBytes(self.signing.sign(&statement).to_bytes()),
        }
    }
}

pub(crate) struct Client(Link);

impl Client {
    pub(crate) async fn register(address: SocketAddr, device: &Device) -> Result<Self> {
        Self::enter(address, |connection| {
            ClientFrame::Register(Box::new(device.register(connection)))
        })
        .await
    }

    pub(crate) async fn auth(address: SocketAddr, device: &Device, last_seq: u64) -> Result<Self> {
        Self::enter(address, |connection| {
            ClientFrame::Auth(device.auth(connection, last_seq))
        })
        .await
    }

    async fn enter(
        address: SocketAddr,
        frame: impl FnOnce(&statement::Connection<'_>) -> ClientFrame,
    ) -> Result<Self> {
        let mut client = Self(Link::open(address, "/api/ws").await?);
        let (nonce, epoch): (Nonce, Epoch) = match client.next().await? {
            RelayFrame::Challenge { nonce, epoch, .. } => (nonce, epoch),
            other => bail!("no challenge but {other:?}"),
        };
        let authority = address.to_string();
        let connection = statement::Connection {
            authority: &authority,
            nonce,
            epoch,
        };
        client.send(&frame(&connection)).await?;
        match client.next().await? {
            RelayFrame::AuthOk(_) => Ok(client),
            other => bail!("not let in but {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: &ClientFrame) -> Result<()> {
        self.0.send(Message::Binary(frame.encode().into())).await
    }

    pub(crate) async fn next(&mut self) -> Result<RelayFrame> {
        match self.0.next().await? {
            Message::Binary(bytes) => RelayFrame::decode(&bytes).context("no frame"),
            other => bail!("no frame but {other:?}"),
        }
    }

    /// Reads until the mailbox is empty; gives the last number.
    pub(crate) async fn drain(&mut self) -> Result<u64> {
        loop {
            match self.next().await? {
                RelayFrame::Deliver { seq, .. } => {
                    self.send(&ClientFrame::Ack { through: seq }).await?;
                }
                RelayFrame::QueueEmpty { through } => return Ok(through),
                RelayFrame::KeysLow(_) => (),
                other => bail!("no mail but {other:?}"),
            }
        }
    }
}
