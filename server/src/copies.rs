//! Makes a copy of a store: of what the running relay gives, or of the store itself where none can be asked.

use std::io::Write;
use std::path::Path;

use crate::control::{Line, Link, LinkError, Request};
use crate::store::{self, Backup, BackupError, Outgoing, Take};

/// So often a copy is begun that is given up.
const TRIES: usize = 3;

/// Copies the store of a folder, whether a relay uses it or not. The copy is whole or not there.
///
/// # Errors
/// [`BackupError`].
pub fn backup(folder: &Path, to: &Path) -> Result<(), BackupError> {
    let copy = Backup::new(folder, to)?;
    let mut tries = 1;
    loop {
        let source = Source::find(folder)?;
        match copy.fill(|take| source.give(folder, take)) {
            Err(BackupError::GivenUp(..)) if tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

/// The same as a stream. Once some of it was written it is not begun again.
///
/// # Errors
/// [`BackupError`].
pub(crate) fn pour(folder: &Path, out: impl Write) -> Result<(), BackupError> {
    store::look(folder)?;
    let mut out = Outgoing::new(out);
    let mut tries = 1;
    loop {
        let source = Source::find(folder)?;
        match store::pour(&mut out, |take| source.give(folder, take)) {
            Err(BackupError::GivenUp(..)) if tries < TRIES && !out.has_begun() => tries += 1,
            done => return done,
        }
    }
}

/// Who gives the rows.
enum Source {
    Relay(Link),
    Store,
}

impl Source {
    fn find(folder: &Path) -> Result<Self, BackupError> {
        let not_given = |why: String| BackupError::Relay(folder.to_owned(), why);
        match Link::ask(folder, &Request::Copy {}) {
            Ok(mut link) => match link.next() {
                Ok(Line::Copy {}) => Ok(Self::Relay(link)),
                Ok(Line::Refused(why)) => Err(not_given(why)),
                Ok(_) => Err(not_given(LinkError::Unknown.to_string())),
                Err(error) => Err(not_given(error.to_string())),
            },
            Err(LinkError::Nobody | LinkError::TooLong(_)) => Ok(Self::Store),
            Err(error) => Err(not_given(error.to_string())),
        }
    }

    fn give(self, folder: &Path, take: Take<'_>) -> Result<(), BackupError> {
        match self {
            Self::Relay(mut link) => {
                while let Some(piece) = next(&mut link, folder)? {
                    take(&piece)?;
                }
                Ok(())
            }
            Self::Store => store::read(folder, take),
        }
    }
}

fn next(link: &mut Link, folder: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    let given_up = |why: String| BackupError::GivenUp(folder.to_owned(), why);
    let said = match link.piece() {
        Ok(None) => link.next(),
        Ok(piece) => return Ok(piece),
        Err(error) => Err(error),
    };
    match said {
        Ok(Line::Done {}) => Ok(None),
        Ok(Line::Refused(why)) => Err(given_up(why)),
        Ok(_) => Err(given_up(LinkError::Unknown.to_string())),
        Err(LinkError::Cut) => Err(given_up(
            "the relay ended it in the middle, and its log says why".to_owned(),
        )),
        Err(error) => Err(given_up(error.to_string())),
    }
}
