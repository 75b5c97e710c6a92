//! The state of a Double Ratchet with header encryption, and its two operations. PROTOCOL.md "Double Ratchet".
//!
//! Opening computes what would follow beside the state and applies it when the body is authentic, so a
//! message that is refused changes nothing, without a copy of the skipped keys.

use core::mem;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::MAX_SKIP;
use super::error::{OpenError, SealError};
use super::header::{Header, HeaderAssociatedData};
use super::keys::{HeaderKey, MessageKey, RootKey};
use super::receiving::{Advance, ReceivingChain};
use super::sending::{ActiveChain, DueChain, Sending};
use super::skipped::{RetiredChains, SkippedKeys, expire, prune};
use crate::aead::{NONCE_BYTES, TAG_BYTES};
use crate::curve::{X25519Pair, X25519Public};
use crate::envelope::{SEALED_HEAD_BYTES, SealedMessage};
use crate::handshake::{AssociatedData, HandshakeKeys};
use crate::padding;
use crate::secret::Plaintext;

/// Both directions of one session.
pub(crate) struct Ratchet {
    pub(super) root: RootKey,
    pub(super) sending: Sending,
    /// None until the peer has sent something.
    pub(super) receiving: Option<ReceivingChain>,
    /// What the peer's next chain seals its headers with (`NHKr`).
    pub(super) next_header_key: HeaderKey,
    pub(super) retired: RetiredChains,
}

/// Which header key opened a header.
enum Place {
    Current,
    Next,
    Retired(usize),
}

impl Ratchet {
    /// The initiator's side, with a chain to send on.
    pub(crate) fn initiate(keys: HandshakeKeys, rng: &mut dyn CryptoRng) -> Self {
        Self {
            root: keys.root,
            sending: Sending::Active(ActiveChain {
                pair: X25519Pair::generate(rng),
                chain: keys.chain,
                header_key: keys.initiator_header,
                next_header_key: keys.initiator_next_header,
                number: 0,
                previous_length: 0,
            }),
            receiving: None,
            next_header_key: keys.responder_header,
            retired: RetiredChains::default(),
        }
    }

    /// The responder's side, which exists only together with the first message that it opened.
    pub(crate) fn accept(
        keys: HandshakeKeys,
        associated_data: &AssociatedData,
        message: &SealedMessage<'_>,
        now: u64,
    ) -> Result<(Self, Plaintext), OpenError> {
        let header_data = HeaderAssociatedData::of(associated_data, message.bytes);
        let header = Header::open(&keys.initiator_header, &header_data, message)
            .ok_or(OpenError::HeaderNotAuthentic)??;
        if header.previous_length != 0 {
            return Err(OpenError::InvalidHeader);
        }
        let advance = Advance::plan(&keys.chain, 0, header.number, MAX_SKIP, now)?;
        let plaintext = Body::of(associated_data, message).open(&advance.key)?;
        let ratchet = Self {
            root: keys.root,
            sending: Sending::Due(DueChain {
                their_key: header.ratchet_key,
                header_key: keys.responder_header,
                previous_length: 0,
            }),
            receiving: Some(advance.into_chain(keys.initiator_header, &header)),
            next_header_key: keys.initiator_next_header,
            retired: RetiredChains::default(),
        };
        Ok((ratchet, plaintext))
    }

