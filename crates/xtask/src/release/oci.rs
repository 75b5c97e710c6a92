//! `pawl-oci-ARCH.tar`: the relay as an image for containers, made of the released binary without a daemon: what the last
//! part of deploy/Dockerfile makes. An OCI layout; with the file that `docker load` of older versions reads besides.

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tree::{READS, RUNS, Tree, gzip};
use super::{Program, Release};
use crate::context::Context;
use crate::inside::hexadecimal;
use crate::setup::Arch;

/// Who the relay is in the image, and whom /data belongs to.
const USER: u32 = 65_532;
const PORT: u16 = 8080;
const DATA: &str = "/data";

const NAME: &str = "pawl-server";

const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Writes the image of a relay.
pub(super) fn write(ctx: &Context, release: &Release, relay: &Program) -> Result<()> {
    let file = format!("pawl-oci-{}.tar", relay.arch.name());
    ctx.step(&format!("packing {file}"), || {
        let binary = ctx.sh.read_binary_file(&relay.binary)?;
        let about = About {
            version: &release.version,
            commit: &release.commit,
            created: &release.moment(ctx)?,
            architecture: architecture(relay.arch),
        };
        let image = image(&about, binary, release.time)?.tar(release.time)?;
        Ok(ctx.sh.write_file(release.made.join(file), image)?)
    })
}

struct About<'a> {
    version: &'a str,
    commit: &'a str,
    /// RFC 3339.
    created: &'a str,
    architecture: &'a str,
}

/// As Go calls it, and so OCI.
fn architecture(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    }
}

/// One content-addressed file, and the entry that leads to it.
struct Blob {
    path: String,
    descriptor: Value,
}

/// Adds a blob to the layout.
fn blob(layout: &mut Tree, media_type: &str, content: Vec<u8>) -> Blob {
    let hash = hexadecimal(&Sha256::digest(&content));
    let descriptor = json!({
        "mediaType": media_type,
        "digest": format!("sha256:{hash}"),
        "size": content.len(),
    });
    let path = format!("blobs/sha256/{hash}");
    layout.file(&path, READS, content);
    Blob { path, descriptor }
}

fn image(about: &About<'_>, binary: Vec<u8>, time: u64) -> Result<Tree> {
    let mut files = Tree::default();
    files.file(NAME, RUNS, binary);
    files.folder_of(DATA.trim_start_matches('/'), 0o700, USER);
    let files = files.tar(time)?;
    let unpacked = format!("sha256:{}", hexadecimal(&Sha256::digest(&files)));

    let mut layout = Tree::default();
    let layer = blob(
        &mut layout,
        "application/vnd.oci.image.layer.v1.tar+gzip",
        gzip(&files)?,
    );
    let config = serde_json::to_vec(&config(about, &unpacked))?;
    let config = blob(
        &mut layout,
        "application/vnd.oci.image.config.v1+json",
        config,
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor,
        "layers": [layer.descriptor],
        "annotations": labels(about),
    });
    let manifest = serde_json::to_vec(&manifest)?;
    let mut manifest = blob(
        &mut layout,
        "application/vnd.oci.image.manifest.v1+json",
        manifest,
    );
    manifest.descriptor["platform"] = json!({ "architecture": about.architecture, "os": "linux" });
    let tag = format!("{NAME}:{}", about.version);
    manifest.descriptor["annotations"] = json!({
        "org.opencontainers.image.ref.name": about.version,
        "io.containerd.image.name": format!("docker.io/library/{tag}"),
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest.descriptor],
    });
    let docker = json!([{ "Config": config.path, "RepoTags": [tag], "Layers": [layer.path] }]);
    layout.file("oci-layout", READS, LAYOUT);
    layout.file("index.json", READS, serde_json::to_vec(&index)?);
    layout.file("manifest.json", READS, serde_json::to_vec(&docker)?);
    Ok(layout)
}

