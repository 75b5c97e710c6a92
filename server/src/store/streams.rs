//! A copy as a stream, for a pipe: the rows of a store behind each other, and at the end a hash of all of it.
//!
//! A head, pieces of rows behind their lengths, a length of 0, and SHA-256 of what came before. So a stream that was cut
//! or changed on its way is known as one, and nothing of the store lies on another disk meanwhile.

use std::io::{ErrorKind, Read, Write};

use sha2::{Digest, Sha256};

/// Where an SQLite file has "SQLite format 3".
pub(super) const HEAD: &[u8; 16] = b"Pawl copy rows 1";

/// Many times what a piece has.
const MAX_PIECE: u32 = 16 * 1_024 * 1_024;

/// The writing end.
pub(crate) struct Outgoing<W> {
    out: W,
    hash: Sha256,
    has_begun: bool,
}

impl<W: Write> Outgoing<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            hash: Sha256::new(),
            has_begun: false,
        }
    }

    /// Something was written, which nothing takes back.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    pub(super) fn piece(&mut self, piece: &[u8]) -> std::io::Result<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.write(HEAD)?;
        }
        let length = u32::try_from(piece.len()).map_err(std::io::Error::other)?;
        self.write(&length.to_le_bytes())?;
        self.write(piece)
    }

    /// Behind the last piece.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        self.write(&[0; 4])?;
        let hash = self.hash.clone().finalize();
        self.out.write_all(&hash)?;
        self.out.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Why a stream is no whole copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error("it ends in the middle")]
    Cut,
    #[error("it was changed since it was made")]
    Changed,
    #[error("something stands behind its end")]
    Longer,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The reading end, behind the head.
pub(super) struct Incoming<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Incoming<R> {
    pub(super) fn new(from: R) -> Self {
        let hash = Sha256::new().chain_update(HEAD);
        Self { from, hash }
    }

    /// The next piece; none behind the last, when all of them were as they were written.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        self.hash.update(length);
        let length = u32::from_le_bytes(length);
        if length == 0 {
            return self.end().map(|()| None);
        }
        if length > MAX_PIECE {
            return Err(StreamError::Changed);
        }
        let mut piece = vec![0; length as usize];
        self.read(&mut piece)?;
        self.hash.update(&piece);
        Ok(Some(piece))
    }

    fn end(&mut self) -> Result<(), StreamError> {
        let mut hash = [0; 32];
        self.read(&mut hash)?;
        if hash != self.hash.clone().finalize()[..] {
            return Err(StreamError::Changed);
        }
        let mut more = [0];
        match self.from.read(&mut more)? {
            0 => Ok(()),
            _ => Err(StreamError::Longer),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), StreamError> {
        self.from
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => StreamError::Cut,
                _ => error.into(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Outgoing::new(&mut bytes);
        for piece in pieces {
            out.piece(piece).expect("it is written");
        }
        out.finish().expect("it is written");
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, StreamError> {
        let mut incoming = Incoming::new(&bytes[HEAD.len()..]);
        let mut pieces = Vec::new();
        while let Some(piece) = incoming.next()? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    #[test]
    fn what_is_written_is_read_and_each_cut_and_each_other_byte_is_noticed() {
        let bytes = written(&[b"one", b"another"]);
        let whole = read(&bytes).expect("it is whole");
        assert_eq!(whole, [b"one".to_vec(), b"another".to_vec()]);
        for length in HEAD.len()..bytes.len() {
            let cut = read(&bytes[..length]);
            assert!(matches!(cut, Err(StreamError::Cut)), "{length}: {cut:?}");
        }
        for place in HEAD.len()..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            read(&other).expect_err("a byte is another");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(matches!(read(&longer), Err(StreamError::Longer)));
    }
}
