//! Whether the same comes out elsewhere: what was built here is built once more from a copy of the checkout, in a folder
//! of another name, with cargo's home of another name, forty days later by the clock. Then the bytes are compared.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::{Context, path_with};
use crate::setup::{self, Arch};
use crate::{paths, size};

/// What the second build's clock is ahead.
const LATER: &str = "+40d";

/// The page, with the engine in it, and the static programs of these architectures, which are here.
pub(crate) fn prove(ctx: &Context, archs: &[Arch]) -> Result<()> {
    let elsewhere = copy(ctx)?;
    ctx.step("building it once more, elsewhere and later", || {
        build(ctx, &elsewhere, archs)
    })?;
    let mut files = below(&ctx.path("web/dist"))?;
    for file in below(&elsewhere.path("web/dist"))? {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let dist = Path::new("web/dist");
    let mut files: Vec<_> = files.iter().map(|file| dist.join(file)).collect();
    for arch in archs {
        let folder = Path::new("target").join(arch.triple()).join("release");
        files.extend(["pawl-server", "pawl"].map(|name| folder.join(name)));
    }
    compare(ctx, &elsewhere, &files)
}

fn compare(ctx: &Context, elsewhere: &Context, files: &[PathBuf]) -> Result<()> {
    let mut differing = Vec::new();
    for file in files {
        let read = |ctx: &Context| std::fs::read(ctx.path(file)).unwrap_or_default();
        let (one, other) = (read(ctx), read(elsewhere));
        let shown = file.display();
        match difference(&one, &other) {
            None if one.is_empty() => bail!("{shown} was not built"),
            None => println!("    {:>12}  {shown}", one.len()),
            Some(at) => differing.push(format!(
                "{shown} ({} and {} bytes, from byte {at} on)",
                one.len(),
                other.len()
            )),
        }
    }
    if !differing.is_empty() {
        let other = elsewhere.root.display();
        bail!(
            "not the same in {other}, which is left there: {}",
            differing.join(", ")
        );
    }
    println!("    {} files are the same", files.len());
    Ok(elsewhere.sh.remove_path(&elsewhere.root)?)
}

/// The first byte that differs.
fn difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let pairs = one.iter().zip(other);
    let at = pairs.take_while(|(one, other)| one == other).count();
    (at < one.len().max(other.len())).then_some(at)
}

/// What a commit of all that stands here would hold, and the npm packages.
fn copy(ctx: &Context) -> Result<Context> {
    let sh = &ctx.sh;
    let root = ctx.scratch("elsewhere")?.join("another/folder/of-pawl");
    sh.remove_path(&root)?;
    sh.create_dir(&root)?;
    let list = cmd!(
        sh,
        "git ls-files -z --cached --others --exclude-standard --deduplicate"
    );
    let list = ctx.read(list).context("it is proved from a git checkout")?;
    for file in list.split('\0').filter(|file| !file.is_empty()) {
        // One that was deleted and not committed is still named.
        let (from, to) = (ctx.path(file), root.join(file));
        if from.is_file() {
            sh.create_dir(to.parent().context("a file lies in a folder")?)?;
            sh.copy_file(from, to)?;
        }
    }
    setup::npm(ctx)?;
    let elsewhere = Context::at(root)?;
    let packages = ctx.path("node_modules");
    let root = &elsewhere.root;
    ctx.run(cmd!(sh, "cp -a {packages} {root}"))?;
    setup::npm_copied(&elsewhere)?;
    Ok(elsewhere)
}