    /// Seals `plaintext` into an envelope that begins with `prefix`.
    pub(crate) fn seal(
        &mut self,
        associated_data: &AssociatedData,
        prefix: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, SealError> {
        let padded = padding::padded_length(plaintext.len()).ok_or(SealError::TooLong)?;
        let chain = self.active_chain(rng)?;
        let (header, key) = chain.next()?;
        let [mut header_nonce, mut body_nonce] = [[0; NONCE_BYTES]; 2];
        rng.fill_bytes(&mut header_nonce);
        rng.fill_bytes(&mut body_nonce);
        let header_data = HeaderAssociatedData::of(associated_data, prefix);
        let header = header.seal(&chain.header_key, &header_nonce, header_data.as_bytes());

        let sealed_length = padded + TAG_BYTES;
        // The associated data stands in front while the body is sealed, and is cut off at the end.
        let front = associated_data.0.len();
        let capacity = front + prefix.len() + SEALED_HEAD_BYTES + sealed_length;
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&associated_data.0);
        bytes.extend_from_slice(prefix);
        bytes.extend_from_slice(&header_nonce);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&body_nonce);
        let length = u32::try_from(sealed_length).expect("a size class fits 32 bits");
        bytes.extend_from_slice(&length.to_be_bytes());
        let body_at = bytes.len();
        padding::pad_onto(&mut bytes, plaintext, padded);
        let (head, body) = bytes.split_at_mut(body_at);
        let tag = key.seal(&body_nonce, head, body);
        bytes.extend_from_slice(&tag);
        debug_assert_eq!(
            bytes.capacity(),
            capacity,
            "a growing buffer leaves the text behind"
        );
        debug_assert_eq!(bytes.len(), capacity);
        bytes.drain(..front);
        Ok(bytes)
    }

    /// The chain to send on, begun now when it was due.
    fn active_chain(&mut self, rng: &mut dyn CryptoRng) -> Result<&mut ActiveChain, SealError> {
        if let Sending::Due(due) = &self.sending {
            let (root, chain) = due.begin(&self.root, rng)?;
            self.root = root;
            self.sending = Sending::Active(chain);
        }
        match &mut self.sending {
            Sending::Active(chain) => Ok(chain),
            Sending::Due(_) => unreachable!("a due chain was begun just above"),
        }
    }

    /// Opens a message; the state moves on exactly when it is authentic.
    pub(crate) fn open(
        &mut self,
        associated_data: &AssociatedData,
        message: &SealedMessage<'_>,
        now: u64,
    ) -> Result<Plaintext, OpenError> {
        let (place, header) = self.locate(associated_data, message)?;
        let body = Body::of(associated_data, message);
        let plaintext = match place {
            Place::Current => self.open_current(&header, body, now)?,
            Place::Next => self.open_next(&header, body, now)?,
            Place::Retired(index) => self.open_retired(index, &header, body, now)?,
        };
        self.kept(|retired, current| prune(retired, current, now));
        Ok(plaintext)
    }

    /// Drops skipped keys and retired chains that are past their lifetime; whether there were any.
    pub(crate) fn expire(&mut self, now: u64) -> bool {
        self.kept(|retired, current| expire(retired, current, now))
    }

    /// The retired chains, and the skipped keys of the current chain.
    fn kept<T>(&mut self, f: impl FnOnce(&mut RetiredChains, &mut SkippedKeys) -> T) -> T {
        match &mut self.receiving {
            Some(chain) => f(&mut self.retired, &mut chain.skipped),
            None => f(&mut self.retired, &mut SkippedKeys::default()),
        }
    }

    /// Tries each header key once: the current chain's, the next one's, the retired ones', the newest first.
    fn locate(
        &self,
        associated_data: &AssociatedData,
        message: &SealedMessage<'_>,
    ) -> Result<(Place, Header), OpenError> {
        let header_data = HeaderAssociatedData::of(associated_data, message.bytes);
        let try_open = |key| Header::open(key, &header_data, message).transpose();
        if let Some(chain) = &self.receiving
            && let Some(header) = try_open(&chain.header_key)?
        {
            return Ok((Place::Current, header.of_chain(&chain.ratchet_key)?));
        }
        // The peer can begin its next chain only after it has seen a ratchet key of our active one.
        if matches!(self.sending, Sending::Active(_))
            && let Some(header) = try_open(&self.next_header_key)?
        {
            return Ok((Place::Next, header));
        }
        for (index, chain) in self.retired.iter().enumerate().rev() {
            if let Some(header) = try_open(&chain.header_key)? {
                return Ok((Place::Retired(index), header.of_chain(&chain.ratchet_key)?));
            }
        }
        Err(OpenError::HeaderNotAuthentic)
    }

    fn open_current(
        &mut self,
        header: &Header,
        body: Body<'_>,
        now: u64,
    ) -> Result<Plaintext, OpenError> {
        let chain = self
            .receiving
            .as_mut()
            .ok_or(OpenError::HeaderNotAuthentic)?;
        if header.number < chain.next {
            return open_skipped(&mut chain.skipped, header.number, body, now);
        }
        let advance = Advance::plan(&chain.chain, chain.next, header.number, MAX_SKIP, now)?;
        let plaintext = body.open(&advance.key)?;
        chain.apply(advance, header.number);
        Ok(plaintext)
    }

    fn open_next(
        &mut self,
        header: &Header,
        body: Body<'_>,
        now: u64,
    ) -> Result<Plaintext, OpenError> {
        let Sending::Active(active) = &mut self.sending else {
            return Err(OpenError::HeaderNotAuthentic);
        };
        let rest = match &self.receiving {
            Some(chain) => chain.plan_end(header.previous_length, now)?,
            None if header.previous_length == 0 => Vec::new(),
            None => return Err(OpenError::InvalidHeader),
        };
        let budget = MAX_SKIP - rest.len();
        let step = self.root.step(&active.pair.agree(&header.ratchet_key)?);
        let advance = Advance::plan(&step.chain, 0, header.number, budget, now)?;
        let plaintext = body.open(&advance.key)?;

        // Authentic: from here on nothing fails.
        let header_key = mem::replace(&mut self.next_header_key, step.next_header);
        let chain = advance.into_chain(header_key, header);
        if let Some(ended) = self.receiving.replace(chain) {
            self.retired.push(ended.retire(rest, now));
        }
        self.root = step.root;
        self.sending = Sending::Due(DueChain {
            their_key: header.ratchet_key,
            header_key: HeaderKey::from_bytes(active.next_header_key.as_bytes()),
            previous_length: active.number,
        });
        Ok(plaintext)
    }

    fn open_retired(
        &mut self,
        index: usize,
        header: &Header,
        body: Body<'_>,
        now: u64,
    ) -> Result<Plaintext, OpenError> {
        let chain = self.retired.get_mut(index);
        let chain = chain.ok_or(OpenError::HeaderNotAuthentic)?;
        open_skipped(&mut chain.skipped, header.number, body, now)
    }
}

