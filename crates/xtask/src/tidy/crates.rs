//! What we stand on: every crate comes from crates.io, one that is there in two generations is accepted by name and
//! with a reason, and none is in a version that advisories.toml knows as faulty. That file is as old as its date,
//! which is printed; its age is no failure, since nothing of ours has changed by it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use semver::VersionReq;
use serde::Deserialize;

use super::{Finding, report};
use crate::context::Context;
use crate::manifest::{Lock, Locked};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Lock files of ours.
const LOCKS: [&str; 2] = ["Cargo.lock", "tests/fuzz/libfuzzer/Cargo.lock"];

/// Crates that are there in two generations, and who is to blame. One that is there once again leaves this list.
const ACCEPTED_TWICE: [(&str, &str); 13] = [
    ("base64", "actix-http"),
    ("getrandom", "ring"),
    ("hax-lib", "libcrux: annotations for its proofs, no code"),
    ("hax-lib-macros", "as hax-lib"),
    ("hax-lib-macros-types", "as hax-lib"),
    ("http", "actix-http is of the generation before"),
    ("itertools", "macros of prost, while it is built"),
    ("shlex", "cc, while it is built"),
    (
        "syn",
        "macros, while they are built: the ecosystem is in between",
    ),
    ("synstructure", "as syn"),
    ("thiserror", "rexie"),
    ("thiserror-impl", "as thiserror"),
    ("windows-sys", "ring, on Windows"),
];

/// advisories.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    /// When the database was asked.
    date: String,
    /// The crates that it was asked about.
    asked: BTreeSet<String>,
    advisory: Vec<Advisory>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advisory {
    id: String,
    package: String,
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let read = |name: &str| ctx.sh.read_file(ctx.path(name));
    let snapshot: Snapshot =
        toml::from_str(&read("advisories.toml")?).context("advisories.toml")?;
    let mut findings = Vec::new();
    let mut packages = Vec::new();
    for name in LOCKS {
        let lock: Lock = toml::from_str(&read(name)?).with_context(|| name.to_owned())?;
        findings.extend(lock.package.iter().filter_map(source));
        findings.extend(advised(&snapshot, &lock.package));
        if name == LOCKS[0] {
            findings.extend(twice(&lock.package));
        }
        packages.extend(lock.package);
    }
    findings.extend(not_there(&snapshot, &packages));
    let foreign = packages.iter().filter(|one| one.source.is_some());
    let foreign: BTreeSet<_> = foreign.map(|one| one.name.as_str()).collect();
    let unasked = foreign
        .iter()
        .filter(|name| !snapshot.asked.contains(**name));
    println!(
        "advisories of {}: {} crates were asked about, {} were not",
        snapshot.date,
        snapshot.asked.len(),
        unasked.count()
    );
    report("crates", packages.len(), &findings)
}

fn finding(place: String, rule: &'static str, reason: impl Into<String>) -> Finding {
    let reason = reason.into();
    Finding {
        place,
        rule,
        reason,
    }
}

fn source(one: &Locked) -> Option<Finding> {
    let source = one.source.as_deref()?;
    (source != CRATES_IO)
        .then(|| finding(one.to_string(), "source", format!("comes from {source}")))
}

/// Doubles that are not accepted, and accepted ones that are gone.
fn twice(packages: &[Locked]) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in packages {
        versions
            .entry(&one.name)
            .or_default()
            .push(one.version.to_string());
    }
    versions.retain(|_, all| all.len() > 1);
    let accepted = |name: &str| ACCEPTED_TWICE.iter().any(|(one, _)| *one == name);
    let new = versions
        .iter()
        .filter(|(name, _)| !accepted(name))
        .map(|(name, all)| finding((*name).to_owned(), "two generations", all.join(" and ")));
    let gone = ACCEPTED_TWICE
        .iter()
        .filter(|(name, _)| !versions.contains_key(name));
    let gone = gone.map(|(name, _)| {
        let reason = "is there once and need not be accepted twice";
        finding((*name).to_owned(), "two generations", reason)
    });
    new.chain(gone).collect()
}

