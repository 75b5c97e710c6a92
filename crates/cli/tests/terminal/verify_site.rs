//! Whether a server hands out the page of a release: what is found, and what is not said.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pawl_server::{Asset, SECURITY_HEADERS, page_list};

use crate::support::site::{alter, path_of, serve};
use crate::support::{Ended, Relay, ended, pawl};
use crate::tls::proxy;

const fn asset(path: &'static str, plain: &'static [u8]) -> Asset {
    Asset {
        path,
        content_type: "text/plain",
        hash: "00",
        immutable: false,
        plain,
        brotli: None,
        gzip: None,
    }
}

/// A page in small: each file is named by another one, as in the real one.
static PAGE: &[Asset] = &[
    asset(
        "/assets/index-1.js",
        b"new Worker(new URL('worker-2.js', import.meta.url)); say('none.js')",
    ),
    asset("/assets/worker-2.js", b"load('core-3.wasm')"),
    asset("/assets/core-3.wasm", b"\0asm"),
    asset("/assets/index-4.css", b"b { background: url(./saw-5.svg) }"),
    asset("/assets/saw-5.svg", b"<svg/>"),
    asset(
        "/index.html",
        b"<link href=\"./assets/index-4.css\"><script src=\"./assets/index-1.js\"></script><a href=\"./\">",
    ),
];

struct Release {
    folder: tempfile::TempDir,
    relay: Relay,
}

impl Release {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("list"), page_list(PAGE)).expect("a file");
        let relay = Relay::serving(PAGE);
        Self { folder, relay }
    }

    fn list(&self) -> PathBuf {
        self.folder.path().join("list")
    }

    fn verify(&self, url: &str, more: &[&str]) -> Ended {
        let mut command = pawl();
        command
            .args(["verify-site", url, "--release"])
            .arg(self.list())
            .args(more);
        ended(command, "")
    }

    /// It differs, and says so in these lines and no others.
    #[track_caller]
    fn differs(&self, url: &str, lines: &[&str]) {
        let said = self.verify(url, &[]).refused(1, "differs from the release");
        let said: Vec<_> = said.out.lines().collect();
        assert_eq!(said.len(), lines.len(), "{said:#?}");
        for (said, expected) in said.iter().zip(lines) {
            assert!(said.starts_with(expected), "{said}: {expected}");
        }
    }
}

#[test]
fn the_page_of_the_release_is_the_same_at_the_root_and_under_a_prefix() {
    let release = Release::new();
    let under = alter(release.relay.address(), "/chat", |_, _| ());
    for url in [
        release.relay.url(),
        under.clone(),
        format!("{under}/index.html"),
    ] {
        let said = release.verify(&url, &[]).good();
        let end = format!(
            "has the page of this release: 6 files and {} headers are the same\n",
            SECURITY_HEADERS.len()
        );
        assert!(said.ends_with(&end), "{said}");
    }
    let said = release.verify(&release.relay.url(), &["--json"]).good();
    let said: serde_json::Value = serde_json::from_str(&said).expect("one line of JSON");
    assert_eq!((&said["equal"], &said["files"]), (&true.into(), &6.into()));
    // Beside the prefix there is nothing.
    let beside = under.replace("/chat", "/");
    let said = release.verify(&beside, &[]).refused(1, "differs");
    assert!(
        said.out.contains("the page: not there (404)"),
        "{}",
        said.out
    );
}

#[test]
fn one_changed_byte_is_named_wherever_it_is() {
    let release = Release::new();
    for file in PAGE {
        let url = alter(release.relay.address(), "", |path, answer| {
            if path == file.path || (path == "/" && file.path == "/index.html") {
                answer.body[1] ^= 1;
            }
        });
        let name = file.path.trim_start_matches('/');
        let line = format!("{name}: other content: SHA-256 ");
        let lines = match name {
            "index.html" => vec!["the page: other content: SHA-256 ", &line],
            // What another script speaks of is named.
            "assets/index-1.js" => vec![&line, "assets/none.js: not in the release"],
            _ => vec![line.as_str()],
        };
        release.differs(&url, &lines);
    }
}

