//! `cargo xtask sim`: builds the simulator (tests/sim) for speed and runs it. What it is asked for is its own matter;
//! the step of the test has it run its seeds and find its deliberate faults.

use std::ffi::OsString;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::pipeline;

const PACKAGE: &str = "pawl-sim";
/// Of the step: a minute and a half of one core.
const SEEDS: &str = "4000";

/// Runs it, with these arguments.
pub(crate) fn run(ctx: &Context, args: &[OsString]) -> Result<()> {
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "cargo build --quiet --release -p {PACKAGE}"))?;
    start(ctx, args)
}

fn start(ctx: &Context, args: &[OsString]) -> Result<()> {
    let sh = &ctx.sh;
    let program = ctx.path("target/release").join(PACKAGE);
    // It has said why.
    if !ctx
        .command(cmd!(sh, "{program} {args...}"))
        .status()?
        .success()
    {
        bail!("the simulator found something, or was asked for what it does not know");
    }
    Ok(())
}

/// How many seeds a second, as JSON rows.
pub(crate) fn bench(ctx: &Context) -> Result<()> {
    run(ctx, &["--bench".into()])
}

/// The step of the test.
pub(crate) fn step(ctx: &Context) -> Result<()> {
    pipeline::programs(ctx)?;
    start(ctx, &["--seeds".into(), SEEDS.into()])?;
    start(ctx, &["--prove".into()])
}
