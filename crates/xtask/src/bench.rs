//! `cargo xtask bench crypto`.
use crate::context::Context;
use anyhow::Result;
pub(crate) fn crypto(_ctx: &Context) -> Result<()> {
    anyhow::bail!("not yet")
}
