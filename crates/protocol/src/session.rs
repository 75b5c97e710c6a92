//! A session: what two devices have after a handshake, and the only way to seal and open messages.
//! PROTOCOL.md "Session".
//!
//! It joins handshake, envelope and ratchet. Which session is active, what a replayed handshake is, and when
//! prekeys are erased are decisions of the engine above; this tells it what it needs for them.

use rand_core::CryptoRng;

use crate::codec::{DecodeError, Reader};
use crate::curve::{NonContributory, X25519Pair};
use crate::envelope::{
    BaseKey, Envelope, HANDSHAKE_BYTES, Handshake, InitialMessage, PREFIX_BYTES, SessionTag,
    ratchet_prefix,
};
use crate::handshake::{Agreements, AssociatedData, Transcript};
use crate::identity::{CertificateError, LocalDevice, PeerIdentity};
use crate::prekeys::{ResponderPreKeys, VerifiedPreKeyBundle};
use crate::ratchet::{OpenError, Ratchet, SealError};
use crate::secret::{Plaintext, SecretBytes, opaque_debug, scrubbed};

/// Version of a session's stored form.
const STORED_VERSION: u8 = 1;
/// More than a stored session without its skipped keys has, so that no growing buffer leaves secrets behind: 1,766 at
/// most, before the first reply.
const STORED_FIXED_BYTES: usize = 2_048;

/// Why no session could be begun with a verified bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitiateError {
    /// The bundle is this device's own. Blame: the caller.
    #[error("a device has no session with itself")]
    OwnDevice,
    /// A key of the bundle contributes nothing. Blame: the peer.
    #[error(transparent)]
    PeerKey(#[from] NonContributory),
}

