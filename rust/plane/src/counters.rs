//! A counter for every way a query can leave the plane.
//!
//! Each worker owns a set and is its only writer, so counting is a plain load and store; readers add the sets up.

use schoolgate_wire::Reason;
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
    /// Packets that were taken from a door.
    Queries = "queries",
    /// Of these, those that came by a stream.
    StreamQueries = "stream_queries",

    // How a query leaves: each in exactly one of these ways, or it still waits.
    /// Packets that were dropped without an answer: responses, fragments of headers.
    Silent = "silent",
    /// Packets that were no acceptable query and were answered with an error.
    Refusals = "refusals",
    /// Queries of clients outside every allowed network, REFUSED.
    Outside = "outside",
    /// Queries over a client's rate that were answered with TC.
    RateTruncated = "rate_truncated",
    /// Packets over a client's rate that were dropped.
    RateDropped = "rate_dropped",
    /// Queries that a policy denied.
    Denied = "denied",
    /// Queries denied because of what the answer would have revealed.
    DeniedRevealed = "denied_revealed",
    /// Queries denied because a public name led into a local network (DNS rebinding).
    DeniedPrivate = "denied_private",
    /// Answers from local zones and other fixed answers.
    Local = "local",
    /// Answers from the packet cache.
    CacheHits = "cache_hits",
    /// Answers to clients that waited for the resolver.
    Resolved = "resolved",
    /// Answers past their TTL, served because nothing better was to be had (RFC 8767).
    Stale = "stale",
    /// SERVFAIL because no forwarder gave an answer.
    Failures = "failures",
    /// Misses turned away because a bound was reached: SERVFAIL.
    PendingFull = "pending_full",
    /// Queries dropped because as many clients wait as may.
    Crowded = "crowded",
    /// Queries without RD that the cache could not answer, REFUSED.
    NoRecursion = "no_recursion",
    /// Queries that the same client had sent before and waited for: one answer serves both.
    Repeated = "repeated",
    /// Packets that made a worker panic: no answer.
    Panics = "panics",
    /// Clients that waited and lost their place to a panic: no answer.
    Abandoned = "abandoned",
    /// Answers that could not be written: no answer.
    Unwritable = "unwritable",

    // What happened on the way.
    /// Answers of all kinds that were handed to a door.
    Answers = "answers",
    /// Of these, those that were too large for UDP and say so (TC).
    Truncated = "truncated",
    /// Queries that the cache could not answer and that could wait.
    CacheMisses = "cache_misses",
    /// Of these, those that joined a question already under way.
    Joined = "joined",
    /// Answers that were asked for again before their TTL ended, because a client had asked for them.
    Prefetched = "prefetched",
    /// Clients that waited until the worker gave up: the resolver has stalled. They are among the failures or the stale.
    Expired = "expired",
    /// Answers that the kernel did not take.
    SendFailures = "send_failures",
    /// Answers of the resolver, or work that was due, that made a worker panic.
    LatePanics = "late_panics",
    /// Questions answered with a failure of a moment ago, without asking again (RFC 9520).
    FailuresRecalled = "failures_recalled",
    /// Replies of forwarders that could not be used.
    UnusableReplies = "unusable_replies",
    /// Questions that the resolver took so late that no client waited any more; they were not asked.
    MissesTooLate = "misses_too_late",
    /// Questions that the resolver took and never completed.
    LostQuestions = "lost_questions",
    /// Questions turned away because the resolver has too many: SERVFAIL.
    MissHubFull = "miss_hub_full",
    /// Replies to questions that are not, or no longer, under way.
    UnknownTokens = "unknown_tokens",
    /// Answers that a forwarder had validated, and said so over a way that is trusted.
    DnssecSecure = "dnssec_secure",
    /// Answers of such a forwarder that it had not.
    DnssecInsecure = "dnssec_insecure",
    /// Answers whose validation is unknown: over an unprotected path, or asked with CD.
    DnssecIndeterminate = "dnssec_indeterminate",
    /// Questions whose answer a trusted forwarder found bogus: SERVFAIL.
    DnssecBogus = "dnssec_bogus",
    /// Outcomes that a worker had no room for; its clients waited until it gave up.
    AnswersLost = "answers_lost",
}

/// One worker's counters, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    counts: [AtomicU64; Counter::ALL.len()],
    /// What was wrong with the packets in `silent`, `refusals` and (bad packets over the rate) `rate_dropped`.
    reasons: [AtomicU64; Reason::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        let zero = |_| AtomicU64::new(0);
        Self { counts: std::array::from_fn(zero), reasons: std::array::from_fn(zero) }
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
        add(self.counts.get(counter as usize), several);
    }

    /// Adds one to what was wrong with packets, by the owner.
    pub fn count_reason(&self, reason: Reason) {
        add(self.reasons.get(reason.index()), 1);
    }

    /// What has been counted.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counts.get(counter as usize).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// How many packets had this wrong.
    pub fn get_reason(&self, reason: Reason) -> u64 {
        self.reasons.get(reason.index()).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

#[inline]
fn add(cell: Option<&AtomicU64>, several: u64) {
    if let Some(cell) = cell {
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(several), Ordering::Relaxed);
    }
}
