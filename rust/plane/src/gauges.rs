//! What an answerer holds, for `status`.

use std::sync::atomic::AtomicU64;

/// What an answerer says of itself for `status`.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Answers in its cache.
    pub entries: AtomicU64,
    /// Octets of its cache.
    pub octets: AtomicU64,
    /// Questions under way.
    pub pending: AtomicU64,
}
