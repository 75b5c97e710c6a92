//! What programs for any Linux are built with: rustup's musl targets with Rust's own linker, and zig as the C compiler,
//! for both architectures on either. Also what runs a program of the other architecture here.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::{Cmd, cmd};

use super::{debian, python};
use crate::context::{Context, which};

/// An architecture that there are releases for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Arch {
    X86_64,
    Aarch64,
}

impl Arch {
    pub(crate) const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// As Rust and the kernel call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    pub(crate) fn triple(self) -> String {
        format!("{}-unknown-linux-musl", self.name())
    }

    /// What a command line says.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|arch| arch.name() == name);
        found.with_context(|| {
            let [one, other] = Self::ALL.map(Self::name);
            format!("no release is made for the architecture {name:?}: {one} or {other}")
        })
    }

    /// This machine's, where it runs Linux.
    pub(crate) fn host() -> Option<Self> {
        let is_linux = cfg!(target_os = "linux");
        let found = Self::ALL
            .into_iter()
            .find(|arch| arch.name() == std::env::consts::ARCH);
        found.filter(|_| is_linux)
    }
}

/// The tools of one architecture.
pub(crate) struct Musl {
    pub(crate) arch: Arch,
    /// Programs that are named like compilers, since a variable that names one cannot hold its arguments in every build.
    cc: PathBuf,
    ar: PathBuf,
    cache: PathBuf,
}

impl Musl {
    /// Finds them, or gets them.
    pub(crate) fn ensure(ctx: &Context, arch: Arch) -> Result<Self> {
        target(ctx, arch)?;
        let zig = python::zig(ctx)?;
        let folder = ctx.scratch("musl")?;
        let cc = folder.join(format!("zig-cc-{}", arch.name()));
        let ar = folder.join("zig-ar");
        let zig = quoted(&zig)?;
        program(
            &cc,
            &COMPILER.replace("ARCH", arch.name()).replace("ZIG", &zig),
        )?;
        program(&ar, &ARCHIVER.replace("ZIG", &zig))?;
        let cache = ctx.scratch("zig-cache")?;
        Ok(Self {
            arch,
            cc,
            ar,
            cache,
        })
    }

    /// Lets a cargo command build for it.
    pub(crate) fn apply<'a>(&self, cmd: Cmd<'a>) -> Cmd<'a> {
        let triple = self.arch.triple();
        let name = triple.replace('-', "_");
        cmd.arg("--target")
            .arg(&triple)
            .env(format!("CC_{name}"), &self.cc)
            .env(format!("AR_{name}"), &self.ar)
            .env(
                format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()),
                "rust-lld",
            )
            // The time that C code may be told of its compilation.
            .env("SOURCE_DATE_EPOCH", "0")
            .env("ZIG_GLOBAL_CACHE_DIR", &self.cache)
            .env("ZIG_LOCAL_CACHE_DIR", &self.cache)
    }
}

/// Rust's name of the target means nothing to zig, which has its own. What zig adds to find undefined behaviour while a
/// program is tested is left out.
const COMPILER: &str = r#"#!/bin/sh
for word do
    shift
    case $word in
        --target=*) ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec ZIG cc -target ARCH-linux-musl -fno-sanitize=undefined "$@"
"#;

const ARCHIVER: &str = "#!/bin/sh\nexec ZIG ar \"$@\"\n";

/// For a shell, where a folder's name may hold anything but a quote.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().context("the checkout's path is no text")?;
    if text.contains('\'') {
        bail!("the checkout's path holds a quote, which its build does not take: {text}");
    }
    Ok(format!("'{text}'"))
}

/// Writes a script, unless it stands there: a newer file would be another compiler.
fn program(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::write(path, text)?;
    executable(path)
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(
        path,
        std::fs::Permissions::from_mode(0o755),
    )?)
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<()> {
    bail!("releases are made on Linux or macOS")
}

/// rustup's target, with its linker.
fn target(ctx: &Context, arch: Arch) -> Result<()> {
    let triple = arch.triple();
    let sh = &ctx.sh;
    if !has_target(ctx, &triple) {
        let added = ctx.step(&format!("adding {triple} to the Rust toolchain"), || {
            ctx.run(cmd!(sh, "rustup target add {triple}").env("RUSTUP_MAX_RETRIES", "1"))
        });
        if added.is_err() || !has_target(ctx, &triple) {
            bail!(
                "the Rust target {triple} is missing: run `rustup target add {triple}` where rustup reaches its server"
            );
        }
    }
    let libraries = ctx.read(cmd!(sh, "rustc --print target-libdir"))?;
    let linker = Path::new(&libraries).with_file_name("bin/rust-lld");
    if !linker.is_file() {
        bail!(
            "Rust's own linker is missing ({}): use a toolchain that rustup installed",
            linker.display()
        );
    }
    Ok(())
}

fn has_target(ctx: &Context, triple: &str) -> bool {
    let sh = &ctx.sh;
    let folder = ctx.read(cmd!(sh, "rustc --print target-libdir --target {triple}"));
    folder.is_ok_and(|folder| Path::new(&folder).join("self-contained/crt1.o").is_file())
}

/// What runs programs of an architecture here: nothing where it is the machine's own.
pub(crate) fn runner(ctx: &Context, arch: Arch) -> Result<Option<PathBuf>> {
    if Arch::host() == Some(arch) {
        return Ok(None);
    }
    let names = ["", "-static"].map(|end| format!("qemu-{}{end}", arch.name()));
    let find = || which(&[&names[0], &names[1]]);
    if let Some(found) = find() {
        return Ok(Some(found));
    }
    if cfg!(not(target_os = "linux")) {
        bail!(
            "programs for {} Linux do not run on this machine",
            arch.name()
        );
    }
    debian::install(ctx, &["qemu-user-static"])?;
    let found = find().with_context(|| format!("{} is installed but not on PATH", names[1]))?;
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_of_an_architecture_are_refused_with_those_that_there_are() {
        assert_eq!(Arch::parse("aarch64").unwrap(), Arch::Aarch64);
        for other in ["arm64", "amd64", "X86_64", ""] {
            let error = Arch::parse(other).unwrap_err().to_string();
            assert!(error.contains("x86_64 or aarch64"), "{error}");
        }
    }

    #[test]
    fn a_path_with_a_space_is_one_word_and_one_with_a_quote_is_refused() {
        assert_eq!(
            quoted(Path::new("/a b/zig")).unwrap(),
            "'/a b/zig'".to_owned()
        );
        assert!(quoted(Path::new("/a'b/zig")).is_err());
    }
}
