//! What docs/THREAT-MODEL.md claims is backed by what it names: every file and folder in backticks exists, and
//! every test named in italics is there. A renamed test must not leave a claim behind that nothing holds.

use anyhow::Result;
use xshell::cmd;

use super::{Finding, report};
use crate::context::Context;

const PAGE: &str = "docs/THREAT-MODEL.md";

/// The page's short names of folders.
const SHORT: [(&str, &str); 4] = [
    ("laws/", "crates/protocol/tests/laws/"),
    ("client/", "crates/client/tests/engine/"),
    ("relay/", "server/tests/relay/"),
    ("browser/", "tests/browser/"),
];

/// Shorter words in italics are stress and no test's name.
const WORDS: usize = 3;

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let page = sh.read_file(ctx.path(PAGE))?;
    let names = ctx.read(cmd!(
        sh,
        "git ls-files --cached --others --exclude-standard"
    ))?;
    let tested = |name: &&str| name.ends_with(".rs") || name.contains("tests/");
    let texts: Vec<_> = names
        .lines()
        .filter(tested)
        .filter_map(|name| sh.read_file(ctx.path(name)).ok())
        .collect();
    let mut findings = Vec::new();
    let mut seen = 0;
    for (number, line) in page.lines().enumerate() {
        let mut say = |what: &str, reason: &str| {
            findings.push(Finding {
                place: format!("{PAGE}:{}", number + 1),
                rule: "claims",
                reason: format!("{what:?} {reason}"),
            });
        };
        for path in between(line, '`').filter(|token| is_path(token)) {
            seen += 1;
            if !exists(&long(path), &names) {
                say(path, "is no file or folder");
            }
        }
        for test in between(line, '*').filter(|words| words.split(' ').count() >= WORDS) {
            seen += 1;
            if !texts.iter().any(|text| names_test(text, test)) {
                say(test, "is no test's name");
            }
        }
    }
    report("claims of the threat model", seen, &findings)
}

/// What stands between two of these marks on one line; two in a row are another thing (bold).
fn between(line: &str, mark: char) -> impl Iterator<Item = &str> {
    let bold = line.contains("**") && mark == '*';
    line.split(mark).skip(1).step_by(2).filter(move |_| !bold)
}

fn is_path(token: &str) -> bool {
    token.contains('/') && !token.contains(' ')
}

fn long(path: &str) -> String {
    SHORT
        .iter()
        .find(|(short, _)| path.starts_with(short))
        .map_or_else(
            || path.to_owned(),
            |(short, long)| path.replacen(short, long, 1),
        )
}

/// A file, a folder, or a file without its ending.
fn exists(path: &str, names: &str) -> bool {
    names.lines().any(|name| {
        let rest = name.strip_prefix(path);
        rest.is_some_and(|rest| {
            rest.is_empty() || path.ends_with('/') || rest.starts_with(['/', '.'])
        })
    })
}

/// Rust tests are named in snake case, browser tests and vectors in words; an ellipsis stands for the rest.
fn names_test(text: &str, test: &str) -> bool {
    let words = test.trim_end_matches('…').trim_end();
    let snake: String = words
        .chars()
        .filter(|c| *c != ',')
        .map(|c| if matches!(c, ' ' | '-') { '_' } else { c })
        .collect();
    text.contains(words) || text.contains(&format!("fn {snake}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_found_by_its_words_and_a_renamed_one_is_not() {
        let text = "fn a_failed_open_changes_nothing() {}";
        assert!(names_test(text, "a failed open…"));
        assert!(names_test(text, "a failed open, changes nothing"));
        assert!(!names_test(text, "a failed open changes something"));
        assert!(names_test(
            "'swapped: a relay that lies'",
            "a relay that lies"
        ));
    }

    #[test]
    fn a_path_is_a_file_a_folder_or_a_file_without_its_ending() {
        let names = "tests/browser/laws/secrecy.test.mjs\ncrates/client/tests/engine/keys.rs";
        for path in ["browser/laws/secrecy", "client/keys.rs", "tests/browser/"] {
            assert!(exists(&long(path), names), "{path}");
        }
        assert!(!exists(&long("client/key"), names));
        assert!(!exists(&long("client/trust.rs"), names));
    }

    #[test]
    fn stress_and_bold_are_no_names() {
        let line = "a *first* look-up, *of three words*";
        assert_eq!(
            between(line, '*').collect::<Vec<_>>(),
            ["first", "of three words"]
        );
        assert_eq!(between("**bold words here**", '*').count(), 0);
    }
}
