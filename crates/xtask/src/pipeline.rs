//! The build, in its order: engine to wasm, wasm to optimised JavaScript package, page, relay with the
//! page inside. Each step is left out while its inputs are what they were (`stamp`).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::inside::licences;
use crate::manifest::{WasmPack, closure, members};
use crate::setup::{self, WasmToolchain};
use crate::size;
use crate::stamp::Stamp;
use crate::{musl, paths};

const TRIPLE: &str = "wasm32-unknown-unknown";

/// The relay that `build` makes, from the repository's root.
pub(crate) const RELAY: &str = "target/release/pawl-server";
/// The program for terminals, from the repository's root.
pub(crate) const TERMINAL: &str = "target/release/pawl";

/// The engine as wasm and JavaScript, in `out-dir` of wasm-pack.toml.
pub(crate) fn wasm(ctx: &Context) -> Result<()> {
    setup::npm(ctx)?;
    let config = WasmPack::read(ctx)?;
    let all = members(ctx)?;
    let mut inputs: Vec<PathBuf> = [
        "Cargo.toml",
        "Cargo.lock",
        "wasm-pack.toml",
        "package-lock.json",
    ]
    .map(|name| ctx.path(name))
    .into();
    inputs.extend(
        closure(&all, &config.package)?
            .iter()
            .map(|member| member.folder.clone()),
    );
    let stamp = Stamp::of(&inputs, "")?;
    let module = ctx
        .path(&config.out_dir)
        .join(format!("{}_bg.wasm", config.package.replace('-', "_")));
    if stamp.is_current(ctx, "wasm", &module)? {
        return in_budget(ctx, &config);
    }
    let toolchain = WasmToolchain::ensure(ctx)?;
    let bindgen = setup::wasm_bindgen(ctx)?;
    let raw = ctx.step("building the engine for wasm32", || {
        compile(ctx, &config, toolchain)
    })?;
    ctx.step("binding and optimising the engine", || {
        bind(
            ctx,
            &bindgen,
            &raw,
            &config.target,
            &ctx.path(&config.out_dir),
        )?;
        optimise(ctx, &config, &module)
    })?;
    let size = size::brotli(ctx, &module)?;
    ctx.sh.write_file(size_file(ctx)?, size.to_string())?;
    stamp.keep(ctx, "wasm")?;
    in_budget(ctx, &config)
}

/// Refuses an engine over its budget, by the size that was measured when it was built.
fn in_budget(ctx: &Context, config: &WasmPack) -> Result<()> {
    let size: u64 = ctx.sh.read_file(size_file(ctx)?)?.trim().parse()?;
    let budget = config.budget.wasm;
    if size > budget {
        bail!("the engine is {size} bytes after Brotli; wasm-pack.toml allows {budget}");
    }
    Ok(())
}

fn size_file(ctx: &Context) -> Result<PathBuf> {
    Ok(ctx.scratch("stamps")?.join("wasm-size"))
}

/// Cargo's part; returns the raw module. As cdylib alone, or rustc would leave out LTO.
pub(crate) fn compile(
    ctx: &Context,
    config: &WasmPack,
    toolchain: WasmToolchain,
) -> Result<PathBuf> {
    let sh = &ctx.sh;
    let (package, profile) = (&config.package, &config.profile);
    let link_flags = config.link_flags.split_whitespace();
    let build = cmd!(
        sh,
        "cargo rustc -p {package} --lib --crate-type cdylib --target {TRIPLE} --profile {profile} -- {link_flags...}"
    );
    paths::fetch(ctx, TRIPLE)?;
    // Of the builder's machine nothing is left in the panic messages of what everybody downloads.
    let own: Vec<_> = config.rustflags.split_whitespace().collect();
    let flags = paths::flags(ctx, &own)?;
    ctx.run(toolchain.apply(build).env("CARGO_ENCODED_RUSTFLAGS", flags))?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(ctx.path("target").join(TRIPLE).join(profile).join(name))
}

/// wasm-bindgen's part, into an emptied folder.
pub(crate) fn bind(
    ctx: &Context,
    bindgen: &Path,
    raw: &Path,
    target: &str,
    out: &Path,
) -> Result<()> {
    let sh = &ctx.sh;
    sh.remove_path(out)?;
    ctx.run(cmd!(
        sh,
        "{bindgen} --target {target} --out-dir {out} {raw}"
    ))
}

