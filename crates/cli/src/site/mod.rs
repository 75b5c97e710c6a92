//! What a server hands out as Pawl's page, compared with what a release says: bytes of every file, and the headers
//! that go with each. Knows no account and no store.

mod address;
mod fetch;
mod list;
mod references;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sha2::{Digest, Sha256};

pub(crate) use self::address::SiteAddress;
use self::fetch::{Answer, Client};
pub(crate) use self::list::PageList;
use self::references::references;

/// The page's own file: what a browser gets for the site's address.
const INDEX: &str = "index.html";
/// Files beyond the list that are looked at; further ones are named and not fetched.
const MAX_UNLISTED: usize = 64;

/// Headers that the relay never sends and that have a browser load, run or share something.
const FOREIGN_HEADERS: [&str; 9] = [
    "Access-Control-Allow-Origin",
    "Clear-Site-Data",
    "Content-Encoding",
    "Link",
    "Refresh",
    "Service-Worker-Allowed",
    "SourceMap",
    "Speculation-Rules",
    "Use-As-Dictionary",
];

/// Something that is not as in the release.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// A file, and what is wrong with it.
    File { file: String, what: String },
    /// A header, what is wrong with it, and the files that come so.
    Header {
        header: String,
        what: String,
        files: Vec<String>,
    },
}

/// How a comparison ended.
pub(crate) struct Outcome {
    pub(crate) differences: Vec<Difference>,
    /// Why it could not be carried out to its end.
    pub(crate) stopped: Option<String>,
}

/// Fetches a site's page and compares it.
pub(crate) fn compare(site: &SiteAddress, list: &PageList, timeout: u64) -> Outcome {
    let mut comparison = Comparison {
        site,
        list,
        differences: Vec::new(),
        headers: BTreeMap::new(),
        unlisted: BTreeSet::new(),
        open: VecDeque::new(),
    };
    let stopped = comparison.run(&Client::new(timeout)).err();
    Outcome {
        differences: comparison.finish(),
        stopped,
    }
}

/// Where a file beyond the list was named.
struct Unlisted {
    path: String,
    by: String,
    /// Whether the file that names it is the release's own: then it may be a text that names no file.
    by_release: bool,
}

struct Comparison<'a> {
    site: &'a SiteAddress,
    list: &'a PageList,
    differences: Vec<Difference>,
    /// By header and what is wrong with it: the files.
    headers: BTreeMap<(String, String), Vec<String>>,
    /// Paths beyond the list that were named so far.
    unlisted: BTreeSet<String>,
    open: VecDeque<Unlisted>,
}

impl Comparison<'_> {
    fn run(&mut self, client: &Client) -> Result<(), String> {
        // As a browser comes in, then the page's file by its own name, then all the rest.
        self.look(client, "", INDEX)?;
        for path in self.list.files.keys() {
            self.look(client, path, path)?;
        }
        while let Some(unlisted) = self.open.pop_front() {
            self.look_beyond(client, &unlisted)?;
        }
        Ok(())
    }

    /// Compares what comes for a path with a file of the list.
    fn look(&mut self, client: &Client, path: &str, file: &str) -> Result<(), String> {
        let name = if path.is_empty() { "the page" } else { path };
        let answer = client.get(&self.site.of(path))?;
        if let Some(what) = refusal(&answer) {
            self.differs(name, what);
            return Ok(());
        }
        self.look_at_headers(name, &answer);
        let expected = self.list.files.get(file).map_or("", String::as_str);
        let digest = sha256(&answer.body);
        let is_same = digest == expected;
        if !is_same {
            let what = format!("other content: SHA-256 {digest}, in the release {expected}");
            self.differs(name, what);
        }
        self.follow(path, file, &answer.body, is_same);
        Ok(())
    }

    /// Looks at a file that is not on the list.
    fn look_beyond(&mut self, client: &Client, unlisted: &Unlisted) -> Result<(), String> {
        let Unlisted {
            path,
            by,
            by_release,
        } = unlisted;
        let answer = client.get(&self.site.of(path))?;
        let is_there = refusal(&answer).is_none();
        if *by_release && !is_there {
            return Ok(());
        }
        let there = match is_there {
            true => format!("; the site has it, SHA-256 {}", sha256(&answer.body)),
            false => String::new(),
        };
        self.differs(
            path,
            format!("not in the release, and named by {by}{there}"),
        );
        if is_there {
            self.look_at_headers(path, &answer);
            self.follow(path, path, &answer.body, false);
        }
        Ok(())
    }

    /// Notes what a file names that is not on the list.
    fn follow(&mut self, path: &str, file: &str, content: &[u8], is_same: bool) {
        let by = if path.is_empty() { INDEX } else { path };
        for name in references(file, content) {
            let places = self.site.places(path, &name);
            let listed = |place: &String| place.is_empty() || self.list.files.contains_key(place);
            match places {
                Ok(places) if places.iter().any(listed) => {}
                Ok(places) => {
                    let Some(path) = places.into_iter().next() else {
                        continue;
                    };
                    if !self.unlisted.insert(path.clone()) {
                        continue;
                    }
                    let (by, by_release) = (by.to_owned(), is_same);
                    if self.unlisted.len() <= MAX_UNLISTED {
                        self.open.push_back(Unlisted {
                            path,
                            by,
                            by_release,
                        });
                    } else if !is_same {
                        self.differs(&path, format!("not in the release, and named by {by}"));
                    }
                }
                Err(elsewhere) if !is_same => {
                    self.differs(by, format!("it names another site: {elsewhere}"));
                }
                Err(_) => {}
            }
        }
    }

    fn look_at_headers(&mut self, name: &str, answer: &Answer) {
        let wrong = self.list.headers.iter().filter_map(|(header, expected)| {
            let what = match answer.header(header) {
                None => "missing".to_owned(),
                Some(found) if found == *expected => return None,
                Some(found) => format!("\"{found}\", in the release \"{expected}\""),
            };
            Some((header.clone(), what))
        });
        let foreign = FOREIGN_HEADERS.iter().filter_map(|header| {
            let found = answer.header(header)?;
            Some((
                (*header).to_owned(),
                format!("\"{found}\", in the release none"),
            ))
        });
        for wrong in wrong.chain(foreign) {
            let files = self.headers.entry(wrong).or_default();
            files.push(name.to_owned());
        }
    }

    fn differs(&mut self, file: &str, what: String) {
        let difference = Difference::File {
            file: file.to_owned(),
            what,
        };
        if !self.differences.contains(&difference) {
            self.differences.push(difference);
        }
    }

    fn finish(self) -> Vec<Difference> {
        let headers = self
            .headers
            .into_iter()
            .map(|((header, what), files)| Difference::Header {
                header,
                what,
                files,
            });
        self.differences.into_iter().chain(headers).collect()
    }
}

/// Why an answer is no file.
fn refusal(answer: &Answer) -> Option<String> {
    match answer.status {
        200 => None,
        300..=399 => {
            let to = answer.header("Location").unwrap_or_default();
            Some(format!("redirected to \"{to}\" ({})", answer.status))
        }
        404 | 410 => Some(format!("not there ({})", answer.status)),
        status => Some(format!("not handed out ({status})")),
    }
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
