//! Frames from the relay to a client. `Challenge` is the first; `Error` is the last of a connection.
//! docs/RELAY-PROTOCOL.md has all of them and every number.

use crate::codec::{self, FrameError};
use crate::ids::{ClaimId, Epoch, MessageId, Nonce};
use crate::limits::{MAX_ACCOUNT_RECORD, MAX_ENVELOPE};
use crate::proto::{self, relay_frame::Kind};
use crate::records::{Bundle, KeyDigests, KeyStock};
use crate::username::Username;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $number:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$item_doc])* $item = $number),+ }

        impl $name {
            /// Every value, for tests and tables.
            pub const ALL: &[Self] = &[$(Self::$item),+];

            fn from_number(number: u32) -> Result<Self, FrameError> {
                match number {
                    $($number => Ok(Self::$item),)+
                    _ => Err(FrameError::Field(stringify!($name))),
                }
            }
        }
    };
}

numbered!(
    /// Who may register at this relay.
    Registration {
        /// Anyone.
        Open = 1,
        /// Whoever has an invite code.
        Invite = 2,
        /// Nobody now.
        Closed = 3,
    }
);

numbered!(
    /// Why an envelope was not taken. The connection goes on.
    SubmitRefusal {
        /// No such device; the sender's copy of the device list may be old.
        UnknownRecipient = 1,
        /// The recipient's mailbox is full; it never drops what it accepted.
        MailboxFull = 2,
        /// The sender is too fast; try again after the time given.
        RateLimited = 3,
        /// The relay cannot write now; try again after the time given.
        Unavailable = 4,
        /// This relay takes smaller ones only.
        TooLarge = 5,
    }
);

numbered!(
    /// Why a claim got no bundle. The connection goes on.
    BundleRefusal {
        /// No such device.
        UnknownDevice = 1,
        /// Too many claims; try again after the time given.
        RateLimited = 2,
        /// The relay cannot write now; try again after the time given.
        Unavailable = 3,
    }
);

numbered!(
    /// Why the relay ends a connection.
    ConnectionError {
        /// A frame that cannot be read, or one that is not allowed at this point.
        Malformed = 1,
        /// A version of the frames that this relay does not speak.
        UnsupportedVersion = 2,
        /// A signature that does not verify, or an account that stands here with another name, device
        /// number or signing key. Account records are not looked at.
        AuthFailed = 3,
        /// A device that this relay does not know.
        UnknownDevice = 4,
        /// Another account has the name.
        UsernameTaken = 5,
        /// This relay asks for an invite code, and the one given is missing, wrong, used up or past its
        /// time.
        InviteNeeded = 6,
        /// Nobody can register now.
        RegistrationClosed = 7,
        /// Too many registrations, look-ups or uploads of keys; try again after the time given.
        RateLimited = 8,
        /// The relay cannot read or write its store now, or has no place for a new device; try again after the
        /// time given.
        Unavailable = 9,
        /// A key id that was used before with another key, or one at or below the device's floor.
        KeyReused = 10,
        /// No `Auth` or `Register` within `AUTH_TIMEOUT_MS` (`WORK_TIMEOUT_MS` where work is asked for), or no
        /// frame within `IDLE_TIMEOUT_MS`.
        TimedOut = 11,
        /// A newer connection of the same device took over.
        Replaced = 12,
        /// The relay's operator has shut this account, name or network out.
        Banned = 13,
        /// This relay asks a registration for work, and it was not shown, or not for this challenge and account.
        WorkNeeded = 14,
    }
);

/// WebSocket close codes (RFC 6455, section 7.4): what a client may learn without a last frame.
pub mod close_code {
    use super::ConnectionError;

    /// The relay is restarting.
    pub const RESTART: u16 = 1012;

    /// The close code of an error: 4000 and its number.
    #[must_use]
    pub const fn of(error: ConnectionError) -> u16 {
        4_000 + error as u16
    }
}

