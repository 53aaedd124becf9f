//! A policy table while it is being made from its description: every problem is collected, none ends the work.

use crate::description::{
    Description, GroupDescription, Matching, NameDescription, PolicyDescription, RewriteDescription,
    SegmentDescription, ZoneDescription, ZoneKindDescription,
};
use crate::layer::{Action, Layer};
use crate::local_zone::{LocalZone, ZoneKind, ZoneRecord};
use crate::name_table_build::{Inherit, NameTableBuilder};
use crate::policies::{Group, Policy, Rewrite, Segment, Statement};
use crate::segments::{Asked, Prefix};
use schoolgate_wire::Name;
use std::collections::HashMap;
use std::net::IpAddr;

/// A block answer older than a minute would outlive a tightening (requirements: cap 60 s).
const MAX_BLOCK_TTL_S: u32 = 60;

/// A table while it is being made; problems are collected, never returned one by one.
pub(crate) struct TableDraft {
    policies: HashMap<String, u16>,
    rewrites: HashMap<String, u16>,
    pub statements: Vec<Statement>,
    pub builder: NameTableBuilder,
    /// The school's own names, on the wire.
    pub names: Vec<Box<[u8]>>,
    pub problems: Vec<String>,
}

impl TableDraft {
    pub fn new(description: &Description) -> Self {
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

    pub fn policy_number(&mut self, path: &str, id: &str) -> u16 {
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

    pub fn parse_name(&mut self, path: &str, text: &str) -> Name {
        Name::from_text(text).unwrap_or_else(|error| {
            self.problems.push(format!("{path}: {text:?} is not a name: {error}"));
            Name::default()
        })
    }

    pub fn prefixes(&mut self, path: &str, texts: &[String]) -> Vec<Prefix> {
        let mut parse = |text: &String| {
            let prefix = Prefix::parse(text);
            if prefix.is_none() {
                self.problems.push(format!("{path}: {text:?} is not a network, for example 192.0.2.0/24"));
            }
            prefix
        };
        texts.iter().filter_map(&mut parse).collect()
    }

    pub fn policy(&mut self, one: &PolicyDescription, all: &Description) -> Policy {
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
                .filter_map(|ip| if let IpAddr::V4(v4) = ip { Some(*v4) } else { None })
                .collect(),
            block_v6: one
                .block_addresses
                .iter()
                .filter_map(|ip| if let IpAddr::V6(v6) = ip { Some(*v6) } else { None })
                .collect(),
            unknown: one.unknown,
            on_request: one.on_request,
            categories,
            rewrites,
        }
    }

    pub fn segment(&mut self, one: &SegmentDescription) -> Segment {
        let policy = self.policy_number(&format!("segments.{}.policy", one.id), &one.policy);
        let SegmentDescription { qps, burst, subnet, devices, ends_at_unix_s, ech, log, .. } = *one;
        Segment { id: one.id.clone(), policy, qps, burst, subnet, devices, ends_at_unix_s, ech, log }
    }

    pub fn group(&mut self, one: &GroupDescription) -> Group {
        let policy = self.policy_number(&format!("groups.{}.policy", one.id), &one.policy);
        Group { id: one.id.clone(), policy }
    }

    pub fn doors(&mut self, one: &SegmentDescription) -> (Vec<Prefix>, Vec<Asked>) {
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

    pub fn name(&mut self, one: &NameDescription) {
        let name = self.parse_name(&one.rule, &one.name);
        let layer = self.layer(&one.rule, one.layer);
        let policies = one.policies.iter().map(|id| self.policy_number(&one.rule, id)).collect();
        let depth = name.label_count() as u8;
        let exact = one.matching == Matching::Exact;
        let statement = Statement::Rule { policies, layer, effect: one.effect, depth, exact, rule: one.rule.clone() };
        self.add(&one.rule, &name, statement, exact);
    }

    pub fn rewrite(&mut self, at: u16, one: &RewriteDescription) -> Rewrite {
        let path = format!("rewrites.{}", one.id);
        let number = self.statements.len() as u32;
        let rule = format!("{}: a name without its safe mode", one.id);
        self.statements.push(Statement::Rewrite { rewrite: at, rule });
        for text in &one.names {
            let name = self.parse_name(&path, text);
            self.say(&path, &name, number, true);
        }
        Rewrite { id: one.id.clone(), target: self.parse_name(&path, &one.target) }
    }

    pub fn spelled(&mut self, text: &str) -> Name {
        let name = self.parse_name("spelled", text);
        self.add("spelled", &name, Statement::Spelled, false);
        name
    }

    pub fn zone(&mut self, at: u16, one: &ZoneDescription) -> LocalZone {
        let path = format!("zones.{}", one.zone);
        let apex = self.parse_name(&path, &one.zone);
        let depth = apex.label_count() as u8;
        let numbers = |ids: &Vec<String>| ids.iter().map(|id| self.policy_number(&path, id)).collect();
        let policies = one.policies.as_ref().map(numbers);
        self.add(&path, &apex, Statement::Zone { zone: at, depth, policies }, false);
        let kind = match one.kind {
            ZoneKindDescription::Static => ZoneKind::Static,
            ZoneKindDescription::Transparent => ZoneKind::Transparent,
            ZoneKindDescription::Nodata => ZoneKind::Nodata,
            ZoneKindDescription::Nxdomain => ZoneKind::Nxdomain,
        };
        let mut owned = Vec::new();
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
            owned.push((owner, ZoneRecord { rtype: record.rtype, ttl_s: record.ttl_s, rdata }));
        }
        LocalZone::new(apex, kind, owned)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    (digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit))
        .then(|| digits.chunks(2).map(pair).collect())?
}

/// The school's own statements all pass down, but for those about one name alone.
pub(crate) struct OwnNames;

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
