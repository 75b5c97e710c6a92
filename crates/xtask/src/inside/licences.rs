//! The texts of all licences of what is inside, as one file: for each text, whose it is. They are written where the
//! builds of relay and terminal take them in, and beside the page, which the relay serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{Component, Inventory, Origin, triples};
use crate::context::Context;
use crate::manifest::members;
use crate::stamp::Stamp;

/// How files that hold a licence, or what it asks to be kept, begin.
const NAMES: [&str; 6] = [
    "licen",
    "copying",
    "copyright",
    "notice",
    "unlicense",
    "patents",
];

/// Our own two, at the repository's root.
const OURS: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// For what has no text of its own beside it.
const APACHE: &str = include_str!("../../../../LICENSE-APACHE");
const MIT: &str = include_str!("../../../../LICENSE-MIT");
const BLESSING: &str = "\
The author disclaims copyright to this source code. In place of a legal notice, here is a blessing:

    May you do good and not evil.
    May you find forgiveness for yourself and forgive others.
    May you share freely, never taking more than you give.
";

/// Who holds the rights of what comes without a file.
const HOLDERS: [(&str, &str); 2] = [
    ("rust-std", "The Rust Project contributors"),
    ("musl", "2005-2020 Rich Felker, et al."),
];

const RULE: &str = "------------------------------------------------------------------------";

/// The page's file, which the relay serves with it.
pub(crate) const OF_PAGE: &str = "web/dist/licences.txt";

/// The file that the build script of a program takes in, in the program's own folder.
const OF_PROGRAM: &str = "build/licences.txt";

/// Writes the texts for a program, where they are not there as they must be.
pub(crate) fn program(ctx: &Context, package: &str) -> Result<()> {
    let all = members(ctx)?;
    let member = all
        .get(package)
        .with_context(|| format!("no package {package}"))?;
    let file = member.folder.join(OF_PROGRAM);
    let name = format!("licences-{package}");
    write(ctx, &name, &file, &[], |all| {
        let mut inside = BTreeSet::new();
        for triple in triples() {
            inside.extend(all.program(ctx, package, &triple)?);
        }
        Ok(inside.into_iter().collect())
    })
}

/// Writes the texts for the page, beside it.
pub(crate) fn page(ctx: &Context) -> Result<()> {
    let list = ctx.path(super::PACKAGES);
    write(ctx, "licences-page", &ctx.path(OF_PAGE), &[list], |all| {
        all.page(ctx)
    })
}

/// All that is printed by a program's `licences`, of what was written.
pub(crate) fn text(ctx: &Context, program: &str) -> Result<String> {
    let read = |file: &str| ctx.sh.read_file(ctx.path(file));
    Ok(match program {
        "pawl-server" => read("server/build/licences.txt")? + "\n" + &read(OF_PAGE)?,
        _ => read("crates/cli/build/licences.txt")?,
    })
}

fn write(
    ctx: &Context,
    name: &str,
    file: &Path,
    more: &[PathBuf],
    inside: impl FnOnce(&Inventory) -> Result<Vec<Component>>,
) -> Result<()> {
    let mut inputs: Vec<_> = [
        "Cargo.toml",
        "Cargo.lock",
        "package-lock.json",
        "crates/xtask/src/inside",
    ]
    .iter()
    .chain(&OURS)
    .map(|name| ctx.path(name))
    .collect();
    inputs.extend_from_slice(more);
    let stamp = Stamp::of(&inputs, "1")?;
    if stamp.is_current(ctx, name, file)? {
        return Ok(());
    }
    let all = Inventory::read(ctx)?;
    let text = texts(ctx, &inside(&all)?)?;
    println!("    {} bytes of licences in {}", text.len(), file.display());
    ctx.sh.write_file(file, text)?;
    stamp.keep(ctx, name)
}

/// A text, and whose it is.
struct Text {
    text: String,
    of: BTreeSet<String>,
}

/// All of it: a list with the licence of each, then each text once.
fn texts(ctx: &Context, components: &[Component]) -> Result<String> {
    let mut out = String::from(
        "Pawl is licensed under MIT or Apache-2.0, at your choice. What of others is inside, with the licence of each:\n\n",
    );
    let mut texts: BTreeMap<String, Text> = BTreeMap::new();
    for component in components {
        let title = component.title();
        writeln!(out, "{title}: {}", component.licence)?;
        for (of, text) in of_component(ctx, component)? {
            // The same text is laid out in many ways.
            let words: Vec<_> = text.split_whitespace().collect();
            let entry = texts.entry(words.join(" "));
            let known = entry.or_insert_with(|| Text {
                text,
                of: BTreeSet::new(),
            });
            known.of.insert(of);
        }
    }
    let mut texts: Vec<_> = texts.into_values().collect();
    texts.sort_by(|one, other| one.of.cmp(&other.of));
    for Text { text, of } in texts {
        write!(out, "\n{RULE}\n")?;
        for title in of {
            writeln!(out, "{title}")?;
        }
        writeln!(out, "\n{}", text.trim_matches('\n').trim_end())?;
    }
    Ok(out)
}

