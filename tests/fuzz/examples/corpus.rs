//! Unpacks and packs the archives of the corpora, for `cargo xtask fuzz`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use pawl_fuzz::archive::{Inputs, name, pack, renew, unpack};

const HELP: &str = "corpus unpack|add|renew ARCHIVE FOLDER";

/// Of one target, checked in: what found a fault is not counted.
const CORPUS_BYTES: usize = 26_000;

fn main() -> io::Result<()> {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let [what, archive, folder] = &words[..] else {
        return Err(io::Error::other(HELP));
    };
    let (archive, folder) = (Path::new(archive), Path::new(folder));
    let inputs = match fs::read(archive) {
        // A new target's archive begins with its first input.
        Err(error) if error.kind() == io::ErrorKind::NotFound && what == "add" => Inputs::new(),
        bytes => unpack(&bytes?)
            .map_err(|error| io::Error::other(format!("{}: {error}", archive.display())))?,
    };
    match what.to_str() {
        Some("unpack") => {
            fs::create_dir_all(folder)?;
            for (name, input) in inputs {
                fs::write(folder.join(name), input)?;
            }
            Ok(())
        }
        Some("add") => {
            let mut all = inputs;
            all.extend(read(folder)?);
            write(archive, &all)
        }
        Some("renew") => write(archive, &renew(inputs, read(folder)?, CORPUS_BYTES)),
        _ => Err(io::Error::other(HELP)),
    }
}

/// The files of a folder, or one file.
fn read(path: &Path) -> io::Result<Inputs> {
    let files: Vec<PathBuf> = match path.is_dir() {
        true => fs::read_dir(path)?
            .map(|file| Ok(file?.path()))
            .collect::<io::Result<_>>()?,
        false => vec![path.to_path_buf()],
    };
    let input = |file: PathBuf| {
        let input = fs::read(&file)?;
        let own = file.file_name().unwrap_or_default().to_string_lossy();
        Ok((name(&own, &input), input))
    };
    files.into_iter().map(input).collect()
}

/// Whole or not at all: an archive that was begun must not be left.
fn write(archive: &Path, inputs: &Inputs) -> io::Result<()> {
    if inputs.is_empty() {
        return Err(io::Error::other("nothing to pack"));
    }
    let new = archive.with_extension("new");
    fs::write(&new, pack(inputs)?)?;
    fs::rename(new, archive)
}
