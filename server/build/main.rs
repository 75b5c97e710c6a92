//! Embeds the page: see `embed.rs`. Where there is no built page, the relay is built without one.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a build script speaks to Cargo on standard output"
)]

mod embed;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=PAWL_WEB_DIST");
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let dist = env::var_os("PAWL_WEB_DIST").map_or(manifest.join("../web/dist"), PathBuf::from);
    watch(&dist, &manifest.join("../web"));
    let out = PathBuf::from(variable("OUT_DIR")?);
    let assets = embed::embed(&dist, &out)?;
    fs::write(out.join("web_assets.rs"), embed::table(&assets))
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}

/// Cargo runs a build script again and again for a path that is missing, so until the page is built
/// the folder that will hold it is watched.
fn watch(dist: &Path, parent: &Path) {
    let watched = if dist.exists() || !parent.exists() {
        dist
    } else {
        parent
    };
    println!("cargo:rerun-if-changed={}", watched.display());
}
