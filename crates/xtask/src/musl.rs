//! The programs that people get: static ones, for any Linux of an architecture, from one command that nothing but the
//! checkout decides about. The tests run on those of this machine's architecture.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;
use crate::inside::licences;
use crate::setup::{Arch, Musl};
use crate::stamp::Stamp;
use crate::{paths, pipeline};

/// The relay and the program for terminals.
pub(crate) struct Programs {
    pub(crate) relay: PathBuf,
    pub(crate) terminal: PathBuf,
}

/// Those that tests and benchmarks run: static ones on Linux, what `cargo build` makes elsewhere.
pub(crate) fn tested(ctx: &Context) -> Result<Programs> {
    if let Some(arch) = Arch::host() {
        return programs(ctx, arch);
    }
    pipeline::relay(ctx)?;
    pipeline::terminal(ctx)?;
    Ok(Programs {
        relay: ctx.path(pipeline::RELAY),
        terminal: ctx.path(pipeline::TERMINAL),
    })
}

/// Static programs of an architecture, with the page in the relay.
pub(crate) fn programs(ctx: &Context, arch: Arch) -> Result<Programs> {
    pipeline::page(ctx)?;
    licences::program(ctx, "pawl-server")?;
    licences::program(ctx, "pawl-cli")?;
    let folder = ctx.path("target").join(arch.triple()).join("release");
    let made = Programs {
        relay: folder.join("pawl-server"),
        terminal: folder.join("pawl"),
    };
    let name = format!("musl-{}", arch.name());
    let stamp = stamp(ctx)?;
    if stamp.is_current(ctx, &name, &made.relay)? && made.terminal.exists() {
        return Ok(made);
    }
    let tools = Musl::ensure(ctx, arch)?;
    let heading = format!("building the static programs for {}", arch.name());
    ctx.step(&heading, || compile(ctx, &tools))?;
    stamp.keep(ctx, &name)?;
    Ok(made)
}

/// Both in one build: one by one, what they share would be compiled with the features of each.
fn compile(ctx: &Context, tools: &Musl) -> Result<()> {
    let sh = &ctx.sh;
    paths::fetch(ctx, &tools.arch.triple())?;
    let build = tools.apply(cmd!(
        sh,
        "cargo build --release --locked -p pawl-server -p pawl-cli"
    ));
    ctx.run(build.env("CARGO_ENCODED_RUSTFLAGS", paths::flags(ctx, &[])?))
}

fn stamp(ctx: &Context) -> Result<Stamp> {
    let mut inputs = pipeline::inputs(ctx, "pawl-server", &["web/dist"])?;
    inputs.extend(pipeline::inputs(ctx, "pawl-cli", &[])?);
    inputs.push(ctx.path(Path::new("crates/xtask/src/setup/zig.txt")));
    inputs.sort();
    inputs.dedup();
    let sh = &ctx.sh;
    let compiler = ctx.read(cmd!(sh, "rustc --version --verbose"))?;
    Stamp::of(&inputs, &compiler)
}
