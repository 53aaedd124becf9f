//! The log writer: the one thread between the workers' rings and the disk.
//!
//! It takes batches from the rings, puts pseudonyms in place of addresses, completes latencies, and appends frames of rows to
//! the file of each class; what it took is written before it rests, and forced to the disk each second. A disk that is full,
//! read-only or gone costs rows, which are counted, and is tried again each second. No worker waits for this thread, so
//! between short pieces of its work it lets a worker go first that wants its core.

use crate::frame::{Kind, frame};
use crate::legend::Legend;
use crate::lock::lock;
use crate::log_status::LogCounts;
use crate::pseudonym::PseudonymKey;
use crate::record::{CLIENT_AT, FLAGS_AT, LATENCY_AT, PSEUDONYM, length_of};
use crate::ring::{Batch, RecordReader};
use crate::wal_file::{LegendFrame, Lost, WalFile};
use crate::wal_name::{Found, scan};
use crate::wal_reader::count_rows;
use crate::words::Class;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often what was written is forced to the disk, and a disk that failed is tried again.
const SYNC_EVERY_MS: u64 = 1_000;
/// How long to rest when the rings were empty, and when they were not: short enough that a ring does not fill, and that what
/// waits is done in some dozen microseconds, because a worker may share the core.
const REST_IDLE: Duration = Duration::from_millis(50);
const REST: Duration = Duration::from_millis(1);
/// Batches taken from one worker before the next has its turn. A turn ends soon also where each piece of it has to wait for the
/// core: orders, the sync and what was collected wait for its end.
const BATCHES_A_TURN: usize = 512;
/// And before a worker that wants the core may go first.
const BATCHES_A_PIECE: usize = 16;
/// Legends of active states that records may still name: they are in the rings for a fraction of a second.
const LEGENDS_KEPT: usize = 16;

/// Where and how rows are kept.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The directory of the write-ahead files; it and the one above it are made where need be.
    pub directory: PathBuf,
    /// Beyond this the oldest closed files are removed, octets. The monitor that takes them away must have been dead for long.
    pub max_octets: u64,
}

/// What the plane tells the log writer. These locks are between the installer of an active state and the log writer; no worker knows
/// them.
#[derive(Default)]
pub struct LogOrders {
    legends: Mutex<Vec<LegendFrame>>,
    key: Mutex<Option<Option<[u8; 16]>>>,
}

impl LogOrders {
    /// Makes a legend known, before any record names it. It holds no part of the active state, so an old one is not kept alive.
    pub fn install(&self, legend: &Legend) {
        let octets = frame(Kind::Legend, &legend.encode());
        lock(&self.legends).push(LegendFrame { generation: legend.generation, octets });
    }

    /// Clients are stored under this key from now on; `None`: by address.
    pub fn set_key(&self, key: Option<[u8; 16]>) {
        *lock(&self.key) = Some(key);
    }
}

/// The writer without its thread: every step is given the time.
pub struct LogWriter {
    settings: LogSettings,
    orders: Arc<LogOrders>,
    counts: Arc<LogCounts>,
    readers: Vec<RecordReader>,
    files: [ClassFile; 2],
    legends: Vec<LegendFrame>,
    key: Option<PseudonymKey>,
    next_sync_ms: u64,
}

/// The file of one class, and what became of the rows meant for it.
struct ClassFile {
    file: WalFile,
    /// The legend of the rows collected.
    generation: u64,
    /// After a failure: rows are counted as lost until then.
    again_at_ms: Option<u64>,
}

impl LogWriter {
    /// A writer for these rings.
    pub fn new(
        settings: LogSettings,
        orders: Arc<LogOrders>,
        counts: Arc<LogCounts>,
        readers: Vec<RecordReader>,
    ) -> Self {
        let files = [Class::Ordinary, Class::Safeguarding].map(|class| ClassFile {
            file: WalFile::new(&settings.directory, class),
            generation: 0,
            again_at_ms: Some(0),
        });
        Self { settings, orders, counts, readers, files, legends: Vec::new(), key: None, next_sync_ms: 0 }
    }

