//! The data folder and the files in it: made for the relay's user alone, and locked by one relay at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::Path;

use super::OpenError;

/// Makes the folder, and what leads to it. Folders that got a new name in them are flushed: a loss of power would take
/// that name, and all that is under it. Gives how many were made.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<usize> {
    let missing = missing(folder).len();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    for made in folder.ancestors().take(missing) {
        if let Err(error) = File::open(folder_of(made)).and_then(|parent| parent.sync_all()) {
            tracing::warn!(%error, "the name of a new folder may be lost with the power");
        }
    }
    Ok(missing)
}

/// This folder and those above it that are not there, innermost first.
pub(super) fn missing(folder: &Path) -> Vec<&Path> {
    let is_missing = |at: &&Path| !at.as_os_str().is_empty() && !at.exists();
    folder.ancestors().take_while(is_missing).collect()
}

/// Where the name of a file or folder is written down.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// For files that nobody but the relay's user reads, whatever the folder allows.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let file = private().open(path).map_err(OpenError::Unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(OpenError::Unwritable(error)),
    }
}
