//! Which addresses may be dialled.
//!
//! A registry can name any host: in a redirect, an upload location, a token realm. A host that the
//! *user* named may be anywhere; one that only a registry named must not lead into a network that
//! the registry itself is not in. The check stands in the resolver, whose addresses are the very ones
//! that are dialled: there is no second look-up that could give another answer.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Where an address is, the widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Zone {
    /// Anywhere.
    Public = 0,
    /// A network of somebody's own (RFC 1918, 4193, 6598).
    Private = 1,
    /// This machine.
    Loopback = 2,
    /// Link-local (where clouds keep their secrets), multicast, reserved: never by hearsay.
    Never = 3,
}

impl Zone {
    pub(crate) fn of(address: IpAddr) -> Zone {
        match address {
            IpAddr::V4(address) => Zone::of_v4(address),
            IpAddr::V6(address) => Zone::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Zone {
        match address.octets() {
            [127, ..] => Zone::Loopback,
            [10, ..] | [192, 168, ..] => Zone::Private,
            [172, b, ..] if b & 0xf0 == 16 => Zone::Private,
            [100, b, ..] if b & 0xc0 == 64 => Zone::Private,
            [198, 18 | 19, ..] | [192, 0, 0, _] => Zone::Private,
            [0, ..] | [169, 254, ..] | [224..=255, ..] => Zone::Never,
            _ => Zone::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Zone {
        let embedded = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Zone::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Zone::Loopback,
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => embedded(high, low),
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
            [0x2002, high, low, ..] => embedded(high, low),
            [first, ..] if first & 0xfe00 == 0xfc00 => Zone::Private,
            [first, ..] if first & 0xffc0 == 0xfe80 => Zone::Never,
            [first, ..] if first & 0xff00 == 0xff00 => Zone::Never,
            _ => Zone::Public,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Zone::Public => "a public address",
            Zone::Private => "an address in a private network",
            Zone::Loopback => "an address of this machine",
            Zone::Never => "a link-local or reserved address",
        })
    }
}

/// The zone that a registry is in, once it has been dialled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Home(Arc<AtomicU8>);

impl Home {
    /// Notes an address of the registry; of several the narrowest zone counts.
    pub(crate) fn note(&self, address: IpAddr) {
        let zone = Zone::of(address);
        if zone != Zone::Never {
            self.0.fetch_max(zone as u8, Ordering::Relaxed);
        }
    }

    /// Whether a host that only the registry named may be at this address.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        let zone = Zone::of(address);
        zone == Zone::Public
            || (zone != Zone::Never && zone as u8 <= self.0.load(Ordering::Relaxed))
    }
}

/// What was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` is {zone}: {address}")]
pub(crate) struct Blocked {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    zone: Zone,
}

impl Blocked {
    pub(crate) fn new(host: &str, address: IpAddr) -> Self {
        Blocked {
            host: host.to_owned(),
            address,
            zone: Zone::of(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        for (address, zone) in [
            ("8.8.8.8", Zone::Public),
            ("2606:4700::1", Zone::Public),
            ("10.1.2.3", Zone::Private),
            ("172.16.0.1", Zone::Private),
            ("172.31.255.255", Zone::Private),
            ("172.32.0.1", Zone::Public),
            ("192.168.1.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("100.128.0.1", Zone::Public),
            ("fd00::1", Zone::Private),
            ("127.0.0.1", Zone::Loopback),
            ("127.9.9.9", Zone::Loopback),
            ("::1", Zone::Loopback),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("::127.0.0.1", Zone::Loopback),
            ("64:ff9b::7f00:1", Zone::Loopback),
            ("2002:7f00:1::", Zone::Loopback),
            ("::ffff:10.0.0.1", Zone::Private),
            ("0.0.0.0", Zone::Never),
            ("::", Zone::Never),
            ("169.254.169.254", Zone::Never),
            ("::ffff:169.254.169.254", Zone::Never),
            ("fe80::1", Zone::Never),
            ("224.0.0.1", Zone::Never),
            ("255.255.255.255", Zone::Never),
            ("ff02::1", Zone::Never),
        ] {
            assert_eq!(Zone::of(address.parse().unwrap()), zone, "{address}");
        }
    }

    #[test]
    fn a_registry_leads_no_further_in_than_it_is() {
        let admits = |home: &str, address: &str| {
            let guard = Home::default();
            if !home.is_empty() {
                guard.note(home.parse().unwrap());
            }
            guard.admits(address.parse().unwrap())
        };
        for (home, address, expected) in [
            ("8.8.8.8", "1.1.1.1", true),
            ("8.8.8.8", "10.0.0.1", false),
            ("8.8.8.8", "127.0.0.1", false),
            ("8.8.8.8", "169.254.169.254", false),
            ("", "10.0.0.1", false),
            ("10.0.0.1", "10.0.0.2", true),
            ("10.0.0.1", "127.0.0.1", false),
            ("127.0.0.1", "10.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", true),
            ("127.0.0.1", "169.254.169.254", false),
            ("169.254.169.254", "169.254.169.254", false),
        ] {
            assert_eq!(admits(home, address), expected, "{home} -> {address}");
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        let blocked = Blocked::new("evil.example", "169.254.169.254".parse().unwrap());
        assert_eq!(
            blocked.to_string(),
            "`evil.example` is a link-local or reserved address: 169.254.169.254"
        );
    }
}
