//! A program that is released, with what it says about itself: its manual page and its completions. And whether it
//! works: a relay is started, and two people write to each other.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;
use crate::musl::Programs;
use crate::setup::{self, Arch};

/// Shells, and what stands before and behind a program's name in the name of its completions.
const SHELLS: [(&str, &str, &str); 3] = [
    ("bash", "", ".bash"),
    ("fish", "", ".fish"),
    ("zsh", "_", ""),
];

/// One program for one architecture.
pub(crate) struct Program {
    /// `pawl-server` or `pawl`.
    pub(crate) name: &'static str,
    pub(crate) arch: Arch,
    pub(crate) binary: PathBuf,
    /// A folder with NAME.1.
    pub(crate) pages: PathBuf,
    /// A folder with NAME.bash, NAME.fish and _NAME.
    pub(crate) completions: PathBuf,
}

/// Asks the programs themselves for their pages and completions.
pub(super) fn described(ctx: &Context, arch: Arch, built: &Programs) -> Result<Vec<Program>> {
    let all = [("pawl-server", &built.relay), ("pawl", &built.terminal)];
    let heading = format!("asking the programs for {} for their pages", arch.name());
    ctx.step(&heading, || {
        all.into_iter()
            .map(|(name, binary)| describe(ctx, name, arch, binary))
            .collect()
    })
}

fn describe(ctx: &Context, name: &'static str, arch: Arch, binary: &Path) -> Result<Program> {
    let sh = &ctx.sh;
    let at = ctx
        .scratch("release")?
        .join("pages")
        .join(format!("{name}-{}", arch.name()));
    sh.remove_path(&at)?;
    let pages = sh.create_dir(at.join("man"))?;
    let completions = sh.create_dir(at.join("completions"))?;
    let says = |words: &[&str]| says(ctx, arch, binary, words);
    sh.write_file(pages.join(format!("{name}.1")), says(&["man"])?)?;
    for (shell, before, behind) in SHELLS {
        let script = says(&["completions", shell])?;
        sh.write_file(completions.join(format!("{before}{name}{behind}")), script)?;
    }
    Ok(Program {
        name,
        arch,
        binary: binary.to_path_buf(),
        pages,
        completions,
    })
}

/// What a program prints, under qemu-user where it is of another architecture.
pub(super) fn says(ctx: &Context, arch: Arch, binary: &Path, words: &[&str]) -> Result<Vec<u8>> {
    let runner = setup::runner(ctx, arch)?;
    let program = runner.as_deref().unwrap_or(binary);
    let binary = runner.is_some().then_some(binary);
    let command = ctx.sh.cmd(program).args(binary).args(words);
    Ok(command.quiet().output()?.stdout)
}

/// A relay, two accounts, a message each way.
pub(super) fn try_out(ctx: &Context, arch: Arch, built: &Programs) -> Result<()> {
    let sh = &ctx.sh;
    let Programs { relay, terminal } = built;
    let runner = setup::runner(ctx, arch)?;
    let runner = runner
        .iter()
        .flat_map(|path| ["--runner".as_ref(), path.as_os_str()]);
    let heading = format!("trying the programs for {}", arch.name());
    ctx.step(&heading, || {
        ctx.run(cmd!(
            sh,
            "node tests/release/trial.mjs --server {relay} --terminal {terminal} {runner...}"
        ))
    })
}