fn build(ctx: &Context, elsewhere: &Context, archs: &[Arch]) -> Result<()> {
    let sh = &elsewhere.sh;
    setup::faults(ctx)?;
    let bindgen = setup::wasm_bindgen(ctx)?;
    let tools = bindgen.parent().context("a program lies in a folder")?;
    let compiler = compiler(ctx, elsewhere)?;
    let shim = compiler.parent().context("a program lies in a folder")?;
    let program = std::env::current_exe()?;
    let archs = archs.iter().flat_map(|arch| ["--static", arch.name()]);
    let faketime = cfg!(target_os = "linux").then_some(["faketime", "-f", LATER]);
    let command: Vec<_> = faketime.into_iter().flatten().map(PathBuf::from).collect();
    let command = [command, vec![program]].concat();
    let (first, more) = command.split_first().context("a command has a program")?;
    let build = cmd!(sh, "{first} {more...} build --page {archs...}")
        .env("CARGO_MANIFEST_DIR", elsewhere.path("crates/xtask"))
        .env("CARGO_HOME", cargo_home(elsewhere)?)
        .env(setup::ZIG_ELSEWHERE, setup::zig(ctx)?)
        .env("CARGO_NET_OFFLINE", "true")
        .env("PATH", path_with(&[shim, tools])?)
        .env("RUSTC", &compiler)
        // Waits are measured by a clock that nobody shifts, and files have the times that they have.
        .env("DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
    println!("    $ {build}");
    Ok(build.quiet().run()?)
}

/// A `rustc` on the machine's own clock: its allocator waits for itself for ever under libfaketime.
fn compiler(ctx: &Context, elsewhere: &Context) -> Result<PathBuf> {
    let sh = &elsewhere.sh;
    let sysroot = ctx.read(cmd!(sh, "rustc --print sysroot"))?;
    let program = elsewhere.path("tools/rustc");
    let text = format!("#!/bin/sh\nunset LD_PRELOAD\nexec '{sysroot}/bin/rustc' \"$@\"\n");
    sh.write_file(&program, text)?;
    ctx.run(cmd!(sh, "chmod 755 {program}"))?;
    Ok(program)
}

/// The crates that are there already, under a folder of another name.
fn cargo_home(elsewhere: &Context) -> Result<PathBuf> {
    let home = elsewhere.sh.create_dir(elsewhere.path("cargo's home"))?;
    let real = paths::cargo_home()?;
    for entry in elsewhere.sh.read_dir(&real)? {
        let name = entry.file_name().context("an entry has a name")?;
        if name != "bin" {
            let link = home.join(name);
            let sh = &elsewhere.sh;
            elsewhere.run(cmd!(sh, "ln -s {entry} {link}"))?;
        }
    }
    Ok(home)
}

/// Files below a folder, by their paths from there.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = size::files(folder)?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_told_and_so_is_a_missing_end() {
        assert_eq!(difference(b"same", b"same"), None);
        assert_eq!(difference(b"some", b"same"), Some(1));
        assert_eq!(difference(b"same", b"same and more"), Some(4));
        assert_eq!(difference(b"same", b""), Some(0));
    }

    #[test]
    fn a_file_that_differs_or_is_on_one_side_only_is_named() {
        let at = std::env::temp_dir().join(format!("pawl-prove-{}", std::process::id()));
        let side = |name: &str, files: &[(&str, &str)]| {
            let root = at.join(name);
            std::fs::create_dir_all(&root).unwrap();
            for (file, text) in files {
                std::fs::write(root.join(file), text).unwrap();
            }
            Context::at(root).unwrap()
        };
        let files = ["a", "b", "c"].map(PathBuf::from);
        let one = side("one", &[("a", "1"), ("b", "2"), ("c", "3")]);
        let other = side("other", &[("a", "1"), ("b", "3")]);
        let said = compare(&one, &other, &files).unwrap_err().to_string();
        assert!(said.contains("b (1 and 1 bytes, from byte 0 on)"), "{said}");
        assert!(said.contains("c (1 and 0 bytes, from byte 0 on)"), "{said}");
        assert!(!said.contains("a (1"), "{said}");
        assert!(compare(&one, &other, &files[..1]).is_ok());
        let nothing = compare(&one, &one, &[PathBuf::from("none")]).unwrap_err();
        assert!(nothing.to_string().contains("was not built"));
        std::fs::remove_dir_all(at).unwrap();
    }
}
