//! Where the repository is and how its commands are started: the folder, the target folder, a cleaned
//! environment, and what the developer sees of each step. Every other module starts programs through here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use xshell::{Cmd, Shell};

use crate::clock::Stopwatch;

/// What `cargo run` leaves in the environment; a child cargo of another toolchain must not see it.
const LEFT_BY_CARGO: [&str; 14] = [
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PRIMARY_PACKAGE",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "LD_LIBRARY_PATH",
];

/// The checkout and a shell that stands in its root.
pub(crate) struct Context {
    pub(crate) sh: Shell,
    pub(crate) root: PathBuf,
}

impl Context {
    /// Finds the checkout: two folders above this crate.
    pub(crate) fn new() -> Result<Self> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here
            .ancestors()
            .nth(2)
            .context("xtask lies in crates/xtask")?;
        Self::at(root.to_path_buf())
    }

    /// A checkout that stands there.
    pub(crate) fn at(root: PathBuf) -> Result<Self> {
        let sh = Shell::new()?;
        sh.change_dir(&root);
        // One target folder, whatever the developer's environment says: the release binary and the
        // stamps are looked up there.
        sh.set_var("CARGO_TARGET_DIR", root.join("target"));
        Ok(Self { sh, root })
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Our own corner of the target folder: stamps, tools, scratch crates.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let path = self.path("target/xtask").join(name);
        Ok(self.sh.create_dir(path)?)
    }

    /// Runs a command with its output shown, and says which one it is.
    pub(crate) fn run(&self, cmd: Cmd<'_>) -> Result<()> {
        println!("    $ {cmd}");
        Ok(clean(cmd).quiet().run()?)
    }

    /// The standard output of a command, trimmed; nothing is shown.
    pub(crate) fn read(&self, cmd: Cmd<'_>) -> Result<String> {
        Ok(clean(cmd).quiet().ignore_stderr().read()?)
    }

    /// Whether a command can be started and ends well; nothing is shown.
    pub(crate) fn succeeds(&self, cmd: Cmd<'_>) -> bool {
        clean(cmd)
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_ok()
    }

    /// For what must replace this process or be watched.
    pub(crate) fn command(&self, cmd: Cmd<'_>) -> Command {
        clean(cmd).into()
    }

    /// Does `work` under a heading, and says how long it took.
    pub(crate) fn step<T>(&self, heading: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("==> {heading}");
        let watch = Stopwatch::start();
        let done = work().with_context(|| heading.to_owned())?;
        println!("    done in {watch}");
        Ok(done)
    }
}

fn clean(cmd: Cmd<'_>) -> Cmd<'_> {
    LEFT_BY_CARGO
        .iter()
        .fold(cmd, |cmd, name| cmd.env_remove(name))
}

/// The first program of one of these names on PATH.
pub(crate) fn which(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    })
}

/// PATH with `folders` in front, for a child that looks for its tools there.
pub(crate) fn path_with(folders: &[&Path]) -> Result<std::ffi::OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = folders
        .iter()
        .map(|folder| folder.to_path_buf())
        .chain(std::env::split_paths(&old));
    Ok(std::env::join_paths(all)?)
}