#[test]
fn the_page_that_a_browser_gets_counts_and_not_only_the_file_by_its_name() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| {
        if path == "/" {
            answer.body.push(b'\n');
        }
    });
    release.differs(&url, &["the page: other content"]);
}

#[test]
fn an_added_script_is_named_with_what_it_loads_in_turn() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| match path {
        "/" | "/index.html" => {
            answer
                .body
                .extend(b"<script src=./assets/more.js></script>");
            answer
                .body
                .extend(b"<script src=https://e.example/e.js></script>");
        }
        "/assets/more.js" => {
            answer.status = "200 OK".to_owned();
            answer.with_body("import './most.js'");
        }
        _ => {}
    });
    release.differs(
        &url,
        &[
            "the page: other content",
            "index.html: it names another site: https://e.example/e.js",
            "index.html: other content",
            "assets/more.js: not in the release, and named by index.html; the site has it, SHA-256 ",
            "assets/most.js: not in the release, and named by assets/more.js",
        ],
    );
}

/// What a file of the release names and the release does not have is nothing, unless the site has it.
#[test]
fn a_file_that_the_release_only_speaks_of_counts_where_it_is_there() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| {
        if path == "/assets/none.js" {
            answer.status = "200 OK".to_owned();
        }
    });
    release.differs(
        &url,
        &["assets/none.js: not in the release, and named by assets/index-1.js; the site has it"],
    );
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    let release = Release::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let elsewhere = serve(move |mut stream| {
        path_of(&mut stream);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let to = format!("http://{elsewhere}/worker-2.js");
    let url = alter(release.relay.address(), "", move |path, answer| {
        if path == "/assets/worker-2.js" {
            answer.status = "302 Found".to_owned();
            answer.set("Location", Some(&to));
        }
    });
    release.differs(
        &url,
        &["assets/worker-2.js: redirected to \"http://127.0.0.1:"],
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_file_that_is_missing_or_refused_is_named() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| match path {
        "/assets/core-3.wasm" => answer.status = "404 Not Found".to_owned(),
        "/assets/saw-5.svg" => answer.status = "403 Forbidden".to_owned(),
        _ => {}
    });
    release.differs(
        &url,
        &[
            "assets/core-3.wasm: not there (404)",
            "assets/saw-5.svg: not handed out (403)",
        ],
    );
}

#[test]
fn each_header_is_missed_on_each_file() {
    let release = Release::new();
    for (header, _) in SECURITY_HEADERS {
        let url = alter(release.relay.address(), "", move |path, answer| {
            if path == "/assets/worker-2.js" {
                answer.set(header, None);
            }
        });
        let line = format!("{header} of assets/worker-2.js: missing");
        release.differs(&url, &[&line]);
    }
}

#[test]
fn a_header_that_is_weaker_doubled_or_added_is_named_with_both_values() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| {
        let policy = SECURITY_HEADERS[0].1.replace("'none'", "*");
        answer.set("Content-Security-Policy", Some(&policy));
        if path == "/assets/index-1.js" {
            let again = ("Referrer-Policy".to_owned(), "unsafe-url".to_owned());
            answer.headers.push(again);
            answer.set("Link", Some("</e.css>; rel=stylesheet"));
        }
    });
    release.differs(
        &url,
        &[
            "Content-Security-Policy of the page and 6 more: \"default-src *; ",
            "Link of assets/index-1.js: \"</e.css>; rel=stylesheet\", in the release none",
            "Referrer-Policy of assets/index-1.js: \"no-referrer, unsafe-url\", in the release \"no-ref",
        ],
    );
}

#[test]
fn what_a_server_says_does_not_reach_the_terminal_as_it_is() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| {
        if path == "/assets/worker-2.js" {
            answer.status = "302 Found".to_owned();
            answer.set("Location", Some("/\u{202e}\u{9b}31m"));
        }
    });
    let said = release.verify(&url, &[]).refused(1, "differs");
    assert!(said.out.contains("\\u{202e}\\u{9b}31m"), "{}", said.out);
}

