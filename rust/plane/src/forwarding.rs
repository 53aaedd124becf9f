//! The way of a miss: from the desk to a forwarder and back, in batches.
//!
//! The resolver decides for a whole batch which forwarders are asked and how long they are waited for. What goes as it
//! should - a reply about the name comes in time - ends here, and the resolver hears only numbers. All else it hears one by
//! one, as an [`Event`]: truncation, SERVFAIL and the like, silence, refusal, guesses. From then on the question is its own
//! errand: it says what to do next and completes it.

use crate::clock::Now;
use crate::desk::{Desk, asked_name};
use crate::exchange::{Exchange, Heard, Listener};
use crate::source_port::{Attempt, Owner, question_end};
use crate::zones::Zones;
use schoolgate_wire::EdeCode;
use std::net::SocketAddr;

/// Questions under way. Stops random names under a slow zone (water torture) from using up ports and memory; above it a
/// miss fails at once, and stale answers are served.
pub const MOST_UNDER_WAY: usize = 8192;
/// Misses sent in one call, before others have their turn.
const MISSES_A_TURN: usize = 256;
/// Round-trip times told of one forwarder and one call: enough to follow it.
const MOST_SAMPLES: usize = 4;
/// RCODEs of an answer about the name: NOERROR, NXDOMAIN. Any other is about the server, and another may do better.
const FINAL_RCODES: [u8; 2] = [0, 3];
const TRUNCATED: u8 = 0x02;

/// A forwarder that is to be asked the next questions of a set.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Its number.
    pub forwarder: u32,
    /// How long it is waited for.
    pub timeout_s: f64,
    /// How many questions it gets before the next one's turn.
    pub most: u32,
}

/// What is not as it should be about one question.
#[derive(Debug)]
pub struct Event {
    /// Whose question.
    pub owner: Owner,
    /// Who was asked.
    pub forwarder: u32,
    /// What happened.
    pub kind: EventKind,
    /// When it was asked.
    pub sent_s: f64,
    /// The query.
    pub query: Vec<u8>,
}

/// What happened to a question.
#[derive(Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A reply that is not final, or one to an errand.
    Replied(Vec<u8>),
    /// A reply that cannot be used, whatever its header says: another forwarder may do better.
    Damaged(Vec<u8>),
    /// Too many wrong replies.
    Guessed,
    /// Nothing in time.
    Silent,
    /// The network said no.
    Refused,
    /// This machine is short of something.
    Short,
}

/// What a forwarder did, in numbers.
#[derive(Debug, Default)]
pub struct Tally {
    /// Which.
    pub forwarder: u32,
    /// Questions sent to it.
    pub sent: u32,
    /// Replies that count.
    pub replies: u32,
    /// Round-trip times of some of these.
    pub rtts_s: Vec<f64>,
    /// Questions it left unanswered in time.
    pub silences: u32,
    /// How long some of these waited.
    pub waits_s: Vec<f64>,
    /// How often the network refused, at one port each.
    pub refusals: u32,
    /// What came and was no reply to a question of ours.
    pub strays: u32,
    /// A question that it has answered.
    pub answered_query: Option<Vec<u8>>,
}

/// What happened since the last report.
#[derive(Debug, Default)]
pub struct Report {
    /// Misses that were taken.
    pub misses: u32,
    /// Of these, completed with an answer.
    pub answered: u32,
    /// Failed because there was nobody to ask.
    pub nobody: u32,
    /// Failed because too many were under way.
    pub overflow: u32,
    /// By forwarder.
    pub tallies: Vec<Tally>,
    /// What the resolver has to see to.
    pub events: Vec<Event>,
    /// Misses wait to be sent.
    pub has_misses: bool,
    /// More is overdue.
    pub has_overdue: bool,
    /// Questions under way.
    pub under_way: usize,
    /// Open source ports; while there are any, [`Forwarding::end_overdue`] has something to look after.
    pub ports: usize,
}

/// Desk and exchange, joined.
pub struct Forwarding {
    /// The questions.
    pub desk: Desk,
    exchange: Exchange,
    zones: Zones,
    report: Report,
    pub(crate) most_under_way: usize,
}

impl Forwarding {
    /// With nobody to ask yet.
    pub fn new(desk: Desk, exchange: Exchange) -> Self {
        let (zones, report) = (Zones::default(), Report::default());
        Self { desk, exchange, zones, report, most_under_way: MOST_UNDER_WAY }
    }

    /// Who may be asked, and which sets of them answer for which zones.
    pub fn install(&mut self, forwarders: impl IntoIterator<Item = (u32, SocketAddr)>, zones: Zones) {
        self.exchange.install(forwarders);
        self.zones = zones;
        self.desk.forget_failures();
    }

    /// Takes the replies that have come.
    pub fn read_replies(&mut self, now: Now, now_s: f64) -> Report {
        let mut hearing = Hearing { desk: &mut self.desk, report: &mut self.report, now, now_s };
        let (has_misses, _) = self.exchange.receive(now_s, &mut hearing);
        self.report.has_misses = has_misses;
        self.finish()
    }

