//! `cargo xtask release`: what people install, from a clean checkout, in a folder that is empty before. All is made below
//! target/ first and put into that folder when it is whole, so that a failure leaves nothing there.

mod archive;
pub(crate) mod check;
mod deb;
mod first;
mod oci;
mod page;
mod program;
mod prove;
mod refusals;
mod sbom;
mod sums;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;
use serde::Deserialize;
use xshell::cmd;

use crate::context::Context;
use crate::musl;
use crate::setup::{self, Arch};

pub(crate) use first::first_minutes;
pub(crate) use program::Program;
pub(crate) use prove::prove;
use sums::Signer;

/// Who vouches for the files.
pub(crate) enum Signing {
    /// A secret key of minisign's.
    Key(PathBuf),
    /// Nobody, and the files are named so.
    Unsigned,
}

/// What was asked for.
pub(crate) struct Choice {
    out: PathBuf,
    signing: Signing,
    archs: Vec<Arch>,
    prove: bool,
}

impl Choice {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self> {
        let (mut out, mut key) = (None, None);
        let (mut unsigned, mut prove) = (false, false);
        let mut archs = Vec::new();
        while let Some(arg) = args.next()? {
            match arg {
                Long("out") => out = Some(PathBuf::from(args.value()?)),
                Long("sign-key") => key = Some(PathBuf::from(args.value()?)),
                Long("unsigned") => unsigned = true,
                Long("prove") => prove = true,
                Long("arch") => archs.push(Arch::parse(&args.value()?.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        archs.sort();
        archs.dedup();
        if archs.is_empty() {
            archs = Arch::ALL.into();
        }
        let signing = match (key, unsigned) {
            (Some(key), false) => Signing::Key(key),
            (None, true) => Signing::Unsigned,
            (Some(_), true) => bail!("--sign-key and --unsigned exclude each other"),
            (None, false) => bail!("who signs? --sign-key FILE, or --unsigned for a trial"),
        };
        Ok(Self {
            out: out.context("where to? --out DIR, a folder that is empty or not there yet")?,
            signing,
            archs,
            prove,
        })
    }
}

/// What is being made.
pub(crate) struct Release {
    /// Where files go first; only whole releases leave it.
    pub(crate) made: PathBuf,
    pub(crate) version: String,
    pub(crate) commit: String,
    /// Of the commit, in seconds since 1970: the time of everything that is made.
    pub(crate) time: u64,
    /// Two for each architecture.
    pub(crate) programs: Vec<Program>,
}

impl Release {
    /// The same time as RFC 3339 writes it.
    fn moment(&self, ctx: &Context) -> Result<String> {
        let sh = &ctx.sh;
        let format = "--date=format-local:%Y-%m-%dT%H:%M:%SZ";
        let told = ctx.read(cmd!(sh, "git log -1 --format=%cd {format}").env("TZ", "UTC"))?;
        Ok(told)
    }
}

pub(crate) fn run(ctx: &Context, choice: &Choice) -> Result<()> {
    let signer = match &choice.signing {
        Signing::Key(key) => Some(Signer::open(ctx, key)?),
        Signing::Unsigned => None,
    };
    refusals::folder(ctx, &choice.out)?;
    refusals::checkout(ctx)?;
    for arch in &choice.archs {
        setup::Musl::ensure(ctx, *arch)?;
        setup::runner(ctx, *arch)?;
    }
    let release = make(ctx, &choice.archs)?;
    if choice.prove {
        prove(ctx, &choice.archs)?;
    }
    let title = format!("Pawl {} of commit {}", release.version, release.commit);
    sums::write(ctx, &release.made, signer.as_ref(), &title)?;
    put(ctx, &release, &choice.out)
}

fn make(ctx: &Context, archs: &[Arch]) -> Result<Release> {
    let mut release = begin(ctx, "release/made")?;
    for arch in archs {
        let built = musl::programs(ctx, *arch)?;
        let programs = program::described(ctx, *arch, &built)?;
        program::try_out(ctx, *arch, &built)?;
        release.programs.extend(programs);
    }
    for program in &release.programs {
        archive::write(ctx, &release, program)?;
        deb::write(ctx, &release, program)?;
        if program.name == "pawl-server" {
            oci::write(ctx, &release, program)?;
        }
    }
    ctx.step("writing down the page's files", || {
        page::write(ctx, &release.made, &release.programs)
    })?;
    ctx.step("writing down what is inside", || {
        sbom::write(ctx, &release, archs)
    })?;
    Ok(release)
}

/// Nothing yet, and a folder for it.
fn begin(ctx: &Context, folder: &str) -> Result<Release> {
    let sh = &ctx.sh;
    let made = ctx.scratch(folder)?;
    sh.remove_path(&made)?;
    sh.create_dir(&made)?;
    Ok(Release {
        made,
        version: version(ctx)?,
        commit: ctx.read(cmd!(sh, "git rev-parse HEAD"))?,
        time: ctx
            .read(cmd!(sh, "git log -1 --format=%ct"))?
            .parse()
            .context("the commit's time")?,
        programs: Vec::new(),
    })
}

#[derive(Deserialize)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    version: String,
}

fn version(ctx: &Context) -> Result<String> {
    let text = ctx.sh.read_file(ctx.path("Cargo.toml"))?;
    let manifest: Manifest = toml::from_str(&text).context("Cargo.toml")?;
    Ok(manifest.workspace.package.version)
}

/// Into the folder that was named; what stands there is taken away again when one of them does not fit.
fn put(ctx: &Context, release: &Release, out: &Path) -> Result<()> {
    let sh = &ctx.sh;
    sh.create_dir(out)?;
    let mut files = sh.read_dir(&release.made)?;
    files.sort();
    let mut done = Vec::new();
    for file in &files {
        let name = file.file_name().context("a file has a name")?;
        let to = out.join(name);
        done.push(to.clone());
        if let Err(error) = std::fs::copy(file, &to) {
            for file in done {
                sh.remove_path(file)?;
            }
            return Err(error).with_context(|| format!("{} could not be written", to.display()));
        }
    }
    for file in &done {
        let bytes = std::fs::metadata(file)?.len();
        println!("    {bytes:>12}  {}", file.display());
    }
    let Release {
        version, commit, ..
    } = release;
    println!("Pawl {version} of commit {commit} is in {}", out.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &[&str]) -> String {
        let parsed = Choice::parse(lexopt::Parser::from_args(words));
        parsed.err().map(|error| error.to_string()).unwrap()
    }

    #[test]
    fn who_signs_and_where_to_must_be_said() {
        assert!(refusal(&["--out", "made"]).contains("--sign-key FILE"));
        let both = ["--out", "made", "--unsigned", "--sign-key", "key"];
        assert!(refusal(&both).contains("exclude"));
        assert!(refusal(&["--unsigned"]).contains("--out DIR"));
        let amd64 = ["--out", "made", "--unsigned", "--arch", "amd64"];
        assert!(refusal(&amd64).contains("x86_64 or aarch64"));
        assert!(refusal(&["--unsigned", "--outt", "made"]).contains("--outt"));
    }

    #[test]
    fn all_architectures_are_made_unless_some_are_named_and_each_once() {
        let archs = |words: &[&str]| {
            let all = [&["--out", "made", "--unsigned"], words].concat();
            Choice::parse(lexopt::Parser::from_args(all)).unwrap().archs
        };
        assert_eq!(archs(&[]), Arch::ALL);
        let twice = ["--arch", "aarch64", "--arch", "aarch64"];
        assert_eq!(archs(&twice), [Arch::Aarch64]);
    }
}
