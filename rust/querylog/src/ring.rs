//! How records leave a worker: collected in its own memory while it works through a batch, handed over in one piece when
//! the batch ends. The worker never waits and never allocates here.
//!
//! There are two rings. Records that matter for safeguarding have one of their own, so that a flood of ordinary ones cannot
//! push them out; should it ever be full, they go the ordinary way before anything is lost. What is lost is counted.

use crate::record::{MAX_RECORD_OCTETS, Record};
use crate::words::Class;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Octets before the records of a batch: length, rows, elapsed microseconds, class, generation.
const BATCH_HEAD_OCTETS: usize = 24;
/// A batch of packets makes about 6 KiB of records. More than this is handed over in pieces.
const PILE_OCTETS: usize = 64 << 10;

/// Both rings of one worker, split into their ends. A typical record takes 80 octets.
pub fn record_rings(ordinary_octets: usize, safeguarding_octets: usize) -> (Recorder, RecordReader) {
    let (to_ordinary, ordinary) = rtrb::RingBuffer::new(ordinary_octets);
    let (to_safeguarding, safeguarding) = rtrb::RingBuffer::new(safeguarding_octets);
    let dropped = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let recorder = Recorder {
        ordinary: Pile::new(Class::Ordinary),
        safeguarding: Pile::new(Class::Safeguarding),
        generation: 0,
        to_ordinary,
        to_safeguarding,
        dropped: dropped.clone(),
    };
    (recorder, RecordReader { ordinary, safeguarding, dropped })
}

/// The records of one class in the batch under way.
struct Pile {
    class: Class,
    /// Room for the head, then whole records.
    octets: Vec<u8>,
    rows: u32,
}

impl Pile {
    fn new(class: Class) -> Self {
        let mut octets = Vec::with_capacity(PILE_OCTETS);
        octets.resize(BATCH_HEAD_OCTETS, 0);
        Self { class, octets, rows: 0 }
    }

    fn has_room(&self) -> bool {
        self.octets.len() + MAX_RECORD_OCTETS <= PILE_OCTETS
    }

    fn clear(&mut self) {
        self.octets.truncate(BATCH_HEAD_OCTETS);
        self.rows = 0;
    }
}

/// The worker's end.
pub struct Recorder {
    ordinary: Pile,
    safeguarding: Pile,
    generation: u64,
    to_ordinary: rtrb::Producer<u8>,
    to_safeguarding: rtrb::Producer<u8>,
    dropped: Arc<[AtomicU64; 2]>,
}

impl Recorder {
    /// Adds a record to the batch under way. Its numbers belong to the legend of this generation.
    #[inline]
    pub fn note(&mut self, class: Class, generation: u64, record: &Record<'_>) {
        let has_room = if class == Class::Ordinary { self.ordinary.has_room() } else { self.safeguarding.has_room() };
        if generation != self.generation || !has_room {
            // The clock is not read for this: such a batch tells a latency that is short by its own part.
            self.commit(0);
            self.generation = generation;
        }
        let pile = if class == Class::Ordinary { &mut self.ordinary } else { &mut self.safeguarding };
        record.append_to(&mut pile.octets);
        pile.rows += 1;
    }

    /// Whether the batch has no record.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ordinary.rows == 0 && self.safeguarding.rows == 0
    }

    /// Hands the batch over, which ended `elapsed_us` after it began; drops and counts it where there is no room.
    pub fn commit(&mut self, elapsed_us: u32) {
        let Self { ordinary, safeguarding, generation, to_ordinary, to_safeguarding, dropped } = self;
        for (pile, rings) in [(safeguarding, [Some(to_safeguarding), None]), (ordinary, [None, None])] {
            if pile.rows == 0 {
                continue;
            }
            write_head(pile, elapsed_us, *generation);
            let mut ways = rings.into_iter().flatten();
            let taken = ways.any(|ring| ring.push_entire_slice(&pile.octets).is_ok())
                || to_ordinary.push_entire_slice(&pile.octets).is_ok();
            if !taken && let Some(count) = dropped.get(pile.class as usize) {
                // One writer: a load and a store do.
                count.store(count.load(Ordering::Relaxed) + u64::from(pile.rows), Ordering::Relaxed);
            }
            pile.clear();
        }
    }
}

fn write_head(pile: &mut Pile, elapsed_us: u32, generation: u64) {
    let octets = (pile.octets.len() - BATCH_HEAD_OCTETS) as u32;
    let rows_and_class = pile.rows << 1 | pile.class as u32;
    let words = [octets, rows_and_class, elapsed_us, 0].map(u32::to_le_bytes);
    if let Some(head) = pile.octets.first_chunk_mut::<BATCH_HEAD_OCTETS>() {
        head[..16].copy_from_slice(words.as_flattened());
        head[16..].copy_from_slice(&generation.to_le_bytes());
    }
}

/// What is said of a batch beside its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The class of all its records.
    pub class: Class,
    /// How many there are.
    pub rows: u32,
    /// To be added to the latency of each, microseconds.
    pub elapsed_us: u32,
    /// The legend that their numbers belong to.
    pub generation: u64,
}

/// The log writer's end.
pub struct RecordReader {
    ordinary: rtrb::Consumer<u8>,
    safeguarding: rtrb::Consumer<u8>,
    dropped: Arc<[AtomicU64; 2]>,
}

impl RecordReader {
    /// Takes the next batch, those that matter for safeguarding first: shows its head and its records, in two pieces where
    /// the ring ends between them.
    pub fn read<T>(&mut self, show: impl FnOnce(Batch, &[u8], &[u8]) -> T) -> Option<T> {
        let ring = if self.safeguarding.is_empty() { &mut self.ordinary } else { &mut self.safeguarding };
        let mut head = [0; BATCH_HEAD_OCTETS];
        ring.pop_entire_slice(&mut head).ok()?;
        let word =
            |at: usize| head.get(at..at + 4).and_then(|octets| octets.try_into().ok()).map_or(0, u32::from_le_bytes);
        let batch = Batch {
            class: if word(4) & 1 == 0 { Class::Ordinary } else { Class::Safeguarding },
            rows: word(4) >> 1,
            elapsed_us: word(8),
            generation: u64::from(word(16)) | u64::from(word(20)) << 32,
        };
        // A batch is handed over whole, so its records are all there.
        let chunk = ring.read_chunk(word(0) as usize).ok()?;
        let (first, second) = chunk.as_slices();
        let shown = show(batch, first, second);
        chunk.commit_all();
        Some(shown)
    }

    /// Whether a ring is more than half full: the reader must not rest now.
    pub fn is_pressed(&self) -> bool {
        [&self.ordinary, &self.safeguarding].into_iter().any(|ring| ring.slots() > ring.buffer().capacity() / 2)
    }

    /// Records of a class that found no room since the rings were made.
    pub fn dropped(&self) -> Arc<[AtomicU64; 2]> {
        self.dropped.clone()
    }
}
