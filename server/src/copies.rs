//! Makes a copy of a store: of what the running relay gives, or of the store itself where none can be asked.

use std::path::Path;

use crate::control::{Line, Link, LinkError, Request};
use crate::store::{Backup, BackupError};

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
        match once(folder, &copy) {
            Err(BackupError::GivenUp(..)) if tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

fn once(folder: &Path, copy: &Backup) -> Result<(), BackupError> {
    let not_given = |why: String| BackupError::Relay(folder.to_owned(), why);
    match Link::ask(folder, &Request::Copy {}) {
        Ok(mut link) => match link.next() {
            Ok(Line::Copy {}) => copy.fill(|| next(&mut link, folder)),
            Ok(Line::Refused(why)) => Err(not_given(why)),
            Ok(_) => Err(not_given(LinkError::Unknown.to_string())),
            Err(error) => Err(not_given(error.to_string())),
        },
        Err(LinkError::Nobody | LinkError::TooLong(_)) => copy.read(),
        Err(error) => Err(not_given(error.to_string())),
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
