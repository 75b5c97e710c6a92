//! Says whether a step's inputs have changed since it last succeeded: a SHA-256 over names and contents,
//! kept in a small file under target/xtask. Times of files are not looked at, so a new checkout or a
//! switched branch neither rebuilds without need nor misses a change.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};

use crate::context::Context;

/// Folders that hold what steps make, never what they read.
const MADE: [&str; 3] = ["node_modules", "target", "dist"];

/// A step's inputs, as one short text.
#[derive(PartialEq, Eq)]
pub(crate) struct Stamp(String);

impl Stamp {
    /// Over files and folders (walked, sorted by name) and further text such as a tool's version.
    pub(crate) fn of(inputs: &[PathBuf], further: &str) -> Result<Self> {
        let mut files = Vec::new();
        for input in inputs {
            walk(input, &mut files).with_context(|| input.display().to_string())?;
        }
        files.sort();
        let mut hash = Sha256::new();
        hash.update(further);
        for file in files {
            let content = fs::read(&file)?;
            hash.update(file.as_os_str().as_encoded_bytes());
            hash.update((content.len() as u64).to_be_bytes());
            hash.update(content);
        }
        let mut text = String::new();
        for byte in hash.finalize() {
            write!(text, "{byte:02x}")?;
        }
        Ok(Self(text))
    }

    /// Whether `step` last succeeded with just these inputs and its output still stands.
    pub(crate) fn is_current(&self, ctx: &Context, step: &str, output: &Path) -> Result<bool> {
        let kept = fs::read_to_string(file(ctx, step)?).unwrap_or_default();
        Ok(output.exists() && kept == self.0)
    }

    /// Notes that `step` succeeded.
    pub(crate) fn keep(&self, ctx: &Context, step: &str) -> Result<()> {
        Ok(fs::write(file(ctx, step)?, &self.0)?)
    }
}

fn file(ctx: &Context, step: &str) -> Result<PathBuf> {
    Ok(ctx.scratch("stamps")?.join(step))
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !MADE.iter().any(|name| entry.file_name() == *name) {
                walk(&entry.path(), files)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("pawl-stamp-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_changed_byte_a_new_name_and_a_new_tool_each_change_the_stamp() {
        let at = folder("inputs");
        let of = |tool: &str| Stamp::of(std::slice::from_ref(&at), tool).unwrap().0;
        fs::write(at.join("a"), "one").unwrap();
        let first = of("tool 1");
        assert_eq!(first, of("tool 1"));
        assert_ne!(first, of("tool 2"));
        fs::write(at.join("a"), "two").unwrap();
        let second = of("tool 1");
        assert_ne!(first, second);
        fs::rename(at.join("a"), at.join("b")).unwrap();
        assert_ne!(second, of("tool 1"));
        fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn what_a_step_makes_is_no_input() {
        let at = folder("made");
        let of = || Stamp::of(std::slice::from_ref(&at), "").unwrap().0;
        let before = of();
        fs::create_dir_all(at.join("dist")).unwrap();
        fs::write(at.join("dist/index.html"), "made").unwrap();
        assert_eq!(before, of());
        fs::remove_dir_all(at).unwrap();
    }
}
