//! Which forwarders answer for which names: a table of zones, each with the number of its set. The longest zone wins; set 0
//! has the rest.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use schoolgate_wire::{Name, rtype};

/// The set that answers for every name without a zone of its own.
const DEFAULT_SET: usize = 0;

/// Zone, in folded wire format, to the number of its set.
#[derive(Default)]
pub struct Zones(HashMap<Box<[u8]>, usize, RandomState>);

impl Zones {
    /// A table of these zones.
    pub fn new(zones: impl IntoIterator<Item = (Name, usize)>) -> Self {
        Self(zones.into_iter().map(|(zone, set)| (zone.as_wire().into(), set)).collect())
    }

    /// The set for a question. The DS records of a zone are its parent's, and so is the server that has them (RFC 4035 section
    /// 3.1.4.1).
    pub fn select_for(&self, name: &[u8], qtype: u16) -> usize {
        let parent = name.split_first().and_then(|(length, rest)| rest.get(usize::from(*length)..));
        match parent {
            Some(parent) if qtype == rtype::DS && !parent.is_empty() => self.select(parent),
            _ => self.select(name),
        }
    }

    /// The set for a name in folded wire format.
    pub fn select(&self, mut name: &[u8]) -> usize {
        if self.0.is_empty() {
            return DEFAULT_SET;
        }
        loop {
            if let Some(set) = self.0.get(name) {
                return *set;
            }
            match name.split_first().and_then(|(length, rest)| rest.get(usize::from(*length)..)) {
                Some(parent) if !parent.is_empty() => name = parent,
                _ => return DEFAULT_SET,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn name(text: &str) -> Name {
        Name::from_text(text).expect("a name")
    }

    #[test]
    fn the_longest_zone_wins_label_by_label() {
        let zones = ["corp.example", "Deep.Corp.Example.", "10.in-addr.arpa"];
        let zones = Zones::new((1..).zip(zones).map(|(set, zone)| (name(zone), set)));
        let cases = [
            ("corp.example", 1),
            ("dc1.corp.example", 1),
            ("a.deep.corp.example", 2),
            ("1.0.10.in-addr.arpa", 3),
            ("notcorp.example", 0),
            ("example", 0),
            (".", 0),
            (r"odd\.corp.example", 0),
            (r"odd\\.corp.example", 1),
        ];
        for (asked, set) in cases {
            assert_eq!(zones.select(name(asked).as_wire()), set, "{asked}");
        }
    }

    #[test]
    fn the_ds_records_of_a_zone_are_its_parents() {
        let zones = Zones::new([(name("corp.example"), 1), (name("deep.corp.example"), 2), (name("."), 3)]);
        let cases =
            [("corp.example", 3), ("deep.corp.example", 1), ("x.deep.corp.example", 2), ("example", 3), (".", 3)];
        for (asked, set) in cases {
            assert_eq!(zones.select_for(name(asked).as_wire(), rtype::DS), set, "{asked}");
        }
        assert_eq!(zones.select_for(name("corp.example").as_wire(), rtype::A), 1);
    }

    #[test]
    fn a_route_for_the_root_has_every_name_without_a_longer_zone() {
        let zones = Zones::new([(name("."), 1), (name("corp.example"), 2)]);
        assert_eq!(zones.select(name("www.example.com").as_wire()), 1);
        assert_eq!(zones.select(name("www.corp.example").as_wire()), 2);
    }
}
