//! What became of questions to forwarders: final replies go to the miss hub, everything else into a report for the resolver.

use crate::clock::Now;
use crate::miss_hub::MissHub;
use crate::source_port::{Attempt, Owner, is_bogus, is_final};
use crate::udp_exchanges::{ExchangeResult, Listener};
use crate::validation::AdTrust;
use foldhash::fast::RandomState;
use hashbrown::HashSet;

/// Round-trip times of one forwarder in one report: enough to follow it.
const MOST_SAMPLES: usize = 4;

/// Numbers of forwarders.
pub type Trusted = HashSet<u32, RandomState>;

/// An exchange event that needs a decision by asyncio.
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
    /// A reply that is not final, or one to an exchange.
    Replied(Vec<u8>),
    /// A reply to an exchange, or to a try before it, has ended the question.
    Answered,
    /// A reply that cannot be used, whatever its header says: another forwarder may do better.
    Damaged(Vec<u8>),
    /// Too many wrong replies.
    Guessed,
    /// Nothing in time.
    TimedOut,
    /// The network said no.
    Failed,
    /// This machine is short of something.
    Starved,
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
    pub timeouts: u32,
    /// How long some of these waited.
    pub waits_s: Vec<f64>,
    /// How often the network refused, at one port each.
    pub network_errors: u32,
    /// What came and was no reply to a question of ours.
    pub mismatches: u32,
    /// A question that it has answered.
    pub answered_query: Option<Vec<u8>>,
}

impl Tally {
    fn count_reply(&mut self, attempt: &Attempt, waited_s: f64) {
        self.replies += 1;
        sample(&mut self.rtts_s, waited_s);
        if self.answered_query.is_none() {
            self.answered_query = Some(attempt.query.clone());
        }
    }
}

/// What happened since the last report.
#[derive(Debug, Default)]
pub struct Report {
    /// Misses that were taken.
    pub misses: u32,
    /// Misses completed with an answer.
    pub answered: u32,
    /// Failed because no forwarder is up.
    pub failed_no_forwarder: u32,
    /// Failed because too many were under way.
    pub overflow: u32,
    /// By forwarder.
    pub tallies: Vec<Tally>,
    /// What the resolver has to decide.
    pub events: Vec<Event>,
    /// Misses or events wait for the resolver.
    pub has_more: bool,
    /// Questions under way.
    pub under_way: usize,
    /// In how many seconds [`Forwarding::end_overdue`] is to be called; `None`: there is nothing to look after.
    pub next_call_in_s: Option<f64>,
}

impl Report {
    /// That of a forwarder.
    pub fn tally(&mut self, forwarder: u32) -> &mut Tally {
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

/// Takes final replies to the miss hub, and everything else into the report.
pub struct ReplySink<'a> {
    /// Where final replies go.
    pub hub: &'a mut MissHub,
    /// Forwarders whose word about signatures counts.
    pub trusted: &'a Trusted,
    /// The next report to the resolver.
    pub report: &'a mut Report,
    /// The time.
    pub now: Now,
    /// The same on the resolver's clock, seconds.
    pub now_s: f64,
}

impl Listener for ReplySink<'_> {
    fn ended(&mut self, forwarder: u32, attempt: Attempt, result: ExchangeResult<'_>) {
        // Another worker's clock may have been read a moment later.
        let waited_s = (self.now_s - attempt.sent_s).max(0.0);
        let tally = self.report.tally(forwarder);
        let kind = match result {
            ExchangeResult::Reply(octets) => {
                tally.count_reply(&attempt, waited_s);
                match self.try_to_end(forwarder, &attempt, octets) {
                    Some(true) if matches!(attempt.owner, Owner::Miss(_)) => return,
                    Some(true) => EventKind::Answered,
                    Some(false) => EventKind::Damaged(octets.to_vec()),
                    None => EventKind::Replied(octets.to_vec()),
                }
            }
            ExchangeResult::TimedOut => {
                tally.timeouts += 1;
                sample(&mut tally.waits_s, waited_s);
                EventKind::TimedOut
            }
            ExchangeResult::Failed => EventKind::Failed,
            ExchangeResult::Guessed => EventKind::Guessed,
            ExchangeResult::Starved => EventKind::Starved,
        };
        let (owner, sent_s) = (attempt.owner, attempt.sent_s);
        // An answered exchange tells how it was asked; for all else more is to be asked.
        let query = if kind == EventKind::Answered { attempt.query } else { attempt.into_complete() };
        self.report.events.push(Event { owner, forwarder, kind, sent_s, query });
    }

    fn late(&mut self, forwarder: u32, attempt: Attempt, reply: &[u8]) {
        let waited_s = (self.now_s - attempt.sent_s).max(0.0);
        self.report.tally(forwarder).count_reply(&attempt, waited_s);
        if let Some(token) = attempt.owner.token()
            && self.try_to_end(forwarder, &attempt, reply) == Some(true)
        {
            let (owner, kind) = (Owner::Exchange(token.cast_signed()), EventKind::Answered);
            self.report.events.push(Event { owner, forwarder, kind, sent_s: attempt.sent_s, query: attempt.query });
        }
    }

    fn mismatch(&mut self, forwarder: u32) {
        self.report.tally(forwarder).mismatches += 1;
    }

    fn network_error(&mut self, forwarder: u32) {
        self.report.tally(forwarder).network_errors += 1;
    }
}

impl ReplySink<'_> {
    /// Gives a reply that is final to the miss hub: whether that ended the question; `None`: it is not final, or of no question
    /// under way.
    fn try_to_end(&mut self, forwarder: u32, attempt: &Attempt, reply: &[u8]) -> Option<bool> {
        let token = attempt.owner.token().filter(|token| self.hub.is_under_way(*token))?;
        let trust = AdTrust::of(&attempt.query, self.trusted.contains(&forwarder));
        if !is_final(reply) {
            // Who has validated has the last word: a forwarder that does not would hand out what is forged.
            if trust != AdTrust::Trusted || !is_bogus(reply) {
                return None;
            }
            self.hub.give_up(token, Ok(reply), trust, self.now);
            self.report.answered += 1;
            return Some(true);
        }
        let has_ended = self.hub.accept(token, reply, trust, self.now);
        self.report.answered += u32::from(has_ended);
        Some(has_ended)
    }
}

fn sample(samples: &mut Vec<f64>, seconds: f64) {
    if samples.len() < MOST_SAMPLES {
        samples.push(seconds);
    }
}
