//! Whether relay.db is still the file that was opened. A folder that is moved away takes the open file along, and
//! the relay would write on where nobody looks.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::StoreError;

pub(super) struct Place {
    path: PathBuf,
    opened: Metadata,
}

impl Place {
    pub(super) fn new(path: &Path, opened: Metadata) -> Self {
        Self {
            path: path.to_owned(),
            opened,
        }
    }

    /// # Errors
    /// [`StoreError::Moved`] when there is no file at the path, or another one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match std::fs::metadata(&self.path) {
            Ok(found) if is_same(&self.opened, &found) => Ok(()),
            _ => Err(StoreError::Moved),
        }
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere an open file cannot be moved.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}
