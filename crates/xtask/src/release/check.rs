//! `cargo xtask check-release DIR`: what a release holds, in the hands of programs that are not ours: Debian's dpkg in a
//! Debian of its own, lintian, skopeo, and a validator of CycloneDX. Needs root on Debian.

mod debian;
mod image;
mod packages;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use super::{sbom, sums};
use crate::context::Context;
use crate::setup::{self, Arch};

/// Looks at everything in the folder that `cargo xtask release` has filled.
pub(crate) fn run(ctx: &Context, folder: &Path) -> Result<()> {
    setup::release_checkers(ctx)?;
    ctx.step("comparing the list of hashes", || sums::check(folder))?;
    ctx.step("validating the bill of materials", || {
        bill(ctx, &folder.join(sbom::NAME))
    })?;
    let debs = ending(folder, ".deb")?;
    ctx.step("asking lintian", || lint(ctx, &debs))?;
    let host = Arch::host().context("this machine runs no Linux of a released architecture")?;
    packages::check(ctx, &debs, host)?;
    for image in ending(folder, ".tar")? {
        image::check(ctx, &image, host)?;
    }
    println!("everything in {} is as it should be", folder.display());
    Ok(())
}

/// The files of the folder whose names end so, at least one.
fn ending(folder: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let files = entries.map(|entry| Ok(entry?.path()));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(end));
    files.sort();
    if files.is_empty() {
        bail!("{} has no file that ends with {end}", folder.display());
    }
    Ok(files)
}

/// By the schema of CycloneDX's own library.
fn bill(ctx: &Context, file: &Path) -> Result<()> {
    let python = setup::cyclonedx(ctx)?;
    let sh = &ctx.sh;
    let program = ctx.path("tests/release/bill.py");
    ctx.run(cmd!(sh, "{python} {program} {file}"))
}

/// No error; warnings are shown.
fn lint(ctx: &Context, debs: &[PathBuf]) -> Result<()> {
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "lintian --fail-on error --allow-root {debs...}"))
}