fn open_skipped(
    skipped: &mut SkippedKeys,
    number: u32,
    body: Body<'_>,
    now: u64,
) -> Result<Plaintext, OpenError> {
    let key = skipped.get(number, now).ok_or(OpenError::MessageKeyGone)?;
    let plaintext = body.open(key)?;
    skipped.remove(number);
    Ok(plaintext)
}

impl Advance {
    fn into_chain(self, header_key: HeaderKey, header: &Header) -> ReceivingChain {
        ReceivingChain {
            header_key,
            ratchet_key: header.ratchet_key,
            chain: self.chain,
            next: header.number + 1, // no header carries the last u32
            skipped: SkippedKeys::from_rising(self.skipped)
                .expect("they were made in rising order"),
        }
    }
}

impl Header {
    /// A chain has one ratchet key, and every header of it says the same.
    fn of_chain(self, ratchet_key: &X25519Public) -> Result<Self, OpenError> {
        if self.ratchet_key == *ratchet_key {
            Ok(self)
        } else {
            Err(OpenError::InvalidHeader)
        }
    }
}

/// A sealed body with everything that it is bound to.
struct Body<'a> {
    associated_data: &'a AssociatedData,
    message: &'a SealedMessage<'a>,
}

impl<'a> Body<'a> {
    fn of(associated_data: &'a AssociatedData, message: &'a SealedMessage<'a>) -> Self {
        Self {
            associated_data,
            message,
        }
    }

    fn open(&self, key: &MessageKey) -> Result<Plaintext, OpenError> {
        let front = self.associated_data.0.len();
        let (rest, tag) = self
            .message
            .bytes
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(OpenError::BodyNotAuthentic)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(front + rest.len()));
        bytes.extend_from_slice(&self.associated_data.0);
        bytes.extend_from_slice(rest);
        let body_at = front + self.message.body_at;
        let (head, body) = bytes.split_at_mut(body_at);
        key.open(self.message.body_nonce, head, body, tag)
            .map_err(|_| OpenError::BodyNotAuthentic)?;
        let length = padding::unpadded_length(body).ok_or(OpenError::InvalidPadding)?;
        bytes.truncate(body_at + length);
        bytes.drain(..body_at);
        Ok(Plaintext::new(bytes))
    }
}
