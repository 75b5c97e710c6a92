//! Turns the built page into a table of files with content hashes and compressed forms.
//!
//! Runs in the build script; an integration test runs the same code on a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Brotli's highest quality: it is paid once per build, and by every first visit otherwise.
const BROTLI_QUALITY: u32 = 11;

/// Brotli's largest ordinary window (16 MiB): the page's largest file fits in it.
const BROTLI_WINDOW: u32 = 22;

/// Bytes of the content hash in an ETag: 96 bits never collide by chance.
const HASH_BYTES: usize = 12;

/// Characters of the hash that Vite puts into names.
const NAME_HASH: usize = 8;

/// One file, ready to be included.
pub(crate) struct Embedded {
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) hash: String,
    pub(crate) immutable: bool,
    pub(crate) plain: PathBuf,
    pub(crate) brotli: Option<PathBuf>,
    pub(crate) gzip: Option<PathBuf>,
}

/// Reads every file under `dist` and writes its forms into `out`, sorted by path; none when `dist`
/// is missing. What an earlier run compressed is used again.
pub(crate) fn embed(dist: &Path, out: &Path) -> io::Result<Vec<Embedded>> {
    let mut files = Vec::new();
    if dist.exists() {
        collect(dist, &mut files)?;
    }
    files.sort();
    files
        .iter()
        .map(|file| embed_one(dist, file, out))
        .collect()
}

/// The table as Rust source.
pub(crate) fn table(files: &[Embedded]) -> String {
    let mut source = String::from(
        "/// The page's files, as they were when this was built.\npub static WEB: &[Asset] = &[\n",
    );
    for file in files {
        let optional = |path: &Option<PathBuf>| match path {
            Some(path) => format!("Some(include_bytes!({path:?}))"),
            None => "None".to_owned(),
        };
        let _ = writeln!(
            source,
            "    Asset {{ path: {:?}, content_type: {:?}, hash: {:?}, immutable: {}, \
             plain: include_bytes!({:?}), brotli: {}, gzip: {} }},",
            file.path,
            file.content_type,
            file.hash,
            file.immutable,
            file.plain,
            optional(&file.brotli),
            optional(&file.gzip),
        );
    }
    source.push_str("];\n");
    source
}

/// Hidden files are left out: an editor's backup does not belong on the net.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn embed_one(dist: &Path, file: &Path, out: &Path) -> io::Result<Embedded> {
    let bytes = fs::read(file)?;
    let digest = Sha256::digest(&bytes);
    let hash: String = digest[..HASH_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let relative = file.strip_prefix(dist).map_err(io::Error::other)?;
    let path = relative
        .iter()
        .map(|part| format!("/{}", part.to_string_lossy()))
        .collect::<String>();
    let (content_type, shrinks) = content_type(&path);
    let keep = |suffix: &str, make: &dyn Fn(&[u8]) -> io::Result<Vec<u8>>| {
        store(&out.join(format!("{hash}.{suffix}")), &bytes, make)
    };
    Ok(Embedded {
        immutable: is_hashed(&path),
        plain: keep("plain", &|bytes| Ok(bytes.to_vec()))?.0,
        brotli: smaller(shrinks, bytes.len(), || keep("br", &brotli))?,
        gzip: smaller(shrinks, bytes.len(), || keep("gz", &gzip))?,
        path,
        content_type,
        hash,
    })
}

fn store(
    path: &Path,
    bytes: &[u8],
    make: &dyn Fn(&[u8]) -> io::Result<Vec<u8>>,
) -> io::Result<(PathBuf, usize)> {
    if let Ok(known) = fs::metadata(path) {
        return Ok((
            path.to_owned(),
            usize::try_from(known.len()).unwrap_or(usize::MAX),
        ));
    }
    let made = make(bytes)?;
    // Written beside and renamed, so that a build that was cut off leaves nothing half.
    let part = path.with_extension("part");
    fs::write(&part, &made)?;
    fs::rename(&part, path)?;
    Ok((path.to_owned(), made.len()))
}

fn smaller(
    shrinks: bool,
    than: usize,
    make: impl FnOnce() -> io::Result<(PathBuf, usize)>,
) -> io::Result<Option<PathBuf>> {
    if !shrinks {
        return Ok(None);
    }
    let (path, len) = make()?;
    Ok((len < than).then_some(path))
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut made = Vec::new();
    let mut writer =
        brotli::CompressorWriter::new(&mut made, 64 * 1024, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(bytes)?;
    writer.flush()?;
    drop(writer);
    Ok(made)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    writer.finish()
}

/// Whether the name holds a hash of the content, as Vite's do: `assets/name-1a2B3c_4.js`.
fn is_hashed(path: &str) -> bool {
    let Some(name) = path.strip_prefix("/assets/") else {
        return false;
    };
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    stem.len() > NAME_HASH
        && stem.is_char_boundary(stem.len() - NAME_HASH)
        && stem.split_at(stem.len() - NAME_HASH).0.ends_with('-')
}

/// The media type, and whether compressing again can help.
fn content_type(path: &str) -> (&'static str, bool) {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "html" => ("text/html; charset=utf-8", true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "wasm" => ("application/wasm", true),
        "json" | "map" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "svg" => ("image/svg+xml", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "png" => ("image/png", false),
        "webp" => ("image/webp", false),
        "ico" => ("image/x-icon", true),
        "woff2" => ("font/woff2", false),
        _ => ("application/octet-stream", false),
    }
}
