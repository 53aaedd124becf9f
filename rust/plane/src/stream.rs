//! The stream doors' answerers: one for each thread of doors, and one for who asks from within this process. Connections are
//! their business; every message comes here and takes the same path as a datagram.

use crate::active_state::ActiveState;
use crate::answer::{Answerer, Outcome};
use crate::clock::{Clock, Now};
use crate::counters::{Counter, Counters};
use crate::crash::CrashKeeper;
use crate::forwarding_worker::{ForwardingWorker, HELD_UP_MS};
use crate::gauges::Gauges;
use crate::requester::Requester;
use crate::socket::Wake;
use crate::stored::Stored;
use crate::waiters::ReplySender;
use arc_swap::ArcSwap;
use schoolgate_policy::Selection;
use schoolgate_querylog::Door;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a thread of doors goes on sending before its clients have their turn.
const TURNS_OF_SENDING: usize = 32;

/// What a stream door does with a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Send this.
    Answer(Vec<u8>),
    /// Wait: the answer comes under this ticket.
    Ticket(u64),
    /// Say nothing and close.
    Nothing,
}

/// How stream doors are called: for answers that have come, and because time goes by. They have no thread that could look at
/// the clock, so a worker looks for them.
#[derive(Clone)]
pub struct Reminder {
    wake: Arc<Wake>,
    is_wanted: Arc<AtomicBool>,
}

impl Reminder {
    /// One that is not wanted yet.
    pub fn new(wake: Arc<Wake>) -> Self {
        Self { wake, is_wanted: Arc::default() }
    }

    /// What it calls by.
    pub fn wake(&self) -> &Arc<Wake> {
        &self.wake
    }

    /// Whether a client there waits for an answer; without one, `remind` does nothing.
    fn want(&self, is_wanted: bool) {
        self.is_wanted.store(is_wanted, Ordering::Relaxed);
    }

    /// To be called a few times a second.
    pub fn remind(&self) {
        if self.is_wanted.load(Ordering::Relaxed) {
            self.wake.signal();
        }
    }
}

/// The descriptor that says that answers have come.
#[derive(Debug)]
pub struct AnswersWake(Arc<Wake>);

impl AsRawFd for AnswersWake {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Answers the messages of stream doors.
pub struct StreamAnswerer {
    pub(crate) answerer: Answerer,
    pub(crate) answers: rtrb::Consumer<Arc<Stored>>,
    pub(crate) resolver_wake: Arc<Wake>,
    /// Its part in forwarding; `None`: asyncio sends for it.
    pub(crate) forwarding_worker: Option<ForwardingWorker>,
    pub(crate) reminder: Reminder,
    pub(crate) active: Arc<ArcSwap<ActiveState>>,
    pub(crate) clock: Clock,
    pub(crate) counters: Arc<Counters>,
    pub(crate) crashes: CrashKeeper,
    pub(crate) out: Vec<u8>,
    pub(crate) ready: Ready,
    pub(crate) next_ticket: u64,
    pub(crate) gauges: Arc<Gauges>,
}

impl StreamAnswerer {
    /// Readable when answers have come; [`StreamAnswerer::take_answers`] makes it unreadable.
    pub fn answers_wake(&self) -> AnswersWake {
        AnswersWake(self.reminder.wake().clone())
    }

    /// When [`StreamAnswerer::take_answers`] is to be called although nothing has come, milliseconds from now.
    pub fn due_in_ms(&self) -> Option<u64> {
        let is_to_come_back = self.forwarding_worker.as_ref().is_some_and(ForwardingWorker::is_to_come_back);
        let come_back_ms = is_to_come_back.then_some(HELD_UP_MS);
        let due_ms = self.answerer.next_due_ms().map(|due_ms| due_ms.saturating_sub(self.clock.now().mono_ms));
        come_back_ms.into_iter().chain(due_ms).min()
    }

    /// Sends what messages have missed, as the resolver has said. To be called soon after [`StreamAnswerer::ask`] gave
    /// tickets: many are sent at once for little more than one.
    pub fn send_misses(&mut self) {
        let now = self.clock.now();
        let Some(forwarding_worker) = &mut self.forwarding_worker else { return };
        let mut has_sent = self.answerer.take_has_sent();
        for _ in 0..TURNS_OF_SENDING {
            let done = catch_unwind(AssertUnwindSafe(|| forwarding_worker.go_on(has_sent, false, now)));
            let has_more = done.unwrap_or_else(|_| {
                self.counters.count(Counter::LatePanics);
                forwarding_worker.note_panic();
                false
            });
            if !has_more {
                break;
            }
            has_sent = false;
        }
        // What could not be sent has failed at once, and this thread is not called for what it did itself.
        if !self.answers.is_empty() {
            self.reminder.wake().signal();
        }
    }

