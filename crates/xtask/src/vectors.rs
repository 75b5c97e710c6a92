//! The protocol's vectors (tests/vectors): written anew by the tests that otherwise compare them, and checked
//! by an implementation in another language, which follows docs/PROTOCOL.md.

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;
use crate::setup;

/// Tells the tests to write instead of to compare.
const WRITE: &str = "PAWL_WRITE_VECTORS";

pub(crate) fn write(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let native = cmd!(sh, "cargo test -p pawl --test native vectors");
    ctx.run(native.env(WRITE, "1"))?;
    println!("wrote tests/vectors/*.json");
    Ok(())
}

/// Every vector, and that a changed one would not pass.
pub(crate) fn check(ctx: &Context) -> Result<()> {
    let python = setup::python(ctx)?;
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "{python} -B tests/vectors/check.py --prove"))
}