    /// Takes what is in the rings and writes it; returns how long to rest then.
    pub fn turn(&mut self, now_ms: u64) -> Duration {
        self.take_orders();
        if now_ms >= self.next_sync_ms {
            self.next_sync_ms = now_ms + SYNC_EVERY_MS;
            self.keep_up(now_ms);
        }
        let taken = self.drain(now_ms, Self::give_way);
        for at in 0..self.files.len() {
            if self.has_rows(at) {
                Self::give_way(&self.readers);
                self.flush(at, now_ms);
            }
            self.begin_writeback(at);
        }
        match () {
            () if self.is_pressed() => Duration::ZERO,
            () if taken => REST,
            () => REST_IDLE,
        }
    }

    fn has_rows(&self, at: usize) -> bool {
        self.files.get(at).is_some_and(|one| one.file.pending_rows() > 0)
    }

    fn begin_writeback(&mut self, at: usize) {
        if let Some(one) = self.files.get_mut(at).filter(|one| one.file.is_writeback_due()) {
            Self::give_way(&self.readers);
            one.file.begin_writeback();
        }
    }

    /// Between two pieces of work: a worker that wants this core goes first, unless a ring fills up meanwhile. The kernel may
    /// take the rest of our slice as given up, some milliseconds each time; a ring has room for far longer.
    fn give_way(readers: &[RecordReader]) {
        if !readers.iter().any(RecordReader::is_pressed) {
            std::thread::yield_now();
        }
    }

    /// Whether a ring is filling up.
    pub(crate) fn is_pressed(&self) -> bool {
        self.readers.iter().any(RecordReader::is_pressed)
    }

    /// Writes all there is and forces it to the disk: the workers have ended.
    pub fn finish(&mut self, now_ms: u64) {
        self.take_orders();
        // The last chance for a disk that failed, and the first for a server that ends as soon as it began.
        for one in &mut self.files {
            if one.again_at_ms.is_some() && one.file.open().is_ok() {
                one.again_at_ms = None;
            }
        }
        while self.drain(now_ms, |_| ()) {}
        for at in 0..self.files.len() {
            self.flush(at, now_ms);
            self.sync(at, now_ms);
        }
    }

    fn take_orders(&mut self) {
        self.legends.append(&mut lock(&self.orders.legends));
        let surplus = self.legends.len().saturating_sub(LEGENDS_KEPT);
        self.legends.drain(..surplus);
        if let Some(key) = lock(&self.orders.key).take() {
            self.key = key.map(|key| PseudonymKey::new(&key));
        }
    }

    /// Once a second: sync, close what is due, try a disk again that failed.
    fn keep_up(&mut self, now_ms: u64) {
        for at in 0..self.files.len() {
            self.sync(at, now_ms);
            let Some(one) = self.files.get_mut(at) else { continue };
            let opened = match one.again_at_ms {
                Some(again_at_ms) if now_ms >= again_at_ms => one.file.open().map_err(Lost::nothing),
                None if one.file.is_due(now_ms) => one.file.rotate(),
                _ => continue,
            };
            match opened {
                Ok(()) => {
                    one.again_at_ms = None;
                    self.counts.solved(at);
                    self.keep_within_bounds();
                }
                Err(lost) => self.failed(at, &lost, now_ms + SYNC_EVERY_MS),
            }
        }
    }

    /// Collects what is in the rings; `between` pieces it is given all of them. Whether there was anything.
    pub(crate) fn drain(&mut self, now_ms: u64, between: impl Fn(&[RecordReader])) -> bool {
        let mut taken = false;
        let mut readers = std::mem::take(&mut self.readers);
        for at in 0..readers.len() {
            for batch in 1..=BATCHES_A_TURN {
                let Some(reader) = readers.get_mut(at) else { break };
                let read = reader.read(|batch, first, second| self.take(batch, first, second, now_ms));
                if read.is_none() {
                    break;
                }
                taken = true;
                if batch % BATCHES_A_PIECE == 0 {
                    between(&readers);
                }
            }
        }
        self.readers = readers;
        taken
    }

    fn take(&mut self, batch: Batch, first: &[u8], second: &[u8], now_ms: u64) {
        let at = batch.class as usize;
        let Some(one) = self.files.get_mut(at) else { return };
        if one.again_at_ms.is_some() {
            self.counts.drop_disk(at, u64::from(batch.rows));
            return;
        }
        if one.generation != batch.generation || one.file.is_frame_full() {
            self.flush(at, now_ms);
            // Where rows come in by the frame there is no time to give way.
            if let Some(one) = self.files.get_mut(at) {
                one.file.begin_writeback();
            }
        }
        let Some(one) = self.files.get_mut(at) else { return };
        one.generation = batch.generation;
        let pending = one.file.pending();
        let start = pending.len();
        pending.extend_from_slice(first);
        pending.extend_from_slice(second);
        finish_records(pending.get_mut(start..).unwrap_or_default(), batch.elapsed_us, self.key.as_ref());
        one.file.added(batch.rows);
    }

