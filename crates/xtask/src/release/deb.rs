//! `NAME_VERSION_ARCH.deb`: the programs as Debian's packages, the relay's with its user, units and settings. Written
//! here and not by dpkg-deb, so that any machine makes the same bytes.

use anyhow::{Result, bail};
use xshell::cmd;

use super::tree::{READS, RUNS, Tree, gzip};
use super::{Program, Release};
use crate::context::Context;
use crate::inside::licences;
use crate::setup::Arch;

/// The path in deploy/pawl.service; Debian's packages have their programs elsewhere.
const BY_HAND: &str = "/usr/local/bin/pawl-server";
const PACKAGED: &str = "/usr/bin/pawl-server";

/// What an operator must set before it is true.
const ORIGIN: &str = "public-origin = [";

const SETTINGS: &str = "/etc/pawl/pawl.toml";

const POSTINST: &str = include_str!("deb/postinst");
const PRERM: &str = include_str!("deb/prerm");
const POSTRM: &str = include_str!("deb/postrm");

/// Examples beside the relay's documentation.
const EXAMPLES: [&str; 3] = ["nginx.conf", "Caddyfile", "alerts.yml"];

/// What a package says about itself.
struct About {
    name: &'static str,
    version: String,
    architecture: &'static str,
    maintainer: String,
    /// As a changelog has it: RFC 5322.
    date: String,
}

/// Writes the package of a program.
pub(super) fn write(ctx: &Context, release: &Release, program: &Program) -> Result<()> {
    let sh = &ctx.sh;
    let author = "--format=%aN <%aE>";
    let about = About {
        name: program.name,
        version: release.version.clone(),
        architecture: architecture(program.arch),
        maintainer: ctx.read(cmd!(sh, "git log -1 {author}"))?,
        date: ctx.read(cmd!(sh, "git log -1 --format=%cd --date=rfc2822"))?,
    };
    let file = format!(
        "{}_{}_{}.deb",
        about.name, about.version, about.architecture
    );
    ctx.step(&format!("packing {file}"), || {
        let inside = licences::text(ctx, program.name)?;
        let data = data(ctx, &about, program, &inside)?;
        let package = package(&about, &data, release.time)?;
        Ok(sh.write_file(release.made.join(file), package)?)
    })
}

/// As Debian calls it.
pub(super) fn architecture(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    }
}

/// All that is installed.
fn data(ctx: &Context, about: &About, program: &Program, inside: &str) -> Result<Tree> {
    let sh = &ctx.sh;
    let name = about.name;
    let mut tree = Tree::default();
    let binary = sh.read_binary_file(&program.binary)?;
    tree.file(&format!("./usr/bin/{name}"), RUNS, binary);
    let page = sh.read_binary_file(program.pages.join(format!("{name}.1")))?;
    tree.file(
        &format!("./usr/share/man/man1/{name}.1.gz"),
        READS,
        gzip(&page)?,
    );
    for (from, to) in [
        (
            format!("{name}.bash"),
            format!("bash-completion/completions/{name}"),
        ),
        (
            format!("{name}.fish"),
            format!("fish/vendor_completions.d/{name}.fish"),
        ),
        (
            format!("_{name}"),
            format!("zsh/vendor-completions/_{name}"),
        ),
    ] {
        let script = sh.read_binary_file(program.completions.join(from))?;
        tree.file(&format!("./usr/share/{to}"), READS, script);
    }
    let doc = format!("./usr/share/doc/{name}");
    tree.file(&format!("{doc}/copyright"), READS, copyright(ctx)?);
    tree.file(
        &format!("{doc}/changelog.gz"),
        READS,
        gzip(changelog(about).as_bytes())?,
    );
    tree.file(
        &format!("{doc}/inside.txt.gz"),
        READS,
        gzip(inside.as_bytes())?,
    );
    tree.file(
        &format!("./usr/share/lintian/overrides/{name}"),
        READS,
        overrides(name),
    );
    if name == "pawl-server" {
        serving(ctx, &mut tree, &doc)?;
    }
    Ok(tree)
}