/// Everything that a relay says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayFrame {
    /// First frame of every connection.
    Challenge {
        /// Oldest and newest version of the frames that the relay speaks.
        versions: (u32, u32),
        /// Used once, for this connection only.
        nonce: Nonce,
        /// Another one than last time: the relay was restored, resynchronise.
        epoch: Epoch,
        /// Who may register.
        registration: Registration,
        /// Leading zero bits of the [`crate::work::Puzzle`] that a `Register` answers, at most `MAX_WORK_BITS`
        /// from a relay of ours; 0 for none.
        work_bits: u32,
    },
    /// Authenticated; deliveries begin. Holds what the relay has of the device's keys.
    AuthOk(KeyStock),
    /// The envelope is durable, or its recipient has acknowledged it.
    Stored {
        /// Which.
        message_id: MessageId,
        /// It was stored before; this was a retry.
        duplicate: bool,
    },
    /// The envelope was not taken.
    Refused {
        /// Which.
        message_id: MessageId,
        /// Why.
        cause: SubmitRefusal,
        /// Milliseconds to wait before a retry, 0 where a retry does not help.
        retry_after_ms: u64,
    },
    /// One envelope from the mailbox, in its order.
    Deliver {
        /// Rises within a device's mailbox in an epoch, and may have gaps.
        seq: u64,
        /// The sender's id for it.
        message_id: MessageId,
        /// At most [`MAX_ENVELOPE`] bytes.
        envelope: Vec<u8>,
    },
    /// Everything that waited when the connection began has been delivered.
    QueueEmpty {
        /// The last sequence number of the mailbox.
        through: u64,
    },
    /// Answer to `LookUp`.
    Account {
        /// The name asked for.
        username: Username,
        /// The signed account record, or nothing where nobody has the name.
        record: Option<Vec<u8>>,
    },
    /// Answer to `FetchBundle`.
    Bundle {
        /// The claim.
        claim: ClaimId,
        /// The keys.
        bundle: Box<Bundle>,
    },
    /// Answer to `FetchBundle`.
    NoBundle {
        /// The claim.
        claim: ClaimId,
        /// Why.
        cause: BundleRefusal,
        /// Milliseconds to wait before a retry, 0 where a retry does not help.
        retry_after_ms: u64,
    },
    /// The keys of this `Publish` are durable.
    Published {
        /// The client's number for it.
        request: u32,
    },
    /// Fewer than `LOW_ONE_TIME_KEYS` of a kind are left.
    KeysLow(KeyStock),
    /// Answer to `Ping`.
    Pong {
        /// The ping's token.
        token: u64,
    },
    /// The relay is about to close; reconnect after so many milliseconds.
    Drain {
        /// Jittered by the relay.
        reconnect_after_ms: u64,
    },
    /// The connection ends.
    Error {
        /// Why.
        code: ConnectionError,
        /// Milliseconds to wait before the next connection, 0 for the client's own backoff.
        retry_after_ms: u64,
    },
}

impl RelayFrame {
    /// The frame as the payload of one binary WebSocket message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&proto::RelayFrame {
            kind: Some(self.into()),
        })
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] for what is too large, not protobuf, of an unknown kind, or has a field that
    /// is missing, of the wrong length or over its limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let frame: proto::RelayFrame = codec::decode(bytes)?;
        match frame.kind.ok_or(FrameError::UnknownKind)? {
            Kind::Challenge(challenge) => challenge.try_into(),
            Kind::AuthOk(stock) => Ok(Self::AuthOk(stock.into())),
            Kind::Stored(stored) => Ok(Self::Stored {
                message_id: codec::fixed(&stored.message_id, "message_id")?,
                duplicate: stored.duplicate,
            }),
            Kind::Refused(refused) => Ok(Self::Refused {
                message_id: codec::fixed(&refused.id, "message_id")?,
                cause: SubmitRefusal::from_number(refused.cause)?,
                retry_after_ms: refused.retry_after_ms,
            }),
            Kind::Deliver(deliver) => deliver.try_into(),
            Kind::QueueEmptyThrough(through) => Ok(Self::QueueEmpty { through }),
            Kind::Account(account) => account.try_into(),
            Kind::Bundle(reply) => Ok(Self::Bundle {
                claim: codec::fixed(&reply.claim, "claim")?,
                bundle: Box::new(codec::bundle(reply.bundle)?),
            }),
            Kind::NoBundle(refused) => Ok(Self::NoBundle {
                claim: codec::fixed(&refused.id, "claim")?,
                cause: BundleRefusal::from_number(refused.cause)?,
                retry_after_ms: refused.retry_after_ms,
            }),
            Kind::PublishedRequest(request) => Ok(Self::Published { request }),
            Kind::KeysLow(stock) => Ok(Self::KeysLow(stock.into())),
            Kind::PongToken(token) => Ok(Self::Pong { token }),
            Kind::DrainReconnectAfterMs(reconnect_after_ms) => {
                Ok(Self::Drain { reconnect_after_ms })
            }
            Kind::Error(error) => Ok(Self::Error {
                code: ConnectionError::from_number(error.code)?,
                retry_after_ms: error.retry_after_ms,
            }),
        }
    }
}

