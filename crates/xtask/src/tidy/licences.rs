//! Which licences may be linked into Pawl or run while it is built: permissive ones and MPL-2.0. Reads the
//! SPDX expressions of every crate (`cargo metadata`) and npm package (package-lock.json); a package that
//! names none, or one not listed here, is refused.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use xshell::cmd;

use super::{Finding, report};
use crate::context::Context;

const ACCEPTED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages whose manifest names a file instead of an expression; each was read by hand.
const READ_BY_HAND: [(&str, &str); 0] = [];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct NpmLock {
    packages: BTreeMap<String, NpmPackage>,
}

#[derive(Deserialize)]
struct NpmPackage {
    license: Option<String>,
}

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let text = ctx.read(cmd!(sh, "cargo metadata --format-version 1 --locked"))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    let lock: NpmLock = serde_json::from_str(&sh.read_file(ctx.path("package-lock.json"))?)?;
    let crates = metadata
        .packages
        .into_iter()
        .map(|one| (format!("{} {}", one.name, one.version), one.license));
    let packages = lock
        .packages
        .into_iter()
        .map(|(path, package)| (format!("npm {path}"), package.license));
    let all: Vec<_> = crates.chain(packages).collect();
    let findings: Vec<_> = all
        .iter()
        .filter_map(|(name, licence)| finding(name, licence.as_deref()))
        .collect();
    report("licences", all.len(), &findings)
}

fn finding(name: &str, licence: Option<&str>) -> Option<Finding> {
    let by_hand = READ_BY_HAND.iter().find(|(package, _)| *package == name);
    let licence = by_hand.map(|(_, licence)| *licence).or(licence);
    let reason = match licence {
        None => "names no licence".to_owned(),
        Some(text) if accepted(text) => return None,
        Some(text) => format!("{text:?} is not among the licences that Pawl may link"),
    };
    Some(Finding {
        place: name.to_owned(),
        rule: "licence",
        reason,
    })
}

/// An SPDX expression: some alternative (OR, or the old `/`) of which every part (AND) is accepted.
fn accepted(expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let accepted = any_of(&mut words);
    accepted && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>) -> bool {
    let mut accepted = all_of(words);
    while words.next_if_eq(&"OR").is_some() {
        accepted |= all_of(words);
    }
    accepted
}

fn all_of(words: &mut Words<'_>) -> bool {
    let mut accepted = one(words);
    while words.next_if_eq(&"AND").is_some() {
        accepted &= one(words);
    }
    accepted
}

fn one(words: &mut Words<'_>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let inner = any_of(words);
        return words.next_if_eq(&")").is_some() && inner;
    }
    let accepted = words.next().is_some_and(|name| ACCEPTED.contains(&name));
    // An exception only ever grants more.
    if words.next_if_eq(&"WITH").is_some() {
        words.next();
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternative_is_enough_and_a_copyleft_part_is_not() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR GPL-3.0-only",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(accepted(good), "{good}");
        }
        for bad in [
            "GPL-3.0-only",
            "AGPL-3.0-only",
            "MIT AND GPL-2.0-only",
            "SEE LICENSE IN x",
            "",
            "MIT)",
        ] {
            assert!(!accepted(bad), "{bad}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        assert!(finding("x 1.0.0", None).is_some());
        assert!(finding("x 1.0.0", Some("MIT")).is_none());
    }
}
