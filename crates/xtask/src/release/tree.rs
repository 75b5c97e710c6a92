//! Files and folders that become a tar archive: the same bytes for the same content, wherever and whenever it is made.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// The mode of what may be run, and of folders.
pub(crate) const RUNS: u32 = 0o755;
/// The mode of what is only read.
pub(crate) const READS: u32 = 0o644;

/// Whom files belong to.
const ROOT: u32 = 0;

enum Entry {
    Folder,
    File(Vec<u8>),
}

/// Entries by path, which are written in that order: mode, owner and group, and what they are.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<String, (u32, u32, Entry)>);

impl Tree {
    /// A file, below folders that are made for it where they are not there.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        for parent in parents.filter(|parent| !parent.is_empty() && *parent != ".") {
            self.folder(parent, RUNS);
        }
        let entry = Entry::File(content.into());
        self.0.insert(path.to_owned(), (mode, ROOT, entry));
    }

    /// A folder; one that is there already keeps its mode.
    pub(crate) fn folder(&mut self, path: &str, mode: u32) {
        self.folder_of(path, mode, ROOT);
    }

    /// The same, of another user and its group.
    pub(crate) fn folder_of(&mut self, path: &str, mode: u32, owner: u32) {
        let folder = (mode, owner, Entry::Folder);
        self.0.entry(path.to_owned()).or_insert(folder);
    }

    /// What the files take on a disk, each in whole KiB.
    pub(crate) fn kibibytes(&self) -> u64 {
        let sizes = self.0.values().map(|(_, _, entry)| match entry {
            Entry::Folder => 1,
            Entry::File(content) => (content.len() as u64).div_ceil(1024),
        });
        sizes.sum()
    }

    /// The archive, in which everything is of one time (seconds since 1970).
    pub(crate) fn tar(&self, time: u64) -> Result<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        for (path, (mode, owner, entry)) in &self.0 {
            let mut header = Header::new_gnu();
            header.set_mode(*mode);
            header.set_mtime(time);
            header.set_uid((*owner).into());
            header.set_gid((*owner).into());
            let added = match entry {
                Entry::Folder => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_size(0);
                    archive.append_data(&mut header, format!("{path}/"), &[][..])
                }
                Entry::File(content) => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_size(content.len() as u64);
                    archive.append_data(&mut header, path, content.as_slice())
                }
            };
            added.with_context(|| path.clone())?;
        }
        Ok(archive.into_inner()?)
    }
}

/// Without a name or a time, which gzip would note.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new()
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(archive: &[u8]) -> Vec<(String, u32, u64, u64)> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path().unwrap().display().to_string();
            let owner = header.uid().unwrap() + header.gid().unwrap();
            (path, header.mode().unwrap(), header.mtime().unwrap(), owner)
        });
        entries.collect()
    }

    #[test]
    fn what_was_added_in_another_order_is_the_same_archive() {
        let mut one = Tree::default();
        one.file("top/b", RUNS, "program");
        one.file("top/a/deep", READS, "text");
        let mut other = Tree::default();
        other.file("top/a/deep", READS, "text");
        other.file("top/b", RUNS, "program");
        let archive = one.tar(1_700_000_000).unwrap();
        assert_eq!(archive, other.tar(1_700_000_000).unwrap());
        let told = |path: &str, mode| (path.to_owned(), mode, 1_700_000_000, 0);
        let expected = [
            told("top/", RUNS),
            told("top/a/", RUNS),
            told("top/a/deep", READS),
            told("top/b", RUNS),
        ];
        assert_eq!(entries(&archive), expected);
        assert_ne!(archive, one.tar(1).unwrap());
    }

    #[test]
    fn a_long_path_survives() {
        let path = format!("{}/file", "long-name".repeat(20));
        let mut tree = Tree::default();
        tree.file(&path, READS, "text");
        let archive = tree.tar(0).unwrap();
        assert_eq!(entries(&archive).last().unwrap().0, path);
    }

    #[test]
    fn gzip_notes_neither_time_nor_system() {
        let packed = gzip(b"text").unwrap();
        assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    }
}
