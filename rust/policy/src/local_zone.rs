//! A zone that is answered from here and never forwarded, with the records that the school wrote.

use schoolgate_wire::Name;
use std::collections::{HashMap, HashSet};

/// How a local zone answers names that hold no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneKind {
    /// NXDOMAIN below the zone, NODATA for names that hold other types.
    Static,
    /// Names that own records are answered from here; all others go on, as if the zone were not there.
    Transparent,
    /// NODATA for every name and type.
    Nodata,
    /// NXDOMAIN for every name and type.
    Nxdomain,
}

/// A record of a local zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord {
    /// RR type.
    pub rtype: u16,
    /// Seconds.
    pub ttl_s: u32,
    /// Uncompressed RDATA.
    pub rdata: Vec<u8>,
}

/// A zone answered from here and never forwarded.
#[derive(Debug)]
pub struct LocalZone {
    /// Its apex.
    pub apex: Name,
    /// How it answers without a record.
    pub kind: ZoneKind,
    records: HashMap<Box<[u8]>, Vec<ZoneRecord>>,
    /// Records of wildcard owners, by the name the asterisk stands under.
    wildcards: HashMap<Box<[u8]>, Vec<ZoneRecord>>,
    /// Names that exist because something below them does (RFC 4592 empty non-terminals).
    empty: HashSet<Box<[u8]>>,
}

impl LocalZone {
    /// A zone of these records, each with its owner, which must lie in the zone.
    pub(crate) fn new(apex: Name, kind: ZoneKind, owned: Vec<(Name, ZoneRecord)>) -> Self {
        let (mut records, mut empty) = (HashMap::<Box<[u8]>, Vec<ZoneRecord>>::new(), HashSet::new());
        for (owner, record) in owned {
            for label in 1..=owner.label_count().saturating_sub(apex.label_count()) {
                let above = if label == owner.label_count() { &[0][..] } else { owner.suffix(label) };
                empty.insert(above.into());
            }
            records.entry(owner.as_wire().into()).or_default().push(record);
        }
        let below = |owner: &[u8]| owner.strip_prefix(b"\x01*").map(Box::from);
        let wildcards = records.iter().filter_map(|(owner, records)| Some((below(owner)?, records.clone()))).collect();
        if kind == ZoneKind::Static {
            empty.insert(apex.as_wire().into());
        }
        Self { apex, kind, records, wildcards, empty }
    }

    /// The names that own records, on the wire, in no order.
    pub fn owners(&self) -> impl Iterator<Item = &[u8]> {
        self.records.keys().map(|owner| &**owner)
    }

    /// Whether this zone has the last word on a name: all but transparent ones do.
    pub fn answers_for(&self, name: &Name) -> bool {
        self.kind != ZoneKind::Transparent || self.records(name).is_some_and(|records| !records.is_empty())
    }

    /// The records of a name: its own, else those of the closest wildcard above it; `None` where the name does not exist.
    pub fn records(&self, name: &Name) -> Option<&[ZoneRecord]> {
        if let Some(own) = self.records.get(name.as_wire()) {
            return Some(own);
        }
        if self.empty.contains(name.as_wire()) {
            return Some(&[]);
        }
        for label in 1..=name.label_count() {
            let above = if label == name.label_count() { &[0][..] } else { name.suffix(label) };
            if let Some(records) = self.wildcards.get(above) {
                return Some(records);
            }
            // The closest encloser stops the search (RFC 4592 section 3.3.1).
            if self.records.contains_key(above) || self.empty.contains(above) {
                return None;
            }
        }
        None
    }
}
