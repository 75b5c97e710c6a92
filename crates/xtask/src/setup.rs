//! `cargo xtask setup`: gets what a machine with Rust and Node still lacks. Every step looks first,
//! says what it does, prefers the ordinary way, and where it may not act says what to install.

mod debian;
mod musl;
mod python;
mod releases;
mod toolchain;
mod tools;

use anyhow::Result;

use crate::context::Context;

pub(crate) use musl::{Arch, Musl, runner};
pub(crate) use python::{ZIG_ELSEWHERE, cyclonedx, python, zig};
pub(crate) use releases::{minisign, release_checkers};
pub(crate) use toolchain::WasmToolchain;
pub(crate) use tools::{
    Browser, NIGHTLY, SBIN, browser, components, deploying, faults, firefox_driver, fuzzing,
    mutants, npm, npm_copied, wasm_bindgen, wasm_clippy, wasm_pack, webkit,
};

/// What `run` and `build` need.
pub(crate) fn for_build(ctx: &Context) -> Result<()> {
    npm(ctx)?;
    WasmToolchain::ensure(ctx)?;
    wasm_bindgen(ctx)?;
    Ok(())
}

/// What `test` needs besides.
pub(crate) fn for_test(ctx: &Context) -> Result<()> {
    for_build(ctx)?;
    components(ctx)?;
    wasm_clippy(ctx)?;
    browser(ctx, Browser::Firefox)?;
    browser(ctx, Browser::Chromium)?;
    wasm_pack(ctx)?;
    firefox_driver(ctx)?;
    python(ctx)?;
    deploying(ctx)?;
    faults(ctx)?;
    minisign(ctx)?;
    webkit(ctx)?;
    Ok(())
}
