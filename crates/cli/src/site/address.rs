//! Where a site is, and where what its files name lies.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Longest address that is taken.
const MAX_ADDRESS: usize = 300;

/// The address of a page, ending with a slash; it may be under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteAddress(Url);

impl SiteAddress {
    /// The address of a path below it.
    pub(crate) fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Paths below the site that a name in one of its files may mean: beside that file first, then beside the page.
    /// None for what is no file; an error is the address, where it is on another site.
    pub(crate) fn places(&self, file: &str, name: &str) -> Result<Vec<String>, String> {
        let mut places = Vec::new();
        let own = Url::parse(&self.of(file));
        for base in [own.as_ref().unwrap_or(&self.0), &self.0] {
            let Ok(url) = base.join(name) else {
                continue;
            };
            if !matches!(url.scheme(), "http" | "https") {
                continue;
            }
            if url.origin() != self.0.origin() {
                return Err(url.into());
            }
            let path = url.path().strip_prefix(self.0.path());
            let path = path.ok_or_else(|| url.to_string())?.to_owned();
            if !places.contains(&path) {
                places.push(path);
            }
        }
        Ok(places)
    }
}

impl fmt::Display for SiteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SiteAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a site looks like https://chat.example.org".to_owned();
        let mut url = match text.len() {
            0..=MAX_ADDRESS => Url::parse(text).map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => {
                return Err(
                    "what comes without TLS may be anybody's: https://, or http:// on this machine"
                        .to_owned(),
                );
            }
            _ => return Err(wrong()),
        }
        let is_bare = url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        let path = url.path();
        let path = path.strip_suffix("/index.html").unwrap_or(path);
        let path = format!("{}/", path.trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_read_as_people_type_it() {
        let cases = [
            ("https://Chat.Example.org", "https://chat.example.org/"),
            ("https://a.example:443/", "https://a.example/"),
            ("https://a.example:8443", "https://a.example:8443/"),
            ("https://a.example/chat", "https://a.example/chat/"),
            (
                "https://a.example/chat/index.html",
                "https://a.example/chat/",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://localhost:8080", "http://localhost:8080/"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
        ];
        for (typed, site) in cases {
            let read: SiteAddress = typed.parse().expect(typed);
            assert_eq!(read.to_string(), site, "{typed}");
        }
    }

    #[test]
    fn what_is_no_site_is_refused() {
        for typed in [
            "",
            "chat.example.org",
            "ftp://a.example",
            "http://a.example",
            "http://127.0.0.1.example.org",
            "https://a.example?b",
            "https://a.example#b",
            "https://u@a.example",
            &format!("https://{}", "a".repeat(400)),
        ] {
            assert!(typed.parse::<SiteAddress>().is_err(), "{typed}");
        }
    }

    #[test]
    fn a_name_lies_beside_its_file_or_beside_the_page() {
        let site: SiteAddress = "https://a.example/chat/".parse().expect("a site");
        let places = |file: &str, name: &str| site.places(file, name);
        let found = |paths: &[&str]| Ok(paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(places("", "./assets/a.js"), found(&["assets/a.js"]));
        assert_eq!(
            places("assets/a.js", "./b.js?x#y"),
            found(&["assets/b.js", "b.js"])
        );
        assert_eq!(
            places("assets/a.js", "assets/b.js"),
            found(&["assets/assets/b.js", "assets/b.js"])
        );
        assert_eq!(places("", "data:text/javascript,1"), found(&[]));
        for elsewhere in [
            "https://b.example/a.js",
            "//b.example/a.js",
            "/a.js",
            "\\\\b.example\\a.js",
        ] {
            assert!(places("assets/a.js", elsewhere).is_err(), "{elsewhere}");
        }
    }
}
