//! A release's list of its page: what `pawl-server assets` prints.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::INDEX;

/// The first line.
const FORM: &str = "# pawl-page 1";
/// Longest list, in bytes; a page has some twenty files.
const MAX_LIST: u64 = 1024 * 1024;
/// Most files on one.
const MAX_FILES: usize = 1_000;
/// Characters of a SHA-256.
const HASH: usize = 64;

/// What a page has to be.
#[derive(Debug)]
pub(crate) struct PageList {
    /// SHA-256 by path.
    pub(super) files: BTreeMap<String, String>,
    /// Headers that go with every file.
    pub(super) headers: Vec<(String, String)>,
}

impl PageList {
    /// Reads a list; an error is one line.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = Vec::new();
        let read = file.take(MAX_LIST + 1).read_to_end(&mut text);
        read.map_err(failed)?;
        let wrong = |why: String| format!("{} is no list of a page: {why}", path.display());
        if text.len() as u64 > MAX_LIST {
            return Err(wrong(format!("it is longer than {MAX_LIST} bytes")));
        }
        let text = String::from_utf8(text).map_err(|_| wrong("it is no text".to_owned()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// How many files and headers it has.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.files.len(), self.headers.len())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines());
        match lines.next() {
            Some((_, FORM)) => {}
            Some((_, line)) if line.starts_with("# pawl-page ") => {
                return Err("it is of another version of Pawl".to_owned());
            }
            _ => return Err(format!("it does not begin with \"{FORM}\"")),
        }
        let mut list = Self {
            files: BTreeMap::new(),
            headers: Vec::new(),
        };
        for (number, line) in lines {
            list.add(line)
                .ok_or_else(|| format!("line {number} is neither a file nor a header"))?;
        }
        if !list.files.contains_key(INDEX) {
            return Err(format!("it has no {INDEX}"));
        }
        if list.headers.is_empty() {
            return Err("it names no headers".to_owned());
        }
        Ok(list)
    }

    /// Nothing where a line is not as it must be.
    fn add(&mut self, line: &str) -> Option<()> {
        if let Some(header) = line.strip_prefix("# header ") {
            let (name, value) = header.split_once(": ")?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let is_known = self.headers.iter().any(|(known, _)| known == name);
            if name.is_empty() || !name.chars().all(is_name) || value.is_empty() || is_known {
                return None;
            }
            self.headers.push((name.to_owned(), value.to_owned()));
            return Some(());
        }
        let (hash, path) = line.split_once("  ")?;
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if hash.len() != HASH || !hash.chars().all(is_digit) || !is_path(path) {
            return None;
        }
        if self.files.len() == MAX_FILES {
            return None;
        }
        let before = self.files.insert(path.to_owned(), hash.to_owned());
        before.is_none().then_some(())
    }
}

/// A path below the page, which needs no escapes in an address.
fn is_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    path.split('/')
        .all(|part| !matches!(part, "" | "." | "..") && part.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# pawl-page 1\n# header Referrer-Policy: no-referrer\n";

    fn file(path: &str) -> String {
        format!("{}  {path}\n", "0a".repeat(32))
    }

    #[test]
    fn a_list_has_files_and_headers() {
        let text = [HEAD, &file("assets/a-1.js"), &file("index.html")].concat();
        let list = PageList::parse(&text).expect("a list");
        assert_eq!(list.counts(), (2, 1));
        assert_eq!(list.files["assets/a-1.js"], "0a".repeat(32));
        let header = ("Referrer-Policy".to_owned(), "no-referrer".to_owned());
        assert_eq!(list.headers, [header]);
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_reason() {
        let index = file("index.html");
        let twice = [HEAD, &index, &index].concat();
        let header_twice = [HEAD, &HEAD[14..], &index].concat();
        let cases = [
            (String::new(), "does not begin"),
            (index.clone(), "does not begin"),
            (HEAD.replace('1', "2"), "another version"),
            (HEAD.to_owned(), "no index.html"),
            (["# pawl-page 1\n", &index].concat(), "no headers"),
            (
                [HEAD, &index.replace("0a0a", "0A0A")].concat(),
                "line 3 is neither",
            ),
            (
                [HEAD, &index.replace("  ", " *")].concat(),
                "line 3 is neither",
            ),
            ([HEAD, &file("../index.html")].concat(), "line 3 is neither"),
            ([HEAD, &file("/index.html")].concat(), "line 3 is neither"),
            ([HEAD, &file("a b")].concat(), "line 3 is neither"),
            ([HEAD, &index, "\n"].concat(), "line 4 is neither"),
            (twice, "line 4 is neither"),
            (header_twice, "line 3 is neither"),
            (
                (0..=MAX_FILES).fold(HEAD.to_owned(), |list, n| list + &file(&n.to_string())),
                "line 1003 is neither",
            ),
        ];
        for (text, why) in cases {
            let error = PageList::parse(&text).expect_err(why);
            assert!(error.contains(why), "{error}: {why}");
        }
    }
}
