//! Which lists name an address: sorted, disjoint ranges, each with the number of its set of sources.
//!
//! As with names, what lists say adds up: an address carries the sources of every listed network that holds it. Inside one
//! source the longest prefix that speaks of the address decides, so a feed may spare an address of a network it lists.
//! The sets are numbered with those of the name table: a decision knows no difference.

use crate::address::on_line;
use crate::address_rule::AddressRule;
use crate::name_table::NameTable;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// Prefixes that all lists together may name. Real lists of resolvers have thousands; at 24 octets a range twice this is
/// 100 MB, and a feed that lists addresses one by one without end must not take the resolver's memory.
pub const MAX_PREFIXES: usize = 1 << 21;

/// A range begins here and ends where the next begins; set 0: no list names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct AddressRange {
    high: u64,
    low: u64,
    pub(crate) set: u64,
}

impl AddressRange {
    fn new(start: u128, set: u32) -> Self {
        Self { high: (start >> 64) as u64, low: start as u64, set: u64::from(set) }
    }

    fn start(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// An immutable table from addresses to statement sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressTable {
    pub(crate) ranges: Vec<AddressRange>,
}

impl AddressTable {
    /// The set of an address; 0 where no list names it.
    pub fn find(&self, address: IpAddr) -> u32 {
        let address = on_line(address);
        let after = self.ranges.partition_point(|range| range.start() <= address);
        self.ranges.get(after.wrapping_sub(1)).map_or(0, |range| range.set as u32)
    }

    /// Octets it occupies.
    pub fn size_octets(&self) -> usize {
        size_of_val(&*self.ranges)
    }

    /// Whether a file's ranges rise, and name sets that there are.
    pub(crate) fn is_sound(&self, sets: u64) -> bool {
        let rises = self.ranges.windows(2).all(|pair| matches!(pair, [a, b] if a.start() < b.start()));
        rises && self.ranges.iter().all(|range| range.set < sets)
    }
}

/// Collects networks and their sources.
#[derive(Default)]
pub struct AddressTableBuilder {
    entries: Vec<(AddressRule, u32)>,
}

impl AddressTableBuilder {
    /// Adds what one source says; `false` when there is no more room.
    pub fn add(&mut self, rule: AddressRule, source: u32) -> bool {
        let has_room = self.entries.len() < MAX_PREFIXES;
        if has_room {
            self.entries.push((rule, source));
        }
        has_room
    }

    /// The finished table; its sets are added to those of `names`.
    pub fn build(self, names: &mut NameTable) -> AddressTable {
        let mut sets = Sets::of(names);
        let mut open: Vec<(u128, AddressRule, u32)> = Vec::new();
        let mut ranges: Vec<AddressRange> = Vec::new();
        for (rule, source) in self.distinct() {
            close_before(Some(rule.prefix.first()), &mut open, &mut ranges, &mut sets);
            open.push((rule.prefix.last_on_line(), rule, source));
            push(&mut ranges, rule.prefix.first(), sets.number(&open));
        }
        close_before(None, &mut open, &mut ranges, &mut sets);
        sets.finish(names);
        AddressTable { ranges }
    }
}

impl AddressTableBuilder {
    /// Wider before narrower, so that those open at an address form a stack. What one source says of one network stands there
    /// once, a listing before a sparing: the stack is no deeper than prefix lengths times sources, whatever a feed repeats.
    fn distinct(mut self) -> Vec<(AddressRule, u32)> {
        let place = |(rule, source): &(AddressRule, u32)| (rule.prefix.first(), rule.prefix.bits(), *source);
        self.entries.sort_by_key(|entry| (place(entry), !entry.0.lists));
        self.entries.dedup_by_key(|entry| place(entry));
        self.entries
    }
}

/// Ends the networks that end before `start`, all of them where there is none.
fn close_before(
    start: Option<u128>,
    open: &mut Vec<(u128, AddressRule, u32)>,
    ranges: &mut Vec<AddressRange>,
    sets: &mut Sets,
) {
    while let Some((last, ..)) = open.last().copied().filter(|(last, ..)| start.is_none_or(|start| *last < start)) {
        open.pop();
        if let Some(next) = last.checked_add(1) {
            push(ranges, next, sets.number(open));
        }
    }
}

fn push(ranges: &mut Vec<AddressRange>, start: u128, set: u32) {
    ranges.pop_if(|last| last.start() == start);
    if ranges.last().map_or(0, |last| last.set) != u64::from(set) {
        ranges.push(AddressRange::new(start, set));
    }
}

/// The sets of a name table, and those that addresses need besides.
struct Sets {
    numbers: HashMap<Vec<u32>, u32>,
    added: Vec<Vec<u32>>,
    next: u32,
}

impl Sets {
    fn of(names: &NameTable) -> Self {
        let count = names.set_count() as u32;
        let numbers = (0..count).map(|set| (names.set(set).to_vec(), set)).collect();
        Self { numbers, added: Vec::new(), next: count }
    }

