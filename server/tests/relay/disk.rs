//! A disk that can lose power: knows from a trace (`strace`) what of a folder's files was flushed, and what of the
//! rest may be there as well. Knows nothing of what the files hold.
//!
//! What counts: a write is safe once a flush of its file has ended well; a name is safe once a flush of its
//! folder has. Before that each piece of 512 bytes is there or not, whatever was written before or after it. What
//! was to be flushed when a flush failed is there or not, and no later flush brings it: Linux takes it for clean.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::calls::Call;
use crate::world::below;

const SECTOR: usize = 512;

/// The most that a relay writes in one call.
const PAGE: usize = 4_096;

/// Shared memory: after a start of the machine it is made anew.
const SHARED: &str = "relay.db-shm";

/// What of all that was not flushed is there after the power is back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Luck {
    Nothing,
    Everything,
    /// Each write, or each sector of each write, in so many of 100 cases.
    Writes(usize),
    Sectors(usize),
}

impl Luck {
    pub(crate) fn any() -> Self {
        let percent = [5, 50, 95][below(3)];
        match below(6) {
            0 | 1 => Self::Nothing,
            2 => Self::Everything,
            3 => Self::Writes(percent),
            _ => Self::Sectors(percent),
        }
    }

    fn keeps(self, is_part: bool) -> bool {
        match (self, is_part) {
            (Self::Nothing, _) => false,
            (Self::Everything, _) | (Self::Sectors(_), false) | (Self::Writes(_), true) => true,
            (Self::Writes(percent), false) | (Self::Sectors(percent), true) => below(100) < percent,
        }
    }
}

enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
    /// Blocks up to there, and no shorter than it was.
    Room(u64),
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => write(bytes, *at, data),
            Self::Length(length) => bytes.resize(to_size(*length), 0),
            Self::Room(end) => bytes.resize(to_size(*end).max(bytes.len()), 0),
        }
    }

    /// As far as it got.
    fn make_some(&self, bytes: &mut Vec<u8>, luck: Luck) {
        if !luck.keeps(false) {
            return;
        }
        let Self::Write(at, data) = self else {
            self.make(bytes);
            return;
        };
        let mut at = to_size(*at);
        let mut data = data.as_slice();
        while !data.is_empty() {
            // Sectors are the disk's: they begin where it has them, not where the write does.
            let (piece, rest) = data.split_at(data.len().min(SECTOR - at % SECTOR));
            if luck.keeps(true) {
                write(bytes, at as u64, piece);
            }
            at += piece.len();
            data = rest;
        }
    }
}

