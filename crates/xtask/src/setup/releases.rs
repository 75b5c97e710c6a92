//! Programs that sign a release: Debian's own, as packages.

use std::path::Path;

use anyhow::Result;

use super::{SBIN, debian};
use crate::context::{Context, which};

/// What signs a release: whoever has a key has the program that made it.
pub(crate) fn minisign(ctx: &Context) -> Result<()> {
    install(ctx, &[("minisign", "minisign")])
}

fn install(ctx: &Context, programs: &[(&str, &str)]) -> Result<()> {
    let is_missing = |name: &str| which(&[name]).is_none() && !Path::new(SBIN).join(name).exists();
    let missing: Vec<_> = programs
        .iter()
        .filter(|(name, _)| is_missing(name))
        .map(|(_, package)| *package)
        .collect();
    debian::install(ctx, &missing)
}
