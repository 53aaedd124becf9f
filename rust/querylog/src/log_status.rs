//! What became of the rows: counts for `status`, written by the log writer alone, and what an operator should look at.

use crate::lock::lock;
use serde::Serialize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of the log writer, by class where there are two.
#[derive(Debug, Default)]
pub struct LogCounts {
    rows: [AtomicU64; 2],
    dropped_disk: [AtomicU64; 2],
    octets: AtomicU64,
    /// When rows were last forced to the disk, on the monotonic clock; 0 is never.
    pub(crate) last_sync_ms: AtomicU64,
    problem: Mutex<[Option<String>; 2]>,
}

/// A count for each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByClass {
    /// Ordinary rows.
    pub ordinary: u64,
    /// Rows that matter for safeguarding.
    pub safeguarding: u64,
}

/// The query log as `status` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogStatus {
    /// Whether queries are recorded.
    pub enabled: bool,
    /// Rows written.
    pub rows: ByClass,
    /// Rows lost because a ring was full.
    pub dropped_ring: ByClass,
    /// Rows lost because the disk did not take them, or had no room for them any more.
    pub dropped_disk: ByClass,
    /// Octets written.
    pub octets: u64,
    /// Why rows are being lost now.
    pub problem: Option<String>,
    /// How long ago rows were last forced to the disk, milliseconds.
    pub last_fsync_age_ms: Option<u64>,
}

impl ByClass {
    /// Of counts in the order of the classes.
    pub fn of(counts: &[AtomicU64; 2]) -> Self {
        let [ordinary, safeguarding] =
            [0, 1].map(|at: usize| counts.get(at).map_or(0, |one| one.load(Ordering::Relaxed)));
        Self { ordinary, safeguarding }
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { ordinary: self.ordinary + other.ordinary, safeguarding: self.safeguarding + other.safeguarding }
    }
}

impl LogCounts {
    /// What `status` tells; lost on the rings is what the workers have counted.
    pub fn status(&self, dropped_ring: ByClass, now_ms: u64) -> LogStatus {
        let last_sync_ms = self.last_sync_ms.load(Ordering::Relaxed);
        LogStatus {
            enabled: true,
            rows: ByClass::of(&self.rows),
            dropped_ring,
            dropped_disk: ByClass::of(&self.dropped_disk),
            octets: self.octets.load(Ordering::Relaxed),
            problem: lock(&self.problem).iter().flatten().next().cloned(),
            last_fsync_age_ms: (last_sync_ms > 0).then(|| now_ms.saturating_sub(last_sync_ms)),
        }
    }

    pub(crate) fn wrote(&self, class: usize, rows: u64, octets: u64) {
        add(self.rows.get(class), rows);
        self.octets.fetch_add(octets, Ordering::Relaxed);
    }

    pub(crate) fn unwrote(&self, class: usize, rows: u64) {
        if let Some(count) = self.rows.get(class) {
            count.fetch_sub(rows, Ordering::Relaxed);
        }
    }

    pub(crate) fn drop_disk(&self, class: usize, rows: u64) {
        add(self.dropped_disk.get(class), rows);
    }

    pub(crate) fn problem(&self, class: usize, words: String) {
        if let Some(problem) = lock(&self.problem).get_mut(class) {
            *problem = Some(words);
        }
    }

    pub(crate) fn solved(&self, class: usize) {
        if let Some(problem) = lock(&self.problem).get_mut(class) {
            *problem = None;
        }
    }
}

fn add(count: Option<&AtomicU64>, several: u64) {
    if let Some(count) = count {
        count.fetch_add(several, Ordering::Relaxed);
    }
}