/// wasm-opt's part, in place.
pub(crate) fn optimise(ctx: &Context, config: &WasmPack, module: &Path) -> Result<()> {
    let sh = &ctx.sh;
    let arguments = &config.wasm_opt;
    let tool = ctx.path("node_modules/.bin/wasm-opt");
    ctx.run(cmd!(sh, "{tool} {arguments...} -o {module} {module}"))
}

/// The page, in web/dist.
pub(crate) fn page(ctx: &Context) -> Result<()> {
    wasm(ctx)?;
    let sh = &ctx.sh;
    let inputs = ["web", "package.json", "package-lock.json"].map(|name| ctx.path(name));
    let stamp = Stamp::of(&inputs, "")?;
    if !stamp.is_current(ctx, "page", &ctx.path("web/dist/index.html"))? {
        ctx.step("building the page", || {
            ctx.run(cmd!(sh, "npm run --silent build"))
        })?;
        stamp.keep(ctx, "page")?;
    }
    licences::page(ctx)
}

/// The relay, with web/dist in it.
pub(crate) fn relay(ctx: &Context) -> Result<()> {
    page(ctx)?;
    licences::program(ctx, "pawl-server")?;
    let sh = &ctx.sh;
    let stamp = relay_stamp(ctx)?;
    if stamp.is_current(ctx, "relay", &ctx.path(RELAY))? {
        return Ok(());
    }
    ctx.step("building the relay", || {
        ctx.run(cmd!(sh, "cargo build --release -p pawl-server"))
    })?;
    stamp.keep(ctx, "relay")
}

/// The program for terminals, of which most was compiled for the relay.
pub(crate) fn terminal(ctx: &Context) -> Result<()> {
    licences::program(ctx, "pawl-cli")?;
    let sh = &ctx.sh;
    let stamp = terminal_stamp(ctx)?;
    if stamp.is_current(ctx, "terminal", &ctx.path(TERMINAL))? {
        return Ok(());
    }
    ctx.step("building the program for terminals", || {
        ctx.run(cmd!(sh, "cargo build --release -p pawl-cli"))
    })?;
    stamp.keep(ctx, "terminal")
}

/// The relay and the program for terminals as they are released, and the simulator as `cargo build` makes it.
pub(crate) fn programs(ctx: &Context) -> Result<()> {
    musl::tested(ctx)?;
    let sh = &ctx.sh;
    ctx.step("building the simulator", || {
        ctx.run(cmd!(sh, "cargo build --release -p pawl-sim"))
    })
}

fn relay_stamp(ctx: &Context) -> Result<Stamp> {
    Stamp::of(&inputs(ctx, "pawl-server", &["web/dist"])?, "")
}

fn terminal_stamp(ctx: &Context) -> Result<Stamp> {
    Stamp::of(&inputs(ctx, "pawl-cli", &[])?, "")
}

/// What a package is built from.
pub(crate) fn inputs(ctx: &Context, package: &str, more: &[&str]) -> Result<Vec<PathBuf>> {
    let all = members(ctx)?;
    let mut inputs: Vec<_> = closure(&all, package)?
        .iter()
        .map(|member| member.folder.clone())
        .collect();
    let more = ["Cargo.toml", "Cargo.lock"].iter().chain(more);
    inputs.extend(more.map(|name| ctx.path(name)));
    Ok(inputs)
}

/// Becomes the relay; it prints its own address when it serves. Returns only when it could not start.
pub(crate) fn serve(ctx: &Context, listen: &OsStr, data: &OsStr, more: &[OsString]) -> Result<()> {
    let sh = &ctx.sh;
    let relay = ctx.path(RELAY);
    println!(
        "==> starting the relay on {} (data in {})",
        listen.display(),
        data.display()
    );
    let mut command = ctx.command(cmd!(
        sh,
        "{relay} --listen {listen} --data {data} {more...}"
    ));
    command
        .current_dir(&ctx.root)
        .env_remove("CARGO_TARGET_DIR");
    become_it(command)
}

#[cfg(unix)]
fn become_it(mut command: std::process::Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    bail!("the relay could not be started: {error}")
}

#[cfg(not(unix))]
fn become_it(mut command: std::process::Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        bail!("the relay ended: {status}")
    }
    Ok(())
}
