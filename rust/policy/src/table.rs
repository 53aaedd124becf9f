//! The policy table: segments, policies, the school's own names, rewrites and local zones, compiled and immutable.
//!
//! The school's own names are matched by a [`NameTable`] of their own, exactly as listed names are: a set of statements for
//! each name, whatever the policy. Which statement wins for a policy is worked out when the [`crate::Rulebook`] is made.

use crate::description::{
    Description, Matching, NameDescription, PolicyDescription, PolicyInvalid, SegmentDescription, ZoneDescription,
    ZoneKindDescription,
};
use crate::ech::Ech;
use crate::layer::{Action, Effect, Layer, LogLevel};
use crate::name_table::NameTable;
use crate::name_table_build::{Inherit, NameTableBuilder, reseeded};
use crate::segments::{Asked, Prefix, SegmentMap};
use schoolgate_wire::Name;
use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A block answer older than a minute would outlive a tightening (requirements: cap 60 s).
const MAX_BLOCK_TTL_S: u32 = 60;

/// One policy.
#[derive(Debug)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// How it denies.
    pub action: Action,
    /// TTL of its denials, seconds.
    pub block_ttl_s: u32,
    /// No answer is kept by a client longer than this, seconds.
    pub max_ttl_s: u32,
    /// IPv4 addresses of its block page.
    pub block_v4: Vec<Ipv4Addr>,
    /// IPv6 addresses of its block page.
    pub block_v6: Vec<Ipv6Addr>,
    /// What happens to names that no list knows.
    pub unknown: Effect,
    /// Those it filters asked for it: a denial says Filtered (EDE 17) instead of Blocked (15).
    pub on_request: bool,
    pub(crate) categories: HashMap<String, (Layer, u8, Effect)>,
    pub(crate) rewrites: Vec<u16>,
}

/// One segment and the policy now in force for it.
#[derive(Debug)]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// Index of the policy in force.
    pub policy: u16,
    /// Queries a second one client address may ask; 0 is no limit.
    pub qps: u32,
    /// Queries one client address may ask at once.
    pub burst: u32,
    /// When its schedule next changes the policy, seconds since 1970 UTC.
    pub ends_at_unix_s: Option<i64>,
    /// What becomes of ECH keys in its answers.
    pub ech: Ech,
    /// How much the query log keeps.
    pub log: LogLevel,
}

/// A rewrite after an allow: a CNAME to a target (SafeSearch).
#[derive(Debug)]
pub struct Rewrite {
    /// Its id.
    pub id: String,
    /// Where the CNAME points.
    pub target: Name,
}

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

/// What the school itself says of a name.
#[derive(Debug)]
pub(crate) enum Statement {
    Rule {
        policies: Vec<u16>,
        layer: Layer,
        effect: Effect,
        depth: u8,
        exact: bool,
        rule: String,
    },
    Rewrite(u16),
    /// `policies`: those it answers for; all where there is none.
    Zone {
        zone: u16,
        depth: u8,
        policies: Option<Vec<u16>>,
    },
}

/// All policies, compiled.
#[derive(Debug)]
pub struct PolicyTable {
    serial: u64,
    policies: Vec<Policy>,
    segments: Vec<Segment>,
    map: SegmentMap,
    strictest: u16,
    strictest_ech: Ech,
    pub(crate) own: NameTable,
    /// The names in it, on the wire.
    own_names: Vec<Box<[u8]>>,
    pub(crate) statements: Vec<Statement>,
    rewrites: Vec<Rewrite>,
    zones: Vec<LocalZone>,
    /// Names, with all below them, that may lead into a local network.
    private: HashSet<Name>,
    safeguarded: HashSet<String>,
}

