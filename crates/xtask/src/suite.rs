//! `cargo xtask test`: everything there is, what fails fast first. A step is a name, a sentence and a
//! function; it gets what it needs by itself, so that each can be run alone with `--only`.

mod beside;
mod outcome;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use xshell::{Cmd, cmd};

use self::beside::Beside;
use self::outcome::{Outcome, summary};
use crate::clock::Stopwatch;
use crate::context::{Context, path_with};
use crate::musl::{self, Programs};
use crate::setup::{self, Browser};
use crate::{broken, pipeline, release, sim, size, tidy, types, vectors};

/// What of the suite to run.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) fast: bool,
    pub(crate) keep_going: bool,
    pub(crate) only: Vec<String>,
}

/// Steps that wait more than they compute. Each begins while nothing that it reads is being built.
const BESIDE: [&str; 2] = ["prove-relay", "chromium"];

struct Step {
    name: &'static str,
    what: &'static str,
    /// Needs neither a browser nor a release build.
    fast: bool,
    work: fn(&Context) -> Result<()>,
}

const STEPS: &[Step] = &[
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
        what: "links of documents, one version",
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
        name: "wasm-pack",
        what: "wasm-pack test --headless --firefox",
        fast: false,
        work: wasm_pack,
    },
    Step {
        name: "deploy",
        what: "the relay behind nginx and Caddy, and systemd's opinion of it",
        fast: false,
        work: deploy,
    },
    Step {
        name: "relay",
        what: "the programs of a release, and the simulator; the relay serves that page",
        fast: false,
        work: programs,
    },
    Step {
        name: "prove-relay",
        what: "relays that are broken on purpose are found",
        fast: false,
        work: broken::prove,
    },
    Step {
        name: "sim",
        what: "4,000 seeds of the simulator, and its deliberate faults",
        fast: false,
        work: sim::step,
    },
    Step {
        name: "size",
        what: "a first visit is in its size budget",
        fast: false,
        work: first_visit,
    },
    Step {
        name: "chromium",
        what: "the laws in Chromium",
        fast: false,
        work: chromium,
    },
    Step {
        name: "firefox",
        what: "the laws in Firefox",
        fast: false,
        work: firefox,
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
];

pub(crate) fn list() {
    for step in STEPS {
        println!(
            "{:12} {}{}",
            step.name,
            step.what,
            if step.fast { "" } else { "  (not in --fast)" }
        );
    }
}

/// Runs the chosen steps, prints the table; whether all passed.
pub(crate) fn run(ctx: &Context, choice: &Choice) -> Result<bool> {
    let chosen = choose(choice)?;
    let watch = Stopwatch::start();
    let several = chosen.len() > 1;
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut beside: Option<Beside<&'static Step>> = None;
    for step in chosen {
        if several && BESIDE.contains(&step.name) {
            outcomes.extend(beside.take().map(|other| ended(ctx, other)));
            beside = Some(Beside::start(ctx, step, step.name)?);
        } else {
            outcomes.push(run_step(ctx, step));
        }
        let failed = outcomes.iter().any(|outcome| outcome.failure.is_some());
        if failed && !choice.keep_going {
            break;
        }
    }
    outcomes.extend(beside.map(|other| ended(ctx, other)));
    summary(&outcomes, choice, watch.elapsed());
    Ok(outcomes.iter().all(|outcome| outcome.failure.is_none()))
}

fn ended(ctx: &Context, beside: Beside<&'static Step>) -> Outcome {
    let (step, took, passed) = beside.finish(ctx);
    Outcome {
        name: step.name,
        what: step.what,
        took,
        failure: passed.err().map(|error| format!("{error:#}")),
    }
}

fn choose(choice: &Choice) -> Result<Vec<&'static Step>> {
    let known: BTreeSet<_> = STEPS.iter().map(|step| step.name).collect();
    if let Some(unknown) = choice
        .only
        .iter()
        .find(|name| !known.contains(name.as_str()))
    {
        bail!("no step {unknown:?}; `cargo xtask test --list` names them");
    }
    let wanted = |step: &&Step| {
        let named = choice.only.is_empty() || choice.only.iter().any(|name| name == step.name);
        named && (step.fast || !choice.fast)
    };
    let chosen: Vec<_> = STEPS.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!("nothing to run: --only and --fast exclude each other here");
    }
    Ok(chosen)
}

fn run_step(ctx: &Context, step: &'static Step) -> Outcome {
    println!("\n=== {}: {} ===", step.name, step.what);
    let watch = Stopwatch::start();
    let failure = (step.work)(ctx).err().map(|error| format!("{error:#}"));
    match &failure {
        None => println!("=== {} passed in {watch}", step.name),
        Some(why) => {
            println!("=== {} FAILED after {watch}: {why}", step.name);
            println!(
                "    just this step again: cargo xtask test --only {}",
                step.name
            );
        }
    }
    Outcome {
        name: step.name,
        what: step.what,
        took: watch.elapsed(),
        failure,
    }
}

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

fn first_visit(ctx: &Context) -> Result<()> {
    pipeline::page(ctx)?;
    size::print(ctx)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(choice: &Choice) -> Vec<&'static str> {
        choose(choice)
            .unwrap()
            .iter()
            .map(|step| step.name)
            .collect()
    }

    #[test]
    fn all_is_all_and_fast_needs_no_browser() {
        assert_eq!(names(&Choice::default()).len(), STEPS.len());
        let fast = names(&Choice {
            fast: true,
            ..Choice::default()
        });
        for left_out in [
            "tools",
            "wasm-pack",
            "deploy",
            "prove-relay",
            "relay",
            "sim",
            "size",
            "firefox",
            "chromium",
            "webkit",
            "first",
        ] {
            assert!(!fast.contains(&left_out), "{left_out} is in --fast");
        }
        assert!(fast.contains(&"native"));
    }

    #[test]
    fn what_runs_beside_others_is_a_step_and_not_the_last() {
        for name in BESIDE {
            let at = STEPS.iter().position(|step| step.name == name);
            assert!(at.is_some_and(|at| at + 1 < STEPS.len()), "{name}");
        }
    }

    #[test]
    fn an_unknown_step_is_refused_and_an_empty_choice_too() {
        let only = |name: &str| vec![name.to_owned()];
        assert!(
            choose(&Choice {
                only: only("clipy"),
                ..Choice::default()
            })
            .is_err()
        );
        assert!(
            choose(&Choice {
                only: only("firefox"),
                fast: true,
                ..Choice::default()
            })
            .is_err()
        );
        assert_eq!(
            names(&Choice {
                only: only("fmt"),
                ..Choice::default()
            }),
            ["fmt"]
        );
    }
}
