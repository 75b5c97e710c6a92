//! `cargo xtask bench relay`: load on the relay's release binary, beside a Socket.io relay in the same run (tests/load).
//! `cargo xtask bench client`: what people wait for, in browsers and a terminal, with the real relay (tests/bench/client.mjs).
//! `cargo xtask bench crypto`: the work of tests/bench, native and in wasm under Node, beside published npm
//! packages in the same run; JSON rows, then how many times as fast Pawl is, wasm against wasm.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use xshell::cmd;

use crate::context::Context;
use crate::manifest::WasmPack;
use crate::setup::{self, Browser, WasmToolchain};
use crate::{musl, pipeline};

const PACKAGE: &str = "pawl-bench";

#[derive(Deserialize)]
struct Row {
    row: String,
    implementation: String,
    runtime: String,
    per_second: f64,
}

/// Pawl's rate over another's.
#[derive(Serialize, PartialEq, Debug)]
struct Ratio {
    row: String,
    versus: String,
    times: f64,
}

pub(crate) fn crypto(ctx: &Context) -> Result<()> {
    setup::for_build(ctx)?;
    let sh = &ctx.sh;
    ctx.step("building natively", || {
        ctx.run(cmd!(sh, "cargo build --release -p {PACKAGE} --bins"))
    })?;
    let out = ctx.step("building for wasm32", || wasm(ctx))?;
    let program = ctx.path("target/release").join(PACKAGE);
    let native = ctx.read(cmd!(sh, "{program}"))?;
    println!("{native}");
    let wasm = ctx.read(cmd!(sh, "node tests/bench/run.mjs {out}"))?;
    println!("{wasm}");
    for ratio in ratios(&wasm)? {
        println!("{}", serde_json::to_string(&ratio)?);
    }
    Ok(())
}

/// `rows` are names of what to measure; all of it without them.
pub(crate) fn relay(ctx: &Context, rows: &[String]) -> Result<()> {
    let server = musl::tested(ctx)?.relay;
    let sh = &ctx.sh;
    ctx.step("building the load", || {
        ctx.run(cmd!(sh, "cargo build --release -p pawl-load"))
    })?;
    let load = ctx.path("target/release/pawl-load");
    ctx.run(cmd!(
        sh,
        "{load} {server} tests/load/socketio.mjs {rows...}"
    ))
}

/// The browsers that people wait in, and a terminal. `more` goes to tests/bench/client.mjs.
pub(crate) fn client(ctx: &Context, more: &[String]) -> Result<()> {
    let firefox = setup::browser(ctx, Browser::Firefox)?;
    let chromium = setup::browser(ctx, Browser::Chromium)?;
    let musl::Programs { relay, terminal } = musl::tested(ctx)?;
    let sh = &ctx.sh;
    let bench = cmd!(
        sh,
        "node tests/bench/client.mjs --server {relay} --terminal {terminal} {more...}"
    );
    let bench = bench.env(Browser::Firefox.variable(), firefox);
    ctx.run(bench.env(Browser::Chromium.variable(), chromium))
}

/// The same steps and flags as the engine that a browser loads.
fn wasm(ctx: &Context) -> Result<std::path::PathBuf> {
    let mut config = WasmPack::read(ctx)?;
    PACKAGE.clone_into(&mut config.package);
    let raw = pipeline::compile(ctx, &config, WasmToolchain::ensure(ctx)?)?;
    let out = ctx.scratch("bench")?;
    pipeline::bind(ctx, &setup::wasm_bindgen(ctx)?, &raw, &config.target, &out)?;
    pipeline::optimise(ctx, &config, &out.join("pawl_bench_bg.wasm"))?;
    Ok(out)
}

fn ratios(rows: &str) -> Result<Vec<Ratio>> {
    let rows = rows.lines().map(serde_json::from_str);
    let rows: Vec<Row> = rows
        .collect::<Result<_, _>>()
        .context("rows of the benchmark")?;
    let (ours, others): (Vec<_>, Vec<_>) = rows
        .iter()
        .filter(|row| row.runtime == "wasm")
        .partition(|row| row.implementation == "pawl");
    let ratio = |other: &Row| {
        let own = ours.iter().find(|own| own.row == other.row)?;
        let times = (own.per_second / other.per_second * 100.0).round() / 100.0;
        Some(Ratio {
            row: own.row.clone(),
            versus: other.implementation.clone(),
            times,
        })
    };
    Ok(others.into_iter().filter_map(ratio).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_the_same_row() {
        let rows = r#"{"row":"setup","implementation":"pawl","runtime":"wasm","per_second":600,"body_bytes":200}
{"row":"burst","implementation":"pawl","runtime":"wasm","per_second":30000,"body_bytes":200}
{"row":"setup","implementation":"other","runtime":"wasm","per_second":400,"body_bytes":200}"#;
        let expected = Ratio {
            row: "setup".into(),
            versus: "other".into(),
            times: 1.5,
        };
        assert_eq!(ratios(rows).unwrap(), [expected]);
        assert!(ratios("no json").is_err());
    }
}