/// The texts of one component, each with the line that says whose it is.
fn of_component(ctx: &Context, component: &Component) -> Result<Vec<(String, String)>> {
    let title = component.title();
    if component.origin == Origin::Ours {
        let read = |name: &str| Ok((title.clone(), ctx.sh.read_file(ctx.path(name))?));
        return OURS.iter().map(|name| read(name)).collect();
    }
    let files = component
        .folder
        .as_deref()
        .map(files)
        .transpose()?
        .unwrap_or_default();
    if files.is_empty() {
        return standard(component);
    }
    let read = |file: PathBuf| {
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        Ok((title.clone(), text))
    };
    files.into_iter().map(read).collect()
}

/// The files of a package that hold its licences, sorted; a folder of them is looked into.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if !NAMES.iter().any(|begin| name.starts_with(begin)) || name.ends_with(".rs") {
            continue;
        }
        if path.is_dir() {
            let inner = std::fs::read_dir(&path)?.map(|entry| Ok(entry?.path()));
            let inner = inner.collect::<Result<Vec<_>>>()?;
            found.extend(inner.into_iter().filter(|path| path.is_file()));
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The standard text of each licence that the expression names, and that it is one.
fn standard(component: &Component) -> Result<Vec<(String, String)>> {
    let title = component.title();
    let names = component.licence.split([' ', '(', ')']);
    let names = names.filter(|word| !["", "OR", "AND"].contains(word));
    let mut found = Vec::new();
    for name in names {
        let text = match name {
            "MIT" => mit(&component.name),
            "Apache-2.0" => APACHE.to_owned(),
            "blessing" => BLESSING.to_owned(),
            other => bail!(
                "{title} brings no text of its licence, and here is no standard one of {other}"
            ),
        };
        found.push((
            format!("{title} (standard text of {name}: the package holds none)"),
            text,
        ));
    }
    if found.is_empty() {
        bail!("{title} names no licence");
    }
    Ok(found)
}

/// Ours without our name, and with theirs where it is known.
fn mit(name: &str) -> String {
    let holder = HOLDERS.iter().find(|(of, _)| *of == name);
    let holder = holder.map_or_else(
        || format!("The authors of {name}"),
        |(_, holder)| (*holder).to_owned(),
    );
    let lines = MIT.lines().map(|line| match line.starts_with("Copyright") {
        true => format!("Copyright (c) {holder}\n"),
        false => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str, licence: &str) -> Component {
        super::super::below(name, "1.0.0", licence)
    }

    #[test]
    fn a_package_without_a_text_gets_the_standard_one_or_is_refused() {
        let both = standard(&component("x", "MIT OR Apache-2.0")).unwrap();
        assert_eq!(both.len(), 2);
        assert!(
            both[0].0.starts_with("x 1.0.0 (standard text of MIT"),
            "{}",
            both[0].0
        );
        assert!(both[0].1.contains("Copyright (c) The authors of x\n"));
        assert!(!both[0].1.contains("Pawl"));
        assert!(both[1].1.contains("Apache License"));
        let refused = standard(&component("x", "BSL-1.0"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("x 1.0.0") && refused.contains("BSL-1.0"),
            "{refused}"
        );
    }

    #[test]
    fn files_of_licences_are_found_and_no_others() {
        let folder = std::env::temp_dir().join(format!("pawl-licences-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("LICENSES")).unwrap();
        for name in [
            "LICENSE-MIT",
            "COPYING",
            "README.md",
            "licence.rs",
            "LICENSES/BSD.txt",
        ] {
            std::fs::write(folder.join(name), name).unwrap();
        }
        let found = files(&folder).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(&folder).unwrap().display().to_string())
            .collect();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(names, ["COPYING", "LICENSE-MIT", "LICENSES/BSD.txt"]);
    }

    #[test]
    fn every_program_has_every_text_once() {
        let ctx = Context::new().unwrap();
        let all = Inventory::read(&ctx).unwrap();
        for package in ["pawl-server", "pawl-cli"] {
            let inside = all.program(&ctx, package, &triples()[0]).unwrap();
            let text = texts(&ctx, &inside).unwrap();
            for one in &inside {
                let line = format!("\n{}: {}\n", one.title(), one.licence);
                assert!(text.contains(&line), "{line}");
                let above_a_text = format!("\n{}\n", one.title());
                let standard = format!("\n{} (standard text of ", one.title());
                assert!(
                    text.contains(&above_a_text) || text.contains(&standard),
                    "{}",
                    one.title()
                );
            }
            assert!(text.contains("May you do good and not evil."));
        }
    }
}
