//! Where the relay is, as a person types it and as it is connected to.

use std::fmt;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// Longest address that is taken.
const MAX_ADDRESS: usize = 300;

/// An address of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelayAddress {
    is_secure: bool,
    authority: String,
}

impl RelayAddress {
    /// `host[:port]` as it stands in the Host header, which signatures name.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// What the WebSocket is opened to.
    pub(crate) fn socket_url(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}/api/ws", self.authority)
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl FromStr for RelayAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a relay looks like https://chat.example.org".to_owned();
        if text.len() > MAX_ADDRESS {
            return Err(wrong());
        }
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false => format!("https://{text}"),
        };
        let uri: Uri = whole.parse().map_err(|_| wrong())?;
        let is_secure = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        let host = authority.host().to_ascii_lowercase();
        let usual = if is_secure { 443 } else { 80 };
        let authority = match authority.port_u16() {
            Some(port) if port != usual => format!("{host}:{port}"),
            _ => host,
        };
        Ok(Self {
            is_secure,
            authority,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_type_it() {
        let cases = [
            ("chat.example.org", "wss://chat.example.org/api/ws"),
            (
                "https://Chat.Example.org:443/",
                "wss://chat.example.org/api/ws",
            ),
            (
                "https://chat.example.org:8443",
                "wss://chat.example.org:8443/api/ws",
            ),
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/api/ws"),
            ("ws://[::1]:80", "ws://[::1]/api/ws"),
        ];
        for (typed, url) in cases {
            let address: RelayAddress = typed.parse().expect(typed);
            assert_eq!(address.socket_url(), url);
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in [
            "",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "a b",
            &"a".repeat(400),
        ] {
            assert!(typed.parse::<RelayAddress>().is_err(), "{typed}");
        }
    }
}
