//! The envelope between two clients, in bytes: fixed widths, exact length, one encoding per message. Knows
//! no key and opens nothing. PROTOCOL.md "Envelope".
//!
//! Everything read here is a claim until a session has opened the ciphertext over it.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use rand_core::CryptoRng;

use crate::aead::{NONCE_BYTES, TAG_BYTES};
use crate::codec::{DecodeError, Reader};
use crate::curve::{KeyError, X25519Public};
use crate::identity::DeviceCertificate;
use crate::kem::KEM_CIPHERTEXT_BYTES;
use crate::padding;
use crate::prekeys::KemKind;
use crate::ratchet::SEALED_HEADER_BYTES;

/// Version of the protocol, the first byte of every envelope.
pub const PROTOCOL_VERSION: u8 = 1;
/// The one cipher suite: X25519, ML-KEM-768, Ed25519, XChaCha20-Poly1305, SHA-256. There is nothing to negotiate.
pub const SUITE: u8 = 1;

const TYPE_INITIAL: u8 = 1;
const TYPE_RATCHET: u8 = 2;

/// Version, type, suite and session tag.
pub(crate) const PREFIX_BYTES: usize = 19;
/// What an initial message says of its handshake, between prefix and header.
pub(crate) const HANDSHAKE_BYTES: usize = DeviceCertificate::BYTES + 46 + KEM_CIPHERTEXT_BYTES;
/// Header nonce, sealed header, body nonce and body length: what stands in front of the body.
pub(crate) const SEALED_HEAD_BYTES: usize = NONCE_BYTES + SEALED_HEADER_BYTES + NONCE_BYTES + 4;

/// The longest envelope, in bytes: an initial message of the largest size class.
pub const MAX_ENVELOPE_BYTES: usize = PREFIX_BYTES
    + HANDSHAKE_BYTES
    + SEALED_HEAD_BYTES
    + padding::MAX_PLAINTEXT_BYTES
    + 1
    + TAG_BYTES;
const _: () = assert!(MAX_ENVELOPE_BYTES <= 96 * 1024, "the relay takes 96 KiB");

/// Names a session: 16 random bytes, chosen by its initiator and authenticated in every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionTag([u8; 16]);

impl SessionTag {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut tag = [0; 16];
        rng.fill_bytes(&mut tag);
        Self(tag)
    }

    /// A tag as it was stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The initiator's ephemeral X25519 key, which names a handshake: a base key already known for a peer belongs
/// to the session that it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseKey(pub(crate) X25519Public);

impl BaseKey {
    /// A base key as it was stored.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a canonical public key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        X25519Public::from_bytes(bytes).map(Self)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl PartialOrd for BaseKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BaseKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for BaseKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// An envelope, parsed but not opened; it borrows the bytes.
#[derive(Clone, Copy, Debug)]
pub enum Envelope<'a> {
    /// A message that carries its handshake, sent until the first reply.
    Initial(InitialMessage<'a>),
    /// A message of a session that both sides have.
    Ratchet(RatchetMessage<'a>),
}

impl<'a> Envelope<'a> {
    /// Parses an envelope.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not exactly one.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(PROTOCOL_VERSION)?;
        let kind = reader.u8()?;
        if kind != TYPE_INITIAL && kind != TYPE_RATCHET {
            return Err(DecodeError::UnknownType(kind));
        }
        match reader.u8()? {
            SUITE => {}
            suite => return Err(DecodeError::UnknownSuite(suite)),
        }
        let tag = SessionTag(*reader.array()?);
        let handshake = match kind {
            TYPE_INITIAL => Some(Handshake::read(&mut reader)?),
            _ => None,
        };
        let sealed = SealedMessage::read(bytes, reader)?;
        Ok(match handshake {
            Some(handshake) => Self::Initial(InitialMessage {
                tag,
                handshake,
                sealed,
            }),
            None => Self::Ratchet(RatchetMessage { tag, sealed }),
        })
    }

    /// The session that the message says it belongs to.
    pub fn tag(&self) -> SessionTag {
        match self {
            Self::Initial(message) => message.tag,
            Self::Ratchet(message) => message.tag,
        }
    }

    pub(crate) fn sealed(&self) -> &SealedMessage<'a> {
        match self {
            Self::Initial(message) => &message.sealed,
            Self::Ratchet(message) => &message.sealed,
        }
    }
}

/// A message without a handshake.
#[derive(Clone, Copy, Debug)]
pub struct RatchetMessage<'a> {
    tag: SessionTag,
    sealed: SealedMessage<'a>,
}

impl RatchetMessage<'_> {
    /// The session that it says it belongs to.
    pub fn tag(&self) -> SessionTag {
        self.tag
    }
}

/// A message with a handshake.
#[derive(Clone, Copy, Debug)]
pub struct InitialMessage<'a> {
    tag: SessionTag,
    handshake: Handshake<'a>,
    sealed: SealedMessage<'a>,
}

impl<'a> InitialMessage<'a> {
    /// The session that it would begin.
    pub fn tag(&self) -> SessionTag {
        self.tag
    }

