//! `cargo xtask fuzz`: gets a nightly compiler and cargo-fuzz, gives libFuzzer honest input to begin
//! with, and lets it search. What finds a fault is packed into its target's archive in
//! tests/fuzz/corpus, so the ordinary tests fail from then on until the fault is mended.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::{Cmd, cmd};

use crate::context::Context;
use crate::setup;

const PROGRAMS: &str = "tests/fuzz/libfuzzer";
const CORPORA: &str = "tests/fuzz/corpus";

/// Of one input; an envelope with its handshake is a fourth of it.
const LONGEST: u32 = 8192;

/// What is asked for.
pub(crate) struct Choice {
    /// All targets where there is none.
    pub(crate) target: Option<String>,
    /// For each target.
    pub(crate) seconds: u32,
    /// Replaces the checked-in corpora by the fewest inputs that reach what the search has reached.
    pub(crate) keep: bool,
    /// Searches nothing, and adds this file or the files of this folder to the target's corpus.
    pub(crate) add: Option<PathBuf>,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            target: None,
            seconds: 600,
            keep: false,
            add: None,
        }
    }
}

pub(crate) fn run(ctx: &Context, choice: &Choice) -> Result<()> {
    let targets = chosen(ctx, choice.target.as_deref())?;
    if let Some(input) = &choice.add {
        let Some(target) = &choice.target else {
            bail!("add to which target? `cargo xtask fuzz TARGET --add FILE`");
        };
        return corpus(ctx, "add", target, input);
    }
    setup::fuzzing(ctx)?;
    let working = ctx.scratch("fuzz/working")?;
    let sh = &ctx.sh;
    ctx.run(cmd!(
        sh,
        "cargo run --quiet -p pawl-fuzz --example write_seeds {working}"
    ))?;
    for target in &targets {
        let seconds = choice.seconds;
        ctx.step(&format!("{target}, {seconds} s"), || {
            let folders = Folders::of(ctx, target)?;
            search(ctx, target, &folders, seconds)?;
            if choice.keep {
                keep(ctx, target, &folders)?;
            }
            Ok(())
        })?;
    }
    println!("{} searched, nothing found", targets.join(", "));
    Ok(())
}

fn chosen(ctx: &Context, target: Option<&str>) -> Result<Vec<String>> {
    let sh = &ctx.sh;
    let files = sh.read_dir(ctx.path(PROGRAMS).join("fuzz_targets"))?;
    let names = files.iter().filter_map(|file| file.file_stem()?.to_str());
    let names: Vec<_> = names.map(str::to_owned).collect();
    match target {
        None => Ok(names),
        Some(target) if names.iter().any(|name| name == target) => Ok(vec![target.to_owned()]),
        Some(target) => bail!("no target {target:?}; there are {}", names.join(", ")),
    }
}

/// What libFuzzer reads and writes for a target, in our corner of the target folder.
struct Folders {
    /// Honest input, and whatever reaches something new.
    working: PathBuf,
    /// The archive's inputs.
    corpus: PathBuf,
    /// What found a fault, until it is in the archive.
    found: PathBuf,
}

impl Folders {
    fn of(ctx: &Context, target: &str) -> Result<Self> {
        let folder = |name: &str| ctx.scratch(&format!("fuzz/{name}/{target}"));
        Ok(Self {
            working: folder("working")?,
            corpus: folder("corpus")?,
            found: folder("found")?,
        })
    }
}

/// Does something with a target's archive and a folder.
fn corpus(ctx: &Context, what: &str, target: &str, folder: &Path) -> Result<()> {
    let archive = archive(ctx, target);
    let sh = &ctx.sh;
    ctx.run(cmd!(
        sh,
        "cargo run --quiet -p pawl-fuzz --example corpus {what} {archive} {folder}"
    ))
}

fn archive(ctx: &Context, target: &str) -> PathBuf {
    ctx.path(CORPORA).join(format!("{target}.tar"))
}

fn search(ctx: &Context, target: &str, folders: &Folders, seconds: u32) -> Result<()> {
    // What a search that was ended had found.
    take_findings(ctx, target, folders)?;
    unpack(ctx, target, folders)?;
    let Folders {
        working,
        corpus,
        found,
    } = folders;
    let time = format!("-max_total_time={seconds}");
    let length = format!("-max_len={LONGEST}");
    let prefix = format!("-artifact_prefix={}/", found.display());
    let sh = &ctx.sh;
    let search = cmd!(
        sh,
        "cargo fuzz run -O --fuzz-dir {PROGRAMS} {target} {working} {corpus} -- {time} {length} {prefix}"
    );
    let searched = ctx.run(nightly(ctx, search));
    take_findings(ctx, target, folders)?;
    searched.with_context(|| format!("{target}: what it found is in {CORPORA}/{target}.tar"))
}

/// What found a fault goes into the archive.
fn take_findings(ctx: &Context, target: &str, folders: &Folders) -> Result<()> {
    let sh = &ctx.sh;
    let found = sh.read_dir(&folders.found)?;
    if found.is_empty() {
        return Ok(());
    }
    corpus(ctx, "add", target, &folders.found)?;
    for file in found {
        println!("    packed {}", file.display());
        sh.remove_path(file)?;
    }
    Ok(())
}

/// The folder has the archive's inputs and no others.
fn unpack(ctx: &Context, target: &str, folders: &Folders) -> Result<()> {
    ctx.sh.remove_path(&folders.corpus)?;
    corpus(ctx, "unpack", target, &folders.corpus)
}

fn keep(ctx: &Context, target: &str, folders: &Folders) -> Result<()> {
    let sh = &ctx.sh;
    let fewest = ctx.scratch(&format!("fuzz/fewest/{target}"))?;
    sh.remove_path(&fewest)?;
    sh.create_dir(&fewest)?;
    let Folders {
        working,
        corpus: old,
        ..
    } = folders;
    let merge = cmd!(
        sh,
        "cargo fuzz run -O --fuzz-dir {PROGRAMS} {target} {fewest} {working} {old} -- -set_cover_merge=1"
    );
    ctx.run(nightly(ctx, merge))?;
    corpus(ctx, "renew", target, &fewest)
}

/// With its own target folder: sanitizers rebuild everything.
fn nightly<'a>(ctx: &Context, cmd: Cmd<'a>) -> Cmd<'a> {
    cmd.env("RUSTUP_TOOLCHAIN", setup::NIGHTLY)
        .env("CARGO_TARGET_DIR", ctx.path("target/xtask/fuzz/target"))
}