impl PolicyTable {
    /// Compiles the JSON description; every problem in it is reported at once.
    pub fn compile(description: &[u8]) -> Result<Self, PolicyInvalid> {
        let description: Description =
            serde_json::from_slice(description).map_err(|error| PolicyInvalid(vec![error.to_string()]))?;
        let mut draft = Draft::new(&description);
        let policies = description.policies.iter().map(|one| draft.policy(one, &description)).collect();
        let segments: Vec<Segment> = description.segments.iter().map(|one| draft.segment(one)).collect();
        let doors: Vec<_> = description.segments.iter().map(|one| draft.doors(one)).collect();
        let allowed = draft.prefixes("allowed_clients", &description.allowed_clients);
        let strictest = draft.policy_number("strictest", &description.strictest);
        description.names.iter().for_each(|one| draft.name(one));
        let rewrites = description.rewrites.iter().enumerate().map(|(at, one)| draft.rewrite(at as u16, one)).collect();
        let zones = description.zones.iter().enumerate().map(|(at, one)| draft.zone(at as u16, one)).collect();
        let private =
            description.private_addresses.iter().map(|text| draft.parse_name("private_addresses", text)).collect();
        let own = draft.builder.build(&OwnNames, 1).map_err(|error| PolicyInvalid(vec![error.to_string()]))?;
        if !draft.problems.is_empty() {
            return Err(PolicyInvalid(draft.problems));
        }
        Ok(Self {
            serial: description.serial,
            policies,
            map: SegmentMap::new(&doors, &allowed),
            strictest,
            strictest_ech: segments.iter().map(|segment| segment.ech).max().unwrap_or_default(),
            segments,
            own,
            own_names: draft.names,
            statements: draft.statements,
            rewrites,
            zones,
            private,
            safeguarded: description.safeguarded.into_iter().collect(),
        })
    }

    /// Whether the school says that a name may lead into a local network. Looked up when an answer is tagged, not when it is
    /// given.
    pub fn may_be_private(&self, name: &Name) -> bool {
        !self.private.is_empty() && self.private.iter().any(|above| name.is_within(above))
    }

    /// The revision's serial.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// All policies.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// All segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// All rewrites.
    pub fn rewrites(&self) -> &[Rewrite] {
        &self.rewrites
    }

    /// All local zones.
    pub fn zones(&self) -> &[LocalZone] {
        &self.zones
    }

    /// Whether a denial of this category matters for safeguarding.
    pub fn is_safeguarded(&self, category: &str) -> bool {
        self.safeguarded.contains(category)
    }

    /// The school's own statements in words, by number.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|one| if let Statement::Rule { rule, .. } = one { rule.as_str() } else { "" })
    }

    /// The strictest policy, for allowed clients in no segment.
    pub fn strictest(&self) -> u16 {
        self.strictest
    }

    /// What becomes of ECH keys in a segment; for a client in none, as the strictest segment has it.
    #[inline]
    pub fn ech(&self, segment: Option<u16>) -> Ech {
        segment.and_then(|at| self.segments.get(usize::from(at))).map_or(self.strictest_ech, |segment| segment.ech)
    }

    /// The table of the school's own names under the seed of another, so that one hashing serves both; under a seed of its own
    /// where that one does not spread them.
    pub(crate) fn own_beside(&self, other: &NameTable) -> NameTable {
        let names = self.own_names.iter().filter_map(|name| Name::from_wire(name).ok());
        reseeded(&self.own, other.seed, names).unwrap_or_else(|| self.own.clone())
    }

    pub(crate) fn map(&self) -> &SegmentMap {
        &self.map
    }
}

/// A table while it is being made; problems are collected, never returned one by one.
struct Draft {
    policies: HashMap<String, u16>,
    rewrites: HashMap<String, u16>,
    statements: Vec<Statement>,
    builder: NameTableBuilder,
    names: Vec<Box<[u8]>>,
    problems: Vec<String>,
}

