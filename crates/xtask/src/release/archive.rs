//! The archives: a program with its pages, completions and licences, for people who want no package.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::tree::{READS, RUNS, Tree, gzip};
use super::{Program, Release};
use crate::context::Context;

/// Both apply, as a user likes.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Writes `NAME-VERSION-ARCH-linux-musl.tar.gz`.
pub(super) fn write(ctx: &Context, release: &Release, program: &Program) -> Result<PathBuf> {
    let Program { name, arch, .. } = program;
    let top = format!("{name}-{}-{}-linux-musl", release.version, arch.name());
    let file = release.made.join(format!("{top}.tar.gz"));
    ctx.step(&format!("packing {top}.tar.gz"), || {
        let archive = gzip(&content(ctx, program, &top, release)?.tar(release.time)?)?;
        ctx.sh.write_file(&file, archive)?;
        Ok(file)
    })
}

fn content(ctx: &Context, program: &Program, top: &str, release: &Release) -> Result<Tree> {
    let sh = &ctx.sh;
    let mut tree = Tree::default();
    let binary = sh.read_binary_file(&program.binary)?;
    tree.file(&format!("{top}/{}", program.name), RUNS, binary);
    for (folder, files) in [
        ("man", &program.pages),
        ("completions", &program.completions),
    ] {
        for file in sh.read_dir(files)? {
            let name = file.file_name().context("a file has a name")?.display();
            let text = sh.read_binary_file(&file)?;
            tree.file(&format!("{top}/{folder}/{name}"), READS, text);
        }
    }
    for licence in LICENCES {
        let text = sh.read_binary_file(ctx.path(licence))?;
        tree.file(&format!("{top}/{licence}"), READS, text);
    }
    let about = match program.name {
        "pawl-server" => SERVER,
        _ => TERMINAL,
    };
    let text = about
        .replace("VERSION", &release.version)
        .replace("ARCH", program.arch.name());
    tree.file(&format!("{top}/README.txt"), READS, text);
    Ok(tree)
}

const SERVER: &str = "\
Pawl VERSION, the server, for Linux on ARCH. The program needs nothing else.

    ./pawl-server

starts it on http://127.0.0.1:8080, with its data in ./.pawl. Open that address in two browsers
and write. Elsewhere than on localhost browsers need HTTPS: docs/OPERATIONS.md says how.

    ./pawl-server --help        what can be set
    man ./man/pawl-server.1     the same, as a manual page

The folder completions is for shells. Pawl is under the MIT licence or the Apache licence 2.0, as
you like.
";

const TERMINAL: &str = "\
Pawl VERSION, the program for terminals, for Linux on ARCH. The program needs nothing else.

    ./pawl register alice --relay https://chat.example.org
    ./pawl send bob 'see you at eight'
    ./pawl receive --follow

    ./pawl --help               all commands
    man ./man/pawl.1            the same, as a manual page

The folder completions is for shells. Pawl is under the MIT licence or the Apache licence 2.0, as
you like.
";
