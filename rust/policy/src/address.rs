//! Addresses that an answer points at: one number line for both families, and the networks that no public name may lead to.
//!
//! IPv4 stands at its mapped place (`::ffff:0:0/96`), and the ways to write an IPv4 address as IPv6 (mapped, compatible,
//! NAT64, 6to4, Teredo) stand for that address, so that no spelling slips past. A NAT64 prefix of a network's own cannot be
//! known here.

use std::net::{IpAddr, Ipv4Addr};

/// Where the IPv4 addresses stand: `::ffff:0:0/96`.
pub const V4_BASE: u128 = 0xffff_0000_0000;
/// NAT64, the well-known prefix `64:ff9b::/96` (RFC 6052).
const NAT64: u128 = 0x0064_ff9b << 96;
/// 6to4, `2002::/16` (RFC 3056): the IPv4 address follows.
const SIX_TO_FOUR: u128 = 0x2002;
/// Teredo, `2001::/32` (RFC 4380): the client's IPv4 address ends it, each bit inverted.
const TEREDO: u128 = 0x2001_0000;

/// A network in which IPv6 addresses stand for IPv4 ones.
pub(crate) struct Spelling {
    /// Its first bits, as a number.
    pub block: u128,
    /// How many they are.
    pub length: u8,
    /// At which bit the IPv4 address begins.
    pub v4_at: u8,
    /// Its bits are inverted.
    pub is_inverted: bool,
}

/// All of them, for networks; for one address [`on_line`] says the same.
pub(crate) const SPELLINGS: [Spelling; 5] = [
    Spelling { block: 0xffff, length: 96, v4_at: 96, is_inverted: false },
    Spelling { block: NAT64 >> 32, length: 96, v4_at: 96, is_inverted: false },
    Spelling { block: 0, length: 96, v4_at: 96, is_inverted: false },
    Spelling { block: SIX_TO_FOUR, length: 16, v4_at: 16, is_inverted: false },
    Spelling { block: TEREDO, length: 32, v4_at: 96, is_inverted: true },
];

/// An address on the one line.
#[must_use]
pub fn on_line(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => mapped(v4),
        IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            let low = bits as u32;
            match bits >> 32 {
                0xffff => bits,
                high if high == NAT64 >> 32 => V4_BASE | u128::from(low),
                // IPv4-compatible (RFC 4291 section 2.5.5.1); `::` and `::1` are IPv6's own.
                0 if low > 1 => V4_BASE | u128::from(low),
                _ if bits >> 112 == SIX_TO_FOUR => V4_BASE | (bits >> 80 & 0xffff_ffff),
                _ if bits >> 96 == TEREDO => V4_BASE | u128::from(!low),
                _ => bits,
            }
        }
    }
}

fn mapped(v4: Ipv4Addr) -> u128 {
    V4_BASE | u128::from(u32::from(v4))
}

/// First address and prefix length of the IPv4 networks that have no public owner: this network (RFC 791), private
/// (RFC 1918), shared (RFC 6598), loopback, link-local (RFC 3927), protocol assignments (RFC 6890), benchmarks (RFC 2544),
/// multicast, reserved with broadcast (RFC 1112).
const PRIVATE_V4: [(Ipv4Addr, u32); 11] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
/// Addresses of the protocol assignments that public answers hold: anycast of PCP (RFC 7723) and TURN (RFC 8155), and what
/// `ipv4only.arpa` has for hosts to find their network's NAT64 by (RFC 7050).
const PUBLIC_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(192, 0, 0, 9),
    Ipv4Addr::new(192, 0, 0, 10),
    Ipv4Addr::new(192, 0, 0, 170),
    Ipv4Addr::new(192, 0, 0, 171),
];
/// First bits, as a number, and prefix length of the IPv6 networks that have no public owner: NAT64 of a network's own
/// (RFC 8215), unique local (RFC 4193), link-local, site-local of old, multicast.
const PRIVATE_V6: [(u128, u32); 5] =
    [(0x0064_ff9b_0001, 48), (0xfc >> 1, 7), (0xfe80 >> 6, 10), (0xfec0 >> 6, 10), (0xff, 8)];

/// Whether an address belongs to some local network, so that a public name that leads there turns a browser against the
/// network it is in (DNS rebinding).
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    let bits = on_line(address);
    if bits >> 32 == V4_BASE >> 32 {
        let v4 = Ipv4Addr::from(bits as u32);
        let holds =
            |(network, length): &(Ipv4Addr, u32)| (u32::from(v4) ^ u32::from(*network)).leading_zeros() >= *length;
        return PRIVATE_V4.iter().any(holds) && !PUBLIC_V4.contains(&v4);
    }
    // `::` and `::1`.
    bits <= 1 || PRIVATE_V6.iter().any(|(network, length)| bits >> (128 - length) == *network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_belongs_to_no_public_network_is_private_however_it_is_written() {
        for private in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.0.0",
            "192.0.0.255",
            "198.18.0.0",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::192.168.1.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "2002:c0a8:101::",
            "64:ff9b:1::1",
            "64:ff9b:1:ffff:ffff:ffff:808:808",
            "ff02::1",
            // Teredo, of 10.0.0.1 and of 127.0.0.1.
            "2001:0:808:808::f5ff:fffe",
            "2001::80ff:fffe",
            // No list is fetched from these, and no client is led to them (`tests/unit/lists/test_addresses.py`).
            "127.8.9.10",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "fd00::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(is_private(of(private)), "{private}");
        }
    }

    #[test]
    fn their_neighbours_are_public() {
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "192.0.2.1",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.0.9",
            "192.0.0.170",
            "64:ff9b::c000:aa",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "64:ff9b:2::1",
            "2001:0:a00:1::f7f7:f7f7",
            "2001:db8::1",
            "fbff::1",
            "fe00::1",
            "fe7f::1",
            "2002:808:808::",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9c::10.0.0.1",
            "2003:a00:1::1",
        ] {
            assert!(!is_private(of(public)), "{public}");
        }
    }

    #[test]
    fn every_way_to_write_an_ipv4_address_is_that_address() {
        for written in [
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::",
            "2002:808:808:1::7",
            "2001::f7f7:f7f7",
        ] {
            assert_eq!(on_line(of(written)), on_line(of("8.8.8.8")), "{written}");
        }
        assert_eq!(on_line(of("2001:4860:4860::8888")), 0x2001_4860_4860_0000_0000_0000_0000_8888);
    }
}