fn advised(snapshot: &Snapshot, packages: &[Locked]) -> Vec<Finding> {
    let faulty = |one: &Locked, advisory: &Advisory| {
        let fine = advisory.patched.iter().chain(&advisory.unaffected);
        one.name == advisory.package && !fine.into_iter().any(|range| range.matches(&one.version))
    };
    let of = |one: &Locked| {
        let known = snapshot
            .advisory
            .iter()
            .filter(|advisory| faulty(one, advisory));
        known
            .map(|advisory| finding(one.to_string(), "advisory", advisory.id.clone()))
            .collect::<Vec<_>>()
    };
    packages.iter().flat_map(of).collect()
}

/// A name that nothing is locked under was misspelt, or is of no use any more.
fn not_there(snapshot: &Snapshot, packages: &[Locked]) -> Vec<Finding> {
    let names: BTreeSet<_> = packages.iter().map(|one| one.name.as_str()).collect();
    let advised = snapshot.advisory.iter().map(|advisory| &advisory.package);
    let unknown = snapshot
        .asked
        .iter()
        .chain(advised)
        .collect::<BTreeSet<_>>();
    let unknown = unknown
        .into_iter()
        .filter(|name| !names.contains(name.as_str()));
    unknown
        .map(|name| {
            finding(
                name.clone(),
                "advisory",
                "no lock file has a crate of that name",
            )
        })
        .collect()
}

impl std::fmt::Display for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str, version: &str) -> Locked {
        Locked {
            name: name.into(),
            version: version.parse().unwrap(),
            source: Some(CRATES_IO.into()),
        }
    }

    fn rules(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|one| one.place.as_str()).collect()
    }

    #[test]
    fn a_version_below_the_mended_one_is_found_and_no_other() {
        let snapshot: Snapshot = toml::from_str(
            r#"
            date = "2026-01-01"
            asked = ["x"]
            [[advisory]]
            id = "RUSTSEC-2026-0001"
            package = "x"
            patched = [">= 0.2.5, < 0.3.0", ">= 0.3.2"]
            unaffected = ["< 0.1.0"]
            "#,
        )
        .unwrap();
        let all = [
            "0.0.9", "0.1.0", "0.2.4", "0.2.5", "0.3.1", "0.3.2", "1.0.0",
        ];
        let all: Vec<_> = all.iter().map(|version| locked("x", version)).collect();
        let found = advised(&snapshot, &all);
        assert_eq!(rules(&found), ["x 0.1.0", "x 0.2.4", "x 0.3.1"]);
        assert!(advised(&snapshot, &[locked("y", "0.1.0")]).is_empty());
        assert_eq!(rules(&not_there(&snapshot, &[locked("y", "0.1.0")])), ["x"]);
    }

    #[test]
    fn a_second_generation_must_be_accepted_and_a_first_one_must_not() {
        let accepted = ACCEPTED_TWICE.iter();
        let mut all: Vec<_> = accepted
            .flat_map(|(name, _)| [locked(name, "1.0.0"), locked(name, "2.0.0")])
            .collect();
        assert!(twice(&all).is_empty());
        all.extend([locked("new", "1.0.0"), locked("new", "2.0.0")]);
        assert_eq!(rules(&twice(&all)), ["new"]);
        all.retain(|one| one.name != "new" && one.to_string() != "syn 1.0.0");
        assert_eq!(rules(&twice(&all)), ["syn"]);
    }

    #[test]
    fn another_source_than_crates_io_is_refused() {
        let mut one = locked("x", "1.0.0");
        assert!(source(&one).is_none());
        one.source = Some("git+https://example.org/x".into());
        assert!(source(&one).is_some());
        one.source = None;
        assert!(source(&one).is_none(), "our own");
    }
}
