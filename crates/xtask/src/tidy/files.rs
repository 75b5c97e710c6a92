//! The shape of files: how long, how they begin, and words that must not stand in them. Lengths of functions
//! are held by clippy (clippy.toml) and ESLint (eslint.config.js), which know where a function ends.

use anyhow::Result;
use xshell::cmd;

use super::{Finding, report};
use crate::context::Context;
use crate::manifest::members;

/// Longer files hold more than one thing.
const LINES: usize = 500;

const CODE: [&str; 7] = [".rs", ".ts", ".tsx", ".js", ".mjs", ".css", ".html"];

/// Written by a tool and not by hand.
const GENERATED: &str = "web/src/generated/";

/// Written in halves, so that this file does not find itself.
const MACHINE: [(&str, &str); 6] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/tmp/br", "ief"),
    ("/ho", "me/"),
    ("artif", "actory"),
    ("\"resol", "ved\": \"http"),
];

/// What merging and patching leave behind.
const LEFTOVERS: [&str; 2] = [".orig", ".rej"];

const PURE: [&str; 3] = [
    "crates/protocol/src/",
    "crates/wire/src/",
    "crates/client/src/",
];

const AMBIENT: [&str; 7] = [
    "std::time",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "getrandom",
    "SystemTime",
];

/// A folder, and the modules above it that it must not know.
const ABOVE: [(&str, &[&str]); 7] = [
    ("crates/wasm/src/page/", &["crate::tabs"]),
    ("crates/wasm/src/driver/", &["crate::tabs", "crate::page"]),
    (
        "crates/wasm/src/store/",
        &["crate::tabs", "crate::page", "crate::driver"],
    ),
    ("server/src/requests/", &["crate::connection"]),
    (
        "server/src/limits/",
        &["crate::connection", "crate::requests", "crate::state"],
    ),
    (
        "server/src/routing/",
        &["crate::connection", "crate::requests", "crate::state"],
    ),
    (
        "server/src/store/",
        &[
            "crate::connection",
            "crate::requests",
            "crate::state",
            "crate::routing",
        ],
    ),
];

const ENGINE: &str = "crates/client/src/";

/// The engine's folders from the lowest up: none knows one that comes after it.
const ENGINE_FOLDERS: [&str; 15] = [
    "storage",
    "ids",
    "api",
    "turn",
    "content",
    "account",
    "relay",
    "directory",
    "prekeys",
    "outbox",
    "channel",
    "conversations",
    "inbox",
    "engine/flows",
    "engine",
];

const MAP: &str = "docs/ARCHITECTURE.md";

/// Folders that the map names besides the packages.
const FOLDERS: [&str; 3] = ["web", "server", "tests"];

pub(crate) fn check(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let names = ctx.read(cmd!(
        sh,
        "git ls-files --cached --others --exclude-standard"
    ))?;
    let mut findings = Vec::new();
    let mut seen = 0;
    for name in names.lines() {
        // What is deleted but still tracked, and what is no text, has no lines to look at.
        let Ok(text) = sh.read_file(ctx.path(name)) else {
            continue;
        };
        seen += 1;
        findings.extend(look(name, &text));
    }
    findings.extend(map(ctx)?);
    findings.extend(roots(ctx)?);
    report("files", seen, &findings)
}

fn look(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |line: Option<usize>, rule, reason: String| {
        let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}:{}", line + 1));
        findings.push(Finding {
            place,
            rule,
            reason,
        });
    };
    let code = CODE.iter().any(|ending| name.ends_with(ending)) && !name.starts_with(GENERATED);
    let lines = text.lines().count();
    if code && lines > LINES {
        say(
            None,
            "file length",
            format!("{lines} lines; more than {LINES} are more than one thing: split it"),
        );
    }
    if LEFTOVERS.iter().any(|ending| name.ends_with(ending)) {
        say(
            None,
            "leftover",
            "a merge or a patch left it: delete it".into(),
        );
    }
    if name.ends_with(".rs") && !text.trim_start().starts_with("//!") {
        say(
            None,
            "module opening",
            "a module opens with `//!`: what it owns and what it must not know".into(),
        );
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(word) = machine_word(line) {
            say(
                Some(number),
                "no machine",
                format!("{word:?} is a place of one machine"),
            );
        }
        if name.ends_with(".rs") && suppresses(line) {
            say(
                Some(number),
                "no silence",
                "`allow` hides a lint for ever: use `#[expect(…, reason = …)]`".into(),
            );
        }
        if let Some(word) = ambient(name, line) {
            say(
                Some(number),
                "sans-I/O",
                format!("{word:?}: clock, randomness and I/O are parameters here"),
            );
        }
        if names_the_engine(name, line) {
            say(
                Some(number),
                "the engine",
                "only `engine/` names `Engine`: take the rooms that are needed".into(),
            );
        }
        if let Some(module) = above(name, line).or_else(|| above_in_the_engine(name, line)) {
            say(
                Some(number),
                "upward import",
                format!("{module:?} knows this folder, and must not be known here"),
            );
        }
    }
    findings
}

