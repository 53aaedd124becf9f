//! The parts of a policy table: policies, segments, rewrites, and what the school itself says of names.

use crate::ech::Ech;
use crate::layer::{Action, Effect, Layer, LogLevel};
use schoolgate_wire::Name;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

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

/// One segment and its active policy.
#[derive(Debug)]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// Index of its active policy.
    pub policy: u16,
    /// Queries a second one client address may ask; 0 is no limit.
    pub qps: u32,
    /// Queries one client address may ask at once.
    pub burst: u32,
    /// How many times this all addresses of one IPv6 /64 may ask together.
    pub subnet: u32,
    /// Devices that share one client address (behind a NAT): so many times a client's connections. The rate counts them already.
    pub devices: u32,
    /// When its schedule next changes the policy, seconds since 1970 UTC.
    pub ends_at_unix_s: Option<i64>,
    /// What becomes of ECH keys in its answers.
    pub ech: Ech,
    /// How much the query log keeps.
    pub log: LogLevel,
}

/// A group of devices, and the policy that the school wrote for it.
#[derive(Debug)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Index of its policy.
    pub policy: u16,
}

/// A rewrite after an allow: a CNAME to a target (SafeSearch).
#[derive(Debug)]
pub struct Rewrite {
    /// Its id.
    pub id: String,
    /// Where the CNAME points.
    pub target: Name,
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
    /// `rule`: what is said of an alias that leads to one of its names.
    Rewrite {
        rewrite: u16,
        rule: String,
    },
    /// The names below it spell other names.
    Spelled,
    /// `policies`: those it answers for; all where there is none.
    Zone {
        zone: u16,
        depth: u8,
        policies: Option<Vec<u16>>,
    },
}