    /// The base key that names the handshake.
    pub fn base_key(&self) -> BaseKey {
        self.handshake.base_key
    }

    /// The sender's certificate as the message claims it, not verified. Parses two curve points.
    ///
    /// # Errors
    /// [`DecodeError`] when it is not a certificate.
    pub fn sender(&self) -> Result<DeviceCertificate, DecodeError> {
        DeviceCertificate::decode(self.handshake.certificate)
    }

    /// The signed prekey that was used.
    pub fn signed_prekey_id(&self) -> u32 {
        self.handshake.signed_prekey_id
    }

    /// The kind of the KEM prekey that was used.
    pub fn kem_kind(&self) -> KemKind {
        self.handshake.kem_kind
    }

    /// The KEM prekey that was used, within its kind.
    pub fn kem_prekey_id(&self) -> u32 {
        self.handshake.kem_prekey_id
    }

    /// The one-time prekey that was used, if one was.
    pub fn one_time_prekey_id(&self) -> Option<u32> {
        self.handshake.one_time_prekey_id
    }

    pub(crate) fn kem_ciphertext(&self) -> &'a [u8; KEM_CIPHERTEXT_BYTES] {
        self.handshake.kem_ciphertext
    }

    pub(crate) fn sealed(&self) -> &SealedMessage<'a> {
        &self.sealed
    }
}

/// What an initial message tells of its handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake<'a> {
    pub(crate) certificate: &'a [u8; DeviceCertificate::BYTES],
    pub(crate) base_key: BaseKey,
    pub(crate) signed_prekey_id: u32,
    pub(crate) kem_kind: KemKind,
    pub(crate) kem_prekey_id: u32,
    pub(crate) one_time_prekey_id: Option<u32>,
    pub(crate) kem_ciphertext: &'a [u8; KEM_CIPHERTEXT_BYTES],
}

impl<'a> Handshake<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            certificate: reader.array()?,
            base_key: BaseKey::from_bytes(reader.array()?)?,
            signed_prekey_id: reader.u32()?,
            kem_kind: KemKind::read(reader)?,
            kem_prekey_id: reader.u32()?,
            one_time_prekey_id: match (reader.flag("one-time prekey flag")?, reader.u32()?) {
                (true, id) => Some(id),
                (false, 0) => None,
                (false, _) => return Err(DecodeError::BadField("one-time prekey id")),
            },
            kem_ciphertext: reader.array()?,
        })
    }

    /// The prefix and handshake of an initial message of session `tag`.
    pub(crate) fn initial_prefix(&self, tag: SessionTag) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PREFIX_BYTES + HANDSHAKE_BYTES);
        bytes.extend_from_slice(&prefix(TYPE_INITIAL, tag));
        bytes.extend_from_slice(self.certificate);
        bytes.extend_from_slice(self.base_key.as_bytes());
        bytes.extend_from_slice(&self.signed_prekey_id.to_be_bytes());
        bytes.push(self.kem_kind.to_byte());
        bytes.extend_from_slice(&self.kem_prekey_id.to_be_bytes());
        bytes.push(u8::from(self.one_time_prekey_id.is_some()));
        bytes.extend_from_slice(&self.one_time_prekey_id.unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(self.kem_ciphertext);
        bytes
    }
}

/// The prefix of a message without a handshake.
pub(crate) fn ratchet_prefix(tag: SessionTag) -> [u8; PREFIX_BYTES] {
    prefix(TYPE_RATCHET, tag)
}

fn prefix(kind: u8, tag: SessionTag) -> [u8; PREFIX_BYTES] {
    let mut bytes = [0; PREFIX_BYTES];
    bytes[..3].copy_from_slice(&[PROTOCOL_VERSION, kind, SUITE]);
    bytes[3..].copy_from_slice(tag.as_bytes());
    bytes
}

/// The part that the Double Ratchet seals, together with all that stands before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedMessage<'a> {
    /// The whole envelope.
    pub(crate) bytes: &'a [u8],
    pub(crate) header_nonce: &'a [u8; NONCE_BYTES],
    pub(crate) header: &'a [u8; SEALED_HEADER_BYTES],
    pub(crate) body_nonce: &'a [u8; NONCE_BYTES],
    /// Where in `bytes` the sealed body begins; its last [`TAG_BYTES`] are its tag.
    pub(crate) body_at: usize,
}

impl<'a> SealedMessage<'a> {
    fn read(bytes: &'a [u8], mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let header_nonce = reader.array()?;
        let header = reader.array()?;
        let body_nonce = reader.array()?;
        let length = usize::try_from(reader.u32()?).expect("usize has at least 32 bits");
        if !length.checked_sub(TAG_BYTES).is_some_and(padding::is_class) {
            return Err(DecodeError::BadField("body length"));
        }
        let body_at = bytes.len() - reader.remaining();
        reader.bytes(length)?;
        reader.finish()?;
        Ok(Self {
            bytes,
            header_nonce,
            header,
            body_nonce,
            body_at,
        })
    }
}
