//! How much a visitor downloads: raw, gzip -9 and Brotli 11 of every file that index.html leads to before
//! the user acts, found by following the names of built files from one file to the next. Holds the budgets
//! of wasm-pack.toml.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::context::Context;
use crate::manifest::WasmPack;

/// One file, or the total.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Row {
    file: String,
    raw: u64,
    gzip: u64,
    brotli: u64,
}

impl Row {
    fn of(file: String, content: &[u8]) -> Result<Self> {
        let len = |bytes: usize| bytes as u64;
        let (gzip, brotli) = (len(gzip(content)?), len(brotli(content)?));
        Ok(Self {
            file,
            raw: len(content.len()),
            gzip,
            brotli,
        })
    }
}

fn gzip(content: &[u8]) -> Result<usize> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len())
}

fn brotli(content: &[u8]) -> Result<usize> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut std::io::Cursor::new(content), &mut packed, &parameters)?;
    Ok(packed.len())
}

/// Refuses a module over its budget.
pub(crate) fn check_wasm(module: &Path, budget: u64) -> Result<()> {
    let row = Row::of("wasm".into(), &fs::read(module)?)?;
    println!(
        "    {} bytes, {} after Brotli (budget {budget})",
        row.raw, row.brotli
    );
    if row.brotli > budget {
        bail!(
            "the engine is {} bytes after Brotli; wasm-pack.toml allows {budget}",
            row.brotli
        );
    }
    Ok(())
}

/// The rows of `web/dist`, the total last.
pub(crate) fn measure(dist: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for file in first_visit(dist)? {
        let content = fs::read(dist.join(&file)).with_context(|| file.display().to_string())?;
        rows.push(Row::of(file.display().to_string(), &content)?);
    }
    let sum = |part: fn(&Row) -> u64| rows.iter().map(part).sum();
    let total = Row {
        file: "total".into(),
        raw: sum(|r| r.raw),
        gzip: sum(|r| r.gzip),
        brotli: sum(|r| r.brotli),
    };
    rows.push(total);
    Ok(rows)
}

/// Prints JSON rows, then refuses a total over the budget.
pub(crate) fn print(ctx: &Context) -> Result<()> {
    let budget = WasmPack::read(ctx)?.budget.first_visit;
    let rows = measure(&ctx.path("web/dist"))?;
    for row in &rows {
        println!("{}", serde_json::to_string(row)?);
    }
    let total = rows.last().map_or(0, |row| row.brotli);
    if total > budget {
        bail!("a first visit loads {total} bytes after Brotli; wasm-pack.toml allows {budget}");
    }
    Ok(())
}

/// Files named, directly or through others, from index.html. A name counts wherever it stands, so a file
/// that only some visits load (a lazy chunk) is counted too: the bound errs on the strict side.
fn first_visit(dist: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut all = Vec::new();
    list(dist, dist, &mut all)?;
    let start = PathBuf::from("index.html");
    if !all.contains(&start) {
        bail!("{} has no index.html: build first", dist.display());
    }
    let mut found = BTreeSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        let content = fs::read(dist.join(&file))?;
        let text = String::from_utf8_lossy(&content);
        for other in &all {
            let name = other.file_name().unwrap_or_default().to_string_lossy();
            if text.contains(&*name) && found.insert(other.clone()) {
                open.push(other.clone());
            }
        }
    }
    Ok(found)
}

fn list(top: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(top, &path, files)?;
        } else {
            files.push(path.strip_prefix(top)?.to_path_buf());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_counts_and_what_is_not_does_not() {
        let at = std::env::temp_dir().join(format!("pawl-size-{}", std::process::id()));
        fs::create_dir_all(at.join("assets")).unwrap();
        fs::write(at.join("index.html"), "<script src=/assets/main-1.js>").unwrap();
        fs::write(
            at.join("assets/main-1.js"),
            "new Worker('/assets/worker-2.js')",
        )
        .unwrap();
        fs::write(at.join("assets/worker-2.js"), "x".repeat(1000)).unwrap();
        fs::write(at.join("assets/other-3.js"), "never named").unwrap();
        let rows = measure(&at).unwrap();
        fs::remove_dir_all(&at).unwrap();
        let files: Vec<_> = rows.iter().map(|row| row.file.as_str()).collect();
        assert_eq!(
            files,
            [
                "assets/main-1.js",
                "assets/worker-2.js",
                "index.html",
                "total"
            ]
        );
        let total = rows.last().unwrap();
        assert_eq!(total.raw, rows[..3].iter().map(|row| row.raw).sum::<u64>());
        assert!(rows[1].brotli < rows[1].raw && rows[1].gzip < rows[1].raw);
    }
}
