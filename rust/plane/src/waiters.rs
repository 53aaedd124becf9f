//! How a wait ends: the answer comes, or a stale one will do, or nobody answers in time.
//!
//! Whoever waited takes the one path of [`crate::answer`] again, because lists and policies may have changed meanwhile.

use crate::answer::{Answerer, Outcome, tags};
use crate::asker::Asker;
use crate::cache::Held;
use crate::clock::Now;
use crate::counters::Counter;
use crate::pending::Waiter;
use crate::regime::Regime;
use crate::stored::{Body, Stored};
use crate::turn::{Supply, Turn};
use schoolgate_policy::Selection;
use schoolgate_wire::{EdeCode, MAX_MESSAGE_OCTETS};
use std::sync::Arc;

/// After a failed or overdue refresh a stale answer is served this long without asking again.
const RECHECK_MS: u64 = 5_000;
/// Clients answered by one call of [`Answerer::expire`], so that a mass of them does not hold up those who ask now.
const EXPIRED_A_TURN: usize = 256;

/// Where late answers go.
pub trait Outlet {
    /// Hands over the answer to a client that waited.
    fn send(&mut self, asker: &Asker, answer: &[u8]);
}

impl Answerer {
    /// Takes in what a question led to and answers those who waited for it; returns how many did.
    pub fn complete(&mut self, regime: &Regime, stored: &Arc<Stored>, now: Now, outlet: &mut impl Outlet) -> usize {
        let waiters = self.pending.take(stored.question());
        self.owed = waiters.len();
        #[cfg(test)]
        crate::tests::stumble(stored.octets());
        match &stored.body {
            Body::Image(_) => {
                let mut held = Held::new(stored.clone());
                (held.tags, held.generation) = (tags(stored, regime, &mut self.hashes), regime.generation);
                self.cache.insert(held.clone());
                self.cache.pass(held);
                let answered = self.answer_waiters(regime, waiters, Supply::Arrived, now, outlet);
                self.cache.end_pass();
                answered
            }
            Body::Failure { code, .. } => {
                self.remember_failure(stored, now);
                self.answer_waiters(regime, waiters, Supply::GiveUp(*code), now, outlet)
            }
        }
    }

    /// Serves stale answers and gives up questions that are due; at most a few hundred clients, the rest in the next call.
    pub fn expire(&mut self, regime: &Regime, now: Now, outlet: &mut impl Outlet) {
        let mut answered = 0;
        while answered < EXPIRED_A_TURN
            && let Some((question, waiters)) = self.pending.next_stale(now.mono_ms)
        {
            // Those who come later need not wait as long.
            self.cache.update(question.borrow(), |held| held.recheck_ms = now.mono_ms + RECHECK_MS);
            answered += self.answer_waiters(regime, waiters, Supply::Stale, now, outlet);
        }
        while answered < EXPIRED_A_TURN
            && let Some((_, waiters)) = self.pending.next_expired(now.mono_ms)
        {
            self.counters.add(Counter::Expired, waiters.len() as u64);
            let supply = Supply::GiveUp(EdeCode::NO_REACHABLE_AUTHORITY);
            answered += self.answer_waiters(regime, waiters, supply, now, outlet);
        }
    }

    /// When [`Answerer::expire`] has work next, on the monotonic clock.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.pending.next_due_ms()
    }

    fn answer_waiters(
        &mut self,
        regime: &Regime,
        waiters: Vec<Waiter>,
        supply: Supply,
        now: Now,
        outlet: &mut impl Outlet,
    ) -> usize {
        let count = waiters.len();
        self.owed = count;
        let mut out = std::mem::take(&mut self.late);
        if count > 0 {
            out.resize(MAX_MESSAGE_OCTETS, 0);
        }
        for waiter in waiters {
            if let Outcome::Answer(length) = self.answer_waiter(regime, &waiter, supply, now, &mut out) {
                outlet.send(&waiter.asker, out.get(..length).unwrap_or_default());
            }
            self.owed -= 1;
        }
        self.late = out;
        count
    }

    fn answer_waiter(&mut self, regime: &Regime, waiter: &Waiter, supply: Supply, now: Now, out: &mut [u8]) -> Outcome {
        let (packet, asker) = (&*waiter.packet, &waiter.asker);
        if self.sight.peek(packet).is_err() {
            // Not to be expected of what has passed once.
            self.counters.count(Counter::Abandoned);
            return Outcome::Silence;
        }
        self.sight.query.edns = waiter.edns;
        let Selection::Served(selected) = regime.rulebook.select(asker.client().ip(), asker.local()) else {
            return self.answer_stranger(packet, asker, now, out);
        };
        let reply = self.frame(asker, now);
        let since_us = waiter.since_us;
        self.resolve(&Turn { regime, packet, asker, now, since_us, selected, supply, reply }, out)
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
