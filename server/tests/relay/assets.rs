//! The page: validators, encodings, headers on every response; and the build script's own code.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use pawl_server::{Asset, SECURITY_HEADERS, WEB as BUILT, page_list};
use sha2::{Digest, Sha256};

use crate::support::{Child, Relay, Response, ended, http};

#[path = "../../build/embed.rs"]
mod embed;

const HTML: &[u8] = b"<!doctype html><title>Pawl</title>";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

static WEB: &[Asset] = &[
    Asset {
        path: "/index.html",
        content_type: "text/html; charset=utf-8",
        hash: "00aa",
        immutable: false,
        plain: HTML,
        brotli: Some(b"in brotli"),
        gzip: Some(b"in gzip"),
    },
    Asset {
        path: "/assets/core-12345678.wasm",
        content_type: "application/wasm",
        hash: "00bb",
        immutable: true,
        plain: b"\0asm",
        brotli: None,
        gzip: None,
    },
];

fn start() -> Relay {
    Relay::start_with(|config| config.web = WEB)
}

fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Response {
    http(address, &format!("GET {path}"), headers)
}

#[test]
fn a_file_comes_in_the_best_form_that_the_client_takes() {
    let relay = start();
    let cases: [(&str, Option<&str>, &[u8]); 8] = [
        ("gzip, deflate, br, zstd", Some("br"), b"in brotli"),
        ("gzip", Some("gzip"), b"in gzip"),
        ("br;q=0, gzip;q=0.5", Some("gzip"), b"in gzip"),
        ("*", None, HTML),
        ("zstd", None, HTML),
        ("identity", None, HTML),
        ("", None, HTML),
        ("br;q=nonsense", None, HTML),
    ];
    for (accepted, encoding, body) in cases {
        let header = format!("Accept-Encoding: {accepted}");
        let response = get(relay.address, "/", &[&header]);
        assert_eq!(response.status, 200, "{accepted:?}");
        assert_eq!(
            response.header("Content-Encoding"),
            encoding,
            "{accepted:?}"
        );
        assert_eq!(response.body, body, "{accepted:?}");
        assert_eq!(response.header("Vary"), Some("Accept-Encoding"));
    }
    assert_eq!(get(relay.address, "/", &[]).body, HTML);
}

#[test]
fn a_known_file_is_not_sent_again() {
    let relay = start();
    let first = get(relay.address, "/", &["Accept-Encoding: br"]);
    let tag = first.header("ETag").expect("an ETag");
    let known = format!("If-None-Match: \"x\", W/{tag}");
    let second = get(relay.address, "/", &["Accept-Encoding: br", &known]);
    assert_eq!((second.status, second.body), (304, vec![]));
    assert_eq!(
        second
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("etag"))
            .count(),
        1
    );
    // Another form of it has another tag: a cache must not mix them.
    let plain = get(relay.address, "/", &[&known]);
    assert_eq!(plain.status, 200);
    assert_ne!(plain.header("ETag"), Some(tag));
    let other = get(relay.address, "/", &["If-None-Match: \"other\""]);
    assert_eq!(other.status, 200);
}

/// Reading a list costs more than its length says, and anybody can send long ones.
#[test]
fn a_long_list_in_a_head_counts_as_none() {
    let relay = start();
    let tag = get(relay.address, "/", &[])
        .header("ETag")
        .expect("an ETag")
        .to_owned();
    for (filler, is_read) in [(100, true), (600, false)] {
        let filler = "a,".repeat(filler / 2);
        let accepted = format!("Accept-Encoding: {filler}br");
        let response = get(relay.address, "/", &[&accepted]);
        assert_eq!(
            response.header("Content-Encoding"),
            is_read.then_some("br"),
            "{accepted}"
        );
        let known = format!("If-None-Match: \"{filler}\", {tag}");
        let status = if is_read { 304 } else { 200 };
        assert_eq!(get(relay.address, "/", &[&known]).status, status, "{known}");
        // On several lines it is one list.
        let lines = vec![format!("Accept-Encoding: {filler}a"); 2];
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.push("Accept-Encoding: br");
        let response = get(relay.address, "/", &lines);
        assert_eq!(
            response.header("Content-Encoding"),
            is_read.then_some("br"),
            "{lines:?}"
        );
    }
}

#[test]
fn hashed_names_are_kept_for_ever_and_the_page_is_asked_for_each_time() {
    let relay = start();
    let page = get(relay.address, "/index.html", &[]);
    assert_eq!(page.header("Cache-Control"), Some("no-cache"));
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    let wasm = get(relay.address, "/assets/core-12345678.wasm", &[]);
    assert_eq!(wasm.header("Cache-Control"), Some(IMMUTABLE));
    assert_eq!(wasm.header("Content-Type"), Some("application/wasm"));
    assert_eq!(wasm.body, b"\0asm");
}

