//! Pawl's own commands: `cargo xtask setup | build | run | test | release | sim | bench | fuzz | mutants | prove-relay | tidy | types | vectors | fmt`.
//! Knows the tools and the folders; no code of the messenger is linked into it, so that it builds in
//! seconds on a machine that has nothing yet.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks on its terminal"
)]

mod bench;
mod broken;
mod clock;
mod context;
mod fuzz;
mod inside;
mod manifest;
mod musl;
mod mutants;
mod paths;
mod pipeline;
mod release;
mod setup;
mod sim;
mod size;
mod stamp;
mod suite;
mod tidy;
mod types;
mod vectors;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

use crate::context::Context;
use crate::setup::Arch;

const HELP: &str = "\
cargo xtask COMMAND

  run [--listen ADDRESS] [--data FOLDER] [-- MORE]
                     get what is missing, build, start the relay (127.0.0.1:8080, ./.pawl)
  test [--fast] [--only STEP]... [--keep-going] [--list]
                     everything there is; --fast leaves out browsers and release builds
  setup [--test]     get what building (and testing) needs
  release --out DIR (--sign-key FILE | --unsigned) [--arch x86_64|aarch64]... [--prove]
                     static programs for Linux in archives, tried, in a folder that is empty;
                     --prove builds once more elsewhere and compares
  check-release DIR  what dpkg, lintian, systemd, skopeo and others say of a release
  build              wasm, page, relay: target/release/pawl-server
  build --page | --static x86_64|aarch64...
                     only the page; static programs: target/ARCH-unknown-linux-musl/release
  sim [--seeds N | --seed N] [--fault NAME | --prove] [--help]
                     engines and a relay under seeded faults; --seed shows one run and cuts it down
  bench crypto       JSON rows, native and wasm, beside published packages
  bench relay [ROW]...  JSON rows of the relay under load, beside a Socket.io relay: live, stored, drain, crowd
  bench client [--where chromium|firefox|terminal]... [--messages N]
                     JSON rows of what people wait for, with 10,000 messages
  bench first        from the start of an unpacked release to the first answer in a second browser
  bench size         what a first visit loads: raw, gzip, Brotli
  bench sim          how many seeds of the simulator a second
  fuzz [TARGET] [--seconds N] [--keep]
                     libFuzzer on one target or each (600 s); --keep renews tests/fuzz/corpus
  fuzz TARGET --add FILE
                     adds an input, or a folder of inputs, to the target's corpus
  prove-relay        builds relays that are broken on purpose; the tests must find each
  mutants [FILE]     changes of the protocol that its tests do not notice (hours)
  tidy               style rules, import directions, licences
  types              write web/src/generated/types.ts from the Rust types
  vectors            write tests/vectors/*.json from the Rust code
  fmt                format all Rust code
";

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    let mut args = lexopt::Parser::from_env();
    let command = match args.next()? {
        Some(Value(word)) => word.string()?,
        Some(Short('h') | Long("help")) | None => "help".to_owned(),
        Some(other) => return Err(other.unexpected().into()),
    };
    let ctx = Context::new()?;
    match command.as_str() {
        "help" => print!("{HELP}"),
        "setup" => setup_command(&ctx, args)?,
        "build" => build_command(&ctx, args)?,
        "release" => release::run(&ctx, &release::Choice::parse(args)?)?,
        "check-release" => {
            let folder = args.next()?;
            let Some(Value(folder)) = folder else {
                bail!("check which release? `cargo xtask check-release DIR`");
            };
            nothing_more(args)?;
            release::check::run(&ctx, Path::new(&folder))?;
        }
        "run" => run_command(&ctx, args)?,
        "test" => return test_command(&ctx, args),
        "sim" => sim::run(&ctx, &args.raw_args()?.collect::<Vec<_>>())?,
        "bench" => bench_command(&ctx, args)?,
        "fuzz" => fuzz_command(&ctx, args)?,
        "mutants" => mutants_command(&ctx, args)?,
        "prove-relay" => {
            nothing_more(args)?;
            broken::prove(&ctx)?;
        }
        "tidy" => {
            nothing_more(args)?;
            tidy::all(&ctx)?;
        }
        "types" => {
            nothing_more(args)?;
            types::write(&ctx)?;
        }
        "vectors" => {
            nothing_more(args)?;
            vectors::write(&ctx)?;
        }
        "fmt" => {
            nothing_more(args)?;
            ctx.run(xshell::cmd!(ctx.sh, "cargo fmt --all"))?;
        }
        other => bail!("no command {other:?}\n\n{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn nothing_more(mut args: lexopt::Parser) -> Result<()> {
    match args.next()? {
        None => Ok(()),
        Some(more) => Err(more.unexpected().into()),
    }
}

fn setup_command(ctx: &Context, mut args: lexopt::Parser) -> Result<()> {
    match args.next()? {
        None => setup::for_build(ctx)?,
        Some(Long("test")) => setup::for_test(ctx)?,
        Some(more) => return Err(more.unexpected().into()),
    }
    println!("everything is in place");
    Ok(())
}

fn build_command(ctx: &Context, mut args: lexopt::Parser) -> Result<()> {
    let mut archs = Vec::new();
    let mut page = false;
    while let Some(arg) = args.next()? {
        match arg {
            Long("page") => page = true,
            Long("static") => archs.push(Arch::parse(&args.value()?.string()?)?),
            other => return Err(other.unexpected().into()),
        }
    }
    for arch in &archs {
        musl::programs(ctx, *arch)?;
    }
    match page {
        true => pipeline::page(ctx),
        false if archs.is_empty() => pipeline::relay(ctx),
        false => Ok(()),
    }
}

fn run_command(ctx: &Context, mut args: lexopt::Parser) -> Result<()> {
    let mut listen = OsString::from("127.0.0.1:8080");
    let mut data = ctx.path(".pawl").into_os_string();
    let mut more = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("listen") => listen = args.value()?,
            Long("data") => data = args.value()?,
            // Only what follows `--` arrives here as a bare word.
            Value(word) => {
                more.push(word);
                more.extend(args.raw_args()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    pipeline::relay(ctx)?;
    pipeline::serve(ctx, &listen, &data, &more)
}

fn test_command(ctx: &Context, mut args: lexopt::Parser) -> Result<ExitCode> {
    let mut choice = suite::Choice::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("fast") => choice.fast = true,
            Long("keep-going") => choice.keep_going = true,
            Long("only") => choice.only.push(args.value()?.string()?),
            Long("list") => {
                suite::list();
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let passed = suite::run(ctx, &choice)?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn fuzz_command(ctx: &Context, mut args: lexopt::Parser) -> Result<()> {
    let mut choice = fuzz::Choice::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("seconds") => choice.seconds = args.value()?.parse()?,
            Long("keep") => choice.keep = true,
            Long("add") => choice.add = Some(args.value()?.into()),
            Value(target) if choice.target.is_none() => choice.target = Some(target.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    fuzz::run(ctx, &choice)
}

fn mutants_command(ctx: &Context, mut args: lexopt::Parser) -> Result<()> {
    let file = match args.next()? {
        Some(Value(file)) => Some(file.string()?),
        Some(other) => return Err(other.unexpected().into()),
        None => None,
    };
    nothing_more(args)?;
    mutants::run(ctx, file.as_deref())
}

fn bench_command(ctx: &Context, mut args: lexopt::Parser) -> Result<()> {
    let what = match args.next()? {
        Some(Value(word)) => word.string()?,
        _ => bail!(
            "bench what? `cargo xtask bench client`, `crypto`, `first`, `relay`, `size` or `sim`"
        ),
    };
    if what == "relay" || what == "client" {
        let more = args.raw_args()?.map(|word| word.string());
        let more = more.collect::<Result<Vec<_>, _>>()?;
        return match what.as_str() {
            "relay" => bench::relay(ctx, &more),
            _ => bench::client(ctx, &more),
        };
    }
    nothing_more(args)?;
    match what.as_str() {
        "crypto" => bench::crypto(ctx),
        "size" => {
            pipeline::page(ctx)?;
            size::print(ctx)
        }
        "sim" => sim::bench(ctx),
        "first" => release::first_minutes(ctx),
        other => bail!("no benchmark {other:?}: client, crypto, first, relay, size or sim"),
    }
}
