//! Seats in a plane: each worker and each stream answerer has one, made from what all of them share.

use crate::active_state::ActiveState;
use crate::answer::Answerer;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::crash::CrashKeeper;
use crate::designation::Designations;
use crate::forwarding_worker::ForwardingWorker;
use crate::miss_hub::{ANSWER_RING, MISS_RING, WorkerChannel};
use crate::plane_error::PlaneError;
use crate::rate_limit::RateTable;
use crate::settings::Settings;
use crate::socket::{DatagramDoor, Wake};
use crate::stored::Stored;
use crate::stream::{Reminder, StreamAnswerer};
use crate::worker::Worker;
use arc_swap::ArcSwap;
use schoolgate_querylog::Recorder;
use schoolgate_wire::{CookieSecrets, MAX_MESSAGE_OCTETS};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What all workers are made from.
pub struct Shared {
    pub settings: Arc<Settings>,
    pub clock: Clock,
    pub cookies: Arc<CookieSecrets>,
    pub rates: Arc<RateTable>,
    pub resolver_wake: Arc<Wake>,
    pub reminder: Reminder,
    pub active: Arc<ArcSwap<ActiveState>>,
    pub stop: Arc<AtomicBool>,
    pub designations: Arc<ArcSwap<Designations>>,
    /// Octets of one share of the cache's bound.
    pub cache_share: u64,
}

impl Shared {
    /// The worker of a seat; the first also looks at the clock for the answerer of this process.
    pub fn worker(
        &self,
        at: usize,
        seat: Seat,
        forwarding_worker: ForwardingWorker,
        doors: Vec<DatagramDoor>,
        recorder: Option<Recorder>,
    ) -> Worker {
        Worker {
            answerer: seat.answerer.recording_to(recorder),
            doors,
            answers: seat.answers,
            wake: seat.wake,
            forwarding_worker,
            reminder: (at == 0).then(|| self.reminder.clone()),
            next_tick_ms: 0,
            active: self.active.clone(),
            clock: self.clock,
            stop: self.stop.clone(),
            counters: seat.counters,
            gauges: Arc::default(),
            crashes: CrashKeeper::new(self.settings.crash_dir.clone(), at),
            full_turns: 0,
            has_waited: false,
            in_hand: None,
        }
    }

    /// `at` numbers it among all that keep packets they could not bear.
    pub fn stream_answerer(
        &self,
        at: usize,
        seat: Seat,
        reminder: Reminder,
        forwarding_worker: Option<ForwardingWorker>,
        recorder: Option<Recorder>,
    ) -> StreamAnswerer {
        StreamAnswerer {
            answerer: seat.answerer.recording_to(recorder),
            answers: seat.answers,
            resolver_wake: self.resolver_wake.clone(),
            forwarding_worker,
            reminder,
            active: self.active.clone(),
            clock: self.clock,
            counters: seat.counters,
            crashes: CrashKeeper::new(self.settings.crash_dir.clone(), at),
            out: vec![0; MAX_MESSAGE_OCTETS],
            ready: Default::default(),
            next_ticket: 0,
            gauges: Arc::default(),
        }
    }

    /// A seat, and the miss hub's end of its channel. `least_octets`: shorter answers are not kept there.
    pub fn seat(
        &self,
        wake: Arc<Wake>,
        cache_shares: u64,
        least_octets: usize,
    ) -> Result<(Seat, WorkerChannel), PlaneError> {
        let cache_octets = self.cache_share * cache_shares;
        let settings = Arc::new(Settings { cache_octets, ..Settings::clone(&self.settings) });
        let (misses_in, misses) = rtrb::RingBuffer::new(MISS_RING);
        let (answers_in, answers) = rtrb::RingBuffer::new(ANSWER_RING);
        let counters = Arc::new(Counters::default());
        let answerer = Answerer::new(settings, counters.clone(), self.cookies.clone(), self.rates.clone(), misses_in)
            .map_err(|_| PlaneError::CacheTooLarge(self.settings.cache_octets >> 20))?
            .designating(self.designations.clone());
        let channel = WorkerChannel { misses, answers: answers_in, wake: wake.clone(), least_octets };
        Ok((Seat { answerer, answers, counters, wake }, channel))
    }
}

/// The other end of a channel to the miss hub, where questions are answered.
pub struct Seat {
    pub answerer: Answerer,
    pub answers: rtrb::Consumer<Arc<Stored>>,
    pub counters: Arc<Counters>,
    pub wake: Arc<Wake>,
}
