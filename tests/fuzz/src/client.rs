//! What the client reads from an opened plaintext and from its own disk. What is written again reads back and is
//! written the same.

use pawl_client::fuzzing;

use crate::cursor::Cursor;

pub(crate) fn content(bytes: &[u8]) {
    if let Some(once) = fuzzing::content_again(bytes) {
        assert!(fuzzing::content_again(&once).is_some_and(|twice| twice == once));
    }
}

pub(crate) fn records(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes);
    let kind = cursor.index(fuzzing::RECORDS);
    if let Some(once) = fuzzing::record_again(kind, cursor.rest()) {
        let twice = fuzzing::record_again(kind, &once);
        assert!(twice.is_some_and(|twice| twice == once));
    }
}
