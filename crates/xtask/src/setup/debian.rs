//! What a Debian machine that reaches package registries only can still do: install packages, and build
//! wasm32's std once from Debian's own Rust source, beside rustup's toolchains, which stay as they are.
//! Needs root. Measured: about 80 seconds for the std on two cores.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::Context;

const RUSTC: &str = "/usr/bin/rustc";
const RUSTLIB: &str = "/usr/lib/rustlib";
const TRIPLE: &str = "wasm32-unknown-unknown";
const RUST_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Installs the Debian packages of these that are missing, or says how to.
pub(super) fn install(ctx: &Context, packages: &[&str]) -> Result<()> {
    let missing: Vec<_> = packages
        .iter()
        .copied()
        .filter(|name| !installed(ctx, name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_debian() || !is_root(ctx)? {
        bail!("please install, then run again: {}", by_hand(&list));
    }
    let sh = &ctx.sh;
    ctx.step(&format!("installing {list} with apt"), || {
        ctx.run(cmd!(sh, "apt-get update -q"))?;
        let apt = cmd!(
            sh,
            "apt-get install -q -y --no-remove --no-install-recommends {missing...}"
        );
        ctx.run(apt.env("DEBIAN_FRONTEND", "noninteractive"))
    })
}

pub(super) fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// The command for someone who has to install by hand.
pub(super) fn by_hand(packages: &str) -> String {
    format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}")
}

fn installed(ctx: &Context, package: &str) -> bool {
    let sh = &ctx.sh;
    let status = ctx.read(cmd!(
        sh,
        "dpkg-query --show --showformat '${db:Status-Status}' {package}"
    ));
    status.is_ok_and(|status| status == "installed")
}

fn is_root(ctx: &Context) -> Result<bool> {
    let sh = &ctx.sh;
    Ok(ctx.read(cmd!(sh, "id -u"))? == "0")
}

/// Links a toolchain of this name for rustup: Debian's rustc with a wasm32 std built by itself.
pub(super) fn wasm32(ctx: &Context, name: &str) -> Result<()> {
    if !is_debian() || !is_root(ctx)? {
        bail!(
            "wasm32 is missing. Run `rustup target add {TRIPLE}` where the network allows it; \
             on Debian, `cargo xtask setup` as root can build it instead"
        );
    }
    install(ctx, &RUST_PACKAGES)?;
    let linker = linker(ctx)?;
    install(ctx, &[&linker])?;
    link_linker(ctx, &linker)?;
    let libraries = build_std(ctx)?;
    put_in_place(ctx, &libraries)?;
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "rustup toolchain link {name} /usr"))
}

/// The Debian package of the linker that fits rustc's LLVM; its program has the same name.
fn linker(ctx: &Context) -> Result<String> {
    let sh = &ctx.sh;
    let verbose = ctx.read(cmd!(sh, "{RUSTC} --version --verbose"))?;
    let version = verbose
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "));
    let major = version.and_then(|version| version.split('.').next());
    Ok(format!(
        "lld-{}",
        major.context("rustc tells its LLVM version")?
    ))
}

/// Builds std (with `test`, which `wasm-pack test` needs) from an empty crate; returns the libraries.
fn build_std(ctx: &Context) -> Result<Vec<PathBuf>> {
    let sh = &ctx.sh;
    let at = ctx.scratch("std")?;
    let target = at.join("target");
    sh.remove_path(&target)?;
    let manifest = at.join("Cargo.toml");
    sh.write_file(&manifest, STD_MANIFEST)?;
    sh.write_file(at.join("src/lib.rs"), "")?;
    let build = cmd!(
        sh,
        "/usr/bin/cargo build --release -Zbuild-std=std,panic_abort,panic_unwind,test
         --target {TRIPLE} --manifest-path {manifest} --target-dir {target}"
    );
    // Debian's own rustc and rustdoc, with the unstable flag that builds std allowed for this one command.
    // With bitcode, which the engine's LTO needs.
    ctx.run(
        build
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("RUSTC", RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("RUSTUP_TOOLCHAIN"),
    )?;
    let deps = target.join(TRIPLE).join("release/deps");
    let mut libraries = sh.read_dir(&deps)?;
    libraries.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rlib") && !name.starts_with("libpawl_std_host-")
    });
    if libraries.is_empty() {
        bail!("no library was built in {}", deps.display());
    }
    Ok(libraries)
}

const STD_MANIFEST: &str = r#"[package]
name = "pawl-std-host"
version = "0.0.0"
edition = "2021"

[workspace]
"#;

/// Replaces what stands there: libraries of two builds beside each other make rustc refuse both.
fn put_in_place(ctx: &Context, libraries: &[PathBuf]) -> Result<()> {
    let folder = Path::new(RUSTLIB).join(TRIPLE).join("lib");
    ctx.sh.remove_path(&folder)?;
    ctx.sh.create_dir(&folder)?;
    for library in libraries {
        ctx.sh.copy_file(library, &folder)?;
    }
    println!("    {} libraries in {}", libraries.len(), folder.display());
    Ok(())
}

/// rustc looks for its linker as `rust-lld` in its own folder.
fn link_linker(ctx: &Context, linker: &str) -> Result<()> {
    let sh = &ctx.sh;
    let verbose = ctx.read(cmd!(sh, "{RUSTC} --version --verbose"))?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: "));
    let folder = Path::new(RUSTLIB)
        .join(host.context("rustc tells its host")?)
        .join("bin");
    sh.create_dir(&folder)?;
    let program = format!("/usr/bin/{linker}");
    let link = folder.join("rust-lld");
    ctx.run(cmd!(sh, "ln -sf {program} {link}"))
}
