//! What of others is inside what we ship: the crates that are linked into a program, the npm packages in the page, and
//! what lies below both (Rust's standard library, SQLite, musl). Reads cargo, the lock files and the list that the
//! page's build leaves; knows nothing of archives.

pub(crate) mod licences;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use xshell::cmd;

use crate::context::Context;
use crate::manifest::WasmPack;
use crate::setup::Arch;

/// What programs are released for.
pub(crate) fn triples() -> [String; 2] {
    Arch::ALL.map(Arch::triple)
}

const WASM: &str = "wasm32-unknown-unknown";

/// The npm packages in the page, as web/vite.config.ts writes them: folders in node_modules. A hidden file, which the
/// relay leaves out of what it serves.
const PACKAGES: &str = "web/dist/.packages.json";

/// Where a component comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Origin {
    /// Our own workspace.
    Ours,
    CratesIo,
    Npm,
    /// What came with a compiler or inside a crate.
    Below,
}

/// One thing that is inside, in one version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Component {
    pub(crate) name: String,
    /// Empty where nobody says it.
    pub(crate) version: String,
    pub(crate) origin: Origin,
    /// An SPDX expression.
    pub(crate) licence: String,
    /// The algorithm as CycloneDX calls it, and the hexadecimal hash of the package.
    pub(crate) hash: Option<(&'static str, String)>,
    /// Where the package is unpacked.
    folder: Option<PathBuf>,
}

impl Component {
    /// Name and version, as people read them.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
            .trim_end()
            .to_owned()
    }
}

/// What cargo and npm know of all packages.
pub(crate) struct Inventory {
    crates: BTreeMap<(String, String), Crate>,
    checksums: BTreeMap<(String, String), String>,
    npm: BTreeMap<String, NpmPackage>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

#[derive(Deserialize)]
struct NpmLock {
    packages: BTreeMap<String, NpmPackage>,
}

#[derive(Deserialize)]
struct NpmPackage {
    version: Option<String>,
    license: Option<String>,
    integrity: Option<String>,
}

impl Inventory {
    pub(crate) fn read(ctx: &Context) -> Result<Self> {
        let sh = &ctx.sh;
        let text = ctx.read(cmd!(sh, "cargo metadata --format-version 1 --locked"))?;
        let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
        let lock: Lock = toml::from_str(&sh.read_file(ctx.path("Cargo.lock"))?)?;
        let npm: NpmLock = serde_json::from_str(&sh.read_file(ctx.path("package-lock.json"))?)?;
        let crates = metadata.packages.into_iter();
        let checksums = lock.package.into_iter();
        Ok(Self {
            crates: crates
                .map(|one| ((one.name.clone(), one.version.clone()), one))
                .collect(),
            checksums: checksums
                .filter_map(|one| Some(((one.name, one.version), one.checksum?)))
                .collect(),
            npm: npm.packages,
        })
    }

    /// What is linked into `package` for `triple`: no tests' packages, no macros, nothing that only builds.
    pub(crate) fn program(
        &self,
        ctx: &Context,
        package: &str,
        triple: &str,
    ) -> Result<Vec<Component>> {
        let sh = &ctx.sh;
        let tree = ctx.read(cmd!(
            sh,
            "cargo tree --locked --package {package} --edges normal,no-proc-macro --target {triple} --prefix none --format {FORMAT}"
        ))?;
        let mut found = BTreeSet::new();
        for line in tree.lines().filter(|line| !line.is_empty()) {
            found.insert(self.component(named(line)?)?);
        }
        found.insert(standard_library(ctx)?);
        let with_sqlite = found.iter().find(|one| one.name == "libsqlite3-sys");
        let sqlite = with_sqlite.map(sqlite).transpose()?;
        found.extend(sqlite);
        if triple.ends_with("-musl") {
            found.insert(below("musl", "", "MIT"));
        }
        Ok(found.into_iter().collect())
    }

    /// What is inside the page as it was built last: the engine's crates and npm's packages.
    pub(crate) fn page(&self, ctx: &Context) -> Result<Vec<Component>> {
        let mut all = self.program(ctx, &WasmPack::read(ctx)?.package, WASM)?;
        let list = ctx.sh.read_file(ctx.path(PACKAGES))?;
        let names: BTreeSet<String> = serde_json::from_str(&list).context(PACKAGES)?;
        for name in names {
            all.push(self.npm(ctx, &name)?);
        }
        all.sort();
        Ok(all)
    }

    fn component(&self, key: (String, String)) -> Result<Component> {
        let one = self
            .crates
            .get(&key)
            .with_context(|| format!("cargo metadata has no {} {}", key.0, key.1))?;
        let folder = one.manifest_path.parent().map(Path::to_path_buf);
        let licence = one.license.as_deref();
        let origin = match one.source {
            Some(_) => Origin::CratesIo,
            None => Origin::Ours,
        };
        Ok(Component {
            licence: expression(licence.with_context(|| format!("{} names no licence", key.0))?),
            hash: self
                .checksums
                .get(&key)
                .map(|hash| ("SHA-256", hash.clone())),
            name: key.0,
            version: key.1,
            origin,
            folder,
        })
    }

