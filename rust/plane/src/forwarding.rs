//! The way of a miss: from the miss hub to a forwarder and back, in batches.
//!
//! The resolver decides which forwarders are asked and how long they are waited for, and says so beforehand. What it has
//! said stands until it says otherwise, a few times a second while there is anything to do. By that a worker sends, reads
//! and keeps time by itself ([`Forwarding::go_on`]): no miss waits for another thread, and a resolver that hangs stops none
//! that goes as it should. Where no worker has been for a while, the resolver does all of it.
//!
//! A reply about the name that comes in time ends here, and the resolver gets only numbers, when it next looks. Everything
//! else wakes the resolver and is one [`Event`]: truncation, SERVFAIL and the like, timeouts, errors of the network, guesses.
//! From then on the resolver owns the exchange: it says what to do next and completes the miss.

use crate::clock::Now;
use crate::miss_hub::{MissHub, asked_name, asked_type};
use crate::pending::{GIVE_UP_AFTER_MS, MAX_QUESTIONS};
use crate::reply_sink::{Event, EventKind, ReplySink, Report, Trusted};
use crate::source_port::{Attempt, Owner, Way};
use crate::udp_exchanges::UdpExchanges;
use crate::validation::AdTrust;
use crate::zones::Zones;
use schoolgate_wire::{EdeCode, question_end, set_ad};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Questions under way, of all workers: what four of them may hold. Stops random names under slow zones (water torture) from
/// using up ports and memory; above it a miss fails at once, and stale answers are served.
pub const MOST_UNDER_WAY: usize = 4 * MAX_QUESTIONS;
/// Misses sent in one call, before others have their turn.
const MISSES_A_TURN: usize = 256;
/// How often a worker looks for what is overdue: small beside the shortest timeout (400 ms).
const LOOK_EVERY_MS: u64 = 50;
/// Times that replies are read before anything is called overdue: enough for all that can be under way.
const READS_FIRST: u32 = 32;
/// Events in one report; each costs the resolver some work, and others are to have their turn.
const EVENTS_A_REPORT: usize = 256;
/// Past this the resolver takes it that no worker reads replies.
const WORKER_GONE_MS: u64 = 3 * LOOK_EVERY_MS;
/// When the resolver is to come again while there are open ports: soon where it runs the timers itself, else to get the
/// numbers and to say anew who is asked. Each time costs clients of a busy worker on the same core a fifth of a
/// millisecond.
const SOON_S: f64 = 0.05;
const LATER_S: f64 = 0.25;

/// A forwarder that is to be asked the next questions of a set.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Its number.
    pub forwarder: u32,
    /// How long it is waited for.
    pub timeout_s: f64,
    /// How many questions it gets before the next one's turn.
    pub most: u32,
    /// It knows EDNS, or may.
    pub has_edns: bool,
    /// It is asked to say whether it has validated the answer (AD).
    pub asks_ad: bool,
}

/// What became of a question that the resolver saw to.
#[derive(Clone, Copy, Debug)]
pub struct Completed<'a> {
    /// Which.
    pub token: u64,
    /// The reply, or the EDE code of why there is none.
    pub reply: Result<&'a [u8], u16>,
    /// It is a failure to remember.
    pub is_remembered: bool,
    /// What the reply's AD bit is worth.
    pub trust: AdTrust,
}

/// What is left to do after [`Forwarding::go_on`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The resolver is to be called: something is odd, misses wait for it, or it does not know that there is something to
    /// watch, or that the worker that watched does so no more.
    pub for_resolver: bool,
    /// More replies or misses wait for who has called.
    pub here: bool,
    /// When the worker that reads replies is to come again in any case, while there are open ports.
    pub look_at_ms: u64,
}