impl Draft {
    fn new(description: &Description) -> Self {
        let mut problems = Vec::new();
        if description.policies.len() > u16::MAX as usize || description.segments.len() > u16::MAX as usize {
            problems.push(format!("more than {} policies or segments", u16::MAX));
        }
        if description.policies.is_empty() {
            problems.push("policies: there is none".to_owned());
        }
        let ids = |ids: Vec<&String>| ids.into_iter().zip(0u16..).map(|(id, at)| (id.clone(), at)).collect();
        Self {
            policies: ids(description.policies.iter().map(|policy| &policy.id).collect()),
            rewrites: ids(description.rewrites.iter().map(|rewrite| &rewrite.id).collect()),
            statements: Vec::new(),
            builder: NameTableBuilder::default(),
            names: Vec::new(),
            problems,
        }
    }

    fn policy_number(&mut self, path: &str, id: &str) -> u16 {
        self.policies.get(id).copied().unwrap_or_else(|| {
            self.problems.push(format!("{path}: there is no policy {id:?}"));
            0
        })
    }

    fn layer(&mut self, path: &str, number: u8) -> Layer {
        // Layer 1 is not for policies to speak in, and 10 and 11 hold no lists.
        let layer = Layer::from_number(number).filter(|layer| (Layer::Platform..Layer::Unknown).contains(layer));
        layer.unwrap_or_else(|| {
            self.problems.push(format!("{path}: layer {number} holds no rules (2 to 9 do)"));
            Layer::Category
        })
    }

    fn parse_name(&mut self, path: &str, text: &str) -> Name {
        Name::from_text(text).unwrap_or_else(|error| {
            self.problems.push(format!("{path}: {text:?} is not a name: {error}"));
            Name::default()
        })
    }

    fn prefixes(&mut self, path: &str, texts: &[String]) -> Vec<Prefix> {
        let mut parse = |text: &String| {
            let prefix = Prefix::parse(text);
            if prefix.is_none() {
                self.problems.push(format!("{path}: {text:?} is not a network, for example 192.0.2.0/24"));
            }
            prefix
        };
        texts.iter().filter_map(&mut parse).collect()
    }

    fn policy(&mut self, one: &PolicyDescription, all: &Description) -> Policy {
        let path = format!("policies.{}", one.id);
        let categories = one.categories.iter().map(|(id, rule)| {
            let layer = self.layer(&format!("{path}.categories.{id}"), rule.layer);
            (id.clone(), (layer, rule.order, rule.effect))
        });
        let categories = categories.collect();
        let mut rewrites = Vec::new();
        for id in &one.rewrites {
            match self.rewrites.get(id) {
                Some(at) => rewrites.push(*at),
                None => self.problems.push(format!("{path}.rewrites: there is no rewrite {id:?}")),
            }
        }
        let block_ttl_s = one.block_ttl_s.unwrap_or(all.block_ttl_s);
        if block_ttl_s > MAX_BLOCK_TTL_S {
            self.problems.push(format!("{path}.block_ttl_s: {block_ttl_s} is over {MAX_BLOCK_TTL_S}"));
        }
        if one.action == Action::BlockPage && one.block_addresses.is_empty() {
            self.problems.push(format!("{path}.block_addresses: action block-page needs an address"));
        }
        Policy {
            id: one.id.clone(),
            action: one.action,
            block_ttl_s,
            max_ttl_s: one.max_ttl_s.unwrap_or(u32::MAX),
            block_v4: one
                .block_addresses
                .iter()
                .filter_map(|ip| if let std::net::IpAddr::V4(v4) = ip { Some(*v4) } else { None })
                .collect(),
            block_v6: one
                .block_addresses
                .iter()
                .filter_map(|ip| if let std::net::IpAddr::V6(v6) = ip { Some(*v6) } else { None })
                .collect(),
            unknown: one.unknown,
            on_request: one.on_request,
            categories,
            rewrites,
        }
    }

    fn segment(&mut self, one: &SegmentDescription) -> Segment {
        let policy = self.policy_number(&format!("segments.{}.policy", one.id), &one.policy);
        let SegmentDescription { qps, burst, ends_at_unix_s, ech, log, .. } = *one;
        Segment { id: one.id.clone(), policy, qps, burst, ends_at_unix_s, ech, log }
    }

