//! Bytes of a fuzzer as choices: short input is no error, it reads as zeros.

/// Reads from the front.
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut array = [0; N];
        array[..head.len()].copy_from_slice(head);
        array
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(u16::from_be_bytes(self.array()))
    }

    /// An index below `length`, which is not 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        match length {
            0..=256 => usize::from(self.byte()) % length,
            _ => self.number() % length,
        }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}
