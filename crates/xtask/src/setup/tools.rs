//! Programs that building and testing call: npm's packages, wasm-bindgen, wasm-pack, geckodriver, the
//! browsers. What is on PATH in a fitting version is used as it is; nothing of the user's is replaced.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use xshell::{Cmd, cmd};

use super::debian;
use super::toolchain::WasmToolchain;
use crate::context::{Context, which};
use crate::manifest::locked_version;
use crate::stamp::Stamp;

/// The oldest Node that Vite and ESLint run on (package.json says the same).
const NODE: (u32, u32) = (20, 19);

/// A browser that the tests drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Browser {
    Firefox,
    Chromium,
}

impl Browser {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Firefox => "firefox",
            Self::Chromium => "chromium",
        }
    }

    /// The variable that names its program, for a machine where it lies elsewhere.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Firefox => "PAWL_FIREFOX",
            Self::Chromium => "PAWL_CHROMIUM",
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Firefox => &["firefox", "firefox-esr"],
            Self::Chromium => &[
                "chromium",
                "chromium-browser",
                "google-chrome",
                "google-chrome-stable",
            ],
        }
    }

    fn elsewhere(self) -> &'static str {
        match self {
            Self::Firefox => "/Applications/Firefox.app/Contents/MacOS/firefox",
            Self::Chromium => "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Firefox => "firefox-esr",
            Self::Chromium => "chromium",
        }
    }

    fn find(self) -> Option<PathBuf> {
        let named = std::env::var_os(self.variable()).map(PathBuf::from);
        let fixed = PathBuf::from(self.elsewhere());
        named
            .or_else(|| which(self.programs()))
            .or_else(|| fixed.exists().then_some(fixed))
    }
}

/// The program of a browser, installed where we may.
pub(crate) fn browser(ctx: &Context, browser: Browser) -> Result<PathBuf> {
    if let Some(found) = browser.find() {
        return Ok(found);
    }
    if !debian::is_debian() {
        bail!(
            "please install {} (or set {} to its program)",
            browser.name(),
            browser.variable()
        );
    }
    debian::install(ctx, &[browser.package()])?;
    browser
        .find()
        .with_context(|| format!("{} is installed but not on PATH", browser.name()))
}

/// Programs that the tests of deploy/ start, with their Debian packages.
const DEPLOYING: [(&str, &str); 5] = [
    ("nginx", "nginx-light"),
    ("caddy", "caddy"),
    ("systemd-analyze", "systemd"),
    ("docker-compose", "docker-compose"),
    ("openssl", "openssl"),
];

/// Where Debian keeps servers, which is not on everybody's PATH.
pub(crate) const SBIN: &str = "/usr/sbin";

/// What runs the files of deploy/.
pub(crate) fn deploying(ctx: &Context) -> Result<()> {
    let is_missing =
        |name: &str| which(&[name]).is_none() && !PathBuf::from(SBIN).join(name).exists();
    let missing: Vec<_> = DEPLOYING
        .iter()
        .filter(|(name, _)| is_missing(name))
        .map(|(_, package)| *package)
        .collect();
    debian::install(ctx, &missing)
}

/// What faults are made with, on Linux only: strace answers the relay's system calls with errors and writes them down,
/// faketime tells it another time than there is.
const FAULTS: [&str; 2] = ["strace", "faketime"];

pub(crate) fn faults(ctx: &Context) -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    let missing = FAULTS.into_iter().filter(|name| which(&[name]).is_none());
    debian::install(ctx, &missing.collect::<Vec<_>>())
}

/// WebKitGTK, its driver, a display that nobody sees, and what a Python program needs to open a window.
const WEBKIT: [&str; 4] = [
    "webkit2gtk-driver",
    "xvfb",
    "python3-gi",
    "gir1.2-webkit2-4.1",
];

/// The third engine, which is there on Linux only; whether it is.
pub(crate) fn webkit(ctx: &Context) -> Result<bool> {
    if cfg!(not(target_os = "linux")) {
        println!("    WebKitGTK is for Linux: not on this machine");
        return Ok(false);
    }
    let programs = ["WebKitWebDriver", "Xvfb"].map(|name| which(&[name]));
    let sh = &ctx.sh;
    let bindings = cmd!(sh, "/usr/bin/python3 -c {TRIES_WEBKIT}");
    if programs.iter().any(Option::is_none) || !ctx.succeeds(bindings) {
        debian::install(ctx, &WEBKIT)?;
    }
    Ok(true)
}

/// What tests/browser/webkit/browser.py begins with, under the same Python.
const TRIES_WEBKIT: &str = "import gi; gi.require_version('WebKit2', '4.1')";

/// Installs the npm packages when package-lock.json is another than the one they came from.
pub(crate) fn npm(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let stamp = npm_stamp(ctx)?;
    if stamp.is_current(ctx, "npm", &ctx.path("node_modules/.package-lock.json"))? {
        return Ok(());
    }
    check_node(ctx)?;
    ctx.step("installing npm packages", || {
        ctx.run(cmd!(sh, "npm ci --no-audit --no-fund"))
    })?;
    stamp.keep(ctx, "npm")
}

