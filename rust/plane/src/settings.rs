//! The settings of the plane. Values come checked from `schoolgate.toml`; here they only have types.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of a plane; they need a restart to change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// UDP addresses to answer on.
    pub listen: Vec<SocketAddr>,
    /// Worker threads; 0 is one for each core.
    #[serde(default)]
    pub workers: usize,
    /// Threads of doors for clients that come by a connection; each has an answerer of its own.
    #[serde(default)]
    pub door_threads: usize,
    /// Whether these threads also serve encrypted doors: then they keep as many answers as a worker does.
    #[serde(default)]
    pub has_encrypted_doors: bool,
    /// Bound of the packet cache, octets, for all workers together.
    #[serde(default = "default_cache_octets")]
    pub cache_octets: u64,
    /// Answers are kept at least this long, and their TTLs raised to it, seconds. The bounds below win.
    #[serde(default)]
    pub min_ttl_s: u32,
    /// Answers are kept at most this long, seconds.
    #[serde(default = "default_max_ttl_s")]
    pub max_ttl_s: u32,
    /// Negative answers are kept at most this long, seconds.
    #[serde(default = "default_max_negative_ttl_s")]
    pub max_negative_ttl_s: u32,
    /// Answers may be served this long past their TTL when no forwarder answers, seconds (RFC 8767); 0 is never.
    #[serde(default)]
    pub stale_for_s: u32,
    /// Answers that are asked for in the last tenth of their TTL are fetched again before it ends.
    #[serde(default)]
    pub prefetch: bool,
    /// Where packets that made a worker panic are kept.
    #[serde(default)]
    pub crash_dir: Option<PathBuf>,
    /// Where and how queries are recorded; `None`: they are not.
    #[serde(default)]
    pub query_log: Option<QueryLogSettings>,
}

/// Where and how queries are recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryLogSettings {
    /// Directory of the write-ahead files.
    pub directory: PathBuf,
    /// Bound of all write-ahead files together, octets.
    pub max_octets: u64,
    /// Key of the pseudonyms that stand for clients; `None`: addresses are stored.
    pub key: Option<[u8; 16]>,
}

fn default_cache_octets() -> u64 {
    64 << 20
}

fn default_max_ttl_s() -> u32 {
    86_400
}

fn default_max_negative_ttl_s() -> u32 {
    3_600
}

impl Settings {
    /// [`Settings::stale_for_s`] in milliseconds.
    pub fn stale_for_ms(&self) -> u64 {
        u64::from(self.stale_for_s) * 1000
    }

    /// How long an answer may be kept at most, seconds.
    #[inline]
    pub fn most_ttl_s(&self, is_negative: bool) -> u32 {
        if is_negative { self.max_negative_ttl_s } else { self.max_ttl_s }
    }
}