    /// Devices that share the address `client`, as the segment of those who ask `local` from there says: at least one.
    pub fn devices(&self, client: IpAddr, local: SocketAddr) -> u32 {
        let active = self.active.load();
        let Selection::Served(selected) = active.rulebook.select(client, local) else { return 1 };
        let segment = selected.segment.and_then(|at| active.rulebook.table().segments().get(usize::from(at)));
        segment.map_or(1, |segment| segment.devices.max(1))
    }

    /// Answers one message.
    pub fn ask(&mut self, message: &[u8], client: SocketAddr, local: SocketAddr, door: Door) -> Asked {
        self.counters.count(Counter::StreamQueries);
        let (now, active) = (self.clock.now(), self.active.load());
        self.next_ticket += 1;
        let requester = Requester::Stream(self.next_ticket, client, local, door);
        // A client that got a truncated answer by UDP comes at once, and the whole of it is here by now.
        self.take_in(&active, now);
        let (answerer, out) = (&mut self.answerer, &mut self.out);
        let outcome = catch_unwind(AssertUnwindSafe(|| answerer.answer(&active, message, &requester, now, out)));
        self.settle(now);
        match outcome {
            Ok(Outcome::Answer(length)) => Asked::Answer(self.out.get(..length).unwrap_or_default().to_vec()),
            Ok(Outcome::Waiting) => Asked::Ticket(self.next_ticket),
            Ok(Outcome::Silence) => Asked::Nothing,
            Err(_) => {
                self.counters.count(Counter::Panics);
                self.answerer.recover();
                self.crashes.keep(message);
                Asked::Nothing
            }
        }
    }

    /// Answers that have come, or fallen due, for those who wait.
    pub fn take_answers(&mut self) -> Vec<(u64, Vec<u8>)> {
        self.reminder.wake().clear();
        if self.forwarding_worker.as_ref().is_some_and(ForwardingWorker::is_to_come_back) {
            self.send_misses();
        }
        let (now, active) = (self.clock.now(), self.active.load());
        self.take_in(&active, now);
        while self.answerer.next_due_ms().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.catch(|answerer, ready| answerer.expire(&active, now, ready));
        }
        self.answer_crowds(&active, now);
        let taken = std::mem::take(&mut self.ready.0);
        self.settle(now);
        taken
    }

    /// Answers that have come, to keep and for who waits. These are called for anyway, and get them then.
    fn take_in(&mut self, active: &ActiveState, now: Now) {
        while let Ok(stored) = self.answers.pop() {
            let completed = self.catch(|answerer, ready| {
                answerer.complete(active, &stored, now, ready);
            });
            if completed.is_none() {
                self.crashes.keep(stored.octets());
            }
        }
        self.answer_crowds(active, now);
    }

    /// A stream door has no turns: all of a crowd are answered at once.
    fn answer_crowds(&mut self, active: &ActiveState, now: Now) {
        while self.answerer.has_crowds() {
            self.catch(|answerer, ready| {
                answerer.answer_crowds(active, now, ready);
            });
        }
    }

    /// What is left to do when answers have been made.
    fn settle(&mut self, now: Now) {
        self.reminder.want(self.answerer.next_due_ms().is_some());
        if self.forwarding_worker.is_none() && self.answerer.take_has_sent() {
            self.resolver_wake.signal();
        }
        self.answerer.commit_records(|| self.clock.since_us(now));
        let (entries, octets, pending) = self.answerer.fill();
        self.gauges.entries.store(entries as u64, Ordering::Relaxed);
        self.gauges.octets.store(octets, Ordering::Relaxed);
        self.gauges.pending.store(pending as u64, Ordering::Relaxed);
    }

    fn catch(&mut self, work: impl FnOnce(&mut Answerer, &mut Ready)) -> Option<()> {
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut self.answerer, &mut self.ready)));
        if done.is_err() {
            self.counters.count(Counter::LatePanics);
            self.answerer.recover();
        }
        done.ok()
    }
}

/// Answers for those who waited, by ticket, until they are taken.
#[derive(Default)]
pub(crate) struct Ready(Vec<(u64, Vec<u8>)>);

impl ReplySender for Ready {
    fn send(&mut self, requester: &Requester, answer: &[u8]) {
        if let Requester::Stream(ticket, ..) = requester {
            self.0.push((*ticket, answer.to_vec()));
        }
    }
}
