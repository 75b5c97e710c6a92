//! The stored form of a ratchet's state, inside that of its session.
//! Every count is bounded when it is read, as it was when the state was made.
//! It knows no store. PROTOCOL.md "Stored session".

use super::keys::{ChainKey, HeaderKey, MessageKey, RootKey};
use super::receiving::ReceivingChain;
use super::sending::{ActiveChain, DueChain, Sending};
use super::skipped::{RetiredChain, RetiredChains, SkippedKey, SkippedKeys};
use super::state::Ratchet;
use super::{MAX_KEPT_KEYS, MAX_RETIRED_CHAINS};
use crate::codec::{DecodeError, Reader};
use crate::curve::{X25519Pair, X25519Public};

const SENDING_ACTIVE: u8 = 1;
const SENDING_DUE: u8 = 2;
/// Number 4, time 8, key 32.
const SKIPPED_KEY_BYTES: usize = 44;

impl Ratchet {
    /// How many bytes of what [`Self::write`] appends are skipped keys: the rest has a bound.
    pub(crate) fn skipped_bytes(&self) -> usize {
        let current = self.receiving.as_ref().map_or(0, |c| c.skipped.len());
        let retired: usize = self.retired.iter().map(|c| c.skipped.len()).sum();
        (current + retired) * SKIPPED_KEY_BYTES
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.root.as_bytes());
        out.extend_from_slice(self.next_header_key.as_bytes());
        match &self.sending {
            Sending::Active(chain) => chain.write(out),
            Sending::Due(chain) => chain.write(out),
        }
        out.push(u8::from(self.receiving.is_some()));
        if let Some(chain) = &self.receiving {
            chain.write(out);
        }
        out.push(count(self.retired.iter().len()));
        for chain in self.retired.iter() {
            chain.write(out);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let root = RootKey::from_bytes(reader.array()?);
        let next_header_key = HeaderKey::from_bytes(reader.array()?);
        let sending = match reader.u8()? {
            SENDING_ACTIVE => Sending::Active(ActiveChain::read(reader)?),
            SENDING_DUE => Sending::Due(DueChain::read(reader)?),
            _ => return Err(DecodeError::BadField("sending state")),
        };
        let receiving = match reader.flag("receiving flag")? {
            true => Some(ReceivingChain::read(reader)?),
            false => None,
        };
        let count = usize::from(reader.u8()?);
        let retired = (0..count.min(MAX_RETIRED_CHAINS + 1))
            .map(|_| RetiredChain::read(reader))
            .collect::<Result<_, _>>()?;
        let retired =
            RetiredChains::from_oldest(retired).ok_or(DecodeError::BadField("retired chains"))?;
        let ratchet = Self {
            root,
            sending,
            receiving,
            next_header_key,
            retired,
        };
        // Each chain's are bounded where it is read; they are as few in all.
        match ratchet.skipped_bytes() > MAX_KEPT_KEYS * SKIPPED_KEY_BYTES {
            true => Err(DecodeError::BadField("skipped keys")),
            false => Ok(ratchet),
        }
    }
}

impl ActiveChain {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(SENDING_ACTIVE);
        out.extend_from_slice(self.pair.secret_bytes());
        out.extend_from_slice(self.chain.as_bytes());
        out.extend_from_slice(self.header_key.as_bytes());
        out.extend_from_slice(self.next_header_key.as_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.previous_length.to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            pair: X25519Pair::from_bytes(reader.array()?),
            chain: ChainKey::from_bytes(reader.array()?),
            header_key: HeaderKey::from_bytes(reader.array()?),
            next_header_key: HeaderKey::from_bytes(reader.array()?),
            number: reader.u32()?,
            previous_length: reader.u32()?,
        })
    }
}

impl DueChain {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(SENDING_DUE);
        out.extend_from_slice(self.their_key.as_bytes());
        out.extend_from_slice(self.header_key.as_bytes());
        out.extend_from_slice(&self.previous_length.to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            their_key: X25519Public::from_bytes(reader.array()?)?,
            header_key: HeaderKey::from_bytes(reader.array()?),
            previous_length: reader.u32()?,
        })
    }
}

impl ReceivingChain {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header_key.as_bytes());
        out.extend_from_slice(self.ratchet_key.as_bytes());
        out.extend_from_slice(self.chain.as_bytes());
        out.extend_from_slice(&self.next.to_be_bytes());
        self.skipped.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let chain = Self {
            header_key: HeaderKey::from_bytes(reader.array()?),
            ratchet_key: X25519Public::from_bytes(reader.array()?)?,
            chain: ChainKey::from_bytes(reader.array()?),
            next: reader.u32()?,
            skipped: SkippedKeys::read(reader)?,
        };
        // Keys that the chain steps over later are put behind these.
        match chain.skipped.iter().next_back() {
            Some(last) if last.number >= chain.next => Err(DecodeError::BadField("skipped keys")),
            _ => Ok(chain),
        }
    }
}

impl RetiredChain {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header_key.as_bytes());
        out.extend_from_slice(self.ratchet_key.as_bytes());
        out.extend_from_slice(&self.retired_at.to_be_bytes());
        self.skipped.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header_key: HeaderKey::from_bytes(reader.array()?),
            ratchet_key: X25519Public::from_bytes(reader.array()?)?,
            retired_at: reader.u64()?,
            skipped: SkippedKeys::read(reader)?,
        })
    }
}

impl SkippedKeys {
    fn write(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.len()).expect("at most 1,000 keys are kept");
        out.extend_from_slice(&length.to_be_bytes());
        for skipped in self.iter() {
            out.extend_from_slice(&skipped.number.to_be_bytes());
            out.extend_from_slice(&skipped.stored_at.to_be_bytes());
            out.extend_from_slice(skipped.key.as_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = usize::from(reader.u16()?);
        if length > MAX_KEPT_KEYS {
            return Err(DecodeError::BadField("skipped keys"));
        }
        let keys = (0..length)
            .map(|_| {
                Ok(SkippedKey {
                    number: reader.u32()?,
                    stored_at: reader.u64()?,
                    key: Box::new(MessageKey::from_bytes(reader.array()?)),
                })
            })
            .collect::<Result<_, DecodeError>>()?;
        Self::from_rising(keys).ok_or(DecodeError::BadField("skipped keys"))
    }
}

fn count(length: usize) -> u8 {
    u8::try_from(length).expect("at most 5 retired chains are kept")
}
