//! How a wait ends: the answer comes, or a stale one will do, or no forwarder answers in time.
//!
//! A client that waited takes the one path of [`crate::answer`] again, because lists and policies may have changed
//! meanwhile.

use crate::active_state::ActiveState;
use crate::answer::{Answerer, Outcome};
use crate::cache::Held;
use crate::clock::Now;
use crate::counters::Counter;
use crate::crowd::Crowd;
use crate::pending::Waiter;
use crate::query_context::{AnswerSource, QueryContext};
use crate::requester::Requester;
use crate::revealed_tags::tags;
use crate::stored::{Body, Stored};
use schoolgate_policy::Selection;
use schoolgate_wire::{EdeCode, MAX_MESSAGE_OCTETS};
use std::sync::Arc;

/// After a failed or overdue refresh a stale answer is served this long without asking again.
const RECHECK_MS: u64 = 5_000;
/// Clients answered at a time: a crowd that waited for one question does not hold up those who ask now.
const ANSWERED_A_TURN: usize = 256;

/// Where late answers go.
pub trait ReplySender {
    /// Hands over the answer to a client that waited.
    fn send(&mut self, requester: &Requester, answer: &[u8]);
}

impl Answerer {
    /// Takes in what a question led to and answers those who waited for it; returns how many did.
    pub fn complete(
        &mut self,
        active: &ActiveState,
        stored: &Arc<Stored>,
        now: Now,
        sender: &mut impl ReplySender,
    ) -> usize {
        let waiters = self.pending.take(stored.question()).into_iter();
        self.unanswered = waiters.len();
        #[cfg(test)]
        crate::tests::test_panic(stored.octets());
        match &stored.body {
            Body::Image(_) => {
                let held = self.tagged(stored, active);
                self.cache.insert(held.clone());
                let crowd = Crowd { waiters, answer_source: AnswerSource::Arrived, stored: Some(stored.clone()) };
                self.answer_passing(active, held, crowd, now, sender)
            }
            Body::Failure { code, .. } => {
                self.remember_failure(stored, now);
                let crowd = Crowd { waiters, answer_source: AnswerSource::GiveUp(*code), stored: None };
                self.answer_crowd(active, crowd, now, sender)
            }
        }
    }

    /// Answers some of those whose wait has ended; whether there are more.
    pub fn answer_crowds(&mut self, active: &ActiveState, now: Now, sender: &mut impl ReplySender) -> bool {
        let Some(crowd) = self.crowds.pop_front() else { return false };
        match crowd.stored.clone() {
            Some(stored) => {
                let held = self.tagged(&stored, active);
                self.answer_passing(active, held, crowd, now, sender)
            }
            None => self.answer_crowd(active, crowd, now, sender),
        };
        !self.crowds.is_empty()
    }

    /// An answer with the tags of the policy now in force.
    fn tagged(&mut self, stored: &Arc<Stored>, active: &ActiveState) -> Held {
        let mut held = Held::new(stored.clone());
        (held.tags, held.generation) = (tags(stored, active, &mut self.hashes), active.generation);
        held
    }

    /// Answers a crowd from what has just come, whether the cache keeps it or not.
    fn answer_passing(
        &mut self,
        active: &ActiveState,
        held: Held,
        crowd: Crowd,
        now: Now,
        sender: &mut impl ReplySender,
    ) -> usize {
        self.cache.pass(held);
        let answered = self.answer_crowd(active, crowd, now, sender);
        self.cache.end_pass();
        answered
    }

    /// Serves stale answers and gives up questions that are due; at most a few hundred clients, the rest in the next call.
    pub fn expire(&mut self, active: &ActiveState, now: Now, sender: &mut impl ReplySender) {
        let mut answered = 0;
        while answered < ANSWERED_A_TURN
            && let Some((question, waiters)) = self.pending.next_stale(now.mono_ms)
        {
            // Those who come later need not wait as long.
            self.cache.update(question.borrow(), |held| held.recheck_ms = now.mono_ms + RECHECK_MS);
            let crowd = Crowd { waiters: waiters.into_iter(), answer_source: AnswerSource::Stale, stored: None };
            answered += self.answer_crowd(active, crowd, now, sender);
        }
        while answered < ANSWERED_A_TURN
            && let Some((_, waiters)) = self.pending.next_expired(now.mono_ms)
        {
            self.counters.add(Counter::Expired, waiters.len() as u64);
            let answer_source = AnswerSource::GiveUp(EdeCode::NO_REACHABLE_AUTHORITY);
            answered += self.answer_crowd(
                active,
                Crowd { waiters: waiters.into_iter(), answer_source, stored: None },
                now,
                sender,
            );
        }
    }

    /// When [`Answerer::expire`] has work next, on the monotonic clock.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.pending.next_due_ms()
    }

    /// Answers as many as one turn allows and keeps the rest for the next; returns how many were answered.
    fn answer_crowd(
        &mut self,
        active: &ActiveState,
        mut crowd: Crowd,
        now: Now,
        sender: &mut impl ReplySender,
    ) -> usize {
        self.unanswered = crowd.waiters.len();
        let mut out = std::mem::take(&mut self.late);
        out.resize(MAX_MESSAGE_OCTETS, 0);
        let mut answered = 0;
        for waiter in crowd.waiters.by_ref().take(ANSWERED_A_TURN) {
            if let Outcome::Answer(length) = self.answer_waiter(active, &waiter, crowd.answer_source, now, &mut out) {
                sender.send(&waiter.requester, out.get(..length).unwrap_or_default());
            }
            self.unanswered -= 1;
            answered += 1;
        }
        self.late = out;
        self.unanswered = 0;
        if crowd.waiters.len() > 0 {
            self.crowds.push_back(crowd);
        }
        answered
    }

    fn answer_waiter(
        &mut self,
        active: &ActiveState,
        waiter: &Waiter,
        answer_source: AnswerSource,
        now: Now,
        out: &mut [u8],
    ) -> Outcome {
        let (packet, requester) = (&*waiter.packet, &waiter.requester);
        if self.parsed.peek(packet).is_err() {
            // Not to be expected of what has passed once.
            self.counters.count(Counter::Abandoned);
            return Outcome::Silence;
        }
        self.parsed.query.edns = waiter.edns;
        let Selection::Served(selected) = active.select(requester.client().ip(), requester.local()) else {
            return self.answer_outside_client(packet, requester, now, out);
        };
        let reply = self.frame(requester, now);
        let since_us = waiter.since_us;
        self.resolve(&QueryContext { active, packet, requester, now, since_us, selected, answer_source, reply }, out)
    }

    /// A failure must not push out an answer that can still be served stale.
    fn remember_failure(&mut self, failure: &Arc<Stored>, now: Now) {
        let question = failure.question();
        let stale_for_ms = self.settings.stale_for_ms();
        match self.cache.look_at(question) {
            Some(held) if held.is_usable_stale(now.mono_ms, stale_for_ms) => {
                self.cache.update(question, |held| held.recheck_ms = now.mono_ms + RECHECK_MS);
            }
            _ => self.cache.insert(Held::new(failure.clone())),
        }
    }
}
