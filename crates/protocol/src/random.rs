//! Draws ahead from a source of randomness that is dear to ask, as a browser's is: a handshake asks fifteen
//! times, which is a twentieth of its time. Knows no source; whoever makes one keeps it for one step at most.

use core::convert::Infallible;
use core::fmt;

use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use zeroize::{Zeroize, Zeroizing};

/// Bytes that are drawn at once.
const BLOCK_BYTES: usize = 256;

/// Every byte of the source is given out once and wiped from here when it is; what is left is wiped on drop.
pub struct DrawAhead<R> {
    source: R,
    block: Zeroizing<[u8; BLOCK_BYTES]>,
    used: usize,
}

impl<R: CryptoRng> DrawAhead<R> {
    /// Asks nothing of `source` before something is drawn.
    pub fn new(source: R) -> Self {
        Self {
            source,
            block: Zeroizing::new([0; BLOCK_BYTES]),
            used: BLOCK_BYTES,
        }
    }

    fn draw(&mut self, bytes: &mut [u8]) {
        if bytes.len() > BLOCK_BYTES {
            return self.source.fill_bytes(bytes);
        }
        // A draw never spans two blocks: what is left over is wiped with the block.
        if bytes.len() > BLOCK_BYTES - self.used {
            self.source.fill_bytes(&mut *self.block);
            self.used = 0;
        }
        let drawn = &mut self.block[self.used..self.used + bytes.len()];
        bytes.copy_from_slice(drawn);
        drawn.zeroize();
        self.used += bytes.len();
    }
}

impl<R> fmt::Debug for DrawAhead<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DrawAhead(..)")
    }
}

impl<R: CryptoRng> TryRng for DrawAhead<R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.draw(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.draw(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.draw(bytes);
        Ok(())
    }
}

impl<R: CryptoRng> TryCryptoRng for DrawAhead<R> {}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;

    /// Counts upwards, and how often it was asked.
    struct Counter {
        next: u16,
        asked: u32,
    }

    impl TryRng for Counter {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("bytes are drawn in blocks")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("bytes are drawn in blocks")
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            self.asked += 1;
            for pair in bytes.chunks_mut(2) {
                self.next += 1;
                pair.copy_from_slice(&self.next.to_be_bytes()[..pair.len()]);
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Counter {}

    #[test]
    fn nothing_is_given_out_twice_and_what_was_given_out_is_wiped() {
        let mut rng = DrawAhead::new(Counter { next: 0, asked: 0 });
        let mut seen = std::collections::HashSet::new();
        for size in [2, 24, 64, 200, 32, 256, 2, 254, 300, 16] {
            let mut bytes = vec![0; size];
            rng.fill_bytes(&mut bytes);
            for pair in bytes.chunks(2) {
                assert!(seen.insert(pair.to_vec()), "{pair:?} came twice");
            }
            assert!(rng.block[..rng.used].iter().all(|byte| *byte == 0));
        }
        assert!(seen.insert(rng.next_u32().to_be_bytes()[2..].to_vec()));
    }

    #[test]
    fn numbers_are_what_was_drawn() {
        let mut rng = DrawAhead::new(Counter { next: 0, asked: 0 });
        assert_eq!(rng.next_u32(), u32::from_le_bytes([0, 1, 0, 2]));
        assert_eq!(rng.next_u64(), u64::from_le_bytes([0, 3, 0, 4, 0, 5, 0, 6]));
    }

    #[test]
    fn a_whole_block_is_drawn_as_one() {
        let mut rng = DrawAhead::new(Counter { next: 0, asked: 0 });
        for (size, asked) in [
            (2, 1),
            (BLOCK_BYTES, 2),
            (2, 3),
            (BLOCK_BYTES + 2, 4),
            (2, 4),
        ] {
            rng.fill_bytes(&mut vec![0; size]);
            assert_eq!(rng.source.asked, asked, "after {size} bytes");
        }
    }

    #[test]
    fn many_draws_ask_once() {
        let mut rng = DrawAhead::new(Counter { next: 0, asked: 0 });
        assert_eq!(rng.source.asked, 0);
        for _ in 0..8 {
            rng.fill_bytes(&mut [0; 32]);
        }
        assert_eq!(rng.source.asked, 1);
        rng.fill_bytes(&mut [0; 1]);
        assert_eq!(rng.source.asked, 2);
    }
}
