//! Which segment a client belongs to.
//!
//! A segment is a set of client networks that share a policy. The longest prefix wins, in IPv4 and IPv6. A segment may
//! also be chosen by the address or port that was *asked* (DNS people: a split view); those are looked at first.
//!
//! Prefixes are flattened into sorted, disjoint ranges when the table is compiled, so a query costs one binary search.

use crate::address::{SPELLINGS, Spelling, V4_BASE, on_line};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A client network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    network: u128,
    length: u8,
    v6: bool,
}

impl Prefix {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a bare address.
    pub fn parse(text: &str) -> Option<Prefix> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let (bits, v6) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), false),
            IpAddr::V6(v6) => (u128::from(v6), true),
        };
        let width = if v6 { 128 } else { 32 };
        let length = length.unwrap_or(width);
        let prefix = Prefix { network: bits, length, v6 };
        (length <= width && bits & prefix.host_mask() == 0).then_some(prefix)
    }

    fn host_mask(self) -> u128 {
        let host_bits = if self.v6 { 128 } else { 32 } - u32::from(self.length);
        u128::MAX.checked_shr(128 - host_bits).unwrap_or(0)
    }

    fn last(self) -> u128 {
        self.network | self.host_mask()
    }

    /// Its first address on the one line of both families ([`crate::address`]).
    pub(crate) fn first(self) -> u128 {
        self.on_line(self.network)
    }

    /// Its last address there.
    pub(crate) fn last_on_line(self) -> u128 {
        self.on_line(self.last())
    }

    /// The length of its prefix there, 0 to 128.
    pub(crate) fn bits(self) -> u8 {
        if self.v6 { self.length } else { self.length + 96 }
    }

    /// Whether it holds an address, however that is written.
    pub fn holds(self, address: IpAddr) -> bool {
        (self.first()..=self.last_on_line()).contains(&on_line(address))
    }

    /// Whether it is as narrow as these prefix lengths, of IPv4 and IPv6.
    pub(crate) fn is_at_least(self, v4: u8, v6: u8) -> bool {
        self.length >= if self.v6 { v6 } else { v4 }
    }

    /// How many addresses it has; at most `u128::MAX`.
    pub(crate) fn addresses(self) -> u128 {
        self.host_mask().saturating_add(1)
    }

    /// The network that it is on the one line: a network of spellings of IPv4 addresses is theirs. `None` where there is none:
    /// it holds all IPv4 addresses in some spelling beside others, or spellings that have no order.
    pub(crate) fn meant(self) -> Option<Prefix> {
        // `::` and `::1` are IPv6's own.
        if !self.v6 || self.last() <= 1 {
            return Some(self);
        }
        match SPELLINGS.iter().find(|spelling| self.meets(spelling)) {
            Some(spelling) if self.length < spelling.v4_at => None,
            Some(spelling) => Some(self.spelt(spelling)),
            None => Some(self),
        }
    }

    /// Whether it is a part of such a network, or holds all of it. A network around Teredo's is about others too, and no
    /// wider for it.
    fn meets(self, spelling: &Spelling) -> bool {
        let shift = 128 - u32::from(spelling.length.min(self.length));
        let is_same = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
        let block = spelling.block << (128 - u32::from(spelling.length));
        let is_around = self.length < spelling.length;
        is_same(self.network) == is_same(block) && !(is_around && spelling.length < spelling.v4_at)
    }

    fn spelt(self, spelling: &Spelling) -> Prefix {
        // A 6to4 network below one address is that address.
        let length = (self.length - spelling.v4_at).min(32);
        let written = (self.network >> (96 - u32::from(spelling.v4_at))) as u32;
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        let v4 = if spelling.is_inverted { !written } else { written } & mask;
        Prefix { network: u128::from(v4), length, v6: false }
    }

    /// Whether it is of IPv6.
    pub(crate) fn is_v6(self) -> bool {
        self.v6
    }

    fn on_line(self, bits: u128) -> u128 {
        if self.v6 { bits } else { V4_BASE | bits }
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.v6 {
            true => write!(f, "{}/{}", std::net::Ipv6Addr::from(self.network), self.length),
            false => write!(f, "{}/{}", Ipv4Addr::from(self.network as u32), self.length),
        }
    }
}

/// Disjoint ranges over one address family: from `starts[i]` up to the next start, `values[i]`.
#[derive(Clone, Debug, Default)]
struct Ranges<K> {
    starts: Vec<K>,
    values: Vec<Option<u16>>,
}

impl<K: Ord + Copy> Ranges<K> {
    #[inline]
    fn get(&self, key: K) -> Option<u16> {
        let after = self.starts.partition_point(|start| *start <= key);
        self.values.get(after.wrapping_sub(1)).copied().flatten()
    }
}

