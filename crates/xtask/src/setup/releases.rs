//! Programs that sign a release, and those that look into one: Debian's own, as packages.

use std::path::Path;

use anyhow::Result;

use super::{SBIN, debian};
use crate::context::{Context, which};

/// Programs that `cargo xtask check-release` starts, with their Debian packages.
const CHECKERS: [(&str, &str); 6] = [
    ("debootstrap", "debootstrap"),
    ("dpkg-deb", "dpkg"),
    ("lintian", "lintian"),
    ("skopeo", "skopeo"),
    ("systemd-nspawn", "systemd-container"),
    ("umoci", "umoci"),
];

/// What looks into a release.
pub(crate) fn release_checkers(ctx: &Context) -> Result<()> {
    install(ctx, &CHECKERS)
}

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
