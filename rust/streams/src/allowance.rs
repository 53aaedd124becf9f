//! What one connection of a door may take, as the settings in force say. Connections read it at each turn, so that a reload
//! changes those that stand too.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What one connection may take.
#[derive(Debug)]
pub struct Allowance {
    idle_ms: AtomicU64,
    pipelined: AtomicUsize,
}

impl Allowance {
    /// A connection may do nothing for `idle`, and have so many messages wait.
    pub fn new(idle: Duration, pipelined: usize) -> Self {
        let made = Self { idle_ms: AtomicU64::new(0), pipelined: AtomicUsize::new(1) };
        made.set(idle, pipelined);
        made
    }

    /// Changes both.
    pub fn set(&self, idle: Duration, pipelined: usize) {
        self.idle_ms.store(idle.as_millis() as u64, Ordering::Relaxed);
        self.pipelined.store(pipelined.max(1), Ordering::Relaxed);
    }

    /// How long a connection may do nothing.
    pub fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms.load(Ordering::Relaxed))
    }

    /// Messages of one connection that may wait for an answer.
    pub fn pipelined(&self) -> usize {
        self.pipelined.load(Ordering::Relaxed)
    }
}