    fn doors(&mut self, one: &SegmentDescription) -> (Vec<Prefix>, Vec<Asked>) {
        let prefixes = self.prefixes(&format!("segments.{}.prefixes", one.id), &one.prefixes);
        let mut parse = |text: &String| {
            let asked = Asked::parse(text);
            if asked.is_none() {
                self.problems.push(format!("segments.{}.asked: {text:?} is no address or :port", one.id));
            }
            asked
        };
        (prefixes, one.asked.iter().filter_map(&mut parse).collect())
    }

    fn add(&mut self, path: &str, name: &Name, statement: Statement, exact: bool) {
        let number = self.statements.len() as u32;
        self.statements.push(statement);
        self.say(path, name, number, exact);
    }

    fn say(&mut self, path: &str, name: &Name, statement: u32, exact: bool) {
        self.names.push(name.as_wire().into());
        if let Err(error) = self.builder.add(name, statement << 1 | u32::from(exact)) {
            self.problems.push(format!("{path}: {error}"));
        }
    }

    fn name(&mut self, one: &NameDescription) {
        let name = self.parse_name(&one.rule, &one.name);
        let layer = self.layer(&one.rule, one.layer);
        let policies = one.policies.iter().map(|id| self.policy_number(&one.rule, id)).collect();
        let depth = name.label_count() as u8;
        let exact = one.matching == Matching::Exact;
        let statement = Statement::Rule { policies, layer, effect: one.effect, depth, exact, rule: one.rule.clone() };
        self.add(&one.rule, &name, statement, exact);
    }

    fn rewrite(&mut self, at: u16, one: &crate::description::RewriteDescription) -> Rewrite {
        let path = format!("rewrites.{}", one.id);
        let number = self.statements.len() as u32;
        self.statements.push(Statement::Rewrite(at));
        for text in &one.names {
            let name = self.parse_name(&path, text);
            self.say(&path, &name, number, true);
        }
        Rewrite { id: one.id.clone(), target: self.parse_name(&path, &one.target) }
    }

    fn zone(&mut self, at: u16, one: &ZoneDescription) -> LocalZone {
        let path = format!("zones.{}", one.zone);
        let apex = self.parse_name(&path, &one.zone);
        let depth = apex.label_count() as u8;
        let numbers = |ids: &Vec<String>| ids.iter().map(|id| self.policy_number(&path, id)).collect();
        let policies = one.policies.as_ref().map(numbers);
        self.add(&path, &apex, Statement::Zone { zone: at, depth, policies }, false);
        let mut zone = LocalZone {
            apex: apex.clone(),
            kind: match one.kind {
                ZoneKindDescription::Static => ZoneKind::Static,
                ZoneKindDescription::Transparent => ZoneKind::Transparent,
                ZoneKindDescription::Nodata => ZoneKind::Nodata,
                ZoneKindDescription::Nxdomain => ZoneKind::Nxdomain,
            },
            records: HashMap::new(),
            wildcards: HashMap::new(),
            empty: HashSet::new(),
        };
        for record in &one.records {
            let owner = self.parse_name(&path, &record.name);
            if !owner.as_wire().ends_with(apex.as_wire()) {
                self.problems.push(format!("{path}: record {:?} is not in the zone", record.name));
                continue;
            }
            let Some(rdata) = unhex(&record.rdata) else {
                self.problems.push(format!("{path}: RDATA of {:?} is not hexadecimal", record.name));
                continue;
            };
            for label in 1..=owner.label_count().saturating_sub(apex.label_count()) {
                let above = if label == owner.label_count() { &[0][..] } else { owner.suffix(label) };
                zone.empty.insert(above.into());
            }
            let records = zone.records.entry(owner.as_wire().into()).or_default();
            records.push(ZoneRecord { rtype: record.rtype, ttl_s: record.ttl_s, rdata });
        }
        let below = |owner: &[u8]| owner.strip_prefix(b"\x01*").map(Box::from);
        let wildcards = zone.records.iter().filter_map(|(owner, records)| Some((below(owner)?, records.clone())));
        zone.wildcards = wildcards.collect();
        if zone.kind == ZoneKind::Static {
            zone.empty.insert(apex.as_wire().into());
        }
        zone
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    (digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit))
        .then(|| digits.chunks(2).map(pair).collect())?
}

