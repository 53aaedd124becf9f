//! What happened at a door. Several threads count, once or twice a connection or message.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What is counted. The word is the name in `status` and metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Event { $($(#[$doc])* $name,)* }

        impl Event {
            /// All events, in the order of their definition.
            pub const ALL: &'static [Event] = &[$(Event::$name,)*];

            /// The event's name in `status` and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Event::$name => $word,)* }
            }
        }
    };
}

events! {
    /// Connections that were let in.
    Connections = "connections",
    /// Connections turned away: no place is left.
    RefusedTotal = "refused_total",
    /// Connections turned away: this client has as many as it may, and uses them.
    RefusedPerClient = "refused_per_client",
    /// Connections turned away: this client opens too many a second.
    RefusedRate = "refused_rate",
    /// Connections turned away: too many handshakes are under way.
    RefusedHandshakes = "refused_handshakes",
    /// Connections turned away: too many handshakes of this client are under way.
    RefusedClientHandshakes = "refused_client_handshakes",
    /// Handshakes that ended in a connection.
    Handshakes = "handshakes",
    /// Handshakes that failed: no common version or protocol, no certificate, no TLS at all.
    HandshakesFailed = "handshakes_failed",
    /// Handshakes that took too long.
    HandshakesSlow = "handshakes_slow",
    /// Messages taken.
    Messages = "messages",
    /// Answers handed to connections.
    Answers = "answers",
    /// Answers that came when their connection was gone.
    AnswersWithoutClient = "answers_without_client",
    /// Times that a connection was read no further because as many of its messages waited as may.
    PausedPipelined = "paused_pipelined",
    /// Requests by HTTP that were no DNS message.
    BadRequests = "bad_requests",
    /// Connections closed because they did nothing.
    ClosedIdle = "closed_idle",
    /// Of these, those that made room for another one of the same client.
    ClosedForNew = "closed_for_new",
    /// Connections closed because a message took too long to come.
    ClosedSlowSender = "closed_slow_sender",
    /// Connections closed because answers were not read.
    ClosedSlowReader = "closed_slow_reader",
    /// Connections closed because of what is no DNS message, or of too many that are no query.
    ClosedBadFrame = "closed_bad_frame",
    /// Connections closed because the plane has nothing to say to this client.
    ClosedByVerdict = "closed_by_verdict",
    /// Connections closed because of what breaks HTTP/2, a flood of resets among it.
    ClosedProtocol = "closed_protocol",
    /// Connections closed because they left more work behind than they may.
    ClosedAbandonedWork = "closed_abandoned_work",
}

impl Event {
    /// Whether it can happen at plain TCP: without TLS and HTTP.
    pub fn is_of_tcp(self) -> bool {
        !matches!(
            self,
            Self::RefusedRate
                | Self::RefusedHandshakes
                | Self::RefusedClientHandshakes
                | Self::Handshakes
                | Self::HandshakesFailed
                | Self::HandshakesSlow
                | Self::BadRequests
                | Self::ClosedProtocol
                | Self::ClosedAbandonedWork
        )
    }
}

/// What happened at one door, and how many of its messages wait now.
#[derive(Debug)]
pub struct DoorCounters {
    events: [AtomicU64; Event::ALL.len()],
    waiting: AtomicUsize,
}

impl Default for DoorCounters {
    fn default() -> Self {
        Self { events: std::array::from_fn(|_| AtomicU64::new(0)), waiting: AtomicUsize::new(0) }
    }
}

impl DoorCounters {
    /// Adds one.
    pub fn count(&self, event: Event) {
        if let Some(cell) = self.events.get(event as usize) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One more message waits for its answer.
    pub fn begin_wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many messages wait no longer.
    pub fn end_waits(&self, messages: usize) {
        self.waiting.fetch_sub(messages, Ordering::Relaxed);
    }

    /// Messages that wait for their answers.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// What has been counted.
    pub fn get(&self, event: Event) -> u64 {
        self.events.get(event as usize).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}
