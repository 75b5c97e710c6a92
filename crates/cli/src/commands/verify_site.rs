//! Whether a server hands out the page of a release. Needs no account.

use std::path::Path;

use serde::Serialize;

use crate::failure::{Code, Failure};
use crate::output::{Output, safe};
use crate::site::{self, Difference, PageList, SiteAddress};

/// Longest description of a difference that is printed for people.
const MAX_SHOWN: usize = 2_000;

/// A line, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Shown<'a> {
    #[serde(rename = "difference")]
    File { file: &'a str, what: &'a str },
    #[serde(rename = "difference")]
    Header {
        header: &'a str,
        files: &'a [String],
        what: &'a str,
    },
    Site {
        url: &'a str,
        equal: bool,
        files: usize,
        headers: usize,
    },
}

pub(super) fn run(output: &Output, url: &str, release: &Path, timeout: u64) -> Result<(), Failure> {
    let site: SiteAddress = url.parse().map_err(Failure::usage)?;
    let list = PageList::read(release).map_err(Failure::usage)?;
    let outcome = site::compare(&site, &list, timeout);
    show(output, &site, &list, &outcome).map_err(|failure| match failure.code {
        // Only a difference ends with 1.
        Code::Other => Failure::new(Code::Usage, failure.line),
        _ => failure,
    })?;
    let count = outcome.differences.len();
    match (outcome.stopped, count) {
        (None, 0) => Ok(()),
        (Some(why), 0) => Err(Failure::usage(safe(&why))),
        (why, count) => {
            let rest = why.map_or_else(String::new, |why| format!("; then {why}"));
            let differences = match count {
                1 => "one difference".to_owned(),
                count => format!("{count} differences"),
            };
            let line = format!("{site} differs from the release: {differences}{rest}");
            Err(Failure::new(Code::Other, safe(&line)))
        }
    }
}

fn show(
    output: &Output,
    site: &SiteAddress,
    list: &PageList,
    outcome: &site::Outcome,
) -> Result<(), Failure> {
    for difference in &outcome.differences {
        match output.is_json() {
            true => output.json(&as_json(difference))?,
            false => output.line(&in_words(difference))?,
        }
    }
    let (files, headers) = list.counts();
    let equal = outcome.differences.is_empty();
    if outcome.stopped.is_some() {
        return Ok(());
    }
    match output.is_json() {
        true => output.json(&Shown::Site {
            url: &site.to_string(),
            equal,
            files,
            headers,
        }),
        false if equal => output.line(&format!(
            "{site} has the page of this release: {files} files and {headers} headers are the same"
        )),
        false => Ok(()),
    }
}

fn as_json(difference: &Difference) -> Shown<'_> {
    match difference {
        Difference::File { file, what } => Shown::File { file, what },
        Difference::Header {
            header,
            what,
            files,
        } => Shown::Header {
            header,
            files,
            what,
        },
    }
}

/// What a server said may hold anything.
fn in_words(difference: &Difference) -> String {
    let text = match difference {
        Difference::File { file, what } => format!("{file}: {what}"),
        Difference::Header {
            header,
            what,
            files,
        } => format!("{header} of {}: {what}", named(files)),
    };
    let text = safe(&text);
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn named(files: &[String]) -> String {
    match files {
        [first, _, _, rest @ ..] => format!("{first} and {} more", rest.len() + 2),
        few => few.join(" and "),
    }
}
