//! `cargo xtask mutants`: changes the protocol's code in every small way that cargo-mutants knows, one at a time, in
//! a copy of the repository, and says which changes its tests do not notice. What was found so far stands in
//! docs/DEVELOPMENT.md.

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;
use crate::setup;

/// A change may make a loop endless; all tests together take a fraction of it.
const SECONDS: &str = "180";

/// Of one file, or of all.
pub(crate) fn run(ctx: &Context, file: Option<&str>) -> Result<()> {
    setup::mutants(ctx)?;
    let out = ctx.scratch("mutants")?;
    let only = file.map_or_else(Vec::new, |file| vec!["--file", file]);
    let sh = &ctx.sh;
    let mutants = cmd!(
        sh,
        "cargo mutants --package pawl-protocol --test-package pawl-protocol --timeout {SECONDS} --output {out} {only...}"
    );
    // The copy has a target folder of its own.
    ctx.run(mutants.env_remove("CARGO_TARGET_DIR"))
}