impl From<&RelayFrame> for Kind {
    fn from(frame: &RelayFrame) -> Self {
        match frame {
            RelayFrame::Challenge {
                versions,
                nonce,
                epoch,
                registration,
                work_bits,
            } => Self::Challenge(proto::Challenge {
                min_version: versions.0,
                max_version: versions.1,
                nonce: nonce.0.to_vec(),
                epoch: epoch.0.to_vec(),
                registration: *registration as u32,
                work_bits: *work_bits,
            }),
            RelayFrame::AuthOk(stock) => Self::AuthOk((*stock).into()),
            RelayFrame::Stored {
                message_id,
                duplicate,
            } => Self::Stored(proto::Stored {
                message_id: message_id.0.to_vec(),
                duplicate: *duplicate,
            }),
            RelayFrame::Refused {
                message_id,
                cause,
                retry_after_ms,
            } => Self::Refused(refused(&message_id.0, *cause as u32, *retry_after_ms)),
            RelayFrame::Deliver {
                seq,
                message_id,
                envelope,
            } => Self::Deliver(proto::Deliver {
                seq: *seq,
                message_id: message_id.0.to_vec(),
                envelope: envelope.clone(),
            }),
            RelayFrame::QueueEmpty { through } => Self::QueueEmptyThrough(*through),
            RelayFrame::Account { username, record } => Self::Account(proto::Account {
                username: username.as_str().to_owned(),
                record: record.clone(),
            }),
            RelayFrame::Bundle { claim, bundle } => Self::Bundle(proto::BundleReply {
                claim: claim.0.to_vec(),
                bundle: Some(bundle.as_ref().into()),
            }),
            RelayFrame::NoBundle {
                claim,
                cause,
                retry_after_ms,
            } => Self::NoBundle(refused(&claim.0, *cause as u32, *retry_after_ms)),
            RelayFrame::Published { request } => Self::PublishedRequest(*request),
            RelayFrame::KeysLow(stock) => Self::KeysLow((*stock).into()),
            RelayFrame::Pong { token } => Self::PongToken(*token),
            RelayFrame::Drain { reconnect_after_ms } => {
                Self::DrainReconnectAfterMs(*reconnect_after_ms)
            }
            RelayFrame::Error {
                code,
                retry_after_ms,
            } => Self::Error(proto::ErrorReply {
                code: *code as u32,
                retry_after_ms: *retry_after_ms,
            }),
        }
    }
}

fn refused(id: &[u8], cause: u32, retry_after_ms: u64) -> proto::Refused {
    proto::Refused {
        id: id.to_vec(),
        cause,
        retry_after_ms,
    }
}

impl TryFrom<proto::Challenge> for RelayFrame {
    type Error = FrameError;

    fn try_from(challenge: proto::Challenge) -> Result<Self, FrameError> {
        Ok(Self::Challenge {
            versions: (challenge.min_version, challenge.max_version),
            nonce: codec::fixed(&challenge.nonce, "nonce")?,
            epoch: codec::fixed(&challenge.epoch, "epoch")?,
            registration: Registration::from_number(challenge.registration)?,
            work_bits: challenge.work_bits,
        })
    }
}

impl TryFrom<proto::Deliver> for RelayFrame {
    type Error = FrameError;

    fn try_from(deliver: proto::Deliver) -> Result<Self, FrameError> {
        Ok(Self::Deliver {
            seq: deliver.seq,
            message_id: codec::fixed(&deliver.message_id, "message_id")?,
            envelope: codec::at_most(deliver.envelope, MAX_ENVELOPE, "envelope")?,
        })
    }
}

impl TryFrom<proto::Account> for RelayFrame {
    type Error = FrameError;

    fn try_from(account: proto::Account) -> Result<Self, FrameError> {
        let record = account
            .record
            .map(|record| codec::at_most(record, MAX_ACCOUNT_RECORD, "record"))
            .transpose()?;
        Ok(Self::Account {
            username: codec::username(&account.username)?,
            record,
        })
    }
}

impl From<KeyStock> for proto::Stock {
    fn from(stock: KeyStock) -> Self {
        Self {
            signed_prekey: stock.signed_prekey,
            last_resort_kem: stock.last_resort_kem,
            one_time_prekeys: stock.one_time_prekeys,
            one_time_kems: stock.one_time_kems,
            signed_prekey_digest: stock.digests.signed_prekey,
            last_resort_kem_digest: stock.digests.last_resort_kem,
            one_time_prekeys_digest: stock.digests.one_time_prekeys,
            one_time_kems_digest: stock.digests.one_time_kems,
        }
    }
}

impl From<proto::Stock> for KeyStock {
    fn from(stock: proto::Stock) -> Self {
        Self {
            signed_prekey: stock.signed_prekey,
            last_resort_kem: stock.last_resort_kem,
            one_time_prekeys: stock.one_time_prekeys,
            one_time_kems: stock.one_time_kems,
            digests: KeyDigests {
                signed_prekey: stock.signed_prekey_digest,
                last_resort_kem: stock.last_resort_kem_digest,
                one_time_prekeys: stock.one_time_prekeys_digest,
                one_time_kems: stock.one_time_kems_digest,
            },
        }
    }
}
