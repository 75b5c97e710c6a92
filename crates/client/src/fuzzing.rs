//! A door for fuzzing (tests/fuzz) to the decoders that are this crate's own. Behind a feature that nothing else
//! turns on; holds no code that the engine needs.

use zeroize::Zeroizing;

use crate::account::Account;
use crate::account::counters::Counters;
use crate::channel::Channel;
use crate::channel::sessions::Slot;
use crate::content::Content;
use crate::conversations::Conversation;
use crate::conversations::lines::Line;
use crate::directory::contacts::Contact;
use crate::directory::requests::Request;
use crate::directory::strangers::Waiting;
use crate::outbox::Entry;
use crate::prekeys::{Fingerprint, Prekey};
use crate::storage::records::Record;
use crate::storage::rings::Block;

type Bytes = Zeroizing<Vec<u8>>;
type Again = fn(&[u8]) -> Option<Bytes>;

const AGAIN: [Again; RECORDS] = [
    again::<Account>,
    again::<Contact>,
    again::<Channel>,
    again::<Conversation>,
    again::<Counters>,
    again::<Line>,
    again::<Entry>,
    again::<Prekey>,
    again::<Fingerprint>,
    again::<Block>,
    again::<Slot>,
    again::<Waiting>,
    again::<Request>,
];

/// How many kinds of records there are.
pub const RECORDS: usize = 13;

fn again<R: Record>(bytes: &[u8]) -> Option<Bytes> {
    R::decode(bytes).ok().map(|record| record.encode())
}

/// Reads a record of this kind and writes it again; nothing where it is damaged.
///
/// # Panics
/// Where there is no such kind.
#[must_use]
pub fn record_again(kind: usize, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    AGAIN[kind](bytes)
}

/// Reads a plaintext and writes it again; nothing where it is no content.
#[must_use]
pub fn content_again(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (introduction, content) = Content::decode(bytes);
    Some(content.ok()?.encode(introduction.as_deref()))
}
