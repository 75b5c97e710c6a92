//! The steps of the suite, in the order in which they run: each has a name, a sentence and a function, and gets what it
//! needs by itself.

use std::path::Path;

use anyhow::Result;
use xshell::{Cmd, cmd};

use crate::context::{Context, path_with};
use crate::inside::licences;
use crate::musl::{self, Programs};
use crate::setup::{self, Browser};
use crate::{broken, pipeline, release, sim, size, tidy, types, vectors};

/// Of the suite.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Needs neither a browser nor a release build.
    pub(super) fast: bool,
    pub(super) work: fn(&Context) -> Result<()>,
}

/// All of them, what fails fast first.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "Rust formatting",
        fast: true,
        work: fmt,
    },
    Step {
        name: "tidy",
        what: "style rules of files",
        fast: true,
        work: tidy::files,
    },
    Step {
        name: "claims",
        what: "tests that the threat model names are there",
        fast: true,
        work: tidy::claims,
    },
    Step {
        name: "documents",
        what: "links of documents, homes of tests, one version",
        fast: true,
        work: tidy::documents,
    },
    Step {
        name: "imports",
        what: "import directions",
        fast: true,
        work: tidy::imports,
    },
    Step {
        name: "crates",
        what: "sources, doubles and known faults of crates",
        fast: true,
        work: tidy::crates,
    },
    Step {
        name: "setup",
        what: "what building needs",
        fast: true,
        work: setup::for_build,
    },
    Step {
        name: "licences",
        what: "licences of all dependencies",
        fast: true,
        work: tidy::licences,
    },
    Step {
        name: "tools",
        what: "browsers and drivers",
        fast: false,
        work: setup::for_test,
    },
    Step {
        name: "clippy",
        what: "clippy, native",
        fast: true,
        work: clippy,
    },
    Step {
        name: "clippy-wasm",
        what: "clippy, wasm32",
        fast: true,
        work: clippy_wasm,
    },
    Step {
        name: "types",
        what: "generated TypeScript is current",
        fast: true,
        work: types::check,
    },
    Step {
        name: "engine",
        what: "engine as wasm, in its size budget",
        fast: true,
        work: pipeline::wasm,
    },
    Step {
        name: "eslint",
        what: "ESLint and the page's import directions",
        fast: true,
        work: eslint,
    },
    Step {
        name: "tsc",
        what: "TypeScript types",
        fast: true,
        work: tsc,
    },
    Step {
        name: "vitest",
        what: "the page's unit tests",
        fast: true,
        work: vitest,
    },
    Step {
        name: "size",
        what: "a first visit is in its size budget",
        fast: false,
        work: first_visit,
    },
    Step {
        name: "relay",
        what: "the programs of a release, and the simulator; the relay serves that page",
        fast: false,
        work: programs,
    },
    Step {
        name: "native",
        what: "unit, property and integration tests",
        fast: true,
        work: native,
    },
    Step {
        name: "checker",
        what: "the protocol's vectors by an independent implementation",
        fast: true,
        work: vectors::check,
    },
    Step {
        name: "deploy",
        what: "the relay behind nginx and Caddy, and systemd's opinion of it",
        fast: false,
        work: deploy,
    },
    Step {
        name: "wasm-pack",
        what: "wasm-pack test --headless --firefox",
        fast: false,
        work: wasm_pack,
    },
    Step {
        name: "prove-relay",
        what: "relays that are broken on purpose are found",
        fast: false,
        work: broken::prove,
    },
    Step {
        name: "chromium",
        what: "the laws in Chromium",
        fast: false,
        work: chromium,
    },
    Step {
        name: "webkit",
        what: "one long flow in WebKitGTK",
        fast: false,
        work: webkit,
    },
    Step {
        name: "first",
        what: "an unpacked release and two browsers",
        fast: false,
        work: release::first_minutes,
    },
    Step {
        name: "sim",
        what: "4,000 seeds of the simulator, and its deliberate faults",
        fast: false,
        work: sim::step,
    },
    Step {
        name: "reproducible",
        what: "page and engine built elsewhere and later are the same bytes",
        fast: false,
        work: reproducible,
    },
    Step {
        name: "firefox",
        what: "the laws in Firefox",
        fast: false,
        work: firefox,
    },
];

fn fmt(ctx: &Context) -> Result<()> {
    setup::components(ctx)?;
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "cargo fmt --all --check"))
}

fn clippy(ctx: &Context) -> Result<()> {
    setup::components(ctx)?;
    let sh = &ctx.sh;
    ctx.run(cmd!(
        sh,
        "cargo clippy --workspace --all-targets -- -D warnings"
    ))
}

