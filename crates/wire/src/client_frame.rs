//! Frames from a client to its relay. `Auth` or `Register` is the one frame before authentication.

use crate::codec::{self, FrameError};
use crate::ids::{AccountId, ClaimId, DeviceAddress, MessageId, SignatureBytes, SigningKeyBytes};
use crate::limits::{MAX_ACCOUNT_RECORD, MAX_INVITE};
use crate::proto::{self, client_frame::Kind};
use crate::records::PublishedKeys;
use crate::username::Username;

/// A device's answer to the challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Version of the frames that the client chose from the relay's.
    pub version: u32,
    /// Which device this is.
    pub device: DeviceAddress,
    /// The last sequence number that the device has on disk; the relay may delete up to it.
    pub last_seq: u64,
    /// Deliveries that may be unacknowledged at once, 1 to `MAX_RECEIVE_WINDOW`.
    pub receive_window: u32,
    /// By the device's signing key over [`crate::statement::auth`].
    pub signature: SignatureBytes,
}

/// A new account with its first device; repeated after a lost answer, it succeeds again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Version of the frames that the client chose from the relay's.
    pub version: u32,
    /// The name that is asked for.
    pub username: Username,
    /// The account and its first device.
    pub device: DeviceAddress,
    /// The device's key, which signs its authentication from now on.
    pub signing_key: SigningKeyBytes,
    /// The account's signed device list, opaque to the relay.
    pub account_record: Vec<u8>,
    /// Signed prekey and last-resort prekey; one-time keys follow in `Publish`, since a hundred of
    /// them do not fit in `MAX_UNAUTHENTICATED_FRAME`.
    pub keys: PublishedKeys,
    /// Where the relay asks for one.
    pub invite: Option<String>,
    /// As in [`Auth`].
    pub receive_window: u32,
    /// By the account's key over [`crate::statement::register`].
    pub account_signature: SignatureBytes,
    /// By the device's signing key over the same statement.
    pub device_signature: SignatureBytes,
    /// Answer to [`crate::work::Puzzle`] where the challenge asks for work; looked at nowhere else.
    pub work: u64,
}

/// One envelope for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Chosen once per envelope and kept on every retry.
    pub message_id: MessageId,
    /// Whose mailbox.
    pub recipient: DeviceAddress,
    /// `MIN_ENVELOPE` to `MAX_ENVELOPE` bytes; [`crate::envelope`] has what the relay looks at.
    pub envelope: Vec<u8>,
}

/// Everything that a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// First frame of a known device.
    Auth(Auth),
    /// First frame of a new account.
    Register(Box<Register>),
    /// Answered by `Stored` or `Refused` with its message id.
    Submit(Submit),
    /// Everything up to this sequence number is on the device's disk.
    Ack {
        /// Cumulative.
        through: u64,
    },
    /// Asks which account has a name; answered by `Account`.
    LookUp {
        /// The name.
        username: Username,
    },
    /// Claims a prekey bundle; answered by `Bundle` or `NoBundle` with its claim id.
    FetchBundle {
        /// The same on every retry.
        claim: ClaimId,
        /// Whose keys.
        device: DeviceAddress,
    },
    /// Adds or replaces the device's public keys; answered by `Published` with its number.
    Publish {
        /// The client's number for this request.
        request: u32,
        /// The keys.
        keys: PublishedKeys,
    },
    /// Answered by `Pong` with the same token.
    Ping {
        /// Any number.
        token: u64,
    },
}

impl ClientFrame {
    /// The frame as the payload of one binary WebSocket message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&proto::ClientFrame {
            kind: Some(self.into()),
        })
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] for what is too large, not protobuf, of an unknown kind, or has a field that
    /// is missing, of the wrong length or over its limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let frame: proto::ClientFrame = codec::decode(bytes)?;
        match frame.kind.ok_or(FrameError::UnknownKind)? {
            Kind::Auth(auth) => auth.try_into().map(Self::Auth),
            Kind::Register(register) => (*register)
                .try_into()
                .map(|register| Self::Register(Box::new(register))),
            Kind::Submit(submit) => submit.try_into().map(Self::Submit),
            Kind::AckThrough(through) => Ok(Self::Ack { through }),
            Kind::LookUpUsername(name) => Ok(Self::LookUp {
                username: codec::username(&name)?,
            }),
            Kind::FetchBundle(fetch) => Ok(Self::FetchBundle {
                claim: codec::fixed(&fetch.claim, "claim")?,
                device: codec::device(fetch.device)?,
            }),
            Kind::Publish(publish) => Ok(Self::Publish {
                request: publish.request,
                keys: codec::keys(publish.keys)?,
            }),
            Kind::PingToken(token) => Ok(Self::Ping { token }),
        }
    }
}

