//! A worker: one thread, its sockets, its answerer. It shares nothing it could have to wait for.

use crate::answer::{Answerer, Outcome, Outlet};
use crate::cache::Stored;
use crate::clock::{Clock, Now};
use crate::counters::{Counter, Counters};
use crate::crash::CrashKeeper;
use crate::pending::Asker;
use crate::regime::Regime;
use crate::socket::{DatagramDoor, Wake, readable, wait_readable};
use arc_swap::ArcSwap;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Answers taken from the desk between two looks at the sockets.
const ANSWERS_A_TURN: usize = 64;
/// An idle worker looks up this often, so that it notices the order to stop and questions that are due.
const LONGEST_WAIT_MS: u64 = 500;
/// How often the first worker reminds the stream doors of what is due.
const TICK_MS: u64 = 250;

/// What a worker says of itself for `status`.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Answers in its cache.
    pub entries: AtomicU64,
    /// Octets of its cache.
    pub octets: AtomicU64,
    /// Questions under way.
    pub pending: AtomicU64,
}

/// One worker thread's belongings.
pub struct Worker {
    pub(crate) answerer: Answerer,
    pub(crate) doors: Vec<DatagramDoor>,
    pub(crate) answers: rtrb::Consumer<Arc<Stored>>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) miss_wake: Arc<Wake>,
    /// Only the first worker has it: the stream doors have no thread that could look at the clock.
    pub(crate) tick: Option<Arc<Wake>>,
    pub(crate) regime: Arc<ArcSwap<Regime>>,
    pub(crate) clock: Clock,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) crashes: CrashKeeper,
}

impl Worker {
    /// Works until told to stop.
    pub fn run(mut self) {
        let mut in_force = arc_swap::Cache::new(self.regime.clone());
        let mut next_tick_ms = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            let regime = in_force.load();
            let had_answers = self.take_answers(regime, now);
            let had_queries = self.serve(regime, now);
            if self.answerer.take_has_sent() {
                self.miss_wake.signal();
            }
            if self.answerer.next_due_ms().is_some_and(|due_ms| due_ms <= now.mono_ms) {
                self.answerer.expire(
                    regime,
                    now,
                    &mut LateAnswers { doors: &mut self.doors, counters: &self.counters },
                );
                self.flush();
            }
            if now.mono_ms >= next_tick_ms {
                next_tick_ms = now.mono_ms + TICK_MS;
                self.tick();
            }
            if !had_answers && !had_queries {
                self.wait(now);
            }
        }
    }

    /// Queries that wait at the sockets; whether there were any.
    fn serve(&mut self, regime: &Regime, now: Now) -> bool {
        let mut any = false;
        for at in 0..self.doors.len() {
            let Some(door) = self.doors.get_mut(at) else { continue };
            let taken = door.receive();
            for datagram in 0..taken {
                let Some((peer, packet, out)) = door.datagram(datagram) else { continue };
                let asker = Asker::Datagram(at, peer);
                let answerer = &mut self.answerer;
                let outcome = catch_unwind(AssertUnwindSafe(|| answerer.answer(regime, packet, &asker, now, out)));
                match outcome {
                    Ok(Outcome::Answer(length)) if length > 0 => door.queue(&peer, length),
                    Ok(_) => {}
                    Err(_) => {
                        self.answerer.recover();
                        self.crashes.keep(packet);
                    }
                }
            }
            any |= taken > 0;
        }
        if any {
            self.flush();
        }
        any
    }

    /// Answers that came from the desk; whether there were any.
    fn take_answers(&mut self, regime: &Regime, now: Now) -> bool {
        let mut any = false;
        for _ in 0..ANSWERS_A_TURN {
            let Ok(stored) = self.answers.pop() else { break };
            let mut late = LateAnswers { doors: &mut self.doors, counters: &self.counters };
            self.answerer.complete(regime, &stored, now, &mut late);
            any = true;
        }
        if any {
            self.flush();
        }
        any
    }

    fn flush(&mut self) {
        for door in &mut self.doors {
            let (_, refused) = door.flush();
            if refused > 0 {
                self.counters.add(Counter::SendFailures, refused as u64);
            }
        }
    }

    fn tick(&self) {
        let (entries, octets, pending) = self.answerer.fill();
        self.gauges.entries.store(entries as u64, Ordering::Relaxed);
        self.gauges.octets.store(octets, Ordering::Relaxed);
        self.gauges.pending.store(pending as u64, Ordering::Relaxed);
        if let Some(tick) = &self.tick {
            tick.signal();
        }
    }

    fn wait(&mut self, now: Now) {
        let due_ms = self.answerer.next_due_ms().map_or(LONGEST_WAIT_MS, |due_ms| due_ms.saturating_sub(now.mono_ms));
        let tick_ms = if self.tick.is_some() { TICK_MS } else { LONGEST_WAIT_MS };
        let mut fds: Vec<_> = self.doors.iter().map(|door| readable(door.as_raw_fd())).collect();
        fds.push(readable(self.wake.as_raw_fd()));
        wait_readable(&mut fds, due_ms.min(tick_ms).max(1) as i32);
        self.wake.clear();
    }
}

/// Hands late answers to the door they belong to.
struct LateAnswers<'a> {
    doors: &'a mut Vec<DatagramDoor>,
    counters: &'a Counters,
}

impl Outlet for LateAnswers<'_> {
    fn send(&mut self, asker: &Asker, answer: &[u8]) {
        let Asker::Datagram(door, peer) = asker else { return };
        let Some(door) = self.doors.get_mut(*door) else { return };
        if door.is_full() {
            let (_, refused) = door.flush();
            self.counters.add(Counter::SendFailures, refused as u64);
        }
        if let Some(place) = door.buffer().and_then(|buffer| buffer.get_mut(..answer.len())) {
            place.copy_from_slice(answer);
            door.queue(peer, answer.len());
        }
    }
}
