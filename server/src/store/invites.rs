//! Invite codes: made by the operator, spent in the transaction that registers an account.
//!
//! A code is kept as its hash, so that a copy of the store lets nobody in; who used which is not kept.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{StoreError, mail};

/// Characters of a code: digits and letters without those that are read as another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a code, five bits each: a hundred bits, which nobody guesses at any rate.
pub(super) const CODE_CHARACTERS: usize = 20;

/// Invites that may be open at once.
pub(super) const MOST: i64 = 10_000;

/// An invite as the operator sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invite {
    pub(crate) id: i64,
    pub(crate) uses_left: u32,
    pub(crate) expires_at: u64,
    /// What the operator calls it.
    pub(crate) label: Option<String>,
}

/// What a new invite is worth.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) uses: u32,
    pub(crate) expires_at: u64,
    pub(crate) label: Option<String>,
}

/// The row of the invite with this code, if it still counts.
pub(super) fn find(conn: &Connection, code: &str, now: u64) -> Result<Option<i64>, StoreError> {
    let id = conn
        .prepare_cached("SELECT id FROM invite WHERE code_hash = ?1 AND expires_at > ?2")?
        .query_row(params![hash(code), mail::to_sql(now)], |row| row.get(0))
        .optional()?;
    Ok(id)
}

/// Takes one use away; an invite without any is gone.
pub(super) fn spend(conn: &Connection, invite: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE invite SET uses_left = uses_left - 1 WHERE id = ?1")?
        .execute([invite])?;
    conn.prepare_cached("DELETE FROM invite WHERE id = ?1 AND uses_left <= 0")?
        .execute([invite])?;
    Ok(())
}

pub(super) fn insert(
    conn: &Connection,
    code: &str,
    terms: &Terms,
    now: u64,
) -> Result<i64, StoreError> {
    // A number of its own for each, ever: one that was meant for another takes nobody's invite back.
    let id = conn.query_row(
        "UPDATE relay SET last_invite = last_invite + 1 RETURNING last_invite",
        [],
        |row| row.get(0),
    )?;
    conn.execute(
        "INSERT INTO invite (id, code_hash, uses_left, made_at, expires_at, label)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            id,
            hash(code),
            terms.uses,
            mail::to_sql(now),
            mail::to_sql(terms.expires_at),
            terms.label
        ],
    )?;
    Ok(id)
}

pub(super) fn all(conn: &Connection, now: u64) -> Result<Vec<Invite>, StoreError> {
    let mut select = conn.prepare(
        "SELECT id, uses_left, expires_at, label FROM invite WHERE expires_at > ?1 ORDER BY id",
    )?;
    let invites = select.query_map([mail::to_sql(now)], |row| {
        Ok(Invite {
            id: row.get(0)?,
            uses_left: row.get(1)?,
            expires_at: row.get::<_, i64>(2)?.unsigned_abs(),
            label: row.get(3)?,
        })
    })?;
    Ok(invites.collect::<Result<_, _>>()?)
}

/// Whether there was one.
pub(super) fn remove(conn: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(conn.execute("DELETE FROM invite WHERE id = ?1", [id])? > 0)
}

pub(super) fn forget_expired(conn: &Connection, now: u64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM invite WHERE expires_at <= ?1")?
        .execute([mail::to_sql(now)])?;
    Ok(())
}

/// A code from random bytes, in groups that can be read aloud.
pub(super) fn code(random: [u8; CODE_CHARACTERS]) -> String {
    let character = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    let groups: Vec<String> = random
        .chunks(5)
        .map(|group| group.iter().copied().map(character).collect())
        .collect();
    groups.join("-")
}

/// However it is typed: small letters, spaces, dashes left out, an O for a zero.
fn hash(code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    Sha256::digest(plain.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = code(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(code, "01234-56789-ABCDE-FGHJK");
        for typed in [
            "o1234 56789 abcde fghjk",
            "0L23456789ABCDEFGHJK",
            " 0i234-56789-abcde-fghjk ",
        ] {
            assert_eq!(hash(typed), hash(&code), "{typed}");
        }
        assert_ne!(hash("01234-56789-ABCDE-FGHJM"), hash(&code));
    }
}
