//! A worker: one thread, its sockets, its answerer. It shares nothing it could have to wait for.

use crate::active_state::ActiveState;
use crate::answer::{Answerer, LOOK_AHEAD, Outcome};
use crate::clock::{Clock, Now};
use crate::counters::{Counter, Counters};
use crate::crash::CrashKeeper;
use crate::forwarding_worker::ForwardingWorker;
use crate::gauges::Gauges;
use crate::requester::Requester;
use crate::socket::{BATCH, DatagramDoor, Flushed, PollFd, Wake, is_readable, nothing, readable, wait_readable};
use crate::stored::Stored;
use crate::stream::Reminder;
use crate::waiters::ReplySender;
use arc_swap::ArcSwap;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Outcomes taken from the miss hub between two looks at the sockets.
const OUTCOMES_A_TURN: usize = 64;
/// Clients that waited and are answered between two looks at the sockets: many may have waited for one question.
const WAITERS_A_TURN: usize = 256;
/// An idle worker looks up this often, so that it notices the order to stop.
const LONGEST_WAIT_MS: u64 = 500;
/// How often the first worker reminds the stream doors of what is due, and all renew their gauges.
const TICK_MS: u64 = 250;
/// A batch smaller than this has most likely emptied its socket: waiting says so for less than another try would.
const FEW: usize = 16;
/// Where the worker's own descriptor, that of replies, and those of its sockets stand among those it waits for.
const WAKE_AT: usize = 0;
const REPLIES_AT: usize = 1;
const DOORS_AT: usize = 2;
/// While batches are full, misses gather for so many turns (well under a millisecond): one system call takes many.
const FULL_TURNS_A_SEND: u32 = 4;
/// A worker goes on after a panic, but one that does nothing else is better dead and reported than busy.
const PANICS_IN_A_ROW: u32 = 1000;

/// One worker thread's belongings.
pub struct Worker {
    pub(crate) answerer: Answerer,
    pub(crate) doors: Vec<DatagramDoor>,
    pub(crate) answers: rtrb::Consumer<Arc<Stored>>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) forwarding_worker: ForwardingWorker,
    /// Only the first worker has it.
    pub(crate) reminder: Option<Reminder>,
    pub(crate) next_tick_ms: u64,
    pub(crate) active: Arc<ArcSwap<ActiveState>>,
    pub(crate) clock: Clock,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) crashes: CrashKeeper,
    /// Turns in a row that found a full batch.
    pub(crate) full_turns: u32,
    /// Whether the last turn ended waiting, so that what was waited for says what there is.
    pub(crate) has_waited: bool,
    /// The outcome being taken in, to be kept if it makes the worker panic.
    pub(crate) in_hand: Option<Arc<Stored>>,
}

impl Worker {
    /// Works until `stop` is set. A panic costs what was in hand; every worker gets every answer, so without this one bad
    /// answer would end them all.
    pub fn run(mut self) {
        let mut active_state = arc_swap::Cache::new(self.active.clone());
        let mut panics = 0;
        let mut awaited = vec![readable(self.wake.as_raw_fd()), nothing()];
        awaited.extend(self.doors.iter().map(|door| readable(door.as_raw_fd())));
        while !self.stop.load(Ordering::Relaxed) {
            let active = active_state.load();
            match catch_unwind(AssertUnwindSafe(|| self.turn(active, &mut awaited))) {
                Ok(()) => panics = 0,
                Err(_) if panics < PANICS_IN_A_ROW => {
                    panics += 1;
                    self.outcome_panicked();
                }
                Err(panic) => resume_unwind(panic),
            }
        }
    }

