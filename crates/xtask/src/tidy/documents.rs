//! What documents say of the repository is so: every link of a Markdown file leads to a file or a heading that is
//! there, a document that a source names is there, tests/README.md names every home of tests (`homes`), one version
//! stands in all the places that name it, and pictures are small.
//!
//! Addresses of other sites are not asked for.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::{Finding, homes, report};
use crate::context::Context;

const CHANGES: &str = "CHANGELOG.md";
const START: &str = "README.md";

/// Pictures of the page, which everybody who reads README.md loads.
const PICTURES: &str = "docs/pictures/";

/// Bytes of one of them.
const PICTURE: u64 = 60_000;

/// Other sites; a test of ours must not need them.
const ELSEWHERE: [&str; 3] = ["https://", "http://", "mailto:"];

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let names = ctx.read(cmd!(
        ctx.sh,
        "git ls-files --cached --others --exclude-standard"
    ))?;
    let names: Vec<&str> = names.lines().collect();
    let pages: BTreeMap<&str, String> = names
        .iter()
        .filter(|name| name.ends_with(".md"))
        .filter_map(|name| Some((*name, ctx.sh.read_file(ctx.path(name)).ok()?)))
        .collect();
    let mut findings = Vec::new();
    let mut seen = 0;
    for (name, text) in &pages {
        for (line, target) in links(text) {
            seen += 1;
            if let Some(reason) = fault(name, &target, &names, &pages) {
                findings.push(Finding {
                    place: format!("{name}:{line}"),
                    rule: "links",
                    reason: format!("{target:?} {reason}"),
                });
            }
        }
    }
    for name in names.iter().filter(|name| is_source(name)) {
        let text = ctx.sh.read_file(ctx.path(name)).unwrap_or_default();
        for (line, document) in named(&text) {
            seen += 1;
            if !names.contains(&document) {
                findings.push(Finding {
                    place: format!("{name}:{line}"),
                    rule: "documents",
                    reason: format!("{document:?} is not there"),
                });
            }
        }
    }
    for name in names.iter().filter(|name| name.starts_with(PICTURES)) {
        seen += 1;
        // One that is deleted and still tracked has no size.
        let size = std::fs::metadata(ctx.path(name)).map_or(0, |file| file.len());
        if size > PICTURE {
            findings.push(Finding {
                place: (*name).to_owned(),
                rule: "small pictures",
                reason: format!("{size} bytes; {PICTURE} are enough"),
            });
        }
    }
    let guide = pages.get(homes::GUIDE).map_or("", String::as_str);
    findings.extend(homes::findings(&names, guide));
    let versions = versions(ctx)?;
    seen += versions.len();
    findings.extend(differing(&versions));
    report("links and versions", seen, &findings)
}

/// Lines that are prose, with their numbers: code is left out, in fences, indented and between backticks.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut is_fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            return None;
        }
        if is_fenced || line.starts_with("    ") {
            return None;
        }
        let plain: String = line.split('`').step_by(2).collect();
        Some((number + 1, plain))
    })
}

/// Where a text's links and pictures lead, with the number of the line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((number, target.to_owned()));
        }
    }
    found
}

/// What may name documents in comments and messages. This file's own tests name some that are not there.
fn is_source(name: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        ".rs", ".ts", ".tsx", ".mjs", ".js", ".css", ".py", ".toml", ".yml", ".conf",
    ];
    ENDINGS.iter().any(|ending| name.ends_with(ending)) && !name.ends_with("tidy/documents.rs")
}

/// Documents that a text names by their path from the root, with the number of the line.
fn named(text: &str) -> Vec<(usize, &str)> {
    let of_path = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in line.split(|c| !of_path(c)) {
            let word = word.trim_end_matches('.').trim_start_matches("../");
            if word.starts_with("docs/") && word.ends_with(".md") {
                found.push((number + 1, word));
            }
        }
    }
    found
}

/// Why a link leads nowhere.
fn fault(
    page: &str,
    target: &str,
    names: &[&str],
    pages: &BTreeMap<&str, String>,
) -> Option<&'static str> {
    if ELSEWHERE.iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => page.to_owned(),
        path => resolve(page, path),
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let is_there = |name: &&&str| **name == path || name.starts_with(&folder);
    if !names.iter().any(|name| is_there(&name)) {
        return Some("is no file or folder");
    }
    let is_heading = anchor.is_empty()
        || pages
            .get(path.as_str())
            .is_some_and(|text| anchors(text).iter().any(|known| known == anchor));
    (!is_heading).then_some("is no heading")
}