#[test]
fn every_response_has_the_security_headers() {
    let relay = start();
    let address = relay.address;
    let tag = get(address, "/", &[])
        .header("ETag")
        .expect("a tag")
        .to_owned();
    let known = format!("If-None-Match: {tag}");
    let responses = [
        (200, get(address, "/", &[])),
        (200, get(address, "/assets/core-12345678.wasm", &[])),
        (304, get(address, "/", &[&known])),
        (404, get(address, "/nothing", &[])),
        (405, http(address, "POST /", &["Content-Length: 0"])),
        (405, http(address, "OPTIONS /api/ws", &[])),
        (400, get(address, "/api/ws", &[])),
        (
            403,
            get(address, "/api/ws", &["Origin: http://evil.example"]),
        ),
    ];
    for (status, response) in responses {
        assert_eq!(response.status, status);
        for (name, value) in SECURITY_HEADERS {
            assert_eq!(response.header(name), Some(*value), "{status} {name}");
        }
    }
}

/// Each hash and path of a list.
fn listed(list: &str) -> Vec<(&str, &str)> {
    let files = list.lines().filter(|line| !line.starts_with('#'));
    files
        .map(|line| line.split_once("  ").expect("two spaces"))
        .collect()
}

#[test]
fn the_list_of_the_page_has_every_file_as_it_is_served_and_every_header() {
    let relay = start();
    let list = page_list(WEB);
    let files = listed(&list);
    let paths: Vec<_> = files.iter().map(|(_, path)| *path).collect();
    assert_eq!(paths, ["assets/core-12345678.wasm", "index.html"]);
    for (hash, path) in files {
        let served = get(relay.address, &format!("/{path}"), &[]);
        let digest = Sha256::digest(&served.body);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, digest, "{path}");
    }
    let headers: Vec<_> = list
        .lines()
        .filter_map(|line| line.strip_prefix("# header ")?.split_once(": "))
        .collect();
    assert_eq!(headers, SECURITY_HEADERS);
    assert!(list.starts_with("# pawl-page 1\n"), "{list}");
}

/// `pawl-server assets`, in a folder that holds the page that was built, or says that there is none.
#[test]
fn the_binary_lists_the_page_that_it_holds() {
    let program = || Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    let output = ended(program().arg("assets"));
    if BUILT.is_empty() {
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("built without its page"), "{said}");
        return;
    }
    let list = String::from_utf8(output.stdout).expect("text");
    assert_eq!(list, page_list(BUILT));
    let folder = tempfile::tempdir().expect("a folder");
    for file in BUILT {
        let path = folder.path().join(file.path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, file.plain).expect("a file");
    }
    std::fs::write(folder.path().join("list"), &list).expect("a file");
    let mut sum = Command::new("sha256sum");
    sum.args(["--check", "--strict", "--quiet", "list"]);
    let sum = ended(sum.current_dir(folder.path()));
    let said = [sum.stdout, sum.stderr].concat();
    assert!(sum.status.success(), "{}", String::from_utf8_lossy(&said));
    let rows = ended(program().args(["assets", "--json"])).stdout;
    let rows = String::from_utf8(rows).expect("text");
    let rows = rows.lines().map(|row| {
        let row: serde_json::Value = serde_json::from_str(row).expect("a line of JSON");
        row
    });
    let rows: Vec<_> = rows.filter(|row| row["path"].is_string()).collect();
    let files = listed(&list);
    assert_eq!(rows.len(), files.len());
    for (row, (hash, path)) in rows.iter().zip(files) {
        assert_eq!((&row["sha256"], &row["path"]), (&hash.into(), &path.into()));
    }
}

