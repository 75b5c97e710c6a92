//! Every target with honest input, with that input altered a little, and with all that fuzzing has found.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use pawl_fuzz::archive::{Inputs, unpack};
use pawl_fuzz::{TARGETS, Target, run, seeds};

/// More in the repository is a nuisance to everybody.
const CORPUS_BYTES: usize = 300_000;

/// Each archive of corpus/, by the name of its target; anything else that lies there is an error.
fn corpora() -> io::Result<BTreeMap<String, Inputs>> {
    let mut corpora = BTreeMap::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))? {
        let path = file?.path();
        let told = |error| io::Error::other(format!("{}: {error}", path.display()));
        let target = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".tar"));
        let target = target.ok_or_else(|| told(io::Error::other("no archive")))?;
        let inputs = unpack(&fs::read(&path)?).map_err(told)?;
        corpora.insert(target.to_owned(), inputs);
    }
    Ok(corpora)
}

#[test]
fn everything_that_fuzzing_found_is_tried_again() {
    let corpora = corpora().unwrap();
    let names: BTreeSet<_> = TARGETS.iter().map(|Target { name, .. }| *name).collect();
    assert_eq!(
        corpora.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        names
    );
    for (name, inputs) in &corpora {
        assert!(inputs.len() >= 3, "{name} has hardly any corpus");
        for input in inputs.values() {
            run(name, input);
        }
    }
    let bytes: usize = corpora
        .values()
        .flat_map(Inputs::values)
        .map(Vec::len)
        .sum();
    assert!(bytes < CORPUS_BYTES, "{bytes} bytes of corpora");
}

#[test]
fn honest_input_is_tried_and_each_target_has_some() {
    let seeds = seeds();
    for (name, input) in &seeds {
        run(name, input);
        run(name, &input[..input.len() / 2]);
        for at in (0..input.len()).step_by(1 + input.len() / 8) {
            let mut altered = input.clone();
            altered[at] ^= 0x41;
            run(name, &altered);
        }
    }
    for name in [
        "public_records",
        "bundle",
        "envelope",
        "sealed",
        "open",
        "stored",
    ] {
        assert!(seeds.iter().any(|(of, _)| *of == name), "{name}");
    }
}
