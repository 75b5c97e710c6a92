//! `cargo xtask fuzz`: gets a nightly compiler and cargo-fuzz, gives libFuzzer honest input to begin with, and lets
//! it search. What finds a fault is written among the corpora of tests/fuzz, so that the ordinary tests fail from
//! then on until it is mended.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::{Cmd, cmd};

use crate::context::Context;
use crate::setup;

const PROGRAMS: &str = "tests/fuzz/libfuzzer";
const CORPORA: &str = "tests/fuzz/corpus";

/// Of one input; an envelope with its handshake is a fourth of it.
const LONGEST: u32 = 8192;

/// Of one target, checked in.
const CORPUS_BYTES: u64 = 26_000;

/// What is asked for.
pub(crate) struct Choice {
    /// All targets where there is none.
    pub(crate) target: Option<String>,
    /// For each target.
    pub(crate) seconds: u32,
    /// Replaces the checked-in corpora by the fewest inputs that reach what the search has reached.
    pub(crate) keep: bool,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            target: None,
            seconds: 600,
            keep: false,
        }
    }
}

pub(crate) fn run(ctx: &Context, choice: &Choice) -> Result<()> {
    setup::fuzzing(ctx)?;
    let targets = chosen(ctx, choice.target.as_deref())?;
    let working = ctx.scratch("fuzz/corpus")?;
    let sh = &ctx.sh;
    ctx.run(cmd!(
        sh,
        "cargo run --quiet -p pawl-fuzz --example write_seeds {working}"
    ))?;
    for target in &targets {
        let seconds = choice.seconds;
        ctx.step(&format!("{target}, {seconds} s"), || {
            search(ctx, target, &working.join(target), seconds)?;
            if choice.keep {
                keep(ctx, target, &working.join(target))?;
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

fn search(ctx: &Context, target: &str, working: &Path, seconds: u32) -> Result<()> {
    let sh = &ctx.sh;
    // libFuzzer wants the folder of a target for which there is no honest input, too.
    sh.create_dir(working)?;
    let corpus = ctx.path(CORPORA).join(target);
    let time = format!("-max_total_time={seconds}");
    let length = format!("-max_len={LONGEST}");
    let found = format!("-artifact_prefix={}/", corpus.display());
    let search = cmd!(
        sh,
        "cargo fuzz run -O --fuzz-dir {PROGRAMS} {target} {working} {corpus} -- {time} {length} {found}"
    );
    ctx.run(nightly(ctx, search))
        .with_context(|| format!("{target}: see the newest file in {CORPORA}/{target}"))
}

fn keep(ctx: &Context, target: &str, working: &Path) -> Result<()> {
    let sh = &ctx.sh;
    let corpus = ctx.path(CORPORA).join(target);
    let fewest = ctx.scratch("fuzz/fewest")?.join(target);
    sh.remove_path(&fewest)?;
    sh.create_dir(&fewest)?;
    let merge = cmd!(
        sh,
        "cargo fuzz run -O --fuzz-dir {PROGRAMS} {target} {fewest} {working} {corpus} -- -set_cover_merge=1"
    );
    ctx.run(nightly(ctx, merge))?;
    for file in sh
        .read_dir(&corpus)?
        .iter()
        .filter(|file| !is_finding(file))
    {
        sh.remove_path(file)?;
    }
    for file in smallest(sh.read_dir(&fewest)?)? {
        sh.copy_file(file, &corpus)?;
    }
    Ok(())
}

/// Inputs that once found a fault stay for ever.
fn is_finding(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    let kinds = ["crash-", "timeout-", "oom-", "leak-"];
    name.is_some_and(|name| kinds.iter().any(|kind| name.starts_with(kind)))
}

/// As many as the corpus may hold.
fn smallest(files: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let size = |file: PathBuf| Ok((std::fs::metadata(&file)?.len(), file));
    let mut sized: Vec<_> = files.into_iter().map(size).collect::<Result<_>>()?;
    sized.sort();
    let mut total = 0;
    let fits = |(size, _): &(u64, PathBuf)| {
        total += size;
        total <= CORPUS_BYTES
    };
    let kept = sized.into_iter().take_while(fits);
    Ok(kept.map(|(_, file)| file).collect())
}

/// With its own target folder: sanitizers rebuild everything.
fn nightly<'a>(ctx: &Context, cmd: Cmd<'a>) -> Cmd<'a> {
    cmd.env("RUSTUP_TOOLCHAIN", setup::NIGHTLY)
        .env("CARGO_TARGET_DIR", ctx.path("target/xtask/fuzz/target"))
}
