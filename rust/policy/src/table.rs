//! The policy table: segments, policies, the school's own names, rewrites and local zones, compiled and immutable.
//!
//! The school's own names are matched by a [`NameTable`] of their own, exactly as listed names are: a set of statements for
//! each name, whatever the policy. Which statement wins for a policy is worked out when the [`crate::Rulebook`] is made.

use crate::description::{Description, PolicyInvalid};
use crate::ech::Ech;
use crate::local_zone::LocalZone;
use crate::name_table::NameTable;
use crate::name_table_build::reseeded;
use crate::policies::{Group, Policy, Rewrite, Segment, Statement};
use crate::segments::SegmentMap;
use crate::spelled_name::spelled;
use crate::table_draft::{OwnNames, TableDraft};
use schoolgate_wire::Name;
use std::collections::HashSet;

/// All policies, compiled.
#[derive(Debug)]
pub struct PolicyTable {
    serial: u64,
    policies: Vec<Policy>,
    segments: Vec<Segment>,
    groups: Vec<Group>,
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
    /// Suffixes below which names spell other names.
    spelled: Vec<Name>,
    safeguarded: HashSet<String>,
}

impl PolicyTable {
    /// Compiles the JSON description; every problem in it is reported at once.
    pub fn compile(description: &[u8]) -> Result<Self, PolicyInvalid> {
        let description: Description =
            serde_json::from_slice(description).map_err(|error| PolicyInvalid(vec![error.to_string()]))?;
        let mut draft = TableDraft::new(&description);
        let policies = description.policies.iter().map(|one| draft.policy(one, &description)).collect();
        let segments: Vec<Segment> = description.segments.iter().map(|one| draft.segment(one)).collect();
        let groups = description.groups.iter().map(|one| draft.group(one)).collect();
        let doors: Vec<_> = description.segments.iter().map(|one| draft.doors(one)).collect();
        let allowed = draft.prefixes("allowed_clients", &description.allowed_clients);
        let strictest = draft.policy_number("strictest", &description.strictest);
        description.names.iter().for_each(|one| draft.name(one));
        let rewrites = description.rewrites.iter().enumerate().map(|(at, one)| draft.rewrite(at as u16, one)).collect();
        let zones = description.zones.iter().enumerate().map(|(at, one)| draft.zone(at as u16, one)).collect();
        let private =
            description.private_addresses.iter().map(|text| draft.parse_name("private_addresses", text)).collect();
        let spelled: Vec<Name> = description.spelled.iter().map(|one| draft.spelled(one)).collect();
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
            groups,
            own,
            own_names: draft.names,
            statements: draft.statements,
            rewrites,
            zones,
            private,
            spelled,
            safeguarded: description.safeguarded.into_iter().collect(),
        })
    }

    /// Whether the school says that a name may lead into a local network. Looked up when an answer is tagged, not when it is
    /// given.
    pub fn may_be_private(&self, name: &Name) -> bool {
        !self.private.is_empty() && self.private.iter().any(|above| name.is_within(above))
    }

    /// The names that a name spells, below whichever suffix it is.
    pub(crate) fn spelled(&self, name: &Name) -> impl Iterator<Item = Name> {
        self.spelled.iter().flat_map(move |suffix| spelled(name, suffix))
    }

    /// The number of the statement that is a rewrite.
    pub(crate) fn rewrite_statement(&self, wanted: u16) -> Option<u32> {
        let is = |one: &Statement| matches!(one, Statement::Rewrite { rewrite, .. } if *rewrite == wanted);
        self.statements.iter().position(is).map(|at| at as u32)
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

    /// Groups of devices, in the order in which they count.
    pub fn groups(&self) -> &[Group] {
        &self.groups
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
        self.statements.iter().map(|one| match one {
            Statement::Rule { rule, .. } | Statement::Rewrite { rule, .. } => rule.as_str(),
            Statement::Zone { .. } | Statement::Spelled => "",
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local_zone::ZoneRecord;

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
