//! Python programs in virtual environments of our own under target/xtask: the machine's Python gets nothing
//! installed. Versions and hashes are pinned in files of the repository.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use super::debian;
use crate::context::{Context, which};
use crate::stamp::Stamp;

/// The oldest Python that the pinned packages run on.
const PYTHON: (u32, u32) = (3, 9);

/// Debian's packages: the program, and what `python3 -m venv` needs there.
const PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// What an environment is for, and the file that pins its packages.
struct Wanted {
    name: &'static str,
    purpose: &'static str,
    requirements: &'static str,
}

const CHECKER: Wanted = Wanted {
    name: "python",
    purpose: "the independent checker of the protocol's vectors",
    requirements: "tests/vectors/requirements.txt",
};

const BILL: Wanted = Wanted {
    name: "cyclonedx",
    purpose: "the check of a release's bill of materials",
    requirements: "tests/release/bill.txt",
};

const ZIG: Wanted = Wanted {
    name: "zig",
    purpose: "the C compiler of the release",
    requirements: "crates/xtask/src/setup/zig.txt",
};

/// The Python that runs tests/vectors.
pub(crate) fn python(ctx: &Context) -> Result<PathBuf> {
    environment(ctx, &CHECKER)
}

/// The Python that runs tests/release/bill.py.
pub(crate) fn cyclonedx(ctx: &Context) -> Result<PathBuf> {
    environment(ctx, &BILL)
}
/// The variable that names a `zig` which is there already.
pub(crate) const ZIG_ELSEWHERE: &str = "PAWL_ZIG";

/// The program `zig`, which PyPI has for many machines.
pub(crate) fn zig(ctx: &Context) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(ZIG_ELSEWHERE) {
        return Ok(PathBuf::from(named));
    }
    let python = environment(ctx, &ZIG)?;
    let sh = &ctx.sh;
    let script = "import ziglang; print(ziglang.__path__[0])";
    let folder = ctx.read(cmd!(sh, "{python} -c {script}"))?;
    Ok(PathBuf::from(folder).join("zig"))
}

/// An environment's Python, made or renewed where it is missing or its requirements have changed.
fn environment(ctx: &Context, wanted: &Wanted) -> Result<PathBuf> {
    let Wanted { name, purpose, .. } = wanted;
    let folder = ctx.scratch(name)?;
    let python = folder.join("bin/python");
    let requirements = ctx.path(wanted.requirements);
    let stamp = Stamp::of(std::slice::from_ref(&requirements), "venv 1")?;
    let sh = &ctx.sh;
    // It may stand there and not run any more: the Python that it was made of is gone.
    let runs = ctx.succeeds(cmd!(sh, "{python} --version"));
    if runs && stamp.is_current(ctx, name, &python)? {
        return Ok(python);
    }
    let system = system_python(ctx, purpose)?;
    sh.remove_path(&folder)?;
    ctx.step(&format!("making a Python environment for {purpose}"), || {
        ctx.run(cmd!(sh, "{system} -m venv {folder}"))?;
        let install = cmd!(
            sh,
            "{python} -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r {requirements}"
        );
        ctx.run(install)
    })?;
    stamp.keep(ctx, name)?;
    Ok(python)
}

/// A Python that is new enough and can make environments; installed on Debian as root, asked for elsewhere.
fn system_python(ctx: &Context, purpose: &str) -> Result<PathBuf> {
    if let Some(found) = fitting(ctx) {
        return Ok(found);
    }
    let (major, minor) = PYTHON;
    if !debian::is_debian() {
        bail!(
            "{purpose} needs Python {major}.{minor} or newer with its \
             `venv` module: install it (https://www.python.org/downloads/) and run again"
        );
    }
    debian::install(ctx, &PACKAGES)?;
    fitting(ctx).context("Debian's python3 is too old, or cannot make environments")
}

fn fitting(ctx: &Context) -> Option<PathBuf> {
    let sh = &ctx.sh;
    let (major, minor) = PYTHON;
    let check =
        format!("import sys, ensurepip, venv; sys.exit(sys.version_info < ({major}, {minor}))");
    ["python3", "python"]
        .iter()
        .filter_map(|name| which(&[name]))
        .chain([PathBuf::from("/usr/bin/python3")])
        .find(|python| python.is_file() && ctx.succeeds(cmd!(sh, "{python} -c {check}")))
}
