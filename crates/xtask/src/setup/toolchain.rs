//! The Rust toolchain that can build for wasm32: the active one where rustup can add the target, else
//! the one that `debian` makes from Debian's Rust source and links under a name of its own.
//! Native code always stays with the active toolchain.

use std::path::Path;

use anyhow::{Result, bail};
use xshell::{Cmd, cmd};

use super::debian;
use crate::context::Context;
use crate::stamp::Stamp;

/// The rustup name of the toolchain that stands in where rustup cannot add the target.
const LINKED: &str = "distro";

const TRIPLE: &str = "wasm32-unknown-unknown";

/// Which toolchain builds wasm on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WasmToolchain {
    Active,
    Linked,
}

impl WasmToolchain {
    /// Finds a toolchain that links wasm, or gets one.
    pub(crate) fn ensure(ctx: &Context) -> Result<Self> {
        if let Some(found) = Self::find(ctx)? {
            return Ok(found);
        }
        if rustup_adds_target(ctx) && works(ctx, Self::Active)? {
            return Ok(Self::Active);
        }
        println!(
            "    rustup could not add {TRIPLE} here; building its std from Debian's Rust instead"
        );
        ctx.step("building std for wasm32 from Debian's Rust source", || {
            debian::wasm32(ctx, LINKED)
        })?;
        if works(ctx, Self::Linked)? {
            return Ok(Self::Linked);
        }
        bail!("the toolchain `{LINKED}` is set up but does not link for {TRIPLE}")
    }

    fn find(ctx: &Context) -> Result<Option<Self>> {
        for toolchain in [Self::Active, Self::Linked] {
            if works(ctx, toolchain)? {
                return Ok(Some(toolchain));
            }
        }
        Ok(None)
    }

    /// Lets a command use this toolchain, by rustup's own variable.
    pub(crate) fn apply<'a>(self, cmd: Cmd<'a>) -> Cmd<'a> {
        match self {
            Self::Active => cmd,
            Self::Linked => cmd.env("RUSTUP_TOOLCHAIN", LINKED),
        }
    }
}

fn rustup_adds_target(ctx: &Context) -> bool {
    let sh = &ctx.sh;
    ctx.step("adding wasm32 to the Rust toolchain", || {
        ctx.run(cmd!(sh, "rustup target add {TRIPLE}").env("RUSTUP_MAX_RETRIES", "1"))
    })
    .is_ok()
}

/// Links a library that needs std, with the LTO that the engine is built with, and looks for the crate that
/// wasm tests need: what is listed as installed is not asked, since a listed target can still lack its linker.
fn works(ctx: &Context, toolchain: WasmToolchain) -> Result<bool> {
    let sh = &ctx.sh;
    let print = cmd!(sh, "rustc --print target-libdir --target {TRIPLE}");
    let Ok(libraries) = ctx.read(toolchain.apply(print)) else {
        return Ok(false);
    };
    let mut files = sh.read_dir(&libraries).unwrap_or_default();
    if !files
        .iter()
        .any(|file| file.to_string_lossy().contains("/libtest-"))
    {
        return Ok(false);
    }
    // It takes seconds, so what was seen to work is remembered for as long as compiler and std are the same.
    files.sort();
    let version = ctx.read(toolchain.apply(cmd!(sh, "rustc --version --verbose")))?;
    let stamp = Stamp::of(&[], &format!("{version}{files:?}"))?;
    let name = format!("toolchain-{toolchain:?}");
    if stamp.is_current(ctx, &name, Path::new(&libraries))? {
        return Ok(true);
    }
    let links = links(ctx, toolchain)?;
    if links {
        stamp.keep(ctx, &name)?;
    }
    Ok(links)
}

fn links(ctx: &Context, toolchain: WasmToolchain) -> Result<bool> {
    let sh = &ctx.sh;
    let at = ctx.scratch("probe")?;
    let source = at.join("probe.rs");
    sh.write_file(
        &source,
        "pub fn probe() -> String { String::from(\"std\") }\n",
    )?;
    let compile = cmd!(
        sh,
        "rustc --edition 2024 --crate-type cdylib -Clto=fat -Cpanic=abort --target {TRIPLE} --out-dir {at} {source}"
    );
    Ok(ctx.succeeds(toolchain.apply(compile)))
}
