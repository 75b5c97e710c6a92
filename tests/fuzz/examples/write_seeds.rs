//! Writes honest input for every target under a folder, for `cargo xtask fuzz` to begin with.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("write_seeds FOLDER"))?;
    for (number, (target, input)) in pawl_fuzz::seeds().into_iter().enumerate() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{number}")), input)?;
    }
    Ok(())
}