/// What a relay has beside the program: units, settings, how to run it.
fn serving(ctx: &Context, tree: &mut Tree, doc: &str) -> Result<()> {
    let deploy = |name: &str| ctx.sh.read_file(ctx.path("deploy").join(name));
    let service = exchanged(&deploy("pawl.service")?, BY_HAND, PACKAGED)?;
    tree.file("./usr/lib/systemd/system/pawl.service", READS, service);
    tree.file(
        "./usr/lib/systemd/system/pawl.socket",
        READS,
        deploy("pawl.socket")?,
    );
    // Until an operator says where the relay is reached, the Host header counts.
    let settings = exchanged(&deploy("pawl.toml")?, ORIGIN, &format!("# {ORIGIN}"))?;
    tree.file(&format!(".{SETTINGS}"), READS, settings);
    for name in EXAMPLES {
        tree.file(&format!("{doc}/examples/{name}"), READS, deploy(name)?);
    }
    let operations = ctx.sh.read_binary_file(ctx.path("docs/OPERATIONS.md"))?;
    tree.file(
        &format!("{doc}/OPERATIONS.md.gz"),
        READS,
        gzip(&operations)?,
    );
    Ok(())
}

fn exchanged(text: &str, old: &str, new: &str) -> Result<String> {
    if !text.contains(old) {
        bail!("a file of deploy/ has no {old:?} any more");
    }
    Ok(text.replace(old, new))
}

fn changelog(about: &About) -> String {
    let About {
        name,
        version,
        maintainer,
        date,
        ..
    } = about;
    format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * Pawl {version}.\n\n -- {maintainer}  {date}\n"
    )
}

fn copyright(ctx: &Context) -> Result<String> {
    let mit = ctx.sh.read_file(ctx.path("LICENSE-MIT"))?;
    let apache = "On Debian systems the whole text is in /usr/share/common-licenses/Apache-2.0.\n";
    let field = |text: &str| {
        let lines = text.trim_end().lines().map(|line| match line.trim() {
            "" => " .\n".to_owned(),
            line => format!(" {line}\n"),
        });
        lines.collect::<String>()
    };
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Pawl\n\
         Comment: What of others is inside, and under which licences, is in inside.txt.gz beside this file.\n\n\
         Files: *\nCopyright: 2026 The Pawl authors\nLicense: Expat or Apache-2.0\n\n\
         License: Expat\n{}\nLicense: Apache-2.0\n{}",
        field(&mit),
        field(apache)
    ))
}

/// What Debian asks of its own packages and is otherwise here on purpose.
fn overrides(name: &str) -> String {
    format!(
        "# One binary for every Debian, whatever its libraries.\n\
         {name}: statically-linked-binary\n\
         {name}: embedded-library\n\
         {name}: initial-upload-closes-no-bugs\n"
    )
}

/// The archive of archives that dpkg takes.
fn package(about: &About, data: &Tree, time: u64) -> Result<Vec<u8>> {
    let mut control = Tree::default();
    control.file("./control", READS, fields(about, data.kibibytes()));
    if about.name == "pawl-server" {
        control.file("./conffiles", READS, format!("{SETTINGS}\n"));
        for (name, script) in [("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)] {
            control.file(&format!("./{name}"), RUNS, script);
        }
    }
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&control.tar(time)?)?),
        ("data.tar.gz", gzip(&data.tar(time)?)?),
    ] {
        add(&mut archive, name, time, &content);
    }
    Ok(archive)
}

/// A member: sixty bytes of head, the content, and one more byte where that is of an odd length.
fn add(archive: &mut Vec<u8>, name: &str, time: u64, content: &[u8]) {
    let length = content.len();
    let head = format!(
        "{name:<16}{time:<12}{:<6}{:<6}{:<8}{length:<10}`\n",
        0, 0, "100644"
    );
    archive.extend(head.into_bytes());
    archive.extend(content);
    if length % 2 == 1 {
        archive.push(b'\n');
    }
}

fn fields(about: &About, kibibytes: u64) -> String {
    let About {
        name,
        version,
        architecture,
        maintainer,
        ..
    } = about;
    let (needs, description) = match *name {
        "pawl-server" => (
            "Depends: adduser\nPre-Depends: init-system-helpers (>= 1.54~)\n",
            SERVER,
        ),
        _ => ("", TERMINAL),
    };
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
         Installed-Size: {kibibytes}\n{needs}Section: net\nPriority: optional\nDescription: {description}"
    )
}

const SERVER: &str = "\
server of an end-to-end encrypted messenger
 Hosts the page and keeps sealed messages until their recipients fetch them. It
 can read none of them. One program with an embedded database; a proxy in front
 of it ends TLS.
";

