//! What happened to the connections of one forwarder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

macro_rules! line_events {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What is counted. The word is the name in `status` and metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum LineEvent { $($(#[$doc])* $name,)* }

        impl LineEvent {
            const ALL: &'static [LineEvent] = &[$(LineEvent::$name,)*];

            fn as_str(self) -> &'static str {
                match self { $(LineEvent::$name => $word,)* }
            }
        }
    };
}

line_events! {
    /// Connections that were opened.
    Opened = "opened",
    /// Of these, TLS sessions that were resumed.
    Resumed = "resumed",
    /// Connections that could not be opened: no route, refused, too slow.
    FailedConnect = "failed_connect",
    /// Connections whose TLS handshake failed: name, key, issuer, dates of the certificate, no common version.
    FailedTls = "failed_tls",
    /// Connections that the forwarder closed.
    ClosedByForwarder = "closed_by_forwarder",
    /// Connections closed because nothing was asked.
    ClosedIdle = "closed_idle",
    /// Connections closed because nothing was answered.
    ClosedSilent = "closed_silent",
    /// Connections closed because what came was no reply to what was asked.
    ClosedBroken = "closed_broken",
    /// Questions sent.
    Queries = "queries",
    /// Answers that came.
    Answers = "answers",
    /// Questions asked once more because their connection was dead.
    AskedAgain = "asked_again",
    /// Requests by HTTPS that were answered with another status than 200, or with something else than DNS.
    Refused = "refused",
    /// Replies with an ID that nothing waits for.
    Strays = "strays",
}

const COUNTED: usize = LineEvent::ALL.len();

/// Counters of one forwarder's connections.
#[derive(Debug, Default)]
pub struct LineCounters {
    counts: [AtomicU64; COUNTED],
    open: AtomicUsize,
    problem: Mutex<Option<String>>,
}

impl LineCounters {
    /// Counts one.
    pub fn count(&self, event: LineEvent) {
        if let Some(count) = self.counts.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// By name.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counted = LineEvent::ALL.iter().zip(&self.counts);
        counted.map(|(event, count)| (event.as_str(), count.load(Ordering::Relaxed))).collect()
    }

    /// One more connection stands, until this is dropped.
    pub fn stand(&self) -> Standing<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Standing(&self.open)
    }

    /// Connections that stand.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Why the last connection could not be opened; `None`: it could.
    pub fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// The same.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that stands.
pub struct Standing<'a>(&'a AtomicUsize);

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