    fn number(&mut self, open: &[(u128, AddressRule, u32)]) -> u32 {
        // The narrowest comes last and decides for its source.
        let said: BTreeMap<u32, bool> = open.iter().map(|(_, rule, source)| (*source, rule.lists)).collect();
        let set: Vec<u32> = said.into_iter().filter_map(|(source, lists)| lists.then_some(source)).collect();
        if set.is_empty() {
            return 0;
        }
        *self.numbers.entry(set).or_insert_with_key(|set| {
            self.added.push(set.clone());
            self.next += 1;
            self.next - 1
        })
    }

    fn finish(self, names: &mut NameTable) {
        for set in self.added {
            names.items.extend(set);
            names.starts.push(names.items.len() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Prefix;
    use crate::snapshot::Snapshot;
    use proptest::prelude::*;

    fn rule(text: &str, lists: bool) -> AddressRule {
        AddressRule { prefix: Prefix::parse(text).expect("a network"), lists }
    }

    fn built(entries: &[(AddressRule, u32)]) -> (AddressTable, NameTable) {
        let mut names = Snapshot::empty().names().clone();
        let mut builder = AddressTableBuilder::default();
        entries.iter().for_each(|(rule, source)| assert!(builder.add(*rule, *source)));
        let table = builder.build(&mut names);
        (table, names)
    }

    fn sources(entries: &[(AddressRule, u32)], address: &str) -> Vec<u32> {
        let (table, names) = built(entries);
        names.set(table.find(address.parse().expect("an address"))).to_vec()
    }

    #[test]
    fn an_address_carries_every_network_that_holds_it() {
        let lists = [(rule("192.0.2.0/24", true), 0), (rule("192.0.2.53", true), 1), (rule("2001:db8::/32", true), 2)];
        assert_eq!(sources(&lists, "192.0.2.53"), [0, 1]);
        assert_eq!(sources(&lists, "::ffff:192.0.2.53"), [0, 1]);
        assert_eq!(sources(&lists, "192.0.2.54"), [0]);
        assert_eq!(sources(&lists, "192.0.3.0"), [0; 0]);
        assert_eq!(sources(&lists, "192.0.1.255"), [0; 0]);
        assert_eq!(sources(&lists, "2001:db8:ffff::"), [2]);
        assert_eq!(sources(&lists, "2001:db9::"), [0; 0]);
    }

    #[test]
    fn a_feed_may_spare_an_address_of_its_own_network_and_of_no_other() {
        let lists = [(rule("192.0.2.0/24", true), 0), (rule("192.0.2.53", false), 0), (rule("192.0.2.0/25", true), 1)];
        assert_eq!(sources(&lists, "192.0.2.53"), [1]);
        assert_eq!(sources(&lists, "192.0.2.52"), [0, 1]);
    }

    #[test]
    fn what_a_source_repeats_stands_there_once() {
        let mut builder = AddressTableBuilder::default();
        for at in 0..100_000u32 {
            let written = if at % 3 == 0 { "::ffff:192.0.2.0/120" } else { "192.0.2.0/24" };
            assert!(builder.add(rule(written, at % 5 != 0), at % 2));
        }
        let distinct = builder.distinct();
        assert_eq!(distinct.len(), 2, "one for each source");
        assert!(distinct.iter().all(|(rule, _)| rule.lists), "and a listing wins");
    }

    #[test]
    fn the_ends_of_the_line_are_addresses_too() {
        let last = [(rule("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124", true), 0)];
        assert_eq!(sources(&last, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), [0]);
        assert_eq!(sources(&[(rule("::/16", true), 0)], "::"), [0]);
    }

    proptest! {
        #[test]
        fn it_says_what_a_walk_over_all_entries_says(
            entries in proptest::collection::vec((0u32..256, 24u8..=32, any::<bool>(), 0u32..4), 0..24),
            addresses in proptest::collection::vec(0u32..300, 20),
        ) {
            let base = 0xc000_0200u32;
            let entries: Vec<(AddressRule, u32)> = entries.iter().map(|(at, length, lists, source)| {
                let network = (base | at) & u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
                (rule(&format!("{}/{length}", std::net::Ipv4Addr::from(network)), *lists), *source)
            }).collect();
            let (table, names) = built(&entries);
            prop_assert!(table.is_sound(names.set_count() as u64));
            for at in addresses {
                let address = IpAddr::from(std::net::Ipv4Addr::from(base + at));
                let mut expected = Vec::new();
                for source in 0..4 {
                    let holding = entries.iter().filter(|(rule, of)| *of == source && rule.prefix.holds(address));
                    let decides = holding.max_by_key(|(rule, _)| (rule.prefix.bits(), rule.lists));
                    expected.extend(decides.filter(|(rule, _)| rule.lists).map(|_| source));
                }
                prop_assert_eq!(names.set(table.find(address)), expected);
            }
        }
    }
}
