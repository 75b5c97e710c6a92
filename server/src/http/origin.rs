//! Which page may open a socket here, and which authority a client's signature must name.
//!
//! A browser sends `Origin` on every WebSocket and no page can forge it, so a foreign page is refused
//! before anything else. Other clients send none; their signature names the relay all the same.

use std::fmt;
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};

/// Longest authority that is believed: a DNS name (253), a port and a colon.
const MAX_AUTHORITY: usize = 260;

/// An origin at which browsers reach this relay: `scheme://authority`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin {
    origin: String,
    authority: String,
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Why a text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin looks like https://chat.example.org, without a path")]
pub struct BadOrigin;

impl FromStr for PublicOrigin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let origin = text.trim_end_matches('/').to_ascii_lowercase();
        let authority = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .and_then(valid_authority)
            .ok_or(BadOrigin)?;
        Ok(Self { authority, origin })
    }
}

/// Why a request may not open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No usable Host header.
    NoHost,
    /// The page is not ours.
    Foreign,
}

/// The authorities that a signature on this connection may name.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn check(
    request: &HttpRequest,
    public: &[PublicOrigin],
) -> Result<Vec<String>, Refusal> {
    let host = header(request, &HOST)
        .and_then(|host| valid_authority(&host))
        .ok_or(Refusal::NoHost)?;
    if request.headers().contains_key(ORIGIN) {
        let origin = header(request, &ORIGIN).ok_or(Refusal::Foreign)?;
        if !is_ours(&origin, &host, public) {
            return Err(Refusal::Foreign);
        }
    }
    if public.is_empty() {
        Ok(vec![host])
    } else {
        Ok(public.iter().map(|own| own.authority.clone()).collect())
    }
}

/// Where public origins are set, only those count: a foreign name that leads to this machine sends itself as Host, too.
fn is_ours(origin: &str, host: &str, public: &[PublicOrigin]) -> bool {
    if !public.is_empty() {
        return public.iter().any(|own| own.origin == origin);
    }
    let is_web = |scheme: &str| matches!(scheme, "http" | "https");
    origin
        .split_once("://")
        .is_some_and(|(scheme, rest)| is_web(scheme) && rest == host)
}

fn header(request: &HttpRequest, name: &actix_web::http::header::HeaderName) -> Option<String> {
    let value = request.headers().get(name)?.to_str().ok()?;
    Some(value.to_ascii_lowercase())
}

fn valid_authority(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let fits = !text.is_empty() && text.len() <= MAX_AUTHORITY && text.chars().all(plain);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn checked(host: &str, origin: Option<&str>, public: &[&str]) -> Result<Vec<String>, Refusal> {
        let mut request = TestRequest::default().insert_header((HOST, host));
        if let Some(origin) = origin {
            request = request.insert_header((ORIGIN, origin));
        }
        let public: Vec<PublicOrigin> = public
            .iter()
            .map(|origin| origin.parse().expect("an origin"))
            .collect();
        check(&request.to_http_request(), &public)
    }

    #[test]
    fn only_our_own_page_may_connect() {
        let own = Ok(vec!["chat.example:8080".to_owned()]);
        assert_eq!(checked("Chat.Example:8080", None, &[]), own);
        let page = Some("http://chat.example:8080");
        assert_eq!(checked("chat.example:8080", page, &[]), own);
        for foreign in [
            "http://evil.example",
            "ftp://chat.example:8080",
            "null",
            "",
            "http://chat.example",
            "x",
        ] {
            let refused = checked("chat.example:8080", Some(foreign), &[]);
            assert_eq!(refused, Err(Refusal::Foreign), "{foreign:?}");
        }
        assert_eq!(checked("a/b", None, &[]), Err(Refusal::NoHost));
    }

    #[test]
    fn behind_a_proxy_the_public_origin_counts() {
        let public = ["https://chat.example"];
        let signed = Ok(vec!["chat.example".to_owned()]);
        let page = Some("https://chat.example");
        assert_eq!(checked("127.0.0.1:8080", page, &public), signed);
        assert_eq!(checked("127.0.0.1:8080", None, &public), signed);
        let foreign = checked("127.0.0.1:8080", Some("http://chat.example"), &public);
        assert_eq!(foreign, Err(Refusal::Foreign));
    }

    #[test]
    fn a_path_is_not_an_origin() {
        for text in [
            "chat.example",
            "https://a/b",
            "ftp://a",
            "https://",
            "https://a b",
        ] {
            assert_eq!(PublicOrigin::from_str(text), Err(BadOrigin), "{text:?}");
        }
    }
}