/// The engine's driver and the browser tests at the root: all that is compiled for wasm32.
fn clippy_wasm(ctx: &Context) -> Result<()> {
    setup::components(ctx)?;
    let toolchain = setup::wasm_clippy(ctx)?;
    let sh = &ctx.sh;
    let clippy = cmd!(
        sh,
        "cargo clippy -p pawl-wasm -p pawl-module -p pawl --target wasm32-unknown-unknown --all-targets -- -D warnings"
    );
    ctx.run(toolchain.apply(clippy))
}

fn native(ctx: &Context) -> Result<()> {
    setup::faults(ctx)?;
    setup::minisign(ctx)?;
    let sh = &ctx.sh;
    ctx.run(without_ours(cmd!(sh, "cargo test --workspace")))
}

/// A relay that a test starts would take them for settings, and say that it does not know them.
fn without_ours(test: Cmd<'_>) -> Cmd<'_> {
    [Browser::Firefox, Browser::Chromium]
        .into_iter()
        .fold(test, |test, browser| test.env_remove(browser.variable()))
}

/// The same build as `native`, with programs that `native` does without.
fn deploy(ctx: &Context) -> Result<()> {
    setup::deploying(ctx)?;
    let sh = &ctx.sh;
    let test = cmd!(sh, "cargo test --workspace --test deploy");
    ctx.run(without_ours(test).env("PATH", path_with(&[Path::new(setup::SBIN)])?))
}

fn eslint(ctx: &Context) -> Result<()> {
    script(ctx, "lint")
}

fn tsc(ctx: &Context) -> Result<()> {
    script(ctx, "types")
}

fn vitest(ctx: &Context) -> Result<()> {
    script(ctx, "unit")
}

/// A script of package.json; all of them read the engine's generated declarations.
fn script(ctx: &Context, name: &str) -> Result<()> {
    pipeline::wasm(ctx)?;
    let sh = &ctx.sh;
    ctx.run(cmd!(sh, "npm run --silent {name}"))
}

/// As a developer types it at the root.
fn wasm_pack(ctx: &Context) -> Result<()> {
    setup::browser(ctx, Browser::Firefox)?;
    let toolchain = setup::WasmToolchain::ensure(ctx)?;
    let tools = [
        setup::wasm_bindgen(ctx)?,
        setup::firefox_driver(ctx)?,
        setup::wasm_pack(ctx)?,
    ];
    let folders: Vec<_> = tools.iter().filter_map(|tool| tool.parent()).collect();
    let sh = &ctx.sh;
    let test = cmd!(sh, "wasm-pack test --headless --firefox").env("PATH", path_with(&folders)?);
    ctx.run(toolchain.apply(test))
}

fn programs(ctx: &Context) -> Result<()> {
    pipeline::programs(ctx)?;
    let Programs { relay, .. } = musl::tested(ctx)?;
    let variables = [("PAWL_RELEASE_SERVER", relay.as_os_str())];
    let test = "assets::the_release_serves_the_page_as_it_was_built";
    broken::relay_test(ctx, test, &variables)
}

/// And all else that `relay` would write and `native` reads: the two run at once.
fn first_visit(ctx: &Context) -> Result<()> {
    pipeline::page(ctx)?;
    licences::program(ctx, "pawl-server")?;
    licences::program(ctx, "pawl-cli")?;
    size::print(ctx)
}

/// Not the programs: `cargo xtask release --prove` compares those too, which takes as long as building them.
fn reproducible(ctx: &Context) -> Result<()> {
    pipeline::page(ctx)?;
    release::prove(ctx, &[])
}

fn firefox(ctx: &Context) -> Result<()> {
    laws(ctx, Browser::Firefox)
}

fn chromium(ctx: &Context) -> Result<()> {
    laws(ctx, Browser::Chromium)
}

/// Not all the laws: WebKit has no protocol that they could look into its network and its workers with.
fn webkit(ctx: &Context) -> Result<()> {
    if !setup::webkit(ctx)? {
        return Ok(());
    }
    browse(ctx, "webkit").and_then(|tests| ctx.run(tests))
}

fn laws(ctx: &Context, browser: Browser) -> Result<()> {
    let program = setup::browser(ctx, browser)?;
    let tests = browse(ctx, browser.name())?;
    ctx.run(tests.env(browser.variable(), program))
}

/// The browser tests, against the binaries that are released.
fn browse<'a>(ctx: &'a Context, browser: &str) -> Result<Cmd<'a>> {
    let Programs { relay, terminal } = musl::tested(ctx)?;
    let sh = &ctx.sh;
    Ok(cmd!(
        sh,
        "node tests/browser/run.mjs --browser {browser} --server {relay} --terminal {terminal}"
    ))
}