    /// Sends what the workers want to know. `shares[set]` says who is asked; the last share of a set has the rest.
    pub fn send_misses(&mut self, mut shares: Vec<Vec<Share>>, now: Now, now_s: f64) -> Report {
        let misses = self.desk.take_misses(MISSES_A_TURN, now);
        self.report.misses += misses.len() as u32;
        let mut groups: Vec<(u32, Vec<Attempt>)> = Vec::new();
        let mut room = self.most_under_way.saturating_sub(self.exchange.under_way());
        for miss in misses {
            if room == 0 {
                self.report.overflow += 1;
                self.desk.complete(miss.token, Err(EdeCode::NETWORK_ERROR), now);
                continue;
            }
            let set = self.zones.select(asked_name(&miss.query));
            let Some(share) = shares.get_mut(set).and_then(|set| next_share(set)) else {
                self.report.nobody += 1;
                self.desk.complete(miss.token, Err(EdeCode::NO_REACHABLE_AUTHORITY), now);
                continue;
            };
            room -= 1;
            let attempt = Attempt::new(Owner::Miss(miss.token), miss.query, now_s, share.timeout_s);
            match groups.iter_mut().find(|(forwarder, _)| *forwarder == share.forwarder) {
                Some((_, asked)) => asked.push(attempt),
                None => groups.push((share.forwarder, vec![attempt])),
            }
        }
        for (forwarder, asked) in groups {
            self.send(forwarder, asked, now, now_s);
        }
        self.report.has_misses = self.desk.has_misses();
        self.finish()
    }

    /// Sends one query for an errand of the resolver; `None` when it is no query.
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
        let attempt = Attempt::new(Owner::Errand(key), query.to_vec(), now_s, timeout_s);
        self.send(forwarder, vec![attempt], now, now_s);
        Some(self.finish())
    }

    /// Ends what is overdue, after reading what has come.
    pub fn end_overdue(&mut self, now: Now, now_s: f64) -> Report {
        let mut hearing = Hearing { desk: &mut self.desk, report: &mut self.report, now, now_s };
        self.report.has_overdue = self.exchange.end_overdue(now_s, &mut hearing);
        self.finish()
    }

    /// Ends everything: what is under way fails now, so that stale answers or SERVFAIL go out at once.
    pub fn abandon(&mut self, now: Now) {
        let mut hearing = Hearing { desk: &mut self.desk, report: &mut self.report, now, now_s: 0.0 };
        self.exchange.close(&mut hearing);
        for event in std::mem::take(&mut self.report).events {
            if let Owner::Miss(token) = event.owner {
                self.desk.complete(token, Err(EdeCode::NETWORK_ERROR), now);
            }
        }
        self.desk.wake_workers();
    }

    fn send(&mut self, forwarder: u32, asked: Vec<Attempt>, now: Now, now_s: f64) {
        self.report.tally(forwarder).sent += asked.len() as u32;
        let mut hearing = Hearing { desk: &mut self.desk, report: &mut self.report, now, now_s };
        self.exchange.send(forwarder, asked, now_s, &mut hearing);
    }

    fn finish(&mut self) -> Report {
        self.desk.wake_workers();
        self.report.under_way = self.exchange.under_way();
        self.report.ports = self.exchange.ports();
        std::mem::take(&mut self.report)
    }
}

/// The share that the next question of a set falls to.
fn next_share(shares: &mut [Share]) -> Option<Share> {
    let share = shares.iter_mut().find(|share| share.most > 0)?;
    share.most -= 1;
    Some(*share)
}

impl Report {
    fn tally(&mut self, forwarder: u32) -> &mut Tally {
        let at = match self.tallies.iter().position(|tally| tally.forwarder == forwarder) {
            Some(at) => at,
            None => {
                self.tallies.push(Tally { forwarder, ..Tally::default() });
                self.tallies.len() - 1
            }
        };
        &mut self.tallies[at]
    }
}

/// Takes what the exchange hears to the desk, or into the report.
struct Hearing<'a> {
    desk: &'a mut Desk,
    report: &'a mut Report,
    now: Now,
    now_s: f64,
}

impl Listener for Hearing<'_> {
    fn heard(&mut self, forwarder: u32, attempt: Attempt, heard: Heard<'_>) {
        let waited_s = self.now_s - attempt.sent_s;
        let tally = self.report.tally(forwarder);
        let kind = match heard {
            Heard::Reply(octets) => {
                tally.replies += 1;
                sample(&mut tally.rtts_s, waited_s);
                if tally.answered_query.is_none() {
                    tally.answered_query = Some(attempt.query.clone());
                }
                match attempt.owner {
                    Owner::Miss(token) if is_final(octets) => {
                        if self.desk.accept(token, octets, self.now) {
                            self.report.answered += 1;
                            return;
                        }
                        EventKind::Damaged(octets.to_vec())
                    }
                    _ => EventKind::Replied(octets.to_vec()),
                }
            }
            Heard::Silence => {
                tally.silences += 1;
                sample(&mut tally.waits_s, waited_s);
                EventKind::Silent
            }
            Heard::Refused => EventKind::Refused,
            Heard::Guessed => EventKind::Guessed,
            Heard::Short => EventKind::Short,
        };
        let Attempt { owner, query, sent_s, .. } = attempt;
        self.report.events.push(Event { owner, forwarder, kind, sent_s, query });
    }

    fn stray(&mut self, forwarder: u32) {
        self.report.tally(forwarder).strays += 1;
    }

    fn refused(&mut self, forwarder: u32) {
        self.report.tally(forwarder).refusals += 1;
    }
}

fn sample(samples: &mut Vec<f64>, seconds: f64) {
    if samples.len() < MOST_SAMPLES {
        samples.push(seconds);
    }
}

/// Whether a reply ends the matter: whole, and about the name.
fn is_final(reply: &[u8]) -> bool {
    reply.get(2..4).is_some_and(|flags| flags[0] & TRUNCATED == 0 && FINAL_RCODES.contains(&(flags[1] & 0x0f)))
}
