//! Takes in the licences of what is inside, which `cargo xtask build` collects; without them it is built, too.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a build script speaks to Cargo on standard output"
)]

use std::path::PathBuf;
use std::{env, fs, io};

const NO_LICENCES: &str = "This program was built without the licences of what is inside.\n\
                           Build it with `cargo xtask release`.\n";

fn main() -> io::Result<()> {
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("build");
    let file = folder.join("licences.txt");
    // Cargo runs a build script again and again for a path that is missing.
    let watched = if file.exists() { &file } else { &folder };
    println!("cargo:rerun-if-changed={}", watched.display());
    let text = fs::read_to_string(&file).unwrap_or_else(|_| NO_LICENCES.to_owned());
    let out = PathBuf::from(variable("OUT_DIR")?);
    fs::write(out.join("licences.txt"), text)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