/// Longest-prefix match over both families.
#[derive(Clone, Debug, Default)]
pub struct PrefixMap {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl PrefixMap {
    /// Builds the map; of two equal prefixes the first wins.
    pub fn new(entries: &[(Prefix, u16)]) -> Self {
        let v4 = flatten(entries, false);
        let v6 = flatten(entries, true);
        Self {
            v4: Ranges { starts: v4.iter().map(|(start, _)| *start as u32).collect(), values: values(&v4) },
            v6: Ranges { starts: v6.iter().map(|(start, _)| *start).collect(), values: values(&v6) },
        }
    }

    /// The value of the longest prefix that holds `address`.
    #[inline]
    pub fn get(&self, address: IpAddr) -> Option<u16> {
        match address {
            IpAddr::V4(v4) => self.v4.get(u32::from(v4)),
            IpAddr::V6(v6) => self.v6.get(u128::from(v6)),
        }
    }
}

fn values(ranges: &[(u128, Option<u16>)]) -> Vec<Option<u16>> {
    ranges.iter().map(|(_, value)| *value).collect()
}

/// A sweep over the edges of all prefixes; at each edge the longest open prefix is the value from there on.
fn flatten(entries: &[(Prefix, u16)], v6: bool) -> Vec<(u128, Option<u16>)> {
    let mut prefixes: Vec<&(Prefix, u16)> = entries.iter().filter(|(prefix, _)| prefix.v6 == v6).collect();
    prefixes.sort_by_key(|(prefix, _)| (prefix.network, prefix.length));
    prefixes.dedup_by_key(|(prefix, _)| (prefix.network, prefix.length));
    let mut ranges: Vec<(u128, Option<u16>)> = Vec::new();
    let mut open: Vec<(u128, u16)> = Vec::new();
    let last_address = if v6 { u128::MAX } else { u128::from(u32::MAX) };
    let close_until = |limit: Option<u128>, open: &mut Vec<(u128, u16)>, ranges: &mut Vec<(u128, Option<u16>)>| {
        while let Some((last, _)) = open.last().copied() {
            if limit.is_some_and(|limit| last >= limit) {
                break;
            }
            open.pop();
            if last < last_address {
                push(ranges, last + 1, open.last().map(|(_, value)| *value));
            }
        }
    };
    for (prefix, value) in prefixes {
        close_until(Some(prefix.network), &mut open, &mut ranges);
        push(&mut ranges, prefix.network, Some(*value));
        open.push((prefix.last(), *value));
    }
    close_until(None, &mut open, &mut ranges);
    ranges
}

fn push(ranges: &mut Vec<(u128, Option<u16>)>, start: u128, value: Option<u16>) {
    match ranges.last_mut() {
        Some(last) if last.0 == start => last.1 = value,
        _ => ranges.push((start, value)),
    }
}

/// An address, a port or both that a query may have been sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl Asked {
    /// Reads `192.0.2.53`, `2001:db8::53`, `:5301`, `192.0.2.53:53` or `[2001:db8::53]:53`.
    pub fn parse(text: &str) -> Option<Asked> {
        if let Some(port) = text.strip_prefix(':').filter(|rest| !rest.contains(':')) {
            return Some(Asked { address: None, port: Some(port.parse().ok()?) });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Asked { address: Some(address), port: None });
        }
        let both = text.parse::<SocketAddr>().ok()?;
        Some(Asked { address: Some(both.ip()), port: Some(both.port()) })
    }

    fn fits(&self, local: SocketAddr) -> bool {
        self.address.is_none_or(|address| address == local.ip()) && self.port.is_none_or(|port| port == local.port())
    }

    fn exactness(&self) -> u8 {
        u8::from(self.address.is_some()) * 2 + u8::from(self.port.is_some())
    }
}

/// The segment and policy that serve a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Index of the segment; `None` for a client that no segment names.
    pub segment: Option<u16>,
    /// Index of the policy in force for it now.
    pub policy: u16,
    /// Index of the policy of its network: another one where the group of a device tightens it.
    pub network: u16,
}

/// What selection says of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Served under this policy.
    Served(Selected),
    /// Outside every allowed network: REFUSED.
    Outside,
}

/// The segments of a policy table, ready for selection.
#[derive(Clone, Debug, Default)]
pub struct SegmentMap {
    asked: Vec<(Asked, PrefixMap)>,
    anywhere: PrefixMap,
    allowed: PrefixMap,
}

