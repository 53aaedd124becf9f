//! Failures remembered for a few seconds (RFC 9520), so that what cannot be resolved is not asked all the time.
//!
//! A name whose servers are dead costs seconds and a port for each attempt; clients retry it at once. The first failure is
//! remembered for a second, the next ones longer, up to five: never so long that a recovery goes unseen.

use crate::question::Question;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use schoolgate_wire::EdeCode;
use std::collections::VecDeque;
use std::sync::Arc;

/// The first time.
const FIRST_MS: u64 = 1_000;
/// However often.
const LONGEST_MS: u64 = 5_000;
/// Stops a flood of random names under a dead zone from filling memory; the oldest failure gives way.
const MOST_FAILURES: usize = 4096;

struct Failure {
    until_ms: u64,
    span_ms: u64,
    code: EdeCode,
    /// Which entry of the queue is this one's.
    serial: u64,
}

/// Question to failure, bounded.
#[derive(Default)]
pub struct FailureMemory {
    failures: HashMap<Arc<Question>, Failure, RandomState>,
    oldest_first: VecDeque<(u64, Arc<Question>)>,
    next_serial: u64,
}

impl FailureMemory {
    /// Why the question failed, while that is remembered.
    pub fn recall(&self, question: &Question, now_ms: u64) -> Option<EdeCode> {
        if self.failures.is_empty() {
            return None;
        }
        self.failures.get(question).filter(|failure| now_ms < failure.until_ms).map(|failure| failure.code)
    }

    /// Remembers a failure; one that follows soon on the last is remembered twice as long.
    pub fn record(&mut self, question: &Arc<Question>, code: EdeCode, now_ms: u64) {
        let span_ms = match self.failures.get(&**question) {
            Some(last) if now_ms < last.until_ms + LONGEST_MS => LONGEST_MS.min(2 * last.span_ms),
            _ => FIRST_MS,
        };
        self.next_serial += 1;
        let failure = Failure { until_ms: now_ms + span_ms, span_ms, code, serial: self.next_serial };
        self.failures.insert(question.clone(), failure);
        self.oldest_first.push_back((self.next_serial, question.clone()));
        // What was forgotten or failed again leaves its old entry in the queue.
        while self.failures.len() > MOST_FAILURES || self.oldest_first.len() > 2 * MOST_FAILURES {
            let Some((serial, oldest)) = self.oldest_first.pop_front() else { break };
            if self.failures.get(&*oldest).is_some_and(|failure| failure.serial == serial) {
                self.failures.remove(&*oldest);
            }
        }
    }

    /// The question was answered after all.
    pub fn forget(&mut self, question: &Question) {
        if !self.failures.is_empty() {
            self.failures.remove(question);
        }
    }

    /// What failed may succeed now.
    pub fn clear(&mut self) {
        self.failures.clear();
        self.oldest_first.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::QuestionRef;

    fn question(number: u16) -> Arc<Question> {
        let name = [[2].as_slice(), &number.to_be_bytes(), &[0]].concat();
        Arc::new(QuestionRef { name: &name, qtype: 1, flags: 0, rewrite: None }.to_owned())
    }

    #[test]
    fn failures_in_a_row_are_remembered_longer_and_longer_but_never_over_five_seconds() {
        let mut memory = FailureMemory::default();
        let mut now_ms = 0;
        for span_ms in [1_000, 2_000, 4_000, 5_000, 5_000] {
            memory.record(&question(1), EdeCode::NETWORK_ERROR, now_ms);
            assert_eq!(memory.recall(&question(1), now_ms + span_ms - 1), Some(EdeCode::NETWORK_ERROR));
            now_ms += span_ms;
            assert_eq!(memory.recall(&question(1), now_ms), None);
        }
        memory.record(&question(1), EdeCode::NETWORK_ERROR, now_ms + LONGEST_MS);
        assert_eq!(memory.recall(&question(1), now_ms + LONGEST_MS + FIRST_MS), None, "after a pause it starts anew");
    }

    #[test]
    fn an_answer_or_a_recovery_ends_the_memory() {
        let mut memory = FailureMemory::default();
        [1, 2].iter().for_each(|number| memory.record(&question(*number), EdeCode::NO_REACHABLE_AUTHORITY, 0));
        memory.forget(&question(1));
        assert_eq!(memory.recall(&question(1), 1), None);
        assert!(memory.recall(&question(2), 1).is_some());
        memory.clear();
        assert_eq!(memory.recall(&question(2), 1), None);
    }

    #[test]
    fn the_oldest_failure_gives_way_and_nothing_grows() {
        let mut memory = FailureMemory::default();
        for number in 0..=MOST_FAILURES as u16 {
            memory.record(&question(number), EdeCode::NETWORK_ERROR, 0);
        }
        assert_eq!(memory.recall(&question(0), 1), None);
        assert!(memory.recall(&question(1), 1).is_some());
        for _ in 0..5 * MOST_FAILURES {
            memory.record(&question(9), EdeCode::NETWORK_ERROR, 0);
            memory.forget(&question(9));
        }
        assert!(memory.failures.len() <= MOST_FAILURES && memory.oldest_first.len() <= 2 * MOST_FAILURES);
    }
}
