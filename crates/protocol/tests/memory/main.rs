//! Law: of keys that were dropped nothing is left in the process, on the heap or on the stack. A process of its own
//! tells a story with known keys, drops them and waits, and this one reads all of its memory (Linux).

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "whatever is not as it should be, the test fails there"
)]

mod secrets;
mod story;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

use secrets::Secrets;
use story::{Counter, Party, STEPS, tell};

const CHILD: &str = "PAWL_MEMORY_CHILD";
const READY: &str = "everything is dropped";
/// Of the story, and of the keys that the process keeps.
const SEEDS: [u64; 2] = [1, 2];

type Found = BTreeMap<(String, String), usize>;

/// Names of the secrets that are in a process's writable memory, with the kinds of memory and how often.
fn found(process: &Child, secrets: &Secrets) -> Found {
    let of = |file: &str| format!("/proc/{}/{file}", process.id());
    let maps = std::fs::read_to_string(of("maps")).unwrap();
    let memory = File::open(of("mem")).expect("the memory of a child process can be read");
    let mut found = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let kind = words.nth(3).unwrap_or("anonymous");
        if !rights.starts_with("rw") || kind == "[vvar]" {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        memory.read_exact_at(&mut bytes, from).unwrap();
        for (half, name) in secrets.iter() {
            let count = memchr::memmem::find_iter(&bytes, half).count();
            if count > 0 {
                *found.entry((name.to_owned(), kind.to_owned())).or_default() += count;
            }
        }
    }
    found
}

/// Runs the story in a process of its own, and looks for these while it waits.
fn left_after(steps: usize, searched: [&Secrets; 2]) -> [Found; 2] {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(CHILD, steps.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(READY)));
    let found = searched.map(|secrets| found(&child, secrets));
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(child.wait().unwrap().success());
    found
}

#[test]
fn of_keys_that_were_dropped_nothing_is_left_in_memory() {
    let dropped = secrets::of(SEEDS[0]);
    assert!(dropped.names().len() >= 19, "{:?}", dropped.names());
    let mut kept = Secrets::default();
    kept.add_party(&Party::new(&mut Counter::new(SEEDS[1], false)));
    for steps in 0..=STEPS {
        let [left, alive] = left_after(steps, [&dropped, &kept]);
        let alive: Vec<_> = alive.keys().map(|(name, _)| name.as_str()).collect();
        for name in kept.names() {
            assert!(alive.contains(&name), "the scan misses a living {name}");
        }
        assert!(left.is_empty(), "left after {steps} steps: {left:#?}");
    }
}

/// The watched process: only when the test above starts it.
#[test]
#[ignore = "started by the test of this file, as a process of its own"]
fn child() {
    let Ok(steps) = std::env::var(CHILD) else {
        return;
    };
    let kept = Party::new(&mut Counter::new(SEEDS[1], false));
    tell(
        steps.parse().unwrap(),
        &mut Counter::new(SEEDS[0], false),
        &mut |_| {},
    );
    println!("{READY}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    drop(kept);
}
