//! `cargo xtask test`: which steps run, in which order, and the table of how they ended. Each can be run alone with
//! `--only`.

mod beside;
mod outcome;
mod steps;

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use self::beside::{Beside, Ended, run as run_beside};
use self::outcome::{Outcome, summary};
use self::steps::{STEPS, Step};
use crate::clock::Stopwatch;
use crate::context::Context;

/// What of the suite to run.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) fast: bool,
    pub(crate) keep_going: bool,
    pub(crate) only: Vec<String>,
}

/// Steps that leave a processor idle: they wait, or link one program after the other. Each begins while nothing that
/// it reads is being built: what `relay` takes in is built by `size`, before it.
const BESIDE: [&str; 6] = [
    "relay",
    "deploy",
    "prove-relay",
    "chromium",
    "webkit",
    "first",
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
    // A step that was asked for by name may build what those before it would have built.
    let all = choice.only.is_empty();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut beside = Beside::new(ctx.scratch("beside")?, run_beside);
    for step in chosen {
        if all && BESIDE.contains(&step.name) {
            beside.start(step, step.name)?;
        } else {
            outcomes.push(run_step(ctx, step));
        }
        outcomes.extend(beside.ended().into_iter().map(outcome));
        let failed = outcomes.iter().any(|outcome| outcome.failure.is_some());
        if failed && !choice.keep_going {
            beside.stop();
            break;
        }
    }
    outcomes.extend(beside.finish().into_iter().map(outcome));
    summary(&outcomes, choice, watch.elapsed());
    Ok(outcomes.iter().all(|outcome| outcome.failure.is_none()))
}

fn outcome(ended: Ended<&'static Step>) -> Outcome {
    Outcome {
        name: ended.step.name,
        what: ended.step.what,
        took: ended.took,
        failure: ended.passed.err().map(|error| format!("{error:#}")),
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
            "reproducible",
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