/// The miss hub, joined with the exchanges with forwarders.
pub struct Forwarding {
    /// The questions.
    pub hub: MissHub,
    exchanges: UdpExchanges,
    zones: Zones,
    trusted: Trusted,
    report: Report,
    /// What the resolver has said of misses to come: by set, who is asked; the last share has the rest.
    standing: Option<Vec<Vec<Share>>>,
    /// What the resolver's clock is ahead of ours, seconds.
    ahead_s: f64,
    /// The resolver knows that there are open ports, so it comes by itself to end what is overdue.
    is_watched: bool,
    /// A worker thread expires timeouts, so the event loop wakes less often: what the last report said.
    worker_runs_timers: bool,
    /// The resolver was called and has not come yet.
    is_called: bool,
    /// When a worker that reads replies was here last, when it is to look for what is overdue, and how often it has read
    /// since then.
    worker_seen_ms: Option<u64>,
    look_at_ms: u64,
    reads: u32,
    /// How many source ports are open, for threads that do not hold this.
    ports: Arc<AtomicUsize>,
    pub(crate) most_under_way: usize,
}

impl Forwarding {
    /// Without forwarders yet.
    pub fn new(hub: MissHub, exchanges: UdpExchanges) -> Self {
        Self {
            hub,
            exchanges,
            zones: Zones::default(),
            trusted: Trusted::default(),
            report: Report::default(),
            standing: None,
            ahead_s: f64::NEG_INFINITY,
            is_watched: false,
            worker_runs_timers: false,
            is_called: false,
            worker_seen_ms: None,
            look_at_ms: 0,
            reads: 0,
            ports: Arc::default(),
            most_under_way: MOST_UNDER_WAY,
        }
    }

    /// Events that are in no report yet.
    #[cfg(test)]
    pub fn unreported(&self) -> usize {
        self.report.events.len()
    }

    /// Open source ports, as they were when a thread last held this.
    pub fn ports(&self) -> Arc<AtomicUsize> {
        self.ports.clone()
    }

    /// Readable when replies have come.
    pub fn replies_fd(&self) -> RawFd {
        self.exchanges.as_raw_fd()
    }

    /// Who may be asked, and which sets of them answer for which zones.
    pub fn install(&mut self, forwarders: impl IntoIterator<Item = (u32, Way)>, zones: Zones) {
        self.standing = None;
        self.exchanges.install(forwarders);
        self.zones = zones;
        self.hub.forget_failures();
    }

    /// Says whose word about signatures counts.
    pub fn trust(&mut self, forwarders: impl IntoIterator<Item = u32>) {
        self.trusted = forwarders.into_iter().collect();
    }

