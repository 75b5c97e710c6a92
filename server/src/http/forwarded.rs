//! Whose address counts where proxies stand in front.
//!
//! `X-Forwarded-For` is written by whoever likes, so it is believed only from configured proxies, and only from
//! the right, where they append: the first address that is not one of theirs is the client's.

use std::net::IpAddr;

use actix_web::HttpRequest;

use crate::limits::network::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client behind a connection from `peer`.
pub(crate) fn client(peer: IpAddr, request: &HttpRequest, proxies: &[Network]) -> IpAddr {
    let lines = request.headers().get_all(FORWARDED_FOR);
    let lines: Vec<&str> = lines
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.has(address));
    let mut client = peer;
    for hop in hops {
        if !is_proxy(client) {
            break;
        }
        match address(hop.trim()) {
            Some(next) => client = next,
            // What a proxy passed on and is no address says no more than the proxy's own.
            None => break,
        }
    }
    client
}

/// Some proxies write a port, or brackets.
fn address(hop: &str) -> Option<IpAddr> {
    hop.parse::<IpAddr>()
        .ok()
        .or_else(|| {
            hop.parse::<std::net::SocketAddr>()
                .ok()
                .map(|both| both.ip())
        })
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, lines: &[&str], proxies: &[&str]) -> String {
        let mut request = TestRequest::default();
        for line in lines {
            request = request.append_header((FORWARDED_FOR, *line));
        }
        let proxies: Vec<Network> = proxies
            .iter()
            .map(|network| network.parse().expect("a network"))
            .collect();
        let peer = peer.parse().expect("an address");
        client(peer, &request.to_http_request(), &proxies).to_string()
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"], &[]), "192.0.2.1");
        let proxies = ["10.0.0.0/8", "2001:db8::/64"];
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"], &proxies), "192.0.2.1");
        assert_eq!(
            seen("10.0.0.1", &["198.51.100.7"], &proxies),
            "198.51.100.7"
        );
        assert_eq!(
            seen("::ffff:10.0.0.1", &["198.51.100.7"], &proxies),
            "198.51.100.7"
        );
        assert_eq!(
            seen("2001:db8::9", &["198.51.100.7:443"], &proxies),
            "198.51.100.7"
        );
        assert_eq!(
            seen("10.0.0.1", &["[2001:db8:1::5]"], &proxies),
            "2001:db8:1::5"
        );
    }

    #[test]
    fn what_a_client_writes_itself_stands_left_and_does_not_count() {
        let proxies = ["10.0.0.0/8"];
        let forged = ["1.1.1.1, 198.51.100.7"];
        assert_eq!(seen("10.0.0.1", &forged, &proxies), "198.51.100.7");
        let two_proxies = ["1.1.1.1, 198.51.100.7, 10.0.0.2"];
        assert_eq!(seen("10.0.0.1", &two_proxies, &proxies), "198.51.100.7");
        let two_lines = ["1.1.1.1", "198.51.100.7, 10.0.0.2"];
        assert_eq!(seen("10.0.0.1", &two_lines, &proxies), "198.51.100.7");
        // A client that names a proxy of ours gets no further than what ours appended.
        assert_eq!(
            seen("10.0.0.1", &["10.0.0.9, 198.51.100.7"], &proxies),
            "198.51.100.7"
        );
    }

    #[test]
    fn what_is_no_address_leaves_the_proxys() {
        let proxies = ["10.0.0.0/8"];
        for line in ["", "unknown", "_hidden", "1.1.1.1, unknown"] {
            assert_eq!(seen("10.0.0.1", &[line], &proxies), "10.0.0.1", "{line}");
        }
        assert_eq!(seen("10.0.0.1", &[], &proxies), "10.0.0.1");
    }
}