#[test]
fn head_is_get_without_the_body() {
    let relay = start();
    let get = get(relay.address, "/", &[]);
    let head = http(relay.address, "HEAD /", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["ETag", "Content-Length", "Content-Type", "Cache-Control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(get.header("Content-Length"), Some("34"));
}

#[test]
fn no_path_leads_out_of_the_page() {
    let relay = start();
    let paths = [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/assets/../index.html",
        "/assets/",
        "//etc/passwd",
        "/index.html/",
        "/%00",
        "/c/alice",
        "/relay.db",
        "/api/ws/",
    ];
    for path in paths {
        let response = get(relay.address, path, &[]);
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.body, b"no such file", "{path}");
    }
}

#[test]
fn without_a_page_the_relay_says_how_to_build_it() {
    let relay = Relay::start_with(|config| config.web = &[]);
    let response = get(relay.address, "/", &[]);
    assert_eq!(response.status, 200);
    assert!(String::from_utf8_lossy(&response.body).contains("cargo xtask build"));
    assert_eq!(get(relay.address, "/index.html", &[]).status, 404);
}

#[test]
fn the_build_embeds_every_file_with_its_hash_and_its_compressed_forms() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dist, out) = (folder.path().join("dist"), folder.path().join("out"));
    let script = "export const pawl = 1;\n".repeat(100);
    for (name, content) in [
        ("index.html", "<!doctype html>".repeat(20)),
        ("assets/index-Ab_3-xYz.js", script.clone()),
        ("assets/plain.css", "a".to_owned()),
        ("assets/core_bg-01234567.wasm", "\0asm".repeat(50)),
        (".hidden", "secret".to_owned()),
    ] {
        let path = dist.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    std::fs::create_dir(&out).expect("a folder");
    let files = embed::embed(&dist, &out).expect("it embeds");
    let shown: Vec<(&str, &str, bool)> = files
        .iter()
        .map(|file| (file.path.as_str(), file.content_type, file.immutable))
        .collect();
    assert_eq!(
        shown,
        [
            ("/assets/core_bg-01234567.wasm", "application/wasm", true),
            (
                "/assets/index-Ab_3-xYz.js",
                "text/javascript; charset=utf-8",
                true
            ),
            ("/assets/plain.css", "text/css; charset=utf-8", false),
            ("/index.html", "text/html; charset=utf-8", false),
        ]
    );
    let read = |path: &std::path::Path| std::fs::read(path).expect("a file");
    let js = &files[1];
    assert_eq!(read(&js.plain), script.as_bytes());
    let mut plain = String::new();
    let gzip = read(js.gzip.as_ref().expect("smaller"));
    flate2::read::GzDecoder::new(&gzip[..])
        .read_to_string(&mut plain)
        .expect("gzip");
    assert_eq!(plain, script);
    let mut plain = String::new();
    let brotli = read(js.brotli.as_ref().expect("smaller"));
    brotli::Decompressor::new(&brotli[..], 4_096)
        .read_to_string(&mut plain)
        .expect("Brotli");
    assert_eq!(plain, script);
    // One letter cannot get smaller.
    assert!(files[2].gzip.is_none() && files[2].brotli.is_none());
    // Other content, other hash; and a second run gives the same table.
    assert_ne!(files[0].hash, files[1].hash);
    let again = embed::embed(&dist, &out).expect("it embeds");
    assert_eq!(embed::table(&again), embed::table(&files));
    let none = embed::embed(&folder.path().join("missing"), &out).expect("no page is no error");
    assert!(none.is_empty());
}

/// A proxy, a compressor or a build script that changes a byte of the engine would show here and nowhere else: browsers
/// look at some of the files only.
#[test]
#[ignore = "of the release that was built last: cargo xtask test --only relay"]
fn the_release_serves_the_page_as_it_was_built() {
    let program = std::env::var_os("PAWL_RELEASE_SERVER").expect("which program");
    let data = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command.args(["--log=off", "--listen=127.0.0.1:0", "--data"]);
    let relay = Child::spawn(command.arg(data.path()));
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    let mut engine = 0;
    for file in files(&dist) {
        let name = file.strip_prefix(&dist).expect("it is in there");
        let path = format!("/{}", name.to_str().expect("a plain name"));
        let bytes = std::fs::read(&file).expect("a file");
        let plain = get(relay.address, &path, &[]);
        // A hidden file is what the build notes for itself.
        if name.starts_with(".packages.json") {
            assert_eq!(plain.status, 404, "{path}");
            continue;
        }
        assert_eq!(plain.status, 200, "{path}");
        assert!(plain.body == bytes, "{path} is another file");
        for (encoding, decode) in [("br", unbrotli as Decode), ("gzip", ungzip)] {
            let accepted = format!("Accept-Encoding: {encoding}");
            let packed = get(relay.address, &path, &[&accepted]);
            let body = match packed.header("Content-Encoding") {
                Some(used) => {
                    assert_eq!(used, encoding, "{path}");
                    decode(&packed.body)
                }
                None => packed.body,
            };
            assert!(body == bytes, "{path} is another file in {encoding}");
        }
        if path.ends_with(".wasm") {
            assert_eq!(plain.header("Content-Type"), Some("application/wasm"));
            engine += bytes.len();
        }
    }
    assert!(engine > 100_000, "the engine has {engine} bytes");
}

type Decode = fn(&[u8]) -> Vec<u8>;

fn ungzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_end(&mut plain).expect("gzip");
    plain
}

fn unbrotli(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = brotli::Decompressor::new(bytes, 4_096);
    decoder.read_to_end(&mut plain).expect("Brotli");
    plain
}

/// All files below this folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("cargo xtask build makes it");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
