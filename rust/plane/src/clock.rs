//! Time as the plane uses it: read once a batch and passed in, so that nothing in the middle of an answer asks for it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the plane was made; never goes back, whatever happens to the wall clock. TTLs live by it.
    pub mono_ms: u64,
    /// Seconds since 1970; cookies and schedules live by it.
    pub unix_s: i64,
    /// The same in microseconds, for the query log.
    pub mono_us: u64,
    /// Microseconds since 1970, for the query log.
    pub unix_us: i64,
}

impl Now {
    /// An instant in whole units.
    pub const fn at(mono_ms: u64, unix_s: i64) -> Self {
        Self { mono_ms, unix_s, mono_us: mono_ms * 1_000, unix_us: unix_s * 1_000_000 }
    }
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
        let unix_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
        let mono_us = self.start.elapsed().as_micros() as u64;
        Now { mono_ms: mono_us / 1_000, unix_s: unix_us / 1_000_000, mono_us, unix_us }
    }

    /// Microseconds since a reading.
    pub fn since_us(&self, now: Now) -> u32 {
        let mono_us = self.start.elapsed().as_micros() as u64;
        u32::try_from(mono_us.saturating_sub(now.mono_us)).unwrap_or(u32::MAX)
    }

    /// When it started.
    pub fn start_instant(&self) -> Instant {
        self.start
    }
}
