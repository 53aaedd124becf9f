//! The query log as the plane sees it: a recorder for each answerer, one writer thread behind them, a legend for each active state.

use crate::active_state::ActiveState;
use crate::clock::Now;
use crate::settings::QueryLogSettings;
use schoolgate_policy::{Layer, Origin, Rulebook};
use schoolgate_querylog::{
    ByClass, Legend, LogCounts, LogOrders, LogSettings, LogStatus, LogThread, LogWriter, RecordReader, Recorder,
    record_rings,
};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A ring of each answerer: about 50,000 records, five seconds of a busy school while a disk is slow. It is written from end to
/// end, so in time it takes all of its memory.
const ORDINARY_RING_OCTETS: usize = 4 << 20;
/// Few queries matter for safeguarding: about 13,000 records, and beyond these they take the other ring.
const SAFEGUARDING_RING_OCTETS: usize = 1 << 20;

/// The query log of a plane.
pub struct QueryLog {
    settings: LogSettings,
    orders: Arc<LogOrders>,
    counts: Arc<LogCounts>,
    dropped: Vec<Arc<[AtomicU64; 2]>>,
    // These locks are taken to start and to stop, and never by a thread that answers.
    readers: Mutex<Vec<RecordReader>>,
    thread: Mutex<Option<LogThread>>,
}

impl QueryLog {
    /// A log that is not written yet.
    pub fn new(settings: &QueryLogSettings) -> Self {
        let orders = Arc::new(LogOrders::default());
        orders.set_key(settings.key);
        Self {
            settings: LogSettings { directory: settings.directory.clone(), max_octets: settings.max_octets },
            orders,
            counts: Arc::default(),
            dropped: Vec::new(),
            readers: Mutex::default(),
            thread: Mutex::default(),
        }
    }

    /// A recorder for one answerer.
    pub fn recorder(&mut self) -> Recorder {
        let (recorder, reader) = record_rings(ORDINARY_RING_OCTETS, SAFEGUARDING_RING_OCTETS);
        self.dropped.push(reader.dropped());
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).push(reader);
        recorder
    }

    /// Starts the writer.
    pub fn start(&self, start: Instant) -> io::Result<()> {
        let readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        let writer = LogWriter::new(self.settings.clone(), self.orders.clone(), self.counts.clone(), readers);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        *thread = Some(LogThread::start(writer, start)?);
        Ok(())
    }

    /// Has everything written that was recorded, and waits for it.
    pub fn stop(&self) {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Makes the words of an active state known, before any worker sees the active state.
    pub fn install(&self, active: &ActiveState) {
        self.orders.install(&legend(&active.rulebook, active.generation));
    }

    /// Another key for pseudonyms.
    pub fn set_key(&self, key: Option<[u8; 16]>) {
        self.orders.set_key(key);
    }

    /// What became of the rows.
    pub fn status(&self, now: Now) -> LogStatus {
        let dropped = self.dropped.iter().fold(ByClass::default(), |sum, one| sum.plus(ByClass::of(one)));
        let mut status = self.counts.status(dropped, now.mono_ms);
        let died = |thread: &LogThread| !thread.is_alive();
        if self.thread.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(died) {
            status.problem = Some("the log writer died; restart".to_owned());
        }
        status
    }
}

pub(crate) fn legend(rulebook: &Rulebook, generation: u64) -> Legend {
    let table = rulebook.table();
    Legend {
        generation,
        snapshot_serial: rulebook.snapshot().serial(),
        policy_serial: table.serial(),
        sealed_rule: rulebook.rule(Origin::Sealed),
        layers: Layer::ALL.iter().map(|layer| layer.as_str().to_owned()).collect(),
        segments: table.segments().iter().map(|segment| segment.id.clone()).collect(),
        policies: table.policies().iter().map(|policy| policy.id.clone()).collect(),
        sources: rulebook.snapshot().sources().iter().map(|one| (one.feed.clone(), one.category.clone())).collect(),
        statements: table.rules().map(str::to_owned).collect(),
    }
}
