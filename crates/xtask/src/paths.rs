//! What a compiler is told about folders, so that what it makes is the same wherever it was made: the checkout, the
//! crates' sources and Rust's own each get a short name.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::context::Context;

/// Between two flags in CARGO_ENCODED_RUSTFLAGS, since a folder may hold a space.
const BETWEEN: &str = "\u{1f}";

/// CARGO_ENCODED_RUSTFLAGS of these flags and of the names of folders.
pub(crate) fn flags(ctx: &Context, own: &[&str]) -> Result<OsString> {
    let mut flags = OsString::from(own.join(BETWEEN));
    for (folder, name) in folders(ctx)? {
        if !flags.is_empty() {
            flags.push(BETWEEN);
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    Ok(flags)
}

/// The last that fits counts. Below registry/src lies a folder for each registry, named after its address, and a
/// mirror has another.
fn folders(ctx: &Context) -> Result<Vec<(PathBuf, &'static str)>> {
    let sh = &ctx.sh;
    let sources = cargo_home()?.join("registry/src");
    let rust = ctx.read(cmd!(sh, "rustc --print sysroot"))?;
    let mut folders = vec![
        (PathBuf::from(rust).join("lib/rustlib/src/rust"), "rust"),
        (ctx.root.clone(), "pawl"),
        (sources.clone(), "registry"),
    ];
    if sources.is_dir() {
        let registries = sh.read_dir(&sources)?;
        folders.extend(registries.into_iter().map(|one| (one, "registry")));
    }
    Ok(folders)
}

/// Where cargo keeps what it has downloaded.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let home = std::env::home_dir().map(|home| home.join(".cargo"));
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or(home).context("no home folder")
}

/// Unpacks the crates' sources, before their folders are asked for.
pub(crate) fn fetch(ctx: &Context, triple: &str) -> Result<()> {
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "cargo fetch --locked --quiet --target {triple}"))
}
