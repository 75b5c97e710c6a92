//! Making a failing plan small: without what is not needed for it to break the same law. What is left of chance in a run
//! changes with every cut, so that each smaller plan is simply tried.

use crate::plan::{Action, Plan};

/// Runs that shrinking may take.
const MOST_RUNS: u32 = 1_500;

/// The smallest plan that `fails` finds, from one that does.
pub fn shrink(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut small = plan.clone();
    let mut runs = 0;
    let mut is_failing = |candidate: &Plan| {
        runs += 1;
        runs <= MOST_RUNS && fails(candidate)
    };
    loop {
        let before = small.clone();
        fewer_actions(&mut small, &mut is_failing);
        smaller_actions(&mut small, &mut is_failing);
        fewer_people(&mut small, &mut is_failing);
        fewer_devices(&mut small, &mut is_failing);
        if small == before {
            return small;
        }
    }
}

/// Leaves out halves, quarters and so on, down to single actions.
fn fewer_actions(plan: &mut Plan, fails: &mut impl FnMut(&Plan) -> bool) {
    let mut size = plan.actions.len().next_power_of_two();
    while size > 0 {
        let mut at = 0;
        while at < plan.actions.len() {
            let mut candidate = plan.clone();
            let end = plan.actions.len().min(at + size);
            candidate.actions.drain(at..end);
            if fails(&candidate) {
                *plan = candidate;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
}

/// Shorter waits, fewer steps, an account from before.
fn smaller_actions(plan: &mut Plan, fails: &mut impl FnMut(&Plan) -> bool) {
    let mut old = plan.clone();
    old.fresh = false;
    if plan.fresh && fails(&old) {
        *plan = old;
    }
    for at in 0..plan.actions.len() {
        while let Some(smaller) = smaller(plan.actions[at]) {
            let mut candidate = plan.clone();
            candidate.actions[at] = smaller;
            if !fails(&candidate) {
                break;
            }
            *plan = candidate;
        }
    }
}

fn smaller(action: Action) -> Option<Action> {
    match action {
        Action::Steps(steps) if steps > 1 => Some(Action::Steps(steps / 2)),
        Action::Wait(time) if time > 1 => Some(Action::Wait(time / 4)),
        Action::Sleep(hours) if hours > 1 => Some(Action::Sleep(hours / 2)),
        Action::Crash { who, after, at } if after > 0 => Some(Action::Crash {
            who,
            after: after - 1,
            at,
        }),
        Action::FailCommits { who, times } if times > 1 => Some(Action::FailCommits {
            who,
            times: times - 1,
        }),
        Action::Stall { who, down, by } if by > 1 => Some(Action::Stall {
            who,
            down,
            by: by / 4,
        }),
        _ => None,
    }
}

fn fewer_people(plan: &mut Plan, fails: &mut impl FnMut(&Plan) -> bool) {
    while plan.people > 2 {
        let mut candidate = plan.clone();
        candidate.people -= 1;
        if !fails(&candidate) {
            return;
        }
        *plan = candidate;
    }
}

fn fewer_devices(plan: &mut Plan, fails: &mut impl FnMut(&Plan) -> bool) {
    for owner in 0..plan.devices.len() {
        while plan.devices[owner] > 1 {
            let mut candidate = plan.clone();
            candidate.devices[owner] -= 1;
            if !fails(&candidate) {
                break;
            }
            *plan = candidate;
        }
    }
}