const TERMINAL: &str = "\
end-to-end encrypted messages in a terminal
 The client of Pawl for people, scripts and bots: it sends, receives and prints
 messages, as text or as lines of JSON.
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read as _;

    use super::*;

    fn about(name: &'static str) -> About {
        About {
            name,
            version: "0.2.0".into(),
            architecture: "amd64",
            maintainer: "Somebody <somebody@example.org>".into(),
            date: "Thu, 1 Jan 2026 00:00:00 +0000".into(),
        }
    }

    /// A package of a program that is none, as dpkg-deb sees it.
    fn packed(ctx: &Context, name: &'static str) -> (Vec<u8>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let at = |file: String| {
            fs::write(folder.path().join(file), "text").unwrap();
        };
        [
            name.to_owned(),
            format!("{name}.1"),
            format!("{name}.bash"),
            format!("{name}.fish"),
            format!("_{name}"),
        ]
        .into_iter()
        .for_each(at);
        let program = Program {
            name,
            arch: Arch::X86_64,
            binary: folder.path().join(name),
            pages: folder.path().to_path_buf(),
            completions: folder.path().to_path_buf(),
        };
        let data = data(ctx, &about(name), &program, "licences").unwrap();
        (package(&about(name), &data, 1_767_225_600).unwrap(), folder)
    }

    /// The members of an `ar` archive, by a reading of its format that is not ours to write.
    fn members(mut archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        archive = archive.strip_prefix(b"!<arch>\n").unwrap();
        let mut members = BTreeMap::new();
        while !archive.is_empty() {
            let (head, rest) = archive.split_at(60);
            let head = std::str::from_utf8(head).unwrap();
            assert!(head.ends_with("`\n"));
            let length: usize = head[48..58].trim().parse().unwrap();
            members.insert(head[..16].trim().to_owned(), rest[..length].to_vec());
            archive = &rest[(length + length % 2).min(rest.len())..];
        }
        members
    }

    fn entries(packed: &[u8]) -> BTreeMap<String, (u32, String)> {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed)
            .read_to_end(&mut bytes)
            .unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = Vec::new();
            entry.read_to_end(&mut text).unwrap();
            let path = entry.path().unwrap().display().to_string();
            let path = path.trim_start_matches("./").to_owned();
            (
                path,
                (
                    entry.header().mode().unwrap(),
                    String::from_utf8_lossy(&text).into_owned(),
                ),
            )
        });
        entries.collect()
    }

    #[test]
    fn the_relays_package_has_units_settings_scripts_and_documents() {
        let ctx = Context::new().unwrap();
        let (package, _) = packed(&ctx, "pawl-server");
        let members = members(&package);
        assert_eq!(members["debian-binary"], b"2.0\n");
        let control = entries(&members["control.tar.gz"]);
        assert!(
            control["control"]
                .1
                .contains("Package: pawl-server\nVersion: 0.2.0\nArchitecture: amd64\n")
        );
        assert_eq!(control["conffiles"].1, "/etc/pawl/pawl.toml\n");
        assert_eq!(control["postinst"].0, 0o755);
        let data = entries(&members["data.tar.gz"]);
        assert_eq!(data["usr/bin/pawl-server"].0, 0o755);
        let service = &data["usr/lib/systemd/system/pawl.service"].1;
        assert!(
            service.contains("ExecStart=/usr/bin/pawl-server run\n")
                && !service.contains("/usr/local")
        );
        let settings = &data["etc/pawl/pawl.toml"].1;
        assert!(
            settings.contains("\n# public-origin = [") && settings.contains("\nregistration = ")
        );
        for file in [
            "usr/lib/systemd/system/pawl.socket",
            "usr/share/man/man1/pawl-server.1.gz",
            "usr/share/bash-completion/completions/pawl-server",
            "usr/share/fish/vendor_completions.d/pawl-server.fish",
            "usr/share/zsh/vendor-completions/_pawl-server",
            "usr/share/doc/pawl-server/copyright",
            "usr/share/doc/pawl-server/changelog.gz",
            "usr/share/doc/pawl-server/examples/Caddyfile",
        ] {
            assert_eq!(data[file].0, 0o644, "{file}");
        }
    }

    #[test]
    fn the_terminals_package_touches_no_system() {
        let ctx = Context::new().unwrap();
        let (package, _) = packed(&ctx, "pawl");
        let members = members(&package);
        let control = entries(&members["control.tar.gz"]);
        assert_eq!(control.keys().collect::<Vec<_>>(), ["control"]);
        let data = entries(&members["data.tar.gz"]);
        assert!(data.contains_key("usr/bin/pawl"));
        assert!(
            data.keys().all(|path| path.starts_with("usr")),
            "{:?}",
            data.keys()
        );
    }

    #[test]
    fn the_same_program_is_the_same_package() {
        let ctx = Context::new().unwrap();
        assert_eq!(packed(&ctx, "pawl").0, packed(&ctx, "pawl").0);
    }

    #[test]
    fn a_unit_that_was_changed_elsewhere_is_noticed() {
        assert!(exchanged("ExecStart=/bin/x", BY_HAND, PACKAGED).is_err());
    }
}