/// Why no session was accepted from an initial message. Nothing has changed; no prekey is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The prekeys are not those that the message names. Blame: the caller.
    #[error("these are not the prekeys that the message names")]
    PreKeyMismatch,
    /// The message says that this device sent it. Blame: the relay.
    #[error("a device has no session with itself")]
    OwnDevice,
    /// The sender's certificate cannot be parsed. Blame: the sender.
    #[error(transparent)]
    SenderEncoding(#[from] DecodeError),
    /// The sender's certificate is not signed by its account. Blame: the sender.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A key of the message contributes nothing. Blame: the sender.
    #[error(transparent)]
    PeerKey(#[from] NonContributory),
    /// The message does not open: the two sides disagree about something, or it was tampered with.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// One side of a session. Every successful [`Self::seal`] and [`Self::open`] changes it, and the change must
/// be on disk before the envelope leaves or the plaintext is shown.
pub struct Session {
    tag: SessionTag,
    base_key: BaseKey,
    associated_data: AssociatedData,
    peer: PeerIdentity,
    /// The prefix of an initial message, repeated until the first reply is opened.
    initial_prefix: Option<Box<[u8]>>,
    /// Boxed, so that moving the session leaves no copy of its keys behind.
    ratchet: Box<Ratchet>,
}

opaque_debug!(Session);

impl Session {
    /// Begins a session with the device of a verified bundle. Nothing is sent; the first sealed messages carry
    /// the handshake.
    ///
    /// # Errors
    /// [`InitiateError`].
    pub fn initiate(
        local: &LocalDevice,
        bundle: VerifiedPreKeyBundle,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, InitiateError> {
        scrubbed(|| Self::begin(local, bundle, rng))
    }

    fn begin(
        local: &LocalDevice,
        bundle: VerifiedPreKeyBundle,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, InitiateError> {
        if bundle.peer.certificate().identity_key() == local.keys().identity_key() {
            return Err(InitiateError::OwnDevice);
        }
        let tag = SessionTag::generate(rng);
        let base = X25519Pair::generate(rng);
        let base_key = BaseKey(base.public());
        let signed_prekey = bundle.signed_prekey.key();
        let one_time = bundle.one_time_prekey.as_ref();
        let (kem_ciphertext, kem) = bundle.encapsulator.encapsulate(rng);
        let agreements = Agreements {
            identity_signed: local.keys().identity().agree(&signed_prekey)?,
            base_identity: base.agree(&bundle.peer.certificate().identity_key())?,
            base_signed: base.agree(&signed_prekey)?,
            base_one_time: one_time
                .map(|prekey| base.agree(&prekey.key()))
                .transpose()?,
            kem,
        };
        let transcript = Transcript {
            initiator: local.certificate(),
            responder: bundle.peer.certificate(),
            signed_prekey: (bundle.signed_prekey.id(), signed_prekey),
            one_time_prekey: one_time.map(|prekey| (prekey.id(), prekey.key())),
            kem_prekey: (
                bundle.kem_prekey.kind(),
                bundle.kem_prekey.id(),
                bundle.kem_prekey.key(),
            ),
            tag,
            base_key,
        };
        let associated_data = transcript.associated_data();
        let handshake = Handshake {
            certificate: &local.certificate().encode(),
            base_key,
            signed_prekey_id: bundle.signed_prekey.id(),
            kem_kind: bundle.kem_prekey.kind(),
            kem_prekey_id: bundle.kem_prekey.id(),
            one_time_prekey_id: one_time.map(|prekey| prekey.id()),
            kem_ciphertext: &kem_ciphertext,
        };
        Ok(Self {
            tag,
            base_key,
            associated_data,
            initial_prefix: Some(handshake.initial_prefix(tag).into_boxed_slice()),
            ratchet: Box::new(Ratchet::initiate(agreements.derive(&associated_data), rng)),
            peer: bundle.peer,
        })
    }

    /// Accepts a session from the first of its messages to come in, and opens that message. When it succeeds
    /// the caller erases the one-time prekeys that the message names, in the same transaction that stores the
    /// session; when it fails they stay. `now` is in milliseconds since the epoch.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn accept(
        local: &LocalDevice,
        prekeys: &ResponderPreKeys<'_>,
        initial: &InitialMessage<'_>,
        now: u64,
    ) -> Result<(Self, Plaintext), AcceptError> {
        scrubbed(|| Self::answer(local, prekeys, initial, now))
    }

    fn answer(
        local: &LocalDevice,
        prekeys: &ResponderPreKeys<'_>,
        initial: &InitialMessage<'_>,
        now: u64,
    ) -> Result<(Self, Plaintext), AcceptError> {
        check_prekeys(prekeys, initial)?;
        let sender = initial.sender()?;
        if sender.identity_key() == local.keys().identity_key() {
            return Err(AcceptError::OwnDevice);
        }
        let peer = sender.verify()?;
        let signed_prekey = prekeys.signed_prekey.pair();
        let one_time = prekeys.one_time_prekey;
        let base = initial.base_key().0;
        let agreements = Agreements {
            identity_signed: signed_prekey.agree(&peer.certificate().identity_key())?,
            base_identity: local.keys().identity().agree(&base)?,
            base_signed: signed_prekey.agree(&base)?,
            base_one_time: one_time
                .map(|prekey| prekey.pair().agree(&base))
                .transpose()?,
            kem: prekeys
                .kem_prekey
                .pair()
                .decapsulate(initial.kem_ciphertext()),
        };
        let transcript = Transcript {
            initiator: peer.certificate(),
            responder: local.certificate(),
            signed_prekey: (prekeys.signed_prekey.id(), signed_prekey.public()),
            one_time_prekey: one_time.map(|prekey| (prekey.id(), prekey.pair().public())),
            kem_prekey: (
                prekeys.kem_prekey.kind(),
                prekeys.kem_prekey.id(),
                prekeys.kem_prekey.pair().public(),
            ),
            tag: initial.tag(),
            base_key: initial.base_key(),
        };
        let associated_data = transcript.associated_data();
        let keys = agreements.derive(&associated_data);
        let message = initial.sealed();
        let (ratchet, plaintext) = Ratchet::accept(keys, &associated_data, message, now)?;
        let session = Self {
            tag: initial.tag(),
            base_key: initial.base_key(),
            associated_data,
            peer,
            initial_prefix: None,
            ratchet: Box::new(ratchet),
        };
        Ok((session, plaintext))
    }

    /// Pads and seals a plaintext of at most [`crate::MAX_PLAINTEXT_BYTES`] bytes into an envelope of at most
    /// [`crate::MAX_ENVELOPE_BYTES`].
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        &mut self,
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, SealError> {
        let data = &self.associated_data;
        scrubbed(|| match &self.initial_prefix {
            Some(prefix) => self.ratchet.seal(data, prefix, plaintext, rng),
            None => {
                let prefix = ratchet_prefix(self.tag);
                self.ratchet.seal(data, &prefix, plaintext, rng)
            }
        })
    }

    /// Opens an envelope of this session, whether it repeats the handshake or not. `now` is in milliseconds
    /// since the epoch and ages the skipped keys.
    ///
    /// # Errors
    /// [`OpenError`]; the session is then as it was, byte for byte.
    pub fn open(&mut self, envelope: &Envelope<'_>, now: u64) -> Result<Plaintext, OpenError> {
        let same_handshake = match envelope {
            Envelope::Initial(initial) => initial.base_key() == self.base_key,
            Envelope::Ratchet(_) => true,
        };
        if envelope.tag() != self.tag || !same_handshake {
            return Err(OpenError::WrongSession);
        }
        let (ratchet, data) = (&mut self.ratchet, &self.associated_data);
        let plaintext = scrubbed(|| ratchet.open(data, envelope.sealed(), now))?;
        self.initial_prefix = None;
        Ok(plaintext)
    }

    /// Drops the keys of messages that have not come, and of chains that have ended, once they are past
    /// [`crate::SKIPPED_KEY_LIFETIME_MS`]; whether there were any, so that the session must be stored.
    /// [`Self::open`] does so too: this is for sessions on which nothing comes. `now` is in milliseconds
    /// since the epoch.
    pub fn expire(&mut self, now: u64) -> bool {
        self.ratchet.expire(now)
    }

    /// What names the session in every envelope.
    pub fn tag(&self) -> SessionTag {
        self.tag
    }

    /// The base key of the handshake that began it.
    pub fn base_key(&self) -> BaseKey {
        self.base_key
    }

    /// The device on the other side, its certificate verified.
    pub fn peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// Whether this side began the session and has opened no reply yet, so that its messages still carry the
    /// handshake.
    pub fn awaits_reply(&self) -> bool {
        self.initial_prefix.is_some()
    }

    /// The stored form, versioned. It changes with every message and must never be restored from a backup.
    pub fn to_bytes(&self) -> SecretBytes {
        let capacity = STORED_FIXED_BYTES + self.ratchet.skipped_bytes();
        let mut out = Vec::with_capacity(capacity);
        out.push(STORED_VERSION);
        out.extend_from_slice(self.tag.as_bytes());
        out.extend_from_slice(self.base_key.as_bytes());
        out.extend_from_slice(&self.associated_data.0);
        out.extend_from_slice(&self.peer.certificate().encode());
        out.push(u8::from(self.initial_prefix.is_some()));
        if let Some(prefix) = &self.initial_prefix {
            out.extend_from_slice(prefix);
        }
        self.ratchet.write(&mut out);
        debug_assert!(
            out.len() <= capacity,
            "a growing buffer leaves secrets behind"
        );
        out.into()
    }

    /// Restores what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(STORED_VERSION)?;
        let session = Self {
            tag: SessionTag::from_bytes(*reader.array()?),
            base_key: BaseKey::from_bytes(reader.array()?)?,
            associated_data: AssociatedData(*reader.array()?),
            peer: PeerIdentity::read_own_state(&mut reader)?,
            initial_prefix: match reader.flag("initial prefix flag")? {
                true => Some(reader.bytes(PREFIX_BYTES + HANDSHAKE_BYTES)?.into()),
                false => None,
            },
            ratchet: scrubbed(|| Ratchet::read(&mut reader).map(Box::new))?,
        };
        reader.finish()?;
        Ok(session)
    }
}

fn check_prekeys(
    prekeys: &ResponderPreKeys<'_>,
    initial: &InitialMessage<'_>,
) -> Result<(), AcceptError> {
    let given = (
        prekeys.signed_prekey.id(),
        prekeys.kem_prekey.kind(),
        prekeys.kem_prekey.id(),
        prekeys.one_time_prekey.map(|prekey| prekey.id()),
    );
    let named = (
        initial.signed_prekey_id(),
        initial.kem_kind(),
        initial.kem_prekey_id(),
        initial.one_time_prekey_id(),
    );
    if given == named {
        Ok(())
    } else {
        Err(AcceptError::PreKeyMismatch)
    }
}
