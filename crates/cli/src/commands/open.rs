//! From what was typed to an engine that runs.

use std::path::{Path, PathBuf};

use pawl_client::Phase;

use crate::args::Place;
use crate::driver::{self, Driver};
use crate::failure::{Code, Failure};
use crate::secret::Source;
use crate::store::{Closed, Kind, Store};

/// The file behind symbolic links: lock and socket are named after it, so that all ways to a store find the same.
/// What is not there yet is named as it will be.
fn resolved(path: &Path) -> PathBuf {
    let folder = |path: &Path| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let target = path.read_link().map(|target| folder(path).join(target));
    let target = target.unwrap_or_else(|_| path.to_owned());
    let there = folder(&target).canonicalize().ok().zip(target.file_name());
    target
        .canonicalize()
        .ok()
        .or_else(|| there.map(|(folder, name)| folder.join(name)))
        .unwrap_or(target)
}

impl Place {
    /// Where the store is.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.store {
            return Ok(resolved(path));
        }
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        // One that is relative is to be ignored, as the specification of these folders says.
        let data = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| variable("LOCALAPPDATA").map(PathBuf::from))
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")));
        let data = data.ok_or_else(|| Failure::usage("no home folder: give --store"))?;
        Ok(resolved(&data.join("pawl").join("store")))
    }

    pub(crate) fn secret(&self) -> Source {
        Source {
            key_file: self.key_file.clone(),
            passphrase_file: self.passphrase_file.clone(),
            what: "the store",
        }
    }

    /// The store, where there is one.
    pub(crate) fn find(&self) -> Result<Option<Store>, Failure> {
        let Some(closed) = Closed::find(&self.path()?, Kind::Store)? else {
            return Ok(None);
        };
        let secret = self.secret().existing(closed.secret_kind()?)?;
        closed.unlock(&secret, Kind::Store).map(Some)
    }

    /// The store, which must be there.
    pub(crate) fn open(&self) -> Result<Store, Failure> {
        let path = self.path()?;
        self.find()?.ok_or_else(|| {
            let line = format!(
                "there is no store at {}: begin with `pawl register --help`",
                path.display()
            );
            Failure::new(Code::Unknown, line)
        })
    }

    /// An engine with an account. One that the relay has not accepted yet is good enough: it goes on asking.
    pub(crate) fn driver(&self) -> Result<Driver, Failure> {
        let store = self.open()?;
        let none = || {
            let line = "there is no account in this store: begin with `pawl register --help`";
            Failure::new(Code::Unknown, line)
        };
        let relay = driver::kept_relay(&store)?.ok_or_else(none)?;
        let driver = Driver::load(store, relay)?;
        match driver.engine().snapshot().phase {
            Phase::NoAccount { .. } => Err(none()),
            Phase::Registering { .. } | Phase::Ready { .. } => Ok(driver),
        }
    }
}
