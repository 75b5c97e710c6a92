//! How much a visitor downloads: raw, gzip -9 and Brotli 11 of every file that index.html leads to before
//! the user acts, found by following the names of built files from one file to the next. Holds the budgets
//! of wasm-pack.toml.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use xshell::cmd;

use crate::context::Context;
use crate::manifest::WasmPack;

/// One file, or the total.
#[derive(Serialize, Deserialize)]
struct Row {
    file: String,
    raw: u64,
    gzip: u64,
    brotli: u64,
}

/// Node compresses: it is there anyway, and does in a second what an unoptimised build of ours takes a
/// minute for.
fn measure(ctx: &Context, files: &[PathBuf]) -> Result<Vec<Row>> {
    let sh = &ctx.sh;
    let rows = ctx.read(cmd!(sh, "node tests/bench/size.mjs {files...}"))?;
    rows.lines()
        .map(|row| Ok(serde_json::from_str(row)?))
        .collect()
}

/// The size of a module after Brotli.
pub(crate) fn brotli(ctx: &Context, module: &Path) -> Result<u64> {
    let rows = measure(ctx, &[module.to_path_buf()])?;
    let row = rows.first().context("one file was measured")?;
    println!("    {} bytes, {} after Brotli", row.raw, row.brotli);
    Ok(row.brotli)
}

/// Prints JSON rows of what a first visit loads, the total last; refuses a total over the budget.
pub(crate) fn print(ctx: &Context) -> Result<()> {
    let budget = WasmPack::read(ctx)?.budget;
    let dist = ctx.path("web/dist");
    let files: Vec<_> = first_visit(&dist, &budget.later)?
        .iter()
        .map(|file| dist.join(file))
        .collect();
    let mut rows = measure(ctx, &files)?;
    for row in &mut rows {
        row.file = Path::new(&row.file)
            .strip_prefix(&dist)?
            .display()
            .to_string();
    }
    let sum = |part: fn(&Row) -> u64| rows.iter().map(part).sum();
    let total = sum(|row| row.brotli);
    let (raw, gzip) = (sum(|row| row.raw), sum(|row| row.gzip));
    rows.push(Row {
        file: "total".into(),
        raw,
        gzip,
        brotli: total,
    });
    for row in &rows {
        println!("{}", serde_json::to_string(row)?);
    }
    if total > budget.first_visit {
        let allowed = budget.first_visit;
        bail!("a first visit loads {total} bytes after Brotli; wasm-pack.toml allows {allowed}");
    }
    Ok(())
}

/// Files named, directly or through others, from index.html. A name counts wherever it stands, so a file
/// that only some visits load is counted, too, unless wasm-pack.toml says that it comes `later`.
fn first_visit(dist: &Path, later: &[String]) -> Result<BTreeSet<PathBuf>> {
    let all = files(dist)?;
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
            let is_later = later.iter().any(|beginning| name.starts_with(beginning));
            if !is_later && text.contains(&*name) && found.insert(other.clone()) {
                open.push(other.clone());
            }
        }
    }
    Ok(found)
}

/// Files below a folder, by their paths from there.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    list(folder, folder, &mut all)?;
    Ok(all)
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
            "new Worker('/assets/worker-2.js'); new Worker('/assets/scanner-4.js')",
        )
        .unwrap();
        fs::write(at.join("assets/worker-2.js"), "x".repeat(1000)).unwrap();
        fs::write(at.join("assets/other-3.js"), "never named").unwrap();
        fs::write(at.join("assets/scanner-4.js"), "/assets/other-3.js").unwrap();
        let files = first_visit(&at, &["scanner-".to_owned()]).unwrap();
        fs::remove_dir_all(&at).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        assert_eq!(
            names,
            ["assets/main-1.js", "assets/worker-2.js", "index.html"]
        );
    }
}
