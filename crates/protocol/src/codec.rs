//! Reading of fixed-width, big-endian fields, and what can be wrong with bytes from outside.
//! There is one encoding for every value; trailing bytes are refused.
//! It knows no record by name. PROTOCOL.md "Encoding".

use crate::curve::KeyError;

/// Why bytes are not an encoding of what they were said to be. Blame: whoever sent or stored them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the fields need.
    #[error("the bytes end before the last field")]
    Truncated,
    /// More bytes than the fields need.
    #[error("there are bytes after the last field")]
    TrailingBytes,
    /// A version of the format that this code does not speak.
    #[error("unknown version {0}")]
    UnknownVersion(u8),
    /// A type byte that this version does not know.
    #[error("unknown type {0}")]
    UnknownType(u8),
    /// A cipher suite that this version does not know.
    #[error("unknown suite {0}")]
    UnknownSuite(u8),
    /// A length, count or flag outside of what its field may hold.
    #[error("the field {0} holds a value that it may not hold")]
    BadField(&'static str),
    /// A public key that is not one.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A cursor over bytes from outside.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| *byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// A byte that is 0 or 1 and nothing else.
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::BadField(field)),
        }
    }

    /// The version byte that opens every record, which must be the one that this code writes.
    pub(crate) fn version(&mut self, expected: u8) -> Result<(), DecodeError> {
        match self.u8()? {
            version if version == expected => Ok(()),
            version => Err(DecodeError::UnknownVersion(version)),
        }
    }

    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gives_each_byte_once_and_says_what_is_wrong() {
        let bytes = [1, 0, 2, 0, 0, 0, 3, 9];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u32(), Ok(3));
        assert_eq!(reader.u64(), Err(DecodeError::Truncated));
        assert_eq!(reader.flag("f"), Err(DecodeError::BadField("f")));
        assert_eq!(reader.remaining(), 0);
        assert_eq!(reader.finish(), Ok(()));
        assert_eq!(
            Reader::new(&bytes).finish(),
            Err(DecodeError::TrailingBytes)
        );
    }
}