/// A relative path as seen from a page's folder.
fn resolve(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => (),
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The names of a text's headings, as GitHub and others make them.
fn anchors(text: &str) -> Vec<String> {
    let mut is_fenced = false;
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        }
        let title = line.trim_start_matches('#');
        if is_fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let name = name.replace(' ', "-");
        let before = found.iter().filter(|known| **known == name).count();
        found.push(match before {
            0 => name,
            number => format!("{name}-{number}"),
        });
    }
    found
}

/// Each place that names the version of all that is ours.
fn versions(ctx: &Context) -> Result<Vec<(&'static str, String)>> {
    let sh = &ctx.sh;
    let json = |name: &str| -> Result<String> {
        let text = sh.read_file(ctx.path(name))?;
        let value: serde_json::Value = serde_json::from_str(&text)?;
        Ok(value["version"].as_str().unwrap_or_default().to_owned())
    };
    let toml = |name: &str, table: &[&str]| -> Result<String> {
        let text = sh.read_file(ctx.path(name))?;
        let value: toml::Table = toml::from_str(&text)?;
        let mut value = &toml::Value::Table(value);
        for key in table {
            value = value
                .get(key)
                .with_context(|| format!("{name} has no {key}"))?;
        }
        Ok(value.as_str().unwrap_or_default().to_owned())
    };
    let changes = sh.read_file(ctx.path(CHANGES))?;
    let fuzzers = "tests/fuzz/libfuzzer/Cargo.toml";
    Ok(vec![
        (
            "Cargo.toml",
            toml("Cargo.toml", &["workspace", "package", "version"])?,
        ),
        (fuzzers, toml(fuzzers, &["package", "version"])?),
        ("package.json", json("package.json")?),
        ("package-lock.json", json("package-lock.json")?),
        (CHANGES, newest(&changes)),
        (START, archive(&sh.read_file(ctx.path(START))?)),
    ])
}

/// The first version that has a heading.
fn newest(changes: &str) -> String {
    let title = changes.lines().find_map(|line| line.strip_prefix("## ["));
    let version = title.and_then(|title| title.split(']').next());
    version.unwrap_or_default().to_owned()
}

/// The version of the first archive that README.md names.
fn archive(start: &str) -> String {
    let name = start.split("pawl-server-").nth(1).unwrap_or_default();
    let version = name.split('-').next().unwrap_or_default();
    version.to_owned()
}

fn differing(versions: &[(&'static str, String)]) -> Vec<Finding> {
    let right = versions.first().map(|(_, version)| version);
    let wrong = versions
        .iter()
        .filter(|(_, version)| Some(version) != right);
    wrong
        .map(|(place, version)| Finding {
            place: (*place).to_owned(),
            rule: "one version",
            reason: format!("{version:?} stands there, and {right:?} in Cargo.toml"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text =
            "[a](b.md#c) and ![d](e.png \"f\")\n\n    [g](h)\n```\n[i](j)\n```\n`[k](l)` [m](n)\n";
        let found: Vec<_> = links(text).into_iter().map(|(_, target)| target).collect();
        assert_eq!(found, ["b.md#c", "e.png", "n"]);
    }

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_heading_that_is_there() {
        let text = "# Start\n## What, and `why`?\n## Start\n".to_owned();
        let pages = BTreeMap::from([("docs/a.md", text)]);
        let names = ["docs/a.md", "docs/adr/b.md", "README.md"];
        let fault = |target: &str| fault("docs/a.md", target, &names, &pages);
        for there in [
            "#start",
            "#start-1",
            "a.md#what-and-why",
            "adr/",
            "adr",
            "../README.md",
            "../docs/adr/b.md",
            "https://example.org/none",
        ] {
            assert_eq!(fault(there), None, "{there}");
        }
        assert_eq!(fault("b.md"), Some("is no file or folder"));
        assert_eq!(fault("ad"), Some("is no file or folder"));
        assert_eq!(fault("#what"), Some("is no heading"));
        assert_eq!(fault("../README.md#start"), Some("is no heading"));
    }

    #[test]
    fn documents_that_a_source_names_are_found() {
        let text = "// docs/A.md, \"B\".\nlet b = \"../docs/adr/b.md\";\n// see docs/ and c.md\n";
        assert_eq!(named(text), [(1, "docs/A.md"), (2, "docs/adr/b.md")]);
    }

    #[test]
    fn another_version_is_found() {
        assert_eq!(newest("# C\n\n## [0.2.0] - x\n\n## [0.1.0] - y\n"), "0.2.0");
        let start = "take `pawl-server-0.2.0-x86_64-linux-musl.tar.gz`";
        assert_eq!(archive(start), "0.2.0");
        let one = ("a", "1".to_owned());
        assert!(differing(&[one.clone(), ("b", "1".to_owned())]).is_empty());
        let found = differing(&[one, ("b", "2".to_owned())]);
        assert_eq!(found[0].place, "b");
    }
}