fn machine_word(line: &str) -> Option<String> {
    MACHINE
        .iter()
        .map(|(one, two)| format!("{one}{two}"))
        .find(|word| line.contains(word.as_str()))
}

fn suppresses(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[allow(") || line.starts_with("#![allow(")
}

fn ambient(name: &str, line: &str) -> Option<&'static str> {
    let pure = PURE.iter().any(|folder| name.starts_with(folder));
    let comment = line.trim_start().starts_with("//");
    if !pure || comment {
        return None;
    }
    AMBIENT.into_iter().find(|word| line.contains(word))
}

fn above(name: &str, line: &str) -> Option<&'static str> {
    let (_, modules) = ABOVE.iter().find(|(folder, _)| name.starts_with(folder))?;
    modules
        .iter()
        .find(|module| line.contains(**module))
        .copied()
}

/// The place of a file of the engine among its folders.
fn engine_folder(name: &str) -> Option<usize> {
    let file = name.strip_prefix(ENGINE)?;
    ENGINE_FOLDERS.iter().position(|folder| {
        let rest = file.strip_prefix(folder);
        rest.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    })
}

fn above_in_the_engine(name: &str, line: &str) -> Option<&'static str> {
    let place = engine_folder(name)?;
    let above = ENGINE_FOLDERS[place + 1..].iter();
    let known = |folder: &&&str| {
        let module = format!("crate::{}::", folder.replace('/', "::"));
        // The flows stand in a folder of the engine's, which they do not know.
        let in_flows = **folder == "engine" && line.contains("crate::engine::flows::");
        line.contains(&module) && !in_flows
    };
    above.clone().find(known).copied()
}

fn names_the_engine(name: &str, line: &str) -> bool {
    let top = ENGINE_FOLDERS.len() - 1;
    let is_below = engine_folder(name).is_some_and(|place| place < top);
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    is_below && words.any(|word| word == "Engine")
}

/// The code map names every package's folder and the top folders.
fn map(ctx: &Context) -> Result<Vec<Finding>> {
    let text = ctx.sh.read_file(ctx.path(MAP)).unwrap_or_default();
    let members = members(ctx)?;
    let folders = members
        .values()
        .filter_map(|member| member.folder.strip_prefix(&ctx.root).ok());
    let names = folders
        .map(|folder| folder.display().to_string())
        .filter(|name| !name.is_empty());
    let all = names.chain(FOLDERS.map(str::to_owned));
    Ok(all
        .filter(|name| {
            !text.contains(&format!("`{name}`")) && !text.contains(&format!("`{name}/`"))
        })
        .map(|name| Finding {
            place: MAP.into(),
            rule: "code map",
            reason: format!("`{name}` is not in it"),
        })
        .collect())
}

/// Programs of a workspace of their own.
const FUZZERS: &str = "tests/fuzz/libfuzzer/fuzz_targets";

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Every crate forbids unsafe code in its first file, where nothing further in can allow it again.
fn roots(ctx: &Context) -> Result<Vec<Finding>> {
    let sh = &ctx.sh;
    let members = members(ctx)?;
    let mut roots: Vec<_> = members.into_values().flat_map(|one| one.roots).collect();
    roots.extend(sh.read_dir(ctx.path(FUZZERS))?);
    let mut findings = Vec::new();
    for root in roots {
        if !forbids(&sh.read_file(&root)?) {
            let place = root.strip_prefix(&ctx.root).unwrap_or(&root);
            findings.push(Finding {
                place: place.display().to_string(),
                rule: "no unsafe code",
                reason: format!("a crate's first file says `{FORBID}`"),
            });
        }
    }
    Ok(findings)
}

