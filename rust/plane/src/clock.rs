//! Time as the plane uses it: read once a batch and passed in, so that nothing in the middle of an answer asks for it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the plane was made; never goes back, whatever happens to the wall clock. TTLs live by it.
    pub mono_ms: u64,
    /// Seconds since 1970; cookies and schedules live by it.
    pub unix_s: i64,
}

/// Where readings come from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_ms: self.start.elapsed().as_millis() as u64, unix_s: unix.as_secs() as i64 }
    }
}
