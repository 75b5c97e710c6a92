//! The simulator itself, on few seeds: unoptimised, they are slow. Thousands of them, and every deliberate fault, are the
//! step `sim` of `cargo xtask test`.
#![forbid(unsafe_code)]

use pawl_sim::{Fault, Kind, Plan, Size, run, search, shrink};

/// Seeds of an ordinary run.
const SEEDS: u64 = 48;

#[test]
fn the_law_holds_whatever_happens() {
    let found = search(0..SEEDS, None, false);
    assert!(found.failures.is_empty(), "{:?}", found.failures);
    assert!(found.texts > 500 && found.steps > 20_000, "{found:?}");
}

#[test]
fn a_seed_is_a_run_and_always_the_same_one() {
    for seed in [3, 5, 7] {
        let plan = Plan::of_seed(seed);
        let runs = [(); 2].map(|()| run(&plan, None, true).trace);
        assert!(runs[0].len() > 100 && runs[0] == runs[1], "seed {seed}");
    }
}

#[test]
fn a_fault_is_found_and_cut_down_to_what_it_needs() {
    let fault = Some(Fault::DedupeForgotten);
    let found = search(0..SEEDS, fault, true);
    let (seed, failure) = found.failures.first().expect("found");
    assert!(Fault::DedupeForgotten.breaks().contains(&failure.law));
    let plan = Plan::of_seed(*seed);
    let fails = |plan: &Plan| run(plan, fault, false).failure.is_some();
    let small = shrink(&plan, fails);
    assert!(fails(&small), "what is left still fails");
    let lines = |plan: &Plan| plan.to_string().lines().count();
    assert!(lines(&small) < lines(&plan) / 2, "{small}");
    assert!(run(&small, None, false).failure.is_none());
}

#[test]
fn many_people_keep_the_law_too() {
    let size = Size {
        people: 6,
        texts: 40,
    };
    for (seed, kind) in [(1, Kind::Weather), (2, Kind::Damage)] {
        let report = run(&Plan::of_size(seed, kind, size), None, false);
        assert_eq!(report.failure, None, "seed {seed}");
        assert!(report.texts >= 40);
    }
}
