//! Every target with honest input, with that input altered a little, and with all that fuzzing has found.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use pawl_fuzz::{TARGETS, Target, run, seeds};

/// More in the repository is a nuisance to everybody.
const CORPUS_BYTES: usize = 300_000;

type Corpora = BTreeMap<String, Vec<Vec<u8>>>;

fn corpora() -> io::Result<Corpora> {
    let mut corpora = Corpora::new();
    for folder in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))? {
        let folder = folder?;
        let name = folder.file_name().to_string_lossy().into_owned();
        let inputs = corpora.entry(name).or_default();
        for file in fs::read_dir(folder.path())? {
            inputs.push(fs::read(file?.path())?);
        }
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
        for input in inputs {
            run(name, input);
        }
    }
    let bytes: usize = corpora.values().flatten().map(Vec::len).sum();
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