impl SegmentMap {
    /// `entries`: the prefixes and the asked doors of each segment, by index. `allowed`: who may ask at all.
    pub fn new(entries: &[(Vec<Prefix>, Vec<Asked>)], allowed: &[Prefix]) -> Self {
        let mut anywhere = Vec::new();
        let mut doors: Vec<(Asked, Vec<(Prefix, u16)>)> = Vec::new();
        for (at, (prefixes, asked)) in entries.iter().enumerate() {
            let pairs: Vec<_> = prefixes.iter().map(|prefix| (*prefix, at as u16)).collect();
            if asked.is_empty() {
                anywhere.extend(pairs);
                continue;
            }
            // A segment chosen only by what was asked takes every allowed client that asks there.
            let pairs =
                if prefixes.is_empty() { allowed.iter().map(|prefix| (*prefix, at as u16)).collect() } else { pairs };
            for door in asked {
                match doors.iter_mut().find(|(other, _)| other == door) {
                    Some((_, known)) => known.extend(pairs.iter().copied()),
                    None => doors.push((*door, pairs.clone())),
                }
            }
        }
        // Address and port before address, address before port.
        doors.sort_by_key(|(door, _)| std::cmp::Reverse(door.exactness()));
        Self {
            asked: doors.into_iter().map(|(door, pairs)| (door, PrefixMap::new(&pairs))).collect(),
            anywhere: PrefixMap::new(&anywhere),
            allowed: PrefixMap::new(&allowed.iter().map(|prefix| (*prefix, 0)).collect::<Vec<_>>()),
        }
    }

    /// Whether a client may ask, and the segment it is in.
    #[inline]
    pub fn segment_of(&self, client: IpAddr, local: SocketAddr) -> Option<Option<u16>> {
        let client = canonical(client);
        self.allowed.get(client)?;
        let by_door = || {
            let mut fitting = self.asked.iter().filter(|(door, _)| door.fits(local));
            fitting.find_map(|(_, prefixes)| prefixes.get(client))
        };
        Some(if self.asked.is_empty() { None } else { by_door() }.or_else(|| self.anywhere.get(client)))
    }
}

/// IPv4-mapped IPv6 addresses are IPv4 clients of a dual-stack socket.
#[inline]
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), |v4: Ipv4Addr| IpAddr::V4(v4)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).expect("a prefix")
    }

    fn local(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn host_bits_and_impossible_lengths_are_no_prefix() {
        for text in ["192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129", "x/8", "192.0.2.0/-1"] {
            assert_eq!(Prefix::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_door_wins_over_a_prefix_and_outside_is_outside() {
        let map = SegmentMap::new(
            &[
                (vec![prefix("192.0.2.0/24")], vec![]),
                (vec![], vec![Asked::parse(":5301").expect("a port")]),
                (vec![prefix("192.0.2.0/25")], vec![Asked::parse("198.51.100.53").expect("an address")]),
            ],
            &[prefix("192.0.2.0/24"), prefix("203.0.113.0/24")],
        );
        let ask = |client: &str, door: &str| map.segment_of(client.parse().expect("an address"), local(door));
        assert_eq!(ask("192.0.2.9", "198.51.100.1:53"), Some(Some(0)));
        assert_eq!(ask("192.0.2.9", "198.51.100.1:5301"), Some(Some(1)));
        assert_eq!(ask("192.0.2.9", "198.51.100.53:53"), Some(Some(2)));
        assert_eq!(ask("192.0.2.200", "198.51.100.53:53"), Some(Some(0)), "outside the door's own prefix");
        assert_eq!(ask("::ffff:192.0.2.9", "198.51.100.1:53"), Some(Some(0)));
        assert_eq!(ask("203.0.113.1", "198.51.100.1:53"), Some(None), "allowed, in no segment");
        assert_eq!(ask("198.51.100.7", "198.51.100.1:5301"), None, "never an open resolver");
    }

    proptest! {
        #[test]
        fn the_longest_prefix_wins(
            raw in proptest::collection::vec((any::<u32>(), 0u8..=32), 0..40),
            probes in proptest::collection::vec(any::<u32>(), 20),
        ) {
            let mut entries: Vec<(Prefix, u16)> = Vec::new();
            for (at, (bits, length)) in raw.iter().enumerate() {
                let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
                let text = format!("{}/{length}", Ipv4Addr::from(bits & mask));
                entries.push((prefix(&text), at as u16));
            }
            let map = PrefixMap::new(&entries);
            let edges = entries.iter().flat_map(|(p, _)| [p.network as u32, p.last() as u32, (p.last() as u32).wrapping_add(1)]);
            for probe in probes.into_iter().chain(edges) {
                let holds = |p: &Prefix| p.network <= u128::from(probe) && u128::from(probe) <= p.last();
                let best = entries.iter().filter(|(p, _)| holds(p)).max_by_key(|(p, at)| (p.length, std::cmp::Reverse(*at)));
                prop_assert_eq!(map.get(IpAddr::V4(probe.into())), best.map(|(_, at)| *at));
            }
        }

        #[test]
        fn ipv6_is_matched_like_ipv4(bits in any::<u128>(), length in 0u8..=128, probe in any::<u128>()) {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            let entry = prefix(&format!("{}/{length}", Ipv6Addr::from(bits & mask)));
            let map = PrefixMap::new(&[(entry, 3)]);
            let inside = entry.network <= probe && probe <= entry.last();
            prop_assert_eq!(map.get(IpAddr::V6(probe.into())).is_some(), inside);
        }
    }
}
