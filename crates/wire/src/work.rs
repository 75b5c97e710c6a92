//! Proof of work: what a registration shows where a relay asks for it.
//!
//! It is bound to the connection's challenge, so that it can be neither made ahead nor used twice, and to the
//! account, so that it is of no use to anybody else. It is not in the signed statement: that holds challenge and
//! account already, and so a relay can look at the work, one hash, before it verifies a signature.

use sha2::{Digest, Sha256};

use crate::hash;
use crate::ids::{AccountId, Nonce};

const LABEL: &[u8] = b"Pawl registration work v1\0";

/// One account's work on one connection.
#[derive(Clone)]
pub struct Puzzle {
    /// The hash up to the answer: a whole block is done, so that each try costs one.
    begun: Sha256,
    bits: u32,
}

impl Puzzle {
    /// `bits`: how many leading bits of an answer's hash are zero; none where it is 0.
    #[must_use]
    pub fn new(bits: u32, nonce: &Nonce, account: &AccountId) -> Self {
        let begun = hash::begin(&[LABEL, &nonce.0, &account.0]);
        Self { begun, bits }
    }

    /// Whether this is an answer.
    #[must_use]
    pub fn is_solved_by(&self, work: u64) -> bool {
        let mut hash = self.begun.clone();
        hash.update(work.to_be_bytes());
        hash::number(hash).leading_zeros() >= self.bits
    }

    /// Looks for an answer among so many numbers from `first` on.
    #[must_use]
    pub fn solve(&self, first: u64, tries: u64) -> Option<u64> {
        (first..first.saturating_add(tries)).find(|work| self.is_solved_by(*work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = Nonce([1; 32]);
    const ACCOUNT: AccountId = AccountId([2; 32]);

    #[test]
    fn it_is_the_one_in_the_document() {
        // import hashlib, itertools; begun = hashlib.sha256(b"Pawl registration work v1\0" + b"\1" * 32 + b"\2" * 32)
        // def work(bits):
        //     for n in itertools.count():
        //         h = begun.copy(); h.update(n.to_bytes(8, "big"))
        //         if int.from_bytes(h.digest(), "big") >> (256 - bits) == 0: return n
        // print([work(bits) for bits in (0, 1, 8, 12, 16)])
        let first = |bits| Puzzle::new(bits, &NONCE, &ACCOUNT).solve(0, 1 << 20);
        assert_eq!(
            [0, 1, 8, 12, 16].map(first),
            [0, 3, 6, 4_636, 37_495].map(Some)
        );
    }

    #[test]
    fn an_answer_counts_for_its_own_challenge_and_account_only() {
        let work = Puzzle::new(16, &NONCE, &ACCOUNT).solve(0, 1 << 20);
        let work = work.expect("one of a million");
        assert!(Puzzle::new(16, &NONCE, &ACCOUNT).is_solved_by(work));
        assert!(!Puzzle::new(16, &Nonce([3; 32]), &ACCOUNT).is_solved_by(work));
        assert!(!Puzzle::new(16, &NONCE, &AccountId([3; 32])).is_solved_by(work));
        assert!(!Puzzle::new(16, &NONCE, &ACCOUNT).is_solved_by(work + 1));
    }

    #[test]
    fn a_search_has_an_end() {
        let puzzle = Puzzle::new(12, &NONCE, &ACCOUNT);
        assert_eq!(puzzle.solve(0, 4_636), None);
        assert_eq!(puzzle.solve(4_636, 1), Some(4_636));
        assert_eq!(
            Puzzle::new(64, &NONCE, &ACCOUNT).solve(u64::MAX - 1, 9),
            None
        );
    }
}