fn forbids(text: &str) -> bool {
    text.lines().any(|line| line == FORBID)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(name: &str, text: &str) -> Vec<&'static str> {
        look(name, text)
            .iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn each_rule_finds_its_fault_and_leaves_good_files_alone() {
        assert!(rules("crates/wire/src/lib.rs", "//! Frames.\nfn f() {}\n").is_empty());
        assert_eq!(
            rules("crates/wire/src/lib.rs", "fn f() {}\n"),
            ["module opening"]
        );
        assert_eq!(
            rules("server/src/a.rs", "//! A.\n#[allow(dead_code)]\n"),
            ["no silence"]
        );
        assert_eq!(
            rules("web/src/a.ts", &"x\n".repeat(LINES + 1)),
            ["file length"]
        );
        assert!(rules("web/src/generated/types.ts", &"x\n".repeat(LINES + 1)).is_empty());
        let path = format!("see {}{}main", "/wo", "rk/");
        assert_eq!(rules("README.md", &path), ["no machine"]);
    }

    #[test]
    fn a_crate_forbids_unsafe_code_and_a_comment_about_it_is_not_enough() {
        assert!(forbids("//! A.\n#![forbid(unsafe_code)]\n"));
        assert!(!forbids(
            "//! A.\n// #![forbid(unsafe_code)]\n#![deny(unsafe_code)]\n"
        ));
    }

    #[test]
    fn the_pure_crates_know_no_clock_and_the_relay_may() {
        let text = "//! A.\nuse std::time::Duration;\n";
        assert_eq!(rules("crates/client/src/a.rs", text), ["sans-I/O"]);
        assert!(rules("server/src/a.rs", text).is_empty());
        assert!(rules("crates/client/src/a.rs", "//! A.\n// no std::time here\n").is_empty());
    }

    #[test]
    fn the_browsers_driver_knows_the_store_and_no_tab() {
        let tabs = "//! A.\nuse crate::tabs::Coordinator;\n";
        let store = "//! A.\nuse crate::store::Store;\n";
        assert_eq!(
            rules("crates/wasm/src/driver/a.rs", tabs),
            ["upward import"]
        );
        assert!(rules("crates/wasm/src/driver/a.rs", store).is_empty());
        assert!(rules("crates/wasm/src/api.rs", tabs).is_empty());
    }

    #[test]
    fn only_the_engines_own_folder_names_it() {
        let named = "//! A.\nimpl crate::Engine {\n";
        let told = "//! A.\n/// See [`crate::Engine::handle`].\n";
        for file in ["channel/mod.rs", "inbox.rs", "engine/flows/trust.rs"] {
            let file = format!("crates/client/src/{file}");
            assert_eq!(rules(&file, named), ["the engine"], "{file}");
            assert!(rules(&file, told).is_empty(), "{file}");
        }
        assert!(rules("crates/client/src/engine/views.rs", named).is_empty());
        assert!(rules("crates/client/src/lib.rs", named).is_empty());
    }

    #[test]
    fn the_engines_rooms_know_no_flow_and_none_above_them() {
        let flow = "//! A.\nuse crate::engine::flows::trust::Trust;\n";
        let channel = "//! A.\nuse crate::channel::Channels;\n";
        let engine = "//! A.\nuse crate::engine::lending::lend;\n";
        let upward = ["upward import"];
        assert_eq!(rules("crates/client/src/channel/mod.rs", flow), upward);
        assert_eq!(rules("crates/client/src/outbox/mod.rs", channel), upward);
        assert_eq!(rules("crates/client/src/engine/flows/a.rs", engine), upward);
        assert!(rules("crates/client/src/engine/flows/a.rs", flow).is_empty());
        assert!(rules("crates/client/src/engine/mod.rs", flow).is_empty());
        assert!(rules("crates/client/src/conversations/a.rs", channel).is_empty());
    }

    #[test]
    fn the_relays_connections_know_requests_and_requests_no_connection() {
        let connection = "//! A.\nuse crate::connection::End;\n";
        let requests = "//! A.\nuse crate::requests::Rejected;\n";
        assert_eq!(
            rules("server/src/requests/a.rs", connection),
            ["upward import"]
        );
        assert_eq!(
            rules("server/src/store/facade/a.rs", requests),
            ["upward import"]
        );
        assert!(rules("server/src/connection/a.rs", requests).is_empty());
    }
}
