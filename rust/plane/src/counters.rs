//! A counter for every way a query can leave the plane.
//!
//! Each worker owns a set and is its only writer, so counting is a plain load and store; readers add the sets up.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What is counted. The word is the name in `stats` and metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Counter { $($(#[$doc])* $name,)* }

        impl Counter {
            /// All counters, in the order of their definition.
            pub const ALL: &'static [Counter] = &[$(Counter::$name,)*];

            /// The counter's name in `stats` and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Counter::$name => $word,)* }
            }
        }
    };
}

counters! {
    /// Queries that were taken from a door.
    Queries = "queries",
    /// Queries that came by a stream.
    StreamQueries = "stream_queries",
    /// Answers that were handed to a door.
    Answers = "answers",
    /// Packets that were no acceptable query and were answered with an error.
    Refusals = "refusals",
    /// Packets that were dropped without an answer: responses, fragments of headers.
    Silent = "silent",
    /// Clients outside every allowed network, REFUSED.
    Outside = "outside",
    /// Queries over a client's rate that were answered with TC.
    RateTruncated = "rate_truncated",
    /// Queries over a client's rate that were dropped.
    RateDropped = "rate_dropped",
    /// Answers that a policy denied.
    Denied = "denied",
    /// Answers denied because of what they would have revealed.
    DeniedRevealed = "denied_revealed",
    /// Answers from local zones and other fixed answers.
    Local = "local",
    /// Answers from the packet cache.
    CacheHits = "cache_hits",
    /// Questions that the cache could not answer.
    CacheMisses = "cache_misses",
    /// Answers past their TTL, served because nothing better was to be had (RFC 8767).
    Stale = "stale",
    /// SERVFAIL because no forwarder gave an answer.
    Failures = "failures",
    /// Misses that joined a question already under way.
    Joined = "joined",
    /// Misses turned away because a bound was reached: SERVFAIL.
    PendingFull = "pending_full",
    /// Questions that nobody answered in time.
    Expired = "expired",
    /// Packets that made a worker panic.
    Panics = "panics",
    /// Answers that the kernel did not take.
    SendFailures = "send_failures",
    /// Queries without RD that the cache could not answer, REFUSED.
    NoRecursion = "no_recursion",
    /// Replies of forwarders that could not be used.
    UnusableReplies = "unusable_replies",
    /// Answers larger than the client can take by UDP.
    Truncated = "truncated",
}

/// One worker's counters, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters([AtomicU64; Counter::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    /// Adds one. Only the owner may call it: a load and a store, no locked instruction.
    #[inline]
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds several, by the owner.
    #[inline]
    pub fn add(&self, counter: Counter, several: u64) {
        if let Some(cell) = self.0.get(counter as usize) {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(several), Ordering::Relaxed);
        }
    }

    /// What has been counted.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}
