//! Reads `wasm-pack.toml`, the one place that says which crate becomes wasm, how, and how large it may be;
//! and Cargo.lock and `cargo metadata`, for what else xtask has to know about the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use semver::Version;
use serde::Deserialize;
use xshell::cmd;

use crate::context::Context;

/// `wasm-pack.toml`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WasmPack {
    /// The package that becomes wasm.
    #[serde(rename = "crate")]
    pub(crate) package: String,
    /// wasm-bindgen's `--target`.
    pub(crate) target: String,
    /// Cargo profile.
    pub(crate) profile: String,
    /// RUSTFLAGS of the wasm build.
    pub(crate) rustflags: String,
    /// More of them, for the package itself and not for what it depends on.
    pub(crate) link_flags: String,
    /// Where the JavaScript and the .wasm go, from the repository's root.
    pub(crate) out_dir: PathBuf,
    /// Arguments of wasm-opt.
    pub(crate) wasm_opt: Vec<String>,
    pub(crate) budget: Budget,
}

/// Upper bounds in bytes, after Brotli 11.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Budget {
    pub(crate) wasm: u64,
    pub(crate) first_visit: u64,
    /// Beginnings of the names of files that a first visit does not load.
    pub(crate) later: Vec<String>,
}

impl WasmPack {
    pub(crate) fn read(ctx: &Context) -> Result<Self> {
        let text = ctx.sh.read_file(ctx.path("wasm-pack.toml"))?;
        toml::from_str(&text).context("wasm-pack.toml")
    }
}

/// One workspace package, as `cargo metadata --no-deps` tells it.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// The first file of each of its crates: library, programs, tests, examples, build script.
    pub(crate) roots: Vec<PathBuf>,
    /// Names of workspace packages it depends on, in any table but `dev-dependencies`.
    pub(crate) uses: BTreeSet<String>,
    /// The same for `dev-dependencies`.
    pub(crate) dev_uses: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
}

/// The packages of the workspace, by name.
pub(crate) fn members(ctx: &Context) -> Result<BTreeMap<String, Member>> {
    let sh = &ctx.sh;
    let text = ctx.read(cmd!(sh, "cargo metadata --format-version 1 --no-deps"))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    metadata.packages.into_iter().map(member).collect()
}

fn member(package: Package) -> Result<(String, Member)> {
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest lies in a folder")?;
    let (dev, rest): (Vec<_>, Vec<_>) = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some())
        .partition(|dependency| dependency.kind.as_deref() == Some("dev"));
    let names = |list: Vec<&Dependency>| list.iter().map(|one| one.name.clone()).collect();
    let member = Member {
        name: package.name.clone(),
        folder: folder.to_path_buf(),
        roots: package
            .targets
            .into_iter()
            .map(|one| one.src_path)
            .collect(),
        uses: names(rest),
        dev_uses: names(dev),
    };
    Ok((package.name, member))
}

/// A package and every workspace package below it: what a build of it reads.
pub(crate) fn closure<'a>(all: &'a BTreeMap<String, Member>, top: &str) -> Result<Vec<&'a Member>> {
    let mut found = BTreeMap::new();
    let mut open = vec![top];
    while let Some(name) = open.pop() {
        let member = all
            .get(name)
            .with_context(|| format!("{name} is not in the workspace"))?;
        if found.insert(name, member).is_none() {
            open.extend(member.uses.iter().map(String::as_str));
        }
    }
    Ok(found.into_values().collect())
}

/// A lock file of cargo's.
#[derive(Deserialize)]
pub(crate) struct Lock {
    pub(crate) package: Vec<Locked>,
}

#[derive(Deserialize)]
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// None for our own.
    pub(crate) source: Option<String>,
}

/// The version of `name` in Cargo.lock.
pub(crate) fn locked_version(ctx: &Context, name: &str) -> Result<String> {
    let lock: Lock = toml::from_str(&ctx.sh.read_file(ctx.path("Cargo.lock"))?)?;
    let found = lock
        .package
        .into_iter()
        .find(|package| package.name == name);
    Ok(found
        .with_context(|| format!("{name} is not in Cargo.lock"))?
        .version
        .to_string())
}
