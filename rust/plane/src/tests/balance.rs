//! The account of a plane that has run: each query that came has left.

use crate::plane_status::PlaneStatus;

/// Every query has left in exactly one way.
pub fn balance(status: &PlaneStatus) {
    let exits = [
        "silent",
        "refusals",
        "outside",
        "rate_truncated",
        "rate_dropped",
        "denied",
        "denied_revealed",
        "denied_private",
        "local",
        "cache_hits",
        "resolved",
        "stale",
        "failures",
        "pending_full",
        "crowded",
        "no_recursion",
        "repeated",
        "panics",
        "abandoned",
        "unwritable",
    ];
    let left: u64 = exits.iter().map(|exit| status.counters[exit]).sum();
    assert_eq!(status.counters["queries"], left, "{:?}", status.counters);
}