    /// Queries that came, what is due, misses and replies, answers that came; each bounded, so that none of them starves the
    /// others. Then it waits, unless there is more.
    fn turn(&mut self, active: &ActiveState, awaited: &mut [PollFd]) {
        let now = self.clock.now();
        let taken = self.serve(active, now, awaited);
        if self.answerer.next_due_ms().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.answerer.expire(active, now, &mut LateAnswers { doors: &mut self.doors, counters: &self.counters });
            self.flush();
        }
        self.full_turns = if taken == BATCH { self.full_turns + 1 } else { 0 };
        let has_misses = self.full_turns.is_multiple_of(FULL_TURNS_A_SEND) && self.forward(awaited, now);
        let has_outcomes = self.take_outcomes(active, now) | self.answer_crowds(active, now);
        // After the answers are on their way.
        self.answerer.commit_records(|| self.clock.since_us(now));
        if now.mono_ms >= self.next_tick_ms {
            self.next_tick_ms = now.mono_ms + TICK_MS;
            self.tick();
        }
        self.has_waited = taken < FEW && !has_misses && !has_outcomes;
        if self.has_waited {
            self.wait(now, awaited);
        }
    }

    /// Sends misses and reads replies; whether there may be more.
    fn forward(&mut self, awaited: &[PollFd], now: Now) -> bool {
        let has_sent = self.answerer.take_has_sent();
        let may_have_replies = match self.has_waited {
            true => awaited.get(REPLIES_AT).is_some_and(is_readable),
            false => self.forwarding_worker.awaits_replies(),
        };
        let forwarding_worker = &mut self.forwarding_worker;
        let done = catch_unwind(AssertUnwindSafe(|| forwarding_worker.go_on(has_sent, may_have_replies, now)));
        done.unwrap_or_else(|_| {
            self.counters.count(Counter::LatePanics);
            self.forwarding_worker.note_panic();
            false
        })
    }

    /// Queries that wait at the sockets; the most that one had. After a wait it has said which have any.
    fn serve(&mut self, active: &ActiveState, now: Now, awaited: &[PollFd]) -> usize {
        let mut most = 0;
        for at in 0..self.doors.len() {
            if self.has_waited && !awaited.get(DOORS_AT + at).is_some_and(is_readable) {
                continue;
            }
            let Some(door) = self.doors.get_mut(at) else { continue };
            let taken = door.receive();
            // What other workers had resolved when these queries were sent is here by now; asleep, this one has not looked.
            if taken > 0 {
                self.take_outcomes_first(active, now);
            }
            let Some(door) = self.doors.get_mut(at) else { continue };
            // What panics here panics again when it is decided, and is counted and kept there.
            let look = |answerer: &mut Answerer, door: &DatagramDoor, at: usize| {
                let packet = if at < taken { door.packet(at) } else { None };
                if catch_unwind(AssertUnwindSafe(|| answerer.look_ahead(active, packet))).is_err() {
                    answerer.recover();
                }
            };
            (0..LOOK_AHEAD).for_each(|at| look(&mut self.answerer, door, at));
            for datagram in 0..taken {
                look(&mut self.answerer, door, datagram + LOOK_AHEAD);
                let Some((peer, packet, out)) = door.datagram(datagram) else { continue };
                let requester = Requester::Datagram(at, peer);
                let answerer = &mut self.answerer;
                let outcome = catch_unwind(AssertUnwindSafe(|| answerer.answer(active, packet, &requester, now, out)));
                match outcome {
                    Ok(Outcome::Answer(length)) => door.queue(&peer, length),
                    Ok(Outcome::Silence | Outcome::Waiting) => {}
                    Err(_) => {
                        self.counters.count(Counter::Panics);
                        self.answerer.recover();
                        self.crashes.keep(packet);
                    }
                }
            }
            most = most.max(taken);
        }
        if most > 0 {
            self.flush();
        }
        most
    }

    /// [`Worker::take_outcomes`] while queries have been received: a panic costs the outcome in hand, and not these.
    fn take_outcomes_first(&mut self, active: &ActiveState, now: Now) {
        if self.answers.is_empty() {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| self.take_outcomes(active, now))).is_err() {
            self.outcome_panicked();
            // What was written before the panic leaves now: the places belong to the answers of this batch.
            self.flush();
        }
    }

    fn outcome_panicked(&mut self) {
        self.counters.count(Counter::LatePanics);
        self.answerer.recover();
        if let Some(stored) = self.in_hand.take() {
            self.crashes.keep(stored.octets());
        }
    }

    /// Outcomes that came from the miss hub; whether there may be more.
    fn take_outcomes(&mut self, active: &ActiveState, now: Now) -> bool {
        let (mut outcomes, mut waiters) = (0, 0);
        let mut more = true;
        while more && outcomes < OUTCOMES_A_TURN && waiters < WAITERS_A_TURN {
            let Ok(stored) = self.answers.pop() else {
                more = false;
                continue;
            };
            let stored = self.in_hand.insert(stored);
            let mut late = LateAnswers { doors: &mut self.doors, counters: &self.counters };
            waiters += self.answerer.complete(active, stored, now, &mut late);
            self.in_hand = None;
            outcomes += 1;
        }
        if waiters > 0 {
            self.flush();
        }
        more
    }

    /// Answers some of those who waited for one question and were too many for one turn; whether there are more.
    fn answer_crowds(&mut self, active: &ActiveState, now: Now) -> bool {
        if !self.answerer.has_crowds() {
            return false;
        }
        let more = self.answerer.answer_crowds(
            active,
            now,
            &mut LateAnswers { doors: &mut self.doors, counters: &self.counters },
        );
        self.flush();
        more
    }

    fn flush(&mut self) {
        for door in &mut self.doors {
            count(&self.counters, door.flush());
        }
    }

    fn tick(&self) {
        let (entries, octets, pending) = self.answerer.fill();
        self.gauges.entries.store(entries as u64, Ordering::Relaxed);
        self.gauges.octets.store(octets, Ordering::Relaxed);
        self.gauges.pending.store(pending as u64, Ordering::Relaxed);
        if let Some(reminder) = &self.reminder {
            reminder.remind();
        }
    }

    fn wait(&self, now: Now, awaited: &mut [PollFd]) {
        let until = |due_ms: u64| due_ms.saturating_sub(now.mono_ms);
        let due_ms = self.answerer.next_due_ms().map_or(LONGEST_WAIT_MS, until);
        let forwarding_ms = self.forwarding_worker.next_due_ms(now).map_or(LONGEST_WAIT_MS, until);
        // Also the latest that the first worker looks for what is overdue at ports that others have opened meanwhile.
        let tick_ms = if self.reminder.is_some() { until(self.next_tick_ms) } else { LONGEST_WAIT_MS };
        if let Some(replies) = awaited.get_mut(REPLIES_AT) {
            *replies = self.forwarding_worker.replies_fd().map_or(nothing(), readable);
        }
        wait_readable(awaited, due_ms.min(forwarding_ms).min(tick_ms).min(LONGEST_WAIT_MS) as i32);
        // Cleared before the ring is looked at again, so that no signal is lost.
        if awaited.get(WAKE_AT).is_some_and(is_readable) {
            self.wake.clear();
        }
    }
}

fn count(counters: &Counters, flushed: Flushed) {
    counters.add(Counter::SendFailures, flushed.refused as u64);
    counters.add(Counter::Truncated, flushed.truncated as u64);
}

/// Hands late answers to the door they belong to.
struct LateAnswers<'a> {
    doors: &'a mut Vec<DatagramDoor>,
    counters: &'a Counters,
}

impl ReplySender for LateAnswers<'_> {
    fn send(&mut self, requester: &Requester, answer: &[u8]) {
        let Requester::Datagram(door, peer) = requester else { return };
        let Some(door) = self.doors.get_mut(*door) else { return };
        if door.is_full() {
            count(self.counters, door.flush());
        }
        if let Some(place) = door.buffer().and_then(|buffer| buffer.get_mut(..answer.len())) {
            place.copy_from_slice(answer);
            door.queue(peer, answer.len());
        }
    }
}