    /// Takes what became of questions that the resolver saw to. Where a reply leads to another question, that is sent.
    pub fn complete<'a>(&mut self, results: impl IntoIterator<Item = Completed<'a>>, now: Now) {
        for Completed { token, reply, is_remembered, trust } in results {
            let reply = reply.map_err(EdeCode);
            match is_remembered {
                true => self.hub.give_up(token, reply, trust, now),
                false => self.hub.complete(token, reply, trust, now),
            }
        }
        if self.standing.is_some() && self.hub.has_misses() {
            self.send_waiting(now, now.mono_us as f64 / 1e6 + self.ahead_s);
            self.note_ports();
        }
        self.hub.wake_workers();
    }

    /// For the worker of this channel: sends misses if the resolver has said how, and takes replies if it is the worker
    /// that reads them.
    pub fn go_on(&mut self, channel: usize, reads_replies: bool, now: Now) -> Left {
        let now_s = now.mono_us as f64 / 1e6 + self.ahead_s;
        let has_replies = reads_replies && self.look(now, now_s);
        let may_send = self.standing.is_some();
        if may_send {
            self.send_waiting(now, now_s);
        }
        self.hub.wake_workers_but(channel);
        let ports = self.note_ports();
        let has_misses = self.hub.has_misses();
        let is_left_alone = !self.is_watched || self.worker_runs_timers && !self.has_worker(now);
        let is_wanted = !self.report.events.is_empty() || has_misses && !may_send || ports > 0 && is_left_alone;
        let for_resolver = is_wanted && !self.is_called;
        self.is_called |= is_wanted;
        Left { for_resolver, here: has_replies || has_misses && may_send, look_at_ms: self.look_at_ms }
    }

    /// Takes replies, and from time to time ends what is overdue; whether there may be more of either.
    fn look(&mut self, now: Now, now_s: f64) -> bool {
        self.worker_seen_ms = Some(now.mono_ms);
        let has_replies = self.receive(now, now_s);
        if now.mono_ms < self.look_at_ms {
            return has_replies;
        }
        // Replies that wait are not overdue; but a flood of them holds nothing up for ever.
        self.reads += 1;
        if has_replies && self.reads < READS_FIRST {
            return true;
        }
        self.reads = 0;
        let has_overdue = self.end(now, now_s);
        self.give_up_unreported(now, now_s);
        self.look_at_ms = if has_overdue { now.mono_ms } else { now.mono_ms + LOOK_EVERY_MS };
        has_overdue || has_replies
    }

    /// While the resolver hangs, events that only it can decide must not take the room of other misses: no client waits for
    /// them any more.
    fn give_up_unreported(&mut self, now: Now, now_s: f64) {
        let give_up_s = now_s - GIVE_UP_AFTER_MS as f64 / 1000.0;
        let is_over = |event: &mut Event| {
            event.sent_s < give_up_s && (matches!(event.owner, Owner::Miss(_)) || event.kind == EventKind::Answered)
        };
        for event in self.report.events.extract_if(.., is_over) {
            if let Owner::Miss(token) = event.owner
                && self.hub.is_under_way(token)
            {
                self.hub.lose(token, now);
            }
        }
    }

    fn has_worker(&self, now: Now) -> bool {
        self.worker_seen_ms.is_some_and(|worker_seen_ms| now.mono_ms < worker_seen_ms + WORKER_GONE_MS)
    }

    /// For the resolver, which was called: reports what has happened since it last looked.
    pub fn read_replies(&mut self, now: Now, now_s: f64) -> Report {
        self.is_called = false;
        self.set_clock(now, now_s);
        if !self.has_worker(now) {
            self.receive(now, now_s);
        }
        self.finish(now)
    }

    /// Both clocks go alike; whatever held up who read them, a reading can only be too old.
    fn set_clock(&mut self, now: Now, now_s: f64) {
        self.ahead_s = self.ahead_s.max(now_s - now.mono_us as f64 / 1e6);
    }

    /// Says who is asked: `shares[set]`, of which the last has the rest. Sends what the workers want to know by now.
    pub fn send_misses(&mut self, shares: Vec<Vec<Share>>, now: Now, now_s: f64) -> Report {
        self.set_clock(now, now_s);
        self.standing = Some(shares);
        let sent = self.send_waiting(now, now_s);
        // Fewer are all there were; what has come since, workers see to themselves.
        self.report.has_more |= sent == MISSES_A_TURN;
        self.finish(now)
    }

    fn receive(&mut self, now: Now, now_s: f64) -> bool {
        let mut sink = ReplySink { hub: &mut self.hub, trusted: &self.trusted, report: &mut self.report, now, now_s };
        self.exchanges.receive(now_s, &mut sink)
    }

    /// Sends misses that wait as the resolver has said; how many there were.
    fn send_waiting(&mut self, now: Now, now_s: f64) -> usize {
        let misses = self.hub.take_misses(MISSES_A_TURN, now);
        let count = misses.len();
        self.report.misses += count as u32;
        let mut groups: Vec<(u32, Vec<Attempt>)> = Vec::new();
        // What the resolver has not seen yet is under way too.
        let taken = self.exchanges.under_way() + self.report.events.len();
        let mut room = self.most_under_way.saturating_sub(taken);
        for miss in misses {
            #[cfg(test)]
            crate::tests::test_panic_in_forwarding(&miss.query);
            if room == 0 {
                self.report.overflow += 1;
                self.hub.complete(miss.token, Err(EdeCode::NETWORK_ERROR), AdTrust::NotAsked, now);
                continue;
            }
            let set = self.zones.select_for(asked_name(&miss.query), asked_type(&miss.query));
            let sets = self.standing.as_mut();
            let Some(share) = sets.and_then(|sets| sets.get_mut(set)).and_then(|set| next_share(set)) else {
                self.report.failed_no_forwarder += 1;
                self.hub.complete(miss.token, Err(EdeCode::NO_REACHABLE_AUTHORITY), AdTrust::NotAsked, now);
                continue;
            };
            room -= 1;
            let mut query = miss.query;
            if share.asks_ad {
                set_ad(&mut query);
            }
            let attempt = Attempt::new(Owner::Miss(miss.token), query, now_s, share.timeout_s);
            let attempt = if share.has_edns { attempt } else { attempt.without_opt() };
            match groups.iter_mut().find(|(forwarder, _)| *forwarder == share.forwarder) {
                Some((_, asked)) => asked.push(attempt),
                None => groups.push((share.forwarder, vec![attempt])),
            }
        }
        for (forwarder, asked) in groups {
            self.send(forwarder, asked, now, now_s);
        }
        count
    }

    /// Sends one query of the resolver's own; `None` when it is no query.
    pub fn send_query(
        &mut self,
        key: i64,
        forwarder: u32,
        query: &[u8],
        timeout_s: f64,
        now: Now,
        now_s: f64,
    ) -> Option<Report> {
        question_end(query)?;
        let attempt = Attempt::new(Owner::Exchange(key), query.to_vec(), now_s, timeout_s);
        self.send(forwarder, vec![attempt], now, now_s);
        Some(self.finish(now))
    }

    /// The same with every tick of its clock. Where no worker reads replies, it reads them and ends what is overdue.
    pub fn end_overdue(&mut self, now: Now, now_s: f64) -> Report {
        self.set_clock(now, now_s);
        let mut has_overdue = false;
        if !self.has_worker(now) {
            // Replies that wait are not overdue.
            for _ in 0..READS_FIRST {
                if !self.receive(now, now_s) {
                    break;
                }
            }
            has_overdue = self.end(now, now_s);
        }
        let report = self.finish(now);
        if has_overdue { Report { next_call_in_s: Some(0.0), ..report } } else { report }
    }

    fn end(&mut self, now: Now, now_s: f64) -> bool {
        let mut sink = ReplySink { hub: &mut self.hub, trusted: &self.trusted, report: &mut self.report, now, now_s };
        self.exchanges.end_overdue(now_s, &mut sink)
    }

    /// Ends everything: what is under way fails now, so that stale answers or SERVFAIL go out at once.
    pub fn abandon(&mut self, now: Now) {
        self.standing = None;
        let mut sink =
            ReplySink { hub: &mut self.hub, trusted: &self.trusted, report: &mut self.report, now, now_s: 0.0 };
        self.exchanges.close(&mut sink);
        for event in std::mem::take(&mut self.report).events {
            if let Owner::Miss(token) = event.owner {
                self.hub.complete(token, Err(EdeCode::NETWORK_ERROR), AdTrust::NotAsked, now);
            }
        }
        self.hub.wake_workers();
        self.note_ports();
    }

    fn send(&mut self, forwarder: u32, asked: Vec<Attempt>, now: Now, now_s: f64) {
        self.report.tally(forwarder).sent += asked.len() as u32;
        let mut sink = ReplySink { hub: &mut self.hub, trusted: &self.trusted, report: &mut self.report, now, now_s };
        self.exchanges.send(forwarder, asked, now_s, &mut sink);
    }

    fn finish(&mut self, now: Now) -> Report {
        self.hub.wake_workers();
        self.report.under_way = self.exchanges.under_way();
        self.is_watched = self.note_ports() > 0;
        self.worker_runs_timers = self.has_worker(now);
        let pace_s = if self.worker_runs_timers { LATER_S } else { SOON_S };
        self.report.next_call_in_s = self.is_watched.then_some(pace_s);
        let most = self.report.events.len().min(EVENTS_A_REPORT);
        let rest = self.report.events.split_off(most);
        self.report.has_more |= !rest.is_empty();
        std::mem::replace(&mut self.report, Report { events: rest, ..Report::default() })
    }

    fn note_ports(&self) -> usize {
        let ports = self.exchanges.ports();
        self.ports.store(ports, Ordering::Relaxed);
        ports
    }
}

/// The share that the next question of a set falls to.
fn next_share(shares: &mut [Share]) -> Option<Share> {
    let share = shares.iter_mut().find(|share| share.most > 0)?;
    share.most -= 1;
    Some(*share)
}
