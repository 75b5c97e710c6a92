//! tests/README.md says where a test goes: every folder of tests stands in its table of homes, and
//! the lists of files are those of the folders that they are about.

use std::collections::BTreeSet;

use super::Finding;

pub(super) const GUIDE: &str = "tests/README.md";

/// Folders of which every file stands in a list under their name.
const LISTED: [&str; 3] = [
    "crates/client/tests/engine",
    "server/tests/relay",
    "server/tests/deploy",
];

/// What the guide does not say of these files, and what it says of files that are not there.
pub(super) fn findings(names: &[&str], guide: &str) -> Vec<Finding> {
    let quoted: BTreeSet<_> = guide.split('`').skip(1).step_by(2).collect();
    let homes = names.iter().filter_map(|name| home(name));
    let homes: BTreeSet<_> = homes.collect();
    let unnamed = homes
        .into_iter()
        .filter(|home| !quoted.contains(home.as_str()));
    let unnamed = unnamed.map(|home| finding(format!("`{home}` has tests and is not in it")));
    unnamed
        .chain(
            LISTED
                .iter()
                .flat_map(|folder| unlisted(folder, names, guide)),
        )
        .collect()
}

fn finding(reason: String) -> Finding {
    Finding {
        place: GUIDE.into(),
        rule: "homes of tests",
        reason,
    }
}

/// The folder of tests that a file lies in.
fn home(name: &str) -> Option<String> {
    let parts: Vec<_> = name.split('/').collect();
    let depth = match parts[..] {
        ["tests", _, _, ..] | ["web", "test", ..] => 2,
        ["crates", _, "tests", ..] | ["server", "tests", _, _, ..] => 3,
        _ => return None,
    };
    Some(parts[..depth].join("/"))
}

/// Files of a folder that its list does not name, and names of its list that are no files.
fn unlisted(folder: &str, names: &[&str], guide: &str) -> Vec<Finding> {
    let inside = names
        .iter()
        .filter_map(|name| name.strip_prefix(folder)?.strip_prefix('/'));
    let is_listed =
        |name: &&str| name.ends_with(".rs") && !name.contains('/') && *name != "main.rs";
    let files: BTreeSet<_> = inside.filter(is_listed).collect();
    let listed = list(folder, guide);
    let missing = files.difference(&listed).map(|name| {
        finding(format!(
            "`{name}` of {folder} is not in the list of that name"
        ))
    });
    let gone = listed.difference(&files).map(|name| {
        finding(format!(
            "`{name}` is listed under {folder}, and is not there"
        ))
    });
    missing.chain(gone).collect()
}

/// The first column of the table under a heading.
fn list<'a>(folder: &str, guide: &'a str) -> BTreeSet<&'a str> {
    let section = guide.split("\n## ").find_map(|section| {
        let (title, text) = section.split_once('\n')?;
        (title == folder).then_some(text)
    });
    let rows = section.unwrap_or_default().lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 8] = [
        "crates/client/tests/engine/keys.rs",
        "crates/client/tests/engine/main.rs",
        "crates/client/tests/engine/story/mod.rs",
        "crates/client/src/lib.rs",
        "server/tests/relay/door.rs",
        "server/tests/deploy/proxy.rs",
        "tests/README.md",
        "web/test/draft.test.ts",
    ];

    const GUIDE: &str = "# A\n`crates/client/tests`, `web/test`, \
        `server/tests/relay`, `server/tests/deploy`\n\
        ## crates/client/tests/engine\n| `keys.rs` | k |\n\
        ## server/tests/relay\n| `door.rs` | d |\n\
        ## server/tests/deploy\n| `proxy.rs` | p |\n";

    fn reasons(names: &[&str], guide: &str) -> Vec<String> {
        let found = findings(names, guide).into_iter();
        found.map(|finding| finding.reason).collect()
    }

    #[test]
    fn a_guide_that_names_all_homes_and_files_is_left_alone() {
        assert_eq!(reasons(&NAMES, GUIDE), [""; 0]);
    }

    #[test]
    fn a_home_or_a_file_that_is_not_named_is_found() {
        let mut names = NAMES.to_vec();
        names.push("tests/new/a.rs");
        assert_eq!(
            reasons(&names, GUIDE),
            ["`tests/new` has tests and is not in it"]
        );
        names.pop();
        // The name stands under another heading, which is not enough.
        names.push("server/tests/relay/keys.rs");
        assert_eq!(
            reasons(&names, GUIDE),
            ["`keys.rs` of server/tests/relay is not in the list of that name"]
        );
        let found = reasons(&NAMES, "");
        assert_eq!(found.len(), 4 + 3, "{found:?}");
    }

    #[test]
    fn a_listed_file_that_is_gone_is_found() {
        let guide = GUIDE.replace(
            "| `door.rs` | d |\n",
            "| `door.rs` | d |\n| `gate.rs` | g |\n",
        );
        assert_eq!(
            reasons(&NAMES, &guide),
            ["`gate.rs` is listed under server/tests/relay, and is not there"]
        );
    }
}
