//! The compiled description of all policies, as the Python side hands it over (JSON).
//!
//! Inheritance, locks, templates and schedules are worked out before; what arrives here is flat: each policy with the rule
//! for each category, each name with the policies it speaks to. Serial and boundaries are data; nothing here knows the time.

use crate::ech::Ech;
use crate::layer::{Action, Effect, LogLevel};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A description that cannot be compiled. The table in force stays.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the compiled policy cannot be used: {}", .0.join("; "))]
pub struct PolicyInvalid(pub Vec<String>);

/// Everything a [`crate::PolicyTable`] is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub(crate) serial: u64,
    #[serde(default = "default_block_ttl_s")]
    pub(crate) block_ttl_s: u32,
    pub(crate) policies: Vec<PolicyDescription>,
    #[serde(default)]
    pub(crate) names: Vec<NameDescription>,
    #[serde(default)]
    pub(crate) rewrites: Vec<RewriteDescription>,
    pub(crate) segments: Vec<SegmentDescription>,
    pub(crate) strictest: String,
    /// Groups of devices that have a policy of their own, in the order in which they count.
    #[serde(default)]
    pub(crate) groups: Vec<GroupDescription>,
    pub(crate) allowed_clients: Vec<String>,
    #[serde(default)]
    pub(crate) zones: Vec<ZoneDescription>,
    #[serde(default)]
    pub(crate) private_addresses: Vec<String>,
    /// Suffixes below which a label spells another name, that is judged too.
    #[serde(default)]
    pub(crate) spelled: Vec<String>,
    /// Categories of which a denial matters for safeguarding.
    #[serde(default)]
    pub(crate) safeguarded: Vec<String>,
}

fn default_block_ttl_s() -> u32 {
    30
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyDescription {
    pub id: String,
    pub action: Action,
    pub block_ttl_s: Option<u32>,
    #[serde(default)]
    pub max_ttl_s: Option<u32>,
    #[serde(default)]
    pub block_addresses: Vec<std::net::IpAddr>,
    pub unknown: Effect,
    #[serde(default)]
    pub on_request: bool,
    #[serde(default)]
    pub categories: BTreeMap<String, CategoryDescription>,
    #[serde(default)]
    pub rewrites: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategoryDescription {
    pub layer: u8,
    #[serde(default)]
    pub order: u8,
    pub effect: Effect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameDescription {
    pub name: String,
    #[serde(rename = "match")]
    pub matching: Matching,
    pub policies: Vec<String>,
    pub layer: u8,
    pub effect: Effect,
    pub rule: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Matching {
    Suffix,
    Exact,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RewriteDescription {
    pub id: String,
    pub names: Vec<String>,
    pub target: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentDescription {
    pub id: String,
    #[serde(default)]
    pub prefixes: Vec<String>,
    #[serde(default)]
    pub asked: Vec<String>,
    pub policy: String,
    #[serde(default)]
    pub qps: u32,
    #[serde(default)]
    pub burst: u32,
    #[serde(default = "one")]
    pub subnet: u32,
    #[serde(default = "one")]
    pub devices: u32,
    #[serde(default)]
    pub ends_at_unix_s: Option<i64>,
    #[serde(default)]
    pub ech: Ech,
    #[serde(default)]
    pub log: LogLevel,
}

fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupDescription {
    pub id: String,
    pub policy: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneDescription {
    pub zone: String,
    pub kind: ZoneKindDescription,
    /// The policies it answers for; all of them where this is left out.
    #[serde(default)]
    pub policies: Option<Vec<String>>,
    #[serde(default)]
    pub records: Vec<RecordDescription>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ZoneKindDescription {
    Static,
    Transparent,
    Nodata,
    Nxdomain,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDescription {
    pub name: String,
    #[serde(rename = "type")]
    pub rtype: u16,
    pub ttl_s: u32,
    /// Hexadecimal, uncompressed.
    pub rdata: String,
}