#[test]
fn where_nothing_can_be_compared_one_line_says_why() {
    let release = Release::new();
    let verify = |url: &str| release.verify(url, &["--timeout", "2"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    verify(&nobody).refused(2, "refused");
    verify("https://nobody.invalid").refused(2, "nobody.invalid");
    let silent = serve(|mut stream| {
        path_of(&mut stream);
        std::thread::sleep(std::time::Duration::from_secs(60));
    });
    verify(&format!("http://{silent}")).refused(2, "no answer in time");
    let endless = |head: &'static str, piece: &'static str| {
        let at = serve(move |mut stream| {
            path_of(&mut stream);
            let piece = piece.repeat(1_000);
            let mut sent = stream.write_all(head.as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(piece.as_bytes());
            }
        });
        format!("http://{at}")
    };
    let body = endless("HTTP/1.1 200 OK\r\n\r\n", "0123456789");
    release
        .verify(&body, &[])
        .refused(2, "more than 8388608 bytes come");
    let head = endless("HTTP/1.1 200 OK\r\n", "Header: 0123456789\r\n");
    release.verify(&head, &[]).refused(2, &head);
    let junk = serve(|mut stream| {
        path_of(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    });
    verify(&format!("http://{junk}")).refused(2, "");
    let busy = alter(release.relay.address(), "", |_, answer| {
        answer.status = "502 Bad Gateway".to_owned();
    });
    verify(&busy).refused(2, "answers 502");
}

/// What was found before the server went away is said.
#[test]
fn a_difference_counts_also_where_the_rest_cannot_be_reached() {
    let release = Release::new();
    let url = alter(release.relay.address(), "", |path, answer| match path {
        "/" => answer.body.push(b' '),
        "/index.html" => answer.status = "503 Service Unavailable".to_owned(),
        _ => {}
    });
    let said = release.verify(&url, &[]).refused(1, "answers 503");
    assert!(
        said.out.starts_with("the page: other content"),
        "{}",
        said.out
    );
}

#[test]
fn bad_input_is_one_line() {
    let release = Release::new();
    let url = release.relay.url();
    for (url, words) in [
        ("chat.example.org", "a site looks like"),
        ("http://chat.example.org", "without TLS"),
        ("https://chat.example.org?x", "a site looks like"),
    ] {
        release.verify(url, &[]).refused(2, words);
    }
    for (list, words) in [
        ("", "does not begin with"),
        ("# pawl-page 2\n", "another version"),
        ("# pawl-page 1\nindex.html\n", "line 2 is neither"),
        ("# pawl-page 1\n", "no index.html"),
    ] {
        std::fs::write(release.list(), list).expect("a file");
        release.verify(&url, &[]).refused(2, words);
    }
    std::fs::write(release.list(), vec![b'#'; 1_100_000]).expect("a file");
    release.verify(&url, &[]).refused(2, "longer than");
    std::fs::write(release.list(), [0xff]).expect("a file");
    release.verify(&url, &[]).refused(2, "no text");
    std::fs::remove_file(release.list()).expect("a file");
    release.verify(&url, &[]).refused(2, "No such file");
    std::fs::create_dir(release.list()).expect("a folder");
    release.verify(&url, &[]).refused(2, "directory");
}

#[test]
fn behind_tls_the_certificate_counts() {
    let release = Release::new();
    let (port, certificate) = proxy(release.relay.address(), "localhost");
    let file = release.folder.path().join("certificate.pem");
    std::fs::write(&file, certificate).expect("a file");
    let verify = |host: &str, trusted: bool| {
        let mut command = pawl();
        command
            .args([
                "verify-site",
                &format!("https://{host}:{port}"),
                "--release",
            ])
            .arg(release.list());
        if trusted {
            command.env("SSL_CERT_FILE", &file);
        }
        ended(command, "")
    };
    verify("localhost", false).refused(2, "certificate");
    verify("127.0.0.1", true).refused(2, "certificate");
    let said = verify("localhost", true).good();
    assert!(said.contains("has the page of this release"), "{said}");
}
