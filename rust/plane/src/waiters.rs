//! How a wait ends: the answer comes, or a stale one will do, or no forwarder answers in time.
//!
//! A client that waited takes the one path of [`crate::answer`] again, because lists and policies may have changed
//! meanwhile.

use crate::active_state::ActiveState;
use crate::answer::{Answerer, Outcome, tags};
use crate::cache::Held;
use crate::clock::Now;
use crate::counters::Counter;
use crate::pending::Waiter;
use crate::query_context::{AnswerSource, QueryContext};
use crate::requester::Requester;
use crate::stored::{Body, Stored};
use schoolgate_policy::Selection;
use schoolgate_wire::{EdeCode, MAX_MESSAGE_OCTETS};
use std::sync::Arc;

/// After a failed or overdue refresh a stale answer is served this long without asking again.
const RECHECK_MS: u64 = 5_000;
/// Clients answered by one call of [`Answerer::expire`], so that a mass of them does not hold up those who ask now.
const EXPIRED_A_TURN: usize = 256;

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
        let waiters = self.pending.take(stored.question());
        self.unanswered = waiters.len();
        #[cfg(test)]
        crate::tests::test_panic(stored.octets());
        match &stored.body {
            Body::Image(_) => {
                let mut held = Held::new(stored.clone());
                (held.tags, held.generation) = (tags(stored, active, &mut self.hashes), active.generation);
                self.cache.insert(held.clone());
                self.cache.pass(held);
                let answered = self.answer_waiters(active, waiters, AnswerSource::Arrived, now, sender);
                self.cache.end_pass();
                answered
            }
            Body::Failure { code, .. } => {
                self.remember_failure(stored, now);
                self.answer_waiters(active, waiters, AnswerSource::GiveUp(*code), now, sender)
            }
        }
    }

    /// Serves stale answers and gives up questions that are due; at most a few hundred clients, the rest in the next call.
    pub fn expire(&mut self, active: &ActiveState, now: Now, sender: &mut impl ReplySender) {
        let mut answered = 0;
        while answered < EXPIRED_A_TURN
            && let Some((question, waiters)) = self.pending.next_stale(now.mono_ms)
        {
            // Those who come later need not wait as long.
            self.cache.update(question.borrow(), |held| held.recheck_ms = now.mono_ms + RECHECK_MS);
            answered += self.answer_waiters(active, waiters, AnswerSource::Stale, now, sender);
        }
        while answered < EXPIRED_A_TURN
            && let Some((_, waiters)) = self.pending.next_expired(now.mono_ms)
        {
            self.counters.add(Counter::Expired, waiters.len() as u64);
            let answer_source = AnswerSource::GiveUp(EdeCode::NO_REACHABLE_AUTHORITY);
            answered += self.answer_waiters(active, waiters, answer_source, now, sender);
        }
    }

    /// When [`Answerer::expire`] has work next, on the monotonic clock.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.pending.next_due_ms()
    }

    fn answer_waiters(
        &mut self,
        active: &ActiveState,
        waiters: Vec<Waiter>,
        answer_source: AnswerSource,
        now: Now,
        sender: &mut impl ReplySender,
    ) -> usize {
        let count = waiters.len();
        self.unanswered = count;
        let mut out = std::mem::take(&mut self.late);
        if count > 0 {
            out.resize(MAX_MESSAGE_OCTETS, 0);
        }
        for waiter in waiters {
            if let Outcome::Answer(length) = self.answer_waiter(active, &waiter, answer_source, now, &mut out) {
                sender.send(&waiter.requester, out.get(..length).unwrap_or_default());
            }
            self.unanswered -= 1;
        }
        self.late = out;
        count
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
        let Selection::Served(selected) = active.rulebook.select(requester.client().ip(), requester.local()) else {
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
