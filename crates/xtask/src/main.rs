//! Pawl's own commands: set up, build, run, test, bench, tidy.
fn main() {}
