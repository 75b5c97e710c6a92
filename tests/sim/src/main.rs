//! The simulator as a program: many seeds, one seed with a trace of it, or how many a second. `cargo xtask sim`
//! builds and runs it.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks on its terminal"
)]

use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use lexopt::prelude::*;
use pawl_sim::{Fault, Kind, Plan, Report, Size, run, search, shrink};

const HELP: &str = "\
pawl-sim [--seeds N | --seeds A..B] [--seed N [--size PxT]] [--fault NAME] [--prove] [--list-faults] [--bench]

  --seeds    so many seeds, or these; 1,000 where nothing is said
  --seed     one, with everything that happens in it, and cut down where it fails
  --size     of that one: people and texts, as in 10x1000; only how it ends is told, and nothing is cut down
  --fault    with something wrong on purpose
  --prove    finds every deliberate fault
  --bench    how many a second, as JSON
";

/// Failing seeds that are cut down and printed.
const SHOWN: usize = 3;
/// Seeds in which a deliberate fault must be found.
const PROOF: u64 = 3_000;
/// What the benchmark runs.
const BENCH_SEEDS: u64 = 1_000;
const LARGE: Size = Size {
    people: 10,
    texts: 1_000,
};

enum Wanted {
    Many(Range<u64>),
    One(u64),
    Sized(u64, Size),
    Proof,
    Bench,
}

fn main() -> ExitCode {
    match asked() {
        Ok(Some((Wanted::Many(seeds), fault))) => many(seeds, fault),
        Ok(Some((Wanted::One(seed), fault))) => one(seed, fault),
        Ok(Some((Wanted::Sized(seed, size), fault))) => sized(seed, size, fault),
        Ok(Some((Wanted::Proof, _))) => prove(),
        Ok(Some((Wanted::Bench, _))) => bench(),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pawl-sim: {error}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn asked() -> Result<Option<(Wanted, Option<Fault>)>, lexopt::Error> {
    let mut args = lexopt::Parser::from_env();
    let (mut wanted, mut fault) = (Wanted::Many(0..1_000), None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("seeds") => wanted = Wanted::Many(range(&args.value()?.string()?)?),
            Long("seed") => wanted = Wanted::One(args.value()?.parse()?),
            Long("prove") => wanted = Wanted::Proof,
            Long("size") => {
                let Wanted::One(seed) = wanted else {
                    return Err("--size is of the seed that --seed names before it".into());
                };
                wanted = Wanted::Sized(seed, size(&args.value()?.string()?)?);
            }
            Long("bench") => wanted = Wanted::Bench,
            Long("fault") => {
                let name = args.value()?.string()?;
                let known = Fault::named(&name);
                fault = Some(known.ok_or(format!("no fault {name:?}; --list-faults names them"))?);
            }
            Long("list-faults") => {
                Fault::ALL.iter().for_each(|fault| println!("{fault:?}"));
                return Ok(None);
            }
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some((wanted, fault)))
}

fn number(text: &str) -> Result<u64, lexopt::Error> {
    let number = text.replace('_', "").parse::<u64>();
    number.map_err(|_| lexopt::Error::from(format!("{text:?} is no number")))
}

fn size(text: &str) -> Result<Size, lexopt::Error> {
    let (people, texts) = text.split_once('x').ok_or("a size is people x texts")?;
    let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Size {
        people: small(number(people)?),
        texts: small(number(texts)?),
    })
}

fn range(text: &str) -> Result<Range<u64>, lexopt::Error> {
    match text.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => Ok(0..number(text)?),
    }
}

fn many(seeds: Range<u64>, fault: Option<Fault>) -> ExitCode {
    // What panics is a failure like others, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let found = search(seeds, fault, false);
    for (seed, failure) in &found.failures {
        println!("seed {seed}: {failure}");
    }
    for (seed, _) in found.failures.iter().take(SHOWN) {
        print_small(*seed, fault);
    }
    let failed = found.failures.len();
    println!(
        "{} seeds, {} texts, {} steps: {failed} failed",
        found.seeds, found.texts, found.steps
    );
    match failed {
        0 => ExitCode::SUCCESS,
        _ => {
            println!("one of them with all that happens: cargo xtask sim --seed N");
            ExitCode::FAILURE
        }
    }
}

fn one(seed: u64, fault: Option<Fault>) -> ExitCode {
    let plan = Plan::of_seed(seed);
    print!("{plan}");
    let report = run(&plan, fault, true);
    report.trace.iter().for_each(|line| println!("{line}"));
    match report.failure {
        None => {
            println!("seed {seed}: the law holds, {} steps", report.steps);
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("seed {seed}: {failure}");
            print_small(seed, fault);
            ExitCode::FAILURE
        }
    }
}

/// One of another size, whose trace would be long.
fn sized(seed: u64, size: Size, fault: Option<Fault>) -> ExitCode {
    let kind = if seed.is_multiple_of(3) {
        Kind::Damage
    } else {
        Kind::Weather
    };
    let report = run(&Plan::of_size(seed, kind, size), fault, false);
    let (steps, texts) = (report.steps, report.texts);
    match report.failure {
        None => {
            println!("seed {seed}: the law holds, {texts} texts, {steps} steps");
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("seed {seed}: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether each deliberate fault breaks a law that it should.
fn prove() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = 0;
    for fault in Fault::ALL {
        let found = search(0..PROOF, Some(fault), true);
        let first = found.failures.first();
        let proof = first.filter(|(_, failure)| fault.breaks().contains(&failure.law));
        missed += u32::from(proof.is_none());
        match (proof, first) {
            (Some((seed, failure)), _) => println!("{fault:?}: found, seed {seed}: {failure}"),
            (None, Some((seed, failure))) => {
                println!("{fault:?}: NOT AS EXPECTED, seed {seed}: {failure}");
            }
            (None, None) => println!("{fault:?}: NOT FOUND in {PROOF} seeds"),
        }
    }
    println!("{} deliberate faults, {missed} not found", Fault::ALL.len());
    match missed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The smallest plan that breaks the same law, and what happens in it.
fn print_small(seed: u64, fault: Option<Fault>) {
    let plan = Plan::of_seed(seed);
    let law = |report: &Report| report.failure.as_ref().map(|failure| failure.law);
    let broken = law(&run(&plan, fault, false));
    let small = shrink(&plan, |plan| law(&run(plan, fault, false)) == broken);
    let report = run(&small, fault, true);
    println!("\n--- cut down: {small}");
    report.trace.iter().for_each(|line| println!("{line}"));
    if let Some(failure) = report.failure {
        println!("{failure}\n");
    }
}

fn bench() -> ExitCode {
    // The nursery is made once, and is not what is measured.
    drop(run(&Plan::of_seed(0), None, false));
    let start = now();
    let mut steps = 0;
    for seed in 0..BENCH_SEEDS {
        steps += run(&Plan::of_seed(seed), None, false).steps;
    }
    row("sim", BENCH_SEEDS, steps, start);
    let start = now();
    let large = run(&Plan::of_size(1, Kind::Weather, LARGE), None, false);
    row("sim-10-people-1000-texts", 1, large.steps, start);
    ExitCode::SUCCESS
}

fn row(name: &str, seeds: u64, steps: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let per_second = |count: u64| (count as f64 / seconds * 100.0).round() / 100.0;
    let row = serde_json::json!({
        "row": name,
        "implementation": "pawl",
        "runtime": "native",
        "per_second": per_second(seeds),
        "steps_per_second": per_second(steps).round(),
    });
    println!("{row}");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
