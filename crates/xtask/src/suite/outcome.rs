//! How steps ended, and the table of them.

use std::time::Duration;

use super::Choice;
use crate::clock::human;

pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) took: Duration,
    pub(super) failure: Option<String>,
}

pub(super) fn summary(outcomes: &[Outcome], choice: &Choice, total: Duration) {
    println!("\n--- summary ---");
    for outcome in outcomes {
        let verdict = if outcome.failure.is_some() {
            "FAILED"
        } else {
            "ok"
        };
        println!(
            "{verdict:6}  {:12} {:>12}  {}",
            outcome.name,
            human(outcome.took),
            outcome.what
        );
    }
    let failed = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .count();
    if failed > 0 && !choice.keep_going {
        println!("stopped at the first failure; --keep-going runs the rest");
    }
    println!(
        "{} passed, {failed} failed, in {}",
        outcomes.len() - failed,
        human(total)
    );
}
