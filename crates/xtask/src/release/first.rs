//! The first minutes of somebody who has downloaded a release: the archive of the very programs that the tests run on,
//! unpacked and started as its README.txt says, and two browsers (tests/release/first.mjs).

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::{archive, begin, program};
use crate::context::Context;
use crate::musl;
use crate::setup::{self, Arch, Browser};

/// Prints how long it took, as a JSON row. Releases are for Linux, so elsewhere there is none to take.
pub(crate) fn first_minutes(ctx: &Context) -> Result<()> {
    let Some(arch) = Arch::host() else {
        println!("    releases are for Linux: none for this machine");
        return Ok(());
    };
    let chromium = setup::browser(ctx, Browser::Chromium)?;
    let firefox = setup::browser(ctx, Browser::Firefox)?;
    let built = musl::programs(ctx, arch)?;
    let release = begin(ctx, "release/first")?;
    let programs = program::described(ctx, arch, &built)?;
    let server = programs.iter().find(|one| one.name == "pawl-server");
    let archive = archive::write(ctx, &release, server.context("the server is released")?)?;
    let sh = &ctx.sh;
    let minutes = cmd!(sh, "node tests/release/first.mjs --archive {archive}");
    ctx.run(
        minutes
            .env(Browser::Chromium.variable(), chromium)
            .env(Browser::Firefox.variable(), firefox),
    )
}
