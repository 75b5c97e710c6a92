//! The data folder and the files in it: made for the relay's user alone, and locked by one relay at a time.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::OpenError;

/// A running relay's folder.
pub(super) struct OwnFolder {
    /// Held until the relay ends, also by a crash: two relays on one folder would lose wake-ups.
    pub(super) lock: File,
    /// The store's file, which is there now.
    pub(super) path: PathBuf,
    pub(super) opened: Metadata,
    /// The file was made just now.
    pub(super) is_new: bool,
    /// So were the folder and the one above it.
    pub(super) is_new_above: bool,
}

impl OwnFolder {
    /// Makes it where it is missing, and takes it, so that no other relay can.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        let made = make_folder(folder).map_err(OpenError::Unwritable)?;
        let lock = lock(&folder.join("relay.lock"))?;
        let path = folder.join("relay.db");
        let is_new = !path.exists();
        // SQLite would make it for whoever may look into the folder; the files beside it take after it.
        let opened = private()
            .open(&path)
            .and_then(|file| file.metadata())
            .map_err(OpenError::Unwritable)?;
        Ok(Self {
            lock,
            path,
            opened,
            is_new,
            is_new_above: made > 1,
        })
    }
}

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

/// For files that nobody but the relay's user reads, whatever the folder allows. One that is there is taken as it is,
/// through a link too: that is for the data folder, where only its owner puts anything.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes such a file, also in a folder in which others make files: what they have put there, a link or a file that they
/// can read, is not written into.
pub(super) fn make_private(path: &Path) -> std::io::Result<File> {
    private().create_new(true).open(path)
}

/// Gives a file a name that is free.
///
/// # Errors
/// `AlreadyExists` where it is not.
pub(super) fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;

        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => (),
            done => return Ok(done?),
        }
    }
    if to.try_exists()? {
        return Err(ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let file = private().open(path).map_err(OpenError::Unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(OpenError::Unwritable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_made_and_nothing_that_is_there_is_written_into() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().expect("a folder");
        let [link, target, others, own] =
            ["link", "target", "others", "own"].map(|name| folder.path().join(name));
        symlink(&target, &link).expect("a link");
        std::fs::write(&others, "theirs").expect("a file");
        for taken in [&link, &others] {
            let refused = make_private(taken).expect_err("it is there");
            assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        }
        assert!(!target.exists(), "the link was followed");
        make_private(&own).expect("a file");
        let mode = std::fs::metadata(&own)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let [from, taken, free] = ["from", "taken", "free"].map(|name| folder.path().join(name));
        std::fs::write(&from, "new").expect("a file");
        std::fs::write(&taken, "old").expect("a file");
        let refused = rename_new(&from, &taken).expect_err("it is there");
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&taken).expect("a file"), b"old");
        rename_new(&from, &free).expect("it is free");
        assert_eq!(std::fs::read(&free).expect("a file"), b"new");
        assert!(!from.exists());
    }
}
