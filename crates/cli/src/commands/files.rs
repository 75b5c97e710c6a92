//! Files that come into being whole, or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::failure::{Code, Failure};

/// The name of a file with an end of its own.
pub(super) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// What a file is called until it is whole.
pub(super) fn unfinished(file: &Path) -> PathBuf {
    beside(file, ".unfinished")
}

/// A new file under the name of [`unfinished`], for its owner alone. What a run left that was cut short is replaced.
pub(super) fn begin(file: &Path) -> std::io::Result<File> {
    let unfinished = unfinished(file);
    if let Err(error) = std::fs::remove_file(&unfinished)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(unfinished)
}

/// Gives what is under the name of [`unfinished`] its own name, on disk when this returns.
pub(super) fn finish(file: &Path) -> std::io::Result<()> {
    let unfinished = unfinished(file);
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(unfinished, file)?;
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

pub(super) fn unwritten(file: &Path, error: &std::io::Error) -> Failure {
    let line = format!("{} cannot be written: {error}", file.display());
    Failure::new(Code::StoreFailed, line)
}