fn config(about: &About<'_>, layer: &str) -> Value {
    let port = format!("{PORT}/tcp");
    json!({
        "created": about.created,
        "architecture": about.architecture,
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": { port: {} },
            "Env": [format!("PAWL_LISTEN=0.0.0.0:{PORT}"), format!("PAWL_DATA={DATA}")],
            "Entrypoint": [format!("/{NAME}")],
            "Volumes": { DATA: {} },
            "WorkingDir": "/",
            "Labels": labels(about),
            "StopSignal": "SIGTERM",
        },
        "rootfs": { "type": "layers", "diff_ids": [layer] },
        "history": [{ "created": about.created, "created_by": "cargo xtask release" }],
    })
}

fn labels(about: &About<'_>) -> Value {
    json!({
        "org.opencontainers.image.created": about.created,
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
        "org.opencontainers.image.revision": about.commit,
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.version": about.version,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    const ABOUT: About<'_> = About {
        version: "0.2.0",
        commit: "0123",
        created: "2026-01-01T00:00:00Z",
        architecture: "arm64",
    };

    fn files() -> BTreeMap<String, Vec<u8>> {
        let archive = image(&ABOUT, b"program".into(), 1).unwrap().tar(1).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), content);
        }
        files
    }

    fn followed<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
        let hash = descriptor["digest"]
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap();
        let content = &files[&format!("blobs/sha256/{hash}")];
        assert_eq!(hexadecimal(&Sha256::digest(content)), hash);
        assert_eq!(descriptor["size"], content.len());
        content
    }

    fn read(content: &[u8]) -> Value {
        serde_json::from_slice(content).unwrap()
    }

    #[test]
    fn every_entry_leads_to_the_content_that_it_names() {
        let files = files();
        assert_eq!(read(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
        let index = read(&files["index.json"]);
        let manifest = read(followed(&files, &index["manifests"][0]));
        let config = read(followed(&files, &manifest["config"]));
        let packed = followed(&files, &manifest["layers"][0]);
        let mut layer = Vec::new();
        flate2::read::GzDecoder::new(packed)
            .read_to_end(&mut layer)
            .unwrap();
        let unpacked = format!("sha256:{}", hexadecimal(&Sha256::digest(&layer)));
        assert_eq!(config["rootfs"]["diff_ids"], json!([unpacked]));
        let docker = read(&files["manifest.json"]);
        assert_eq!(files[docker[0]["Layers"][0].as_str().unwrap()], packed);
        assert_eq!(read(&files[docker[0]["Config"].as_str().unwrap()]), config);
        let mut layer = tar::Archive::new(layer.as_slice());
        let told = layer.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path().unwrap().display().to_string();
            (
                path,
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.mode().unwrap(),
            )
        });
        let expected = [
            ("data/".to_owned(), 65_532, 65_532, 0o700),
            (NAME.to_owned(), 0, 0, 0o755),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    /// What an instruction of the last part of deploy/Dockerfile says.
    fn says(word: &str) -> String {
        let text = include_str!("../../../../deploy/Dockerfile");
        let last = text.split("FROM scratch\n").nth(1).unwrap();
        let line = last
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{word} ")));
        line.unwrap_or_else(|| panic!("{word}")).to_owned()
    }

    #[test]
    fn the_image_is_set_as_the_dockerfile_sets_it() {
        let config = config(&ABOUT, "sha256:0");
        let set = &config["config"];
        assert_eq!(set["User"], says("USER"));
        let environment: Vec<_> = set["Env"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap())
            .collect();
        assert_eq!(environment.join(" "), says("ENV"));
        assert_eq!(set["Volumes"], json!({ says("VOLUME"): {} }));
        assert_eq!(
            set["ExposedPorts"],
            json!({ format!("{}/tcp", says("EXPOSE")): {} })
        );
        assert_eq!(set["StopSignal"], says("STOPSIGNAL"));
        assert_eq!(set["Entrypoint"].to_string(), says("ENTRYPOINT"));
        assert_eq!(config["architecture"], "arm64");
    }
}