impl From<&ClientFrame> for Kind {
    fn from(frame: &ClientFrame) -> Self {
        match frame {
            ClientFrame::Auth(auth) => Self::Auth(auth.into()),
            ClientFrame::Register(register) => Self::Register(Box::new(register.as_ref().into())),
            ClientFrame::Submit(submit) => Self::Submit(proto::Submit {
                message_id: submit.message_id.0.to_vec(),
                recipient: Some(submit.recipient.into()),
                envelope: submit.envelope.clone(),
            }),
            ClientFrame::Ack { through } => Self::AckThrough(*through),
            ClientFrame::LookUp { username } => Self::LookUpUsername(username.as_str().to_owned()),
            ClientFrame::FetchBundle { claim, device } => Self::FetchBundle(proto::FetchBundle {
                claim: claim.0.to_vec(),
                device: Some((*device).into()),
            }),
            ClientFrame::Publish { request, keys } => Self::Publish(proto::Publish {
                request: *request,
                keys: Some(keys.into()),
            }),
            ClientFrame::Ping { token } => Self::PingToken(*token),
        }
    }
}

impl From<&Auth> for proto::Auth {
    fn from(auth: &Auth) -> Self {
        Self {
            version: auth.version,
            device: Some(auth.device.into()),
            last_seq: auth.last_seq,
            receive_window: auth.receive_window,
            signature: auth.signature.0.to_vec(),
        }
    }
}

impl TryFrom<proto::Auth> for Auth {
    type Error = FrameError;

    fn try_from(auth: proto::Auth) -> Result<Self, FrameError> {
        Ok(Self {
            version: auth.version,
            device: codec::device(auth.device)?,
            last_seq: auth.last_seq,
            receive_window: codec::window(auth.receive_window)?,
            signature: codec::fixed(&auth.signature, "signature")?,
        })
    }
}

impl From<&Register> for proto::Register {
    fn from(register: &Register) -> Self {
        Self {
            version: register.version,
            username: register.username.as_str().to_owned(),
            device: Some(register.device.into()),
            signing_key: register.signing_key.0.to_vec(),
            account_record: register.account_record.clone(),
            keys: Some((&register.keys).into()),
            invite: register.invite.clone(),
            receive_window: register.receive_window,
            account_signature: register.account_signature.0.to_vec(),
            device_signature: register.device_signature.0.to_vec(),
            work: register.work,
        }
    }
}

impl TryFrom<proto::Register> for Register {
    type Error = FrameError;

    fn try_from(register: proto::Register) -> Result<Self, FrameError> {
        if register
            .invite
            .as_ref()
            .is_some_and(|invite| invite.len() > MAX_INVITE)
        {
            return Err(FrameError::Field("invite"));
        }
        Ok(Self {
            version: register.version,
            username: codec::username(&register.username)?,
            device: codec::device(register.device)?,
            signing_key: codec::fixed(&register.signing_key, "signing_key")?,
            account_record: codec::at_most(
                register.account_record,
                MAX_ACCOUNT_RECORD,
                "account_record",
            )?,
            keys: codec::keys(register.keys)?,
            invite: register.invite,
            receive_window: codec::window(register.receive_window)?,
            account_signature: codec::fixed(&register.account_signature, "account_signature")?,
            device_signature: codec::fixed(&register.device_signature, "device_signature")?,
            work: register.work,
        })
    }
}

impl TryFrom<proto::Submit> for Submit {
    type Error = FrameError;

    fn try_from(submit: proto::Submit) -> Result<Self, FrameError> {
        Ok(Self {
            message_id: codec::fixed(&submit.message_id, "message_id")?,
            recipient: codec::device(submit.recipient)?,
            envelope: codec::envelope(submit.envelope)?,
        })
    }
}

impl From<DeviceAddress> for proto::Device {
    fn from(device: DeviceAddress) -> Self {
        Self {
            account: device.account.0.to_vec(),
            device: device.device,
        }
    }
}

impl TryFrom<proto::Device> for DeviceAddress {
    type Error = FrameError;

    fn try_from(device: proto::Device) -> Result<Self, FrameError> {
        if device.device == 0 {
            return Err(FrameError::Field("device"));
        }
        let account: AccountId = codec::fixed(&device.account, "account")?;
        Ok(Self {
            account,
            device: device.device,
        })
    }
}