    pub(crate) fn npm(&self, ctx: &Context, name: &str) -> Result<Component> {
        let path = format!("node_modules/{name}");
        let one = self.npm.get(&path);
        let one = one.with_context(|| format!("package-lock.json has no {path}"))?;
        let licence = one.license.as_deref();
        let sha512 = one
            .integrity
            .as_deref()
            .and_then(|text| text.strip_prefix("sha512-"));
        let sha512 =
            sha512.with_context(|| format!("{path} has no SHA-512 in package-lock.json"))?;
        Ok(Component {
            name: name.to_owned(),
            version: one.version.clone().unwrap_or_default(),
            origin: Origin::Npm,
            licence: expression(licence.with_context(|| format!("{path} names no licence"))?),
            hash: Some(("SHA-512", hexadecimal(&BASE64.decode(sha512)?))),
            folder: Some(ctx.path(path)),
        })
    }
}

/// `{p}` of `cargo tree`: `serde v1.0.1`, for our own with the folder behind it.
const FORMAT: &str = "{p}";

fn named(line: &str) -> Result<(String, String)> {
    let mut words = line.split_whitespace();
    let name = words.next();
    let version = words.next().and_then(|word| word.strip_prefix('v'));
    match (name, version) {
        (Some(name), Some(version)) => Ok((name.to_owned(), version.to_owned())),
        _ => bail!("cargo tree said {line:?}"),
    }
}

/// Cargo's old way to write an alternative is no SPDX.
fn expression(licence: &str) -> String {
    match licence.contains(" OR ") {
        true => licence.to_owned(),
        false => licence.replace('/', " OR "),
    }
}

fn below(name: &str, version: &str, licence: &str) -> Component {
    Component {
        name: name.to_owned(),
        version: version.to_owned(),
        origin: Origin::Below,
        licence: licence.to_owned(),
        hash: None,
        folder: None,
    }
}

fn standard_library(ctx: &Context) -> Result<Component> {
    let sh = &ctx.sh;
    let said = ctx.read(cmd!(sh, "rustc --version"))?;
    let version = said.split_whitespace().nth(1);
    let version = version.context("rustc tells its version")?;
    Ok(below("rust-std", version, "MIT OR Apache-2.0"))
}

/// The library that its crate brings along.
fn sqlite(crate_of_it: &Component) -> Result<Component> {
    let folder = crate_of_it.folder.as_deref().context("a folder")?;
    let header = std::fs::read_to_string(folder.join("sqlite3/sqlite3.h"))?;
    let line = header
        .lines()
        .find(|line| line.starts_with("#define SQLITE_VERSION "));
    let version = line.and_then(|line| line.split('"').nth(1));
    Ok(below(
        "sqlite",
        version.context("SQLITE_VERSION")?,
        "blessing",
    ))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(components: &[Component]) -> BTreeSet<&str> {
        components.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn what_is_linked_is_inside_and_what_only_builds_or_tests_is_not() {
        let ctx = Context::new().unwrap();
        let all = Inventory::read(&ctx).unwrap();
        for triple in &triples() {
            let inside = all.program(&ctx, "pawl-server", triple).unwrap();
            let names = names(&inside);
            for linked in [
                "actix-web",
                "rusqlite",
                "pawl-wire",
                "rust-std",
                "sqlite",
                "musl",
            ] {
                assert!(names.contains(linked), "{linked} for {triple}");
            }
            // A macro, a build script's, a test's, another program's.
            for not_linked in ["serde_derive", "cc", "brotli", "proptest", "rustls"] {
                assert!(!names.contains(not_linked), "{not_linked} for {triple}");
            }
        }
    }

    #[test]
    fn a_component_has_version_licence_and_hash() {
        let ctx = Context::new().unwrap();
        let all = Inventory::read(&ctx).unwrap();
        let preact = all.npm(&ctx, "preact").unwrap();
        assert_eq!(
            (preact.origin, preact.licence.as_str()),
            (Origin::Npm, "MIT")
        );
        assert!(preact.hash.unwrap().1.len() == 128);
        assert!(all.npm(&ctx, "no-such-package").is_err());
        let inside = all.program(&ctx, "pawl-cli", &triples()[0]).unwrap();
        for one in &inside {
            let comes_from_crates = one.origin == Origin::CratesIo;
            assert_eq!(one.hash.is_some(), comes_from_crates, "{one:?}");
            assert!(!one.licence.contains('/'), "{one:?}");
        }
        let sqlite = inside.iter().find(|one| one.name == "sqlite").unwrap();
        assert!(sqlite.version.starts_with("3."), "{sqlite:?}");
    }

    #[test]
    fn lines_of_cargo_tree_are_read() {
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(named("serde v1.0.1 (*)").unwrap(), pair("serde", "1.0.1"));
        assert_eq!(named("x v0.1.0-rc.1").unwrap(), pair("x", "0.1.0-rc.1"));
        assert!(named("serde").is_err());
        assert_eq!(expression("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("MIT OR Apache-2.0"), "MIT OR Apache-2.0");
    }
}
