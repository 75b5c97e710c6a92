//! Who may depend on whom among our own packages: the table of docs/ARCHITECTURE.md, held against
//! `cargo metadata`. The page's own directions are ESLint's (eslint.config.js).

use anyhow::Result;

use super::{Finding, report};
use crate::context::Context;
use crate::manifest::{Member, members};

/// A package, and those of ours that it may know.
const MAY_KNOW: [(&str, &[&str]); 15] = [
    ("pawl-protocol", &[]),
    ("pawl-wire", &[]),
    ("pawl-derive", &[]),
    (
        "pawl-client",
        &["pawl-protocol", "pawl-wire", "pawl-derive"],
    ),
    ("pawl-driver", &["pawl-client"]),
    ("pawl-wasm", &["pawl-client", "pawl-driver"]),
    ("pawl-module", &["pawl-wasm"]),
    ("pawl-cli", &["pawl-client", "pawl-driver"]),
    ("pawl-server", &["pawl-wire"]),
    (
        "pawl-bench",
        &["pawl-protocol", "pawl-wire", "pawl-client", "pawl-sim"],
    ),
    ("pawl-fuzz", &["pawl-protocol", "pawl-wire", "pawl-client"]),
    (
        "pawl-sim",
        &["pawl-protocol", "pawl-wire", "pawl-client", "pawl-driver"],
    ),
    ("pawl-load", &["pawl-wire"]),
    ("xtask", &[]),
    ("pawl", &[]),
];

/// What a package's tests may know beside that: a terminal is tested against the real relay, and the
/// engine against the simulator's relay.
const TESTS_MAY_KNOW: [(&str, &[&str]); 2] = [
    ("pawl-cli", &["pawl-server"]),
    ("pawl-client", &["pawl-sim"]),
];

/// The root package's tests are of the whole system.
const TESTS_OF_ALL: &str = "pawl";

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let all = members(ctx)?;
    let findings: Vec<_> = all.values().flat_map(findings).collect();
    report("import directions", all.len(), &findings)
}

fn findings(member: &Member) -> Vec<Finding> {
    let finding = |reason| Finding {
        place: member.name.clone(),
        rule: "import direction",
        reason,
    };
    let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == member.name) else {
        return vec![finding(
            "the package is not in the table of crates/xtask/src/tidy/imports.rs".to_owned(),
        )];
    };
    let in_tests = TESTS_MAY_KNOW.iter().find(|(name, _)| *name == member.name);
    let in_tests = in_tests.map_or(&[][..], |(_, known)| known);
    let dev = member
        .dev_uses
        .iter()
        .filter(|used| member.name != TESTS_OF_ALL && !in_tests.contains(&used.as_str()));
    member
        .uses
        .iter()
        .chain(dev)
        .filter(|used| !allowed.contains(&used.as_str()) && **used != member.name)
        .map(|used| {
            finding(format!(
                "it may know {allowed:?} of ours, and depends on {used}"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, uses: &[&str], dev_uses: &[&str]) -> Member {
        let set = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Member {
            name: name.into(),
            folder: "x".into(),
            roots: Vec::new(),
            uses: set(uses),
            dev_uses: set(dev_uses),
        }
    }

    #[test]
    fn the_relay_knows_wire_and_never_the_protocol() {
        assert!(findings(&member("pawl-server", &["pawl-wire"], &[])).is_empty());
        assert_eq!(
            findings(&member("pawl-server", &["pawl-wire", "pawl-protocol"], &[])).len(),
            1
        );
        assert_eq!(
            findings(&member("pawl-server", &[], &["pawl-client"])).len(),
            1
        );
    }

    #[test]
    fn a_terminal_knows_the_relay_in_its_tests_and_nowhere_else() {
        assert!(findings(&member("pawl-cli", &["pawl-client"], &["pawl-server"])).is_empty());
        assert_eq!(
            findings(&member("pawl-cli", &["pawl-server"], &[])).len(),
            1
        );
        assert_eq!(findings(&member("pawl-cli", &[], &["pawl-wire"])).len(), 1);
    }

    #[test]
    fn only_the_roots_tests_know_all_and_a_new_package_needs_a_line() {
        assert!(findings(&member("pawl", &[], &["pawl-server", "pawl-client"])).is_empty());
        assert_eq!(findings(&member("pawl", &["pawl-server"], &[])).len(), 1);
        assert_eq!(findings(&member("pawl-new", &[], &[])).len(), 1);
    }
}
