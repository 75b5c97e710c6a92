//! `assets`: what page this binary holds, as a list that `sha256sum` and `pawl verify-site` read.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::{complain, print};
use crate::http::assets::{Asset, WEB, sha256};
use crate::http::headers::SECURITY_HEADERS;

/// The first line of a list; its number changes when older readers would misread what follows.
const FORM: &str = "# pawl-page 1";

/// One line with `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Row<'a> {
    File {
        path: &'a str,
        sha256: String,
        bytes: usize,
    },
    Header {
        header: &'a str,
        value: &'a str,
    },
}

pub(super) fn assets(json: bool) -> ExitCode {
    if WEB.is_empty() {
        complain(&"this relay was built without its page; `cargo xtask build` builds both");
        return ExitCode::FAILURE;
    }
    match json {
        true => print(&rows(WEB)),
        false => print(&page_list(WEB)),
    }
}

/// Every file of a page with its SHA-256, sorted by path, and the headers that go with each: what
/// `pawl verify-site` compares a site with.
#[must_use]
pub fn page_list(files: &[Asset]) -> String {
    let mut list = format!("{FORM}\n");
    for (name, value) in SECURITY_HEADERS {
        // Writing into memory does not fail.
        let _ = writeln!(list, "# header {name}: {value}");
    }
    for (path, file) in sorted(files) {
        let _ = writeln!(list, "{}  {path}", sha256(file));
    }
    list
}

fn rows(files: &[Asset]) -> String {
    let headers = SECURITY_HEADERS
        .iter()
        .map(|(header, value)| Row::Header { header, value });
    let files = sorted(files).into_iter().map(|(path, file)| Row::File {
        path,
        sha256: sha256(file),
        bytes: file.plain.len(),
    });
    let rows = headers.chain(files);
    // Texts and numbers always become JSON.
    rows.filter_map(|row| serde_json::to_string(&row).ok())
        .map(|row| row + "\n")
        .collect()
}

/// Paths as below the page's own address, which may be under a prefix.
fn sorted(files: &[Asset]) -> Vec<(&str, &Asset)> {
    let path = |file: &Asset| file.path.trim_start_matches('/');
    let mut files: Vec<_> = files.iter().map(|file| (path(file), file)).collect();
    files.sort_by_key(|(path, _)| *path);
    files
}
