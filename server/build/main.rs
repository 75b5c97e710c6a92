//! Embeds the page: see `embed.rs`. Where there is no built page, the relay is built without one. Takes in the licences
//! that `cargo xtask build` has collected, too.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a build script speaks to Cargo on standard output"
)]

mod embed;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const NO_LICENCES: &str = "This relay was built without the licences of what is inside.\n\
                           Build it with `cargo xtask build`.\n";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=PAWL_WEB_DIST");
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let dist = env::var_os("PAWL_WEB_DIST").map_or(manifest.join("../web/dist"), PathBuf::from);
    watch(&dist, &manifest.join("../web"));
    let out = PathBuf::from(variable("OUT_DIR")?);
    let assets = embed::embed(&dist, &out)?;
    fs::write(out.join("web_assets.rs"), embed::table(&assets))?;
    let licences = manifest.join("build/licences.txt");
    watch(&licences, &manifest.join("build"));
    let text = fs::read_to_string(licences).unwrap_or_else(|_| NO_LICENCES.to_owned());
    fs::write(out.join("licences.txt"), text)
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
