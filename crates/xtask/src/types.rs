//! The TypeScript declarations of the engine's commands and events: written from the Rust types by an
//! example of `crates/client`, committed, and held current by a test step.

use anyhow::{Result, bail};
use xshell::cmd;

use crate::context::Context;

/// Committed, from the repository's root.
const FILE: &str = "web/src/generated/types.ts";

pub(crate) fn write(ctx: &Context) -> Result<()> {
    let text = generate(ctx)?;
    ctx.sh.write_file(ctx.path(FILE), text)?;
    println!("wrote {FILE}");
    Ok(())
}

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let kept = ctx.sh.read_file(ctx.path(FILE))?;
    if kept != generate(ctx)? {
        bail!("{FILE} is not what the Rust types say: run `cargo xtask types` and commit it");
    }
    Ok(())
}

fn generate(ctx: &Context) -> Result<String> {
    let sh = &ctx.sh;
    // With the features of the whole workspace, so that most of what is compiled is compiled for its tests too.
    ctx.run(cmd!(
        sh,
        "cargo build --workspace --features pawl-client/types --example export_types"
    ))?;
    let program = ctx.path("target/debug/examples/export_types");
    let text = ctx.read(cmd!(sh, "{program}"))?;
    Ok(format!("{text}\n"))
}
