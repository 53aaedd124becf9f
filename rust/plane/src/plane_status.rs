//! What a plane says of itself for `status` and the metrics.

use schoolgate_querylog::LogStatus;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Counters and gauges of a plane.
#[derive(Debug, Serialize)]
pub struct PlaneStatus {
    /// Counters, all workers added up.
    pub counters: BTreeMap<&'static str, u64>,
    /// What was wrong with packets that were no acceptable query.
    pub bad_packets: BTreeMap<&'static str, u64>,
    /// Answers in the caches.
    pub cache_entries: u64,
    /// Octets in the caches.
    pub cache_octets: u64,
    /// Clients' questions under way.
    pub pending: u64,
    /// Questions at the resolver.
    pub under_way: usize,
    /// Worker threads.
    pub workers: usize,
    /// Worker threads that run; fewer than `workers` means that some have died.
    pub workers_alive: usize,
    /// Answerers that threads of doors have.
    pub door_threads: usize,
    /// Serial of the active lists.
    pub snapshot_serial: u64,
    /// Serial of the active policy.
    pub policy_serial: u64,
    /// Serial of the active sealed lists.
    pub sealed_serial: Option<u64>,
    /// Milliseconds since the plane was made.
    pub uptime_ms: u64,
    /// Addresses answered on.
    pub listening: Vec<SocketAddr>,
    /// What became of the rows of the query log.
    pub query_log: LogStatus,
}
