//! Networks as operators write them, and what counts as one subscriber.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A range of addresses: `203.0.113.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Prefixes of IPv6 that count: what one household has at least, what many have, and what a site has.
const PREFIXES: [u8; LEVELS] = [64, 56, 48];

/// How many networks around an address count, at most.
pub(crate) const LEVELS: usize = 3;

/// How many times the allowance of one address each of them has. A /48 has 65,536 /64s and is often one customer's.
pub(crate) const SHARES: [NonZeroU32; LEVELS] = [
    NonZeroU32::MIN,
    NonZeroU32::MIN.saturating_add(1),
    NonZeroU32::MIN.saturating_add(3),
];

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address or a network is needed, for example 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"
)]
pub struct BadNetwork;

impl Network {
    /// Whether an address is in it. An IPv4 address in IPv6's clothes is an IPv4 address.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }

    /// Whether every address of its kind is in it.
    pub(crate) fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// More than anybody means to shut out without a second thought: above a /8, in IPv6 above a /16.
    pub(crate) fn is_wide(&self) -> bool {
        self.prefix < if self.first.is_ipv4() { 8 } else { 16 }
    }

    /// What an address counts in, the narrowest first: an IPv4 address alone; an IPv6 /64, its /56 and its /48.
    pub(crate) fn around(address: IpAddr) -> impl Iterator<Item = Self> {
        let address = address.to_canonical();
        let prefixes: &[u8] = match address {
            IpAddr::V4(_) => &[32],
            IpAddr::V6(_) => &PREFIXES,
        };
        prefixes.iter().map(move |prefix| Self {
            first: masked(address, *prefix),
            prefix: *prefix,
        })
    }

    /// The narrowest of these.
    pub(crate) fn subscriber(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { 32 } else { PREFIXES[0] };
        Self {
            first: masked(address, prefix),
            prefix,
        }
    }

    /// The narrowest and the widest of these: of an IPv4 address the same, once.
    pub(crate) fn ends(address: IpAddr) -> impl Iterator<Item = Self> {
        let narrow = Self::subscriber(address);
        let wide = Self::around(address).last();
        std::iter::once(narrow).chain(wide.filter(move |wide| *wide != narrow))
    }

    /// The widest of IPv6 that count.
    pub(crate) fn is_site(&self) -> bool {
        self.first.is_ipv6() && self.prefix == PREFIXES[LEVELS - 1]
    }

    /// Whether all of another network is in this one.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.has(other.first)
    }

    /// The network around this one of which it costs more to have many.
    pub(crate) fn wider(self) -> Self {
        let prefix = match (self.first, self.prefix) {
            (IpAddr::V4(_), prefix) => prefix.min(24),
            (IpAddr::V6(_), 49..) => 48,
            (IpAddr::V6(_), prefix) => prefix.min(32),
        };
        Self {
            first: masked(self.first, prefix),
            prefix,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().map_err(|_| BadNetwork)?)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| BadNetwork)?;
        let address = address.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        if prefix > most {
            return Err(BadNetwork);
        }
        Ok(Self {
            first: masked(address, prefix),
            prefix,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// The first address of the network that this one is in.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX
                .checked_shl(32u32.saturating_sub(prefix))
                .unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128u32.saturating_sub(prefix))
                .unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        let cases = [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "::ffff:203.0.113.9", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.77/24", "203.0.113.1", true),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ];
        for (network, address, expected) in cases {
            let network: Network = network.parse().expect("a network");
            assert_eq!(network.has(ip(address)), expected, "{network} {address}");
        }
        for text in [
            "",
            "a",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/",
            "1.2.3.4/-1",
            "alice",
        ] {
            assert_eq!(text.parse::<Network>(), Err(BadNetwork), "{text}");
        }
    }

    fn around(text: &str) -> Vec<String> {
        let networks = Network::around(ip(text));
        networks.map(|network| network.to_string()).collect()
    }

    #[test]
    fn an_address_counts_in_its_subscribers_network_and_in_those_around_it() {
        let expected = [
            "2001:db8:1:203::/64",
            "2001:db8:1:200::/56",
            "2001:db8:1::/48",
        ];
        assert_eq!(around("2001:db8:1:203::7"), expected);
        assert_eq!(around("192.0.2.1"), ["192.0.2.1/32"]);
        assert_eq!(around("::ffff:192.0.2.1"), ["192.0.2.1/32"]);
        for text in ["2001:db8:1:203::7", "192.0.2.1", "::ffff:192.0.2.1"] {
            let subscriber = Network::subscriber(ip(text)).to_string();
            assert_eq!(subscriber, around(text)[0]);
        }
    }

    #[test]
    fn the_network_around_one_is_wider() {
        let wider = |text: &str| text.parse::<Network>().map(|it| it.wider().to_string());
        for (network, expected) in [
            ("2001:db8:1:203::/64", "2001:db8:1::/48"),
            ("2001:db8:1:200::/56", "2001:db8:1::/48"),
            ("2001:db8:1::/48", "2001:db8::/32"),
            ("192.0.2.1", "192.0.2.0/24"),
        ] {
            assert_eq!(wider(network), Ok(expected.to_owned()));
        }
    }
}