    /// Writes what was collected for a file.
    pub(crate) fn flush(&mut self, at: usize, now_ms: u64) {
        // An active state may have come into force since this turn began.
        let generation = self.files.get(at).map_or(0, |one| one.generation);
        if !self.legends.iter().any(|legend| legend.generation == generation) {
            self.take_orders();
        }
        let Some(one) = self.files.get_mut(at) else { return };
        let legend = self.legends.iter().rev().find(|legend| legend.generation == one.generation);
        let rows = u64::from(one.file.pending_rows());
        match one.file.flush(legend, now_ms) {
            Ok(octets) => self.counts.wrote(at, rows, octets),
            Err(lost) => self.failed(at, &lost, now_ms + SYNC_EVERY_MS),
        }
    }

    fn sync(&mut self, at: usize, now_ms: u64) {
        let Some(one) = self.files.get_mut(at) else { return };
        match one.file.sync() {
            Ok(true) => self.counts.last_sync_ms.store(now_ms, Ordering::Relaxed),
            Ok(false) => {}
            Err(lost) => {
                // They were counted as written. A file that was only taken away can be followed by another at once.
                self.counts.unwrote(at, lost.rows);
                self.failed(at, &lost, now_ms);
            }
        }
    }

    fn failed(&mut self, at: usize, lost: &Lost, again_at_ms: u64) {
        if let Some(one) = self.files.get_mut(at) {
            one.again_at_ms = Some(again_at_ms);
        }
        self.counts.drop_disk(at, lost.rows);
        let words = lost.error.to_string();
        let words = words.split(" (os error").next().unwrap_or_default();
        self.counts.problem(at, format!("{}: {words}", self.settings.directory.display()));
    }

    /// Removes the oldest closed files beyond the bound, those of ordinary rows first; what goes is counted.
    fn keep_within_bounds(&self) {
        let Ok(found) = scan(&self.settings.directory) else { return };
        let mut octets: u64 = found.iter().map(|one| one.octets).sum();
        for one in found.iter().filter(|one| is_closed(one, &found)) {
            if octets <= self.settings.max_octets {
                return;
            }
            let rows = rows_in(&one.path).unwrap_or(0);
            if std::fs::remove_file(&one.path).is_ok() {
                octets = octets.saturating_sub(one.octets);
                self.counts.drop_disk(one.class as usize, rows);
                let words = "more than query_log.max_wal_mib waits to be taken in; the oldest was removed";
                self.counts.problem(one.class as usize, format!("{}: {words}", self.settings.directory.display()));
            }
        }
    }
}

fn is_closed(one: &Found, all: &[Found]) -> bool {
    all.iter().any(|other| other.class == one.class && other.number > one.number)
}

fn rows_in(path: &Path) -> io::Result<u64> {
    count_rows(&File::open(path)?)
}

/// Completes latencies and puts pseudonyms in place of addresses.
fn finish_records(mut records: &mut [u8], elapsed_us: u32, key: Option<&PseudonymKey>) {
    while let Some(length) = length_of(records)
        && let Some((record, rest)) = records.split_at_mut_checked(length)
    {
        if let Some(latency) = record.get_mut(LATENCY_AT).and_then(|octets| octets.first_chunk_mut::<4>()) {
            *latency = u32::from_le_bytes(*latency).saturating_add(elapsed_us).to_le_bytes();
        }
        let kept = record.get(FLAGS_AT).is_some_and(|flags| flags & crate::record::COUNTED == 0);
        if let Some(key) = key.filter(|_| kept)
            && let Some(client) = record.get_mut(CLIENT_AT).and_then(|octets| octets.first_chunk_mut::<16>())
        {
            key.hide(client);
            if let Some(flags) = record.get_mut(FLAGS_AT) {
                *flags |= PSEUDONYM;
            }
        }
        records = rest;
    }
}