fn write(bytes: &mut Vec<u8>, at: u64, data: &[u8]) {
    let at = to_size(at);
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

/// The one call that makes `new` of `old`, if there is one.
fn difference(old: &[u8], new: &[u8]) -> Option<Change> {
    if new.len() < old.len() {
        return Some(Change::Length(new.len() as u64));
    }
    let is_other = |place: &usize| old.get(*place) != new.get(*place);
    let first = (0..new.len()).find(is_other)?;
    let last = (0..new.len()).rfind(is_other)?;
    let data = new[first..=last].to_vec();
    (data.len() <= PAGE).then_some(Change::Write(first as u64, data))
}

fn to_size(number: u64) -> usize {
    usize::try_from(number).expect("a file that fits")
}

#[derive(Default)]
struct File {
    flushed: Vec<u8>,
    /// In order.
    unflushed: Vec<Change>,
    /// What the program reads back.
    cached: Vec<u8>,
}

impl File {
    fn change(&mut self, change: Change) {
        change.make(&mut self.cached);
        self.unflushed.push(change);
    }

    fn flush(&mut self, luck: Luck) {
        for change in self.unflushed.drain(..) {
            change.make_some(&mut self.flushed, luck);
        }
    }
}

/// A name that was given to a file, or taken away.
type Named = (OsString, Option<usize>);

pub(crate) struct Disk {
    folder: PathBuf,
    files: Vec<File>,
    names: BTreeMap<OsString, usize>,
    flushed_names: BTreeMap<OsString, usize>,
    unflushed_names: Vec<Named>,
}

impl Disk {
    /// The folder as it is now, all of it flushed long ago.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut disk = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            names: BTreeMap::new(),
            flushed_names: BTreeMap::new(),
            unflushed_names: Vec::new(),
        };
        for (name, bytes) in contents(folder) {
            disk.names.insert(name, disk.files.len());
            disk.files.push(File {
                flushed: bytes.clone(),
                cached: bytes,
                ..File::default()
            });
        }
        disk.flushed_names = disk.names.clone();
        disk
    }

    /// Takes in what a relay did until it was killed.
    pub(crate) fn follow(&mut self, calls: &[Call]) {
        for call in calls {
            if call.path == self.folder {
                self.folder_call(call);
            } else if call.path.parent() == Some(&self.folder) {
                self.file_call(call);
            } else {
                let is_read = call.name == "openat" && !call.creates;
                assert!(
                    is_read,
                    "{} outside its folder: {}",
                    call.name,
                    call.path.display()
                );
            }
        }
        self.compare();
    }

    fn folder_call(&mut self, call: &Call) {
        if call.is_flush() && call.is_done {
            for (name, file) in self.unflushed_names.drain(..) {
                rename(&mut self.flushed_names, name, file);
            }
        }
    }

    fn file_call(&mut self, call: &Call) {
        let name = call.path.file_name().expect("a name").to_owned();
        if name == SHARED || !call.is_done && !call.is_flush() {
            return;
        }
        match call.name.as_str() {
            "openat" => {
                if call.creates && !self.names.contains_key(&name) {
                    self.files.push(File::default());
                    self.give(name, Some(self.files.len() - 1));
                }
            }
            "unlink" => self.give(name, None),
            "pwrite64" => {
                let change = Change::Write(call.number(3), call.data());
                self.file(&name).change(change);
            }
            "fallocate" => {
                let end = call.number(2) + call.number(3);
                self.file(&name).change(Change::Room(end));
            }
            "ftruncate" => {
                let change = Change::Length(call.number(1));
                self.file(&name).change(change);
            }
            _ if call.is_flush() && call.is_done => self.file(&name).flush(Luck::Everything),
            _ if call.is_flush() => self.file(&name).flush(Luck::any()),
            other => {
                panic!("a relay that does {other:?} to its files: teach this disk what that means")
            }
        }
    }

    fn give(&mut self, name: OsString, file: Option<usize>) {
        rename(&mut self.names, name.clone(), file);
        self.unflushed_names.push((name, file));
    }

    fn file(&mut self, name: &OsString) -> &mut File {
        let file = self.names.get(name).expect("a file that is there");
        &mut self.files[*file]
    }

    /// What the trace says and what is in the folder are the same, but for the call in which the relay was killed:
    /// that is done, or not, or in part. Otherwise something was overlooked.
    fn compare(&mut self) {
        let found = contents(&self.folder);
        let more = found.keys().find(|name| !self.names.contains_key(*name));
        assert_eq!(more, None, "a file that the trace does not know");
        let mut differ = Vec::new();
        for (name, file) in &self.names {
            let found = found.get(name).expect("a file that the trace knows");
            let file = &mut self.files[*file];
            if file.cached != *found {
                let last = difference(&file.cached, found);
                file.change(last.expect("only calls that are traced"));
                differ.push(name);
            }
        }
        assert!(differ.len() <= 1, "more than one call: {differ:?}");
    }

    /// Whether a loss of power would take something from this file.
    pub(crate) fn has_unflushed(&self, name: &str) -> bool {
        let file = self.names.get(OsStr::new(name));
        file.is_some_and(|file| !self.files[*file].unflushed.is_empty())
    }

    /// The power fails: from here on the folder is what is left.
    pub(crate) fn lose_power(mut self, luck: Luck) -> PathBuf {
        for (name, file) in self.unflushed_names.drain(..) {
            if luck.keeps(false) {
                rename(&mut self.flushed_names, name, file);
            }
        }
        for name in contents(&self.folder).into_keys() {
            std::fs::remove_file(self.folder.join(name)).expect("a file");
        }
        let shared = self.folder.join(SHARED);
        assert!(std::fs::remove_file(shared).is_ok(), "nothing was shared");
        for (name, file) in &self.flushed_names {
            let file = &mut self.files[*file];
            file.flush(luck);
            std::fs::write(self.folder.join(name), &file.flushed).expect("it writes");
        }
        self.folder
    }
}

fn rename(names: &mut BTreeMap<OsString, usize>, name: OsString, file: Option<usize>) {
    match file {
        Some(file) => names.insert(name, file),
        None => names.remove(&name),
    };
}

fn contents(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = std::fs::read_dir(folder).expect("a folder");
    files
        .map(|file| file.expect("a file"))
        // A socket holds nothing.
        .filter(|file| file.file_type().expect("a file").is_file())
        .filter(|file| file.file_name() != SHARED)
        .map(|file| {
            (
                file.file_name(),
                std::fs::read(file.path()).expect("it reads"),
            )
        })
        .collect()
}