/// Notes that they were put there by another way, out of a checkout with the same package-lock.json.
pub(crate) fn npm_copied(ctx: &Context) -> Result<()> {
    npm_stamp(ctx)?.keep(ctx, "npm")
}

fn npm_stamp(ctx: &Context) -> Result<Stamp> {
    let inputs = ["package-lock.json", "package.json"];
    Stamp::of(&inputs.map(|name| ctx.path(name)), "")
}

fn check_node(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let text = ctx.read(cmd!(sh, "node --version")).unwrap_or_default();
    if version(&text).is_none_or(|found| found < NODE) {
        bail!(
            "Node.js {}.{} or newer is needed (https://nodejs.org); found: {text:?}",
            NODE.0,
            NODE.1
        );
    }
    Ok(())
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The `wasm-bindgen` program of exactly the version in Cargo.lock: the two must agree.
pub(crate) fn wasm_bindgen(ctx: &Context) -> Result<PathBuf> {
    let sh = &ctx.sh;
    let version = locked_version(ctx, "wasm-bindgen")?;
    let fits = |program: &PathBuf| {
        let text = ctx
            .read(cmd!(sh, "{program} --version"))
            .unwrap_or_default();
        text.split_whitespace().nth(1) == Some(version.as_str())
    };
    let ours = ctx.path("target/xtask/tools");
    let candidates = [
        which(&["wasm-bindgen"]),
        Some(ours.join("bin/wasm-bindgen")),
    ];
    if let Some(found) = candidates.iter().flatten().find(|program| fits(program)) {
        return Ok(found.clone());
    }
    // Another version on PATH belongs to another project: ours then goes into the target folder.
    // Without --locked: its lock file asks for newer crates than some registries serve.
    let root = which(&["wasm-bindgen"]).map(|_| vec!["--root".into(), ours.into_os_string()]);
    let root = root.unwrap_or_default();
    ctx.step(
        &format!("installing wasm-bindgen {version} (takes some minutes)"),
        || {
            let install = cmd!(
                sh,
                "cargo install wasm-bindgen-cli --version {version} {root...}"
            );
            ctx.run(quickly(install))
        },
    )?;
    let candidates = [
        which(&["wasm-bindgen"]),
        Some(ctx.path("target/xtask/tools/bin/wasm-bindgen")),
    ];
    let found = candidates.into_iter().flatten().find(fits);
    found.context("wasm-bindgen is installed but not on PATH: add cargo's bin folder to PATH")
}

pub(crate) fn wasm_pack(ctx: &Context) -> Result<PathBuf> {
    cargo_tool(ctx, "wasm-pack")
}

/// geckodriver, which `wasm-pack test --firefox` looks for on PATH.
pub(crate) fn firefox_driver(ctx: &Context) -> Result<PathBuf> {
    cargo_tool(ctx, "geckodriver")
}

/// What libFuzzer's sanitizers need.
pub(crate) const NIGHTLY: &str = "nightly";

/// A nightly compiler and cargo-fuzz.
pub(crate) fn fuzzing(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    if !ctx.succeeds(cmd!(sh, "rustup run {NIGHTLY} rustc --version")) {
        ctx.step("adding a nightly Rust toolchain", || {
            ctx.run(cmd!(
                sh,
                "rustup toolchain install {NIGHTLY} --profile minimal"
            ))
        })?;
    }
    cargo_tool(ctx, "cargo-fuzz")?;
    Ok(())
}

pub(crate) fn mutants(ctx: &Context) -> Result<()> {
    cargo_tool(ctx, "cargo-mutants")?;
    Ok(())
}

/// Tools run for seconds: compiling them fast counts for more than what they compute.
fn quickly(install: Cmd<'_>) -> Cmd<'_> {
    install
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
}

fn cargo_tool(ctx: &Context, name: &str) -> Result<PathBuf> {
    if let Some(found) = which(&[name]) {
        return Ok(found);
    }
    let sh = &ctx.sh;
    ctx.step(&format!("installing {name} (takes some minutes)"), || {
        ctx.run(quickly(cmd!(sh, "cargo install {name} --locked")))
    })?;
    which(&[name]).with_context(|| {
        format!("{name} is installed but not on PATH: add cargo's bin folder to PATH")
    })
}

/// rustfmt and clippy, which a minimal rustup profile leaves out.
pub(crate) fn components(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    if ctx.succeeds(cmd!(sh, "cargo fmt --version"))
        && ctx.succeeds(cmd!(sh, "cargo clippy --version"))
    {
        return Ok(());
    }
    ctx.step("adding rustfmt and clippy", || {
        ctx.run(cmd!(sh, "rustup component add rustfmt clippy"))
    })
}

/// clippy for the toolchain that builds wasm.
pub(crate) fn wasm_clippy(ctx: &Context) -> Result<WasmToolchain> {
    let toolchain = WasmToolchain::ensure(ctx)?;
    if toolchain == WasmToolchain::Linked {
        debian::install(ctx, &["rust-web-clippy"])?;
    }
    Ok(toolchain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_compare_as_numbers() {
        assert!(version("v20.9.1").is_some_and(|found| found < NODE));
        assert!(version("v20.19.0").is_some_and(|found| found >= NODE));
        assert!(version("v100.0.0").is_some_and(|found| found >= NODE));
        assert_eq!(version("not node"), None);
    }
}