/// The school's own statements all pass down, but for those about one name alone.
struct OwnNames;

impl Inherit for OwnNames {
    fn pass(&self, handed: &[u32], own: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let mut here: Vec<u32> = handed.iter().chain(own).copied().collect();
        here.sort_unstable();
        here.dedup();
        let below = here.iter().copied().filter(|code| code & 1 == 0).collect();
        (here, below)
    }

    fn visible(&self, code: u32) -> Option<u32> {
        Some(code >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(kind: &str, records: &[&str]) -> PolicyTable {
        let records: Vec<_> = records
            .iter()
            .map(|name| serde_json::json!({"name": name, "type": 1, "ttl_s": 60, "rdata": "c0000201"}))
            .collect();
        let description = serde_json::json!({
            "serial": 1, "strictest": "p", "allowed_clients": [], "segments": [],
            "policies": [{"id": "p", "action": "nxdomain", "unknown": "allow"}],
            "zones": [{"zone": "lan.example", "kind": kind, "records": records}],
        });
        PolicyTable::compile(description.to_string().as_bytes()).expect("a table")
    }

    fn held(table: &PolicyTable, name: &str) -> Option<usize> {
        let name = Name::from_text(name).expect("a valid name");
        table.zones()[0].records(&name).map(<[ZoneRecord]>::len)
    }

    #[test]
    fn nothing_exists_in_a_zone_of_nothing() {
        assert_eq!(held(&table("nxdomain", &[]), "lan.example"), None);
        assert_eq!(held(&table("nxdomain", &[]), "www.lan.example"), None);
    }

    #[test]
    fn an_apex_and_empty_non_terminals_exist_in_a_static_zone() {
        let table = table("static", &["a.b.lan.example"]);
        let exists =
            ["lan.example", "b.lan.example", "a.b.lan.example", "c.lan.example"].map(|name| held(&table, name));
        assert_eq!(exists, [Some(0), Some(0), Some(1), None]);
    }

    #[test]
    fn a_wildcard_answers_below_its_closest_encloser_only() {
        let table = table("static", &["*.lan.example", "www.lan.example"]);
        let exists = ["x.lan.example", "x.y.lan.example", "www.lan.example", "x.www.lan.example"];
        assert_eq!(exists.map(|name| held(&table, name)), [Some(1), Some(1), Some(1), None]);
    }

    #[test]
    fn a_transparent_zone_answers_for_what_is_written_in_it_alone() {
        let table = table("transparent", &["nas.lan.example"]);
        let answers = ["nas.lan.example", "x.nas.lan.example", "lan.example", "other.lan.example"];
        let answers = answers.map(|name| table.zones()[0].answers_for(&Name::from_text(name).expect("a valid name")));
        assert_eq!(answers, [true, false, false, false]);
    }

    #[test]
    fn every_problem_of_a_description_is_said_at_once() {
        let description = serde_json::json!({
            "serial": 1, "strictest": "nobody", "allowed_clients": ["192.0.2.1/24"],
            "segments": [{"id": "s", "prefixes": ["x"], "asked": ["y"], "policy": "gone"}],
            "policies": [{"id": "p", "action": "block-page", "unknown": "allow", "block_ttl_s": 900,
                          "categories": {"games": {"layer": 1, "effect": "allow"}}, "rewrites": ["none"]}],
            "names": [{"name": "a..b", "match": "exact", "policies": ["p"], "layer": 11, "effect": "allow", "rule": "r"}],
        });
        let problems = PolicyTable::compile(description.to_string().as_bytes()).expect_err("problems").0;
        assert_eq!(problems.len(), 11, "{problems:#?}");
    }
}
