//! Questions under way, and who waits for them.
//!
//! Equal questions are asked once. Entries expire by themselves on the worker's own clock: a stalled resolver above leaves
//! nobody waiting for ever, and nothing here grows without bound.

use crate::cache::{Question, QuestionRef};
use crate::socket::Peer;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Questions one worker may have under way: a flood of random sub-domains fills this, and then gets SERVFAIL.
const MAX_QUESTIONS: usize = 8192;
/// Clients that may wait for one question; the rest are answered SERVFAIL and ask again.
const MAX_WAITERS: usize = 512;
/// Past this a client hears a stale answer, if there is one (RFC 8767 section 5: client response timer 1.8 s).
pub const STALE_AFTER_MS: u64 = 1_800;
/// Past this a client hears SERVFAIL. The resolver gives up a little earlier, so this means that it has stalled.
pub const GIVE_UP_AFTER_MS: u64 = 3_950;

/// Who asked, and by which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// By UDP: the index of the door and the peer.
    Datagram(usize, Peer),
    /// By a stream: a ticket, the client and the address asked.
    Stream(u64, std::net::SocketAddr, std::net::SocketAddr),
}

/// A client that waits, with its packet as it came.
#[derive(Debug)]
pub struct Waiter {
    /// Where the answer goes.
    pub asker: Asker,
    /// The query, octet for octet.
    pub packet: Box<[u8]>,
}

/// What became of a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The first asker: somebody must be sent for the answer.
    First,
    /// An equal question is under way.
    Later,
    /// A bound is reached.
    Full,
}

#[derive(Debug, Default)]
struct Entry {
    waiters: Vec<Waiter>,
    started_ms: u64,
}

/// The questions of one worker that are under way.
#[derive(Debug, Default)]
pub struct Pending {
    entries: HashMap<Arc<Question>, Entry, RandomState>,
    stale_at: VecDeque<(u64, Arc<Question>)>,
    give_up_at: VecDeque<(u64, Arc<Question>)>,
}

impl Pending {
    /// Lets a client wait for a question. The second value is the question to send for, for the first asker.
    pub fn join(
        &mut self,
        question: QuestionRef<'_>,
        waiter: Waiter,
        has_stale: bool,
        now_ms: u64,
    ) -> (Joined, Option<Arc<Question>>) {
        if let Some(entry) = self.entries.get_mut(&question) {
            return (entry.join(waiter), None);
        }
        if self.entries.len() >= MAX_QUESTIONS {
            return (Joined::Full, None);
        }
        let question = Arc::new(question.to_owned());
        if has_stale {
            self.stale_at.push_back((now_ms + STALE_AFTER_MS, question.clone()));
        }
        self.give_up_at.push_back((now_ms + GIVE_UP_AFTER_MS, question.clone()));
        self.entries.insert(question.clone(), Entry { waiters: vec![waiter], started_ms: now_ms });
        (Joined::First, Some(question))
    }

    /// Takes all that wait for a question; it is no longer under way.
    pub fn take(&mut self, question: &Question) -> Vec<Waiter> {
        self.entries.remove(question).map(|entry| entry.waiters).unwrap_or_default()
    }

    /// A question whose waiters should now hear a stale answer; it stays under way.
    pub fn next_stale(&mut self, now_ms: u64) -> Option<(Arc<Question>, Vec<Waiter>)> {
        while let Some((due_ms, question)) = pop_due(&mut self.stale_at, now_ms) {
            if let Some(entry) =
                self.entries.get_mut(&*question).filter(|entry| entry.started_ms + STALE_AFTER_MS == due_ms)
            {
                return Some((question, std::mem::take(&mut entry.waiters)));
            }
        }
        None
    }

    /// A question that nobody answered in time, with those who wait for it.
    pub fn next_expired(&mut self, now_ms: u64) -> Option<(Arc<Question>, Vec<Waiter>)> {
        while let Some((due_ms, question)) = pop_due(&mut self.give_up_at, now_ms) {
            let same = |entry: &Entry| entry.started_ms + GIVE_UP_AFTER_MS == due_ms;
            if self.entries.get(&*question).is_some_and(same) {
                let waiters = self.take(&question);
                return Some((question, waiters));
            }
        }
        None
    }

    /// When something falls due next.
    pub fn next_due_ms(&self) -> Option<u64> {
        let due = |queue: &VecDeque<(u64, Arc<Question>)>| queue.front().map(|(due_ms, _)| *due_ms);
        [due(&self.stale_at), due(&self.give_up_at)].into_iter().flatten().min()
    }

    /// Questions under way.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    /// A client that repeats itself (same door, peer and ID) waits once.
    fn join(&mut self, waiter: Waiter) -> Joined {
        let id = |packet: &[u8]| packet.first_chunk::<2>().copied();
        let again = |other: &Waiter| other.asker == waiter.asker && id(&other.packet) == id(&waiter.packet);
        if self.waiters.iter().any(again) {
            return Joined::Later;
        }
        if self.waiters.len() >= MAX_WAITERS {
            return Joined::Full;
        }
        self.waiters.push(waiter);
        Joined::Later
    }
}

fn pop_due(queue: &mut VecDeque<(u64, Arc<Question>)>, now_ms: u64) -> Option<(u64, Arc<Question>)> {
    queue.front().filter(|(due_ms, _)| *due_ms <= now_ms)?;
    queue.pop_front()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &'static [u8]) -> QuestionRef<'static> {
        QuestionRef { name, qtype: 1, flags: 0, rewrite: None }
    }

    fn waiter(ticket: u64, id: u8) -> Waiter {
        let address = "192.0.2.1:1000".parse().expect("an address");
        Waiter { asker: Asker::Stream(ticket, address, address), packet: [0, id, 1, 0].into() }
    }

    #[test]
    fn equal_questions_are_asked_once_and_all_are_answered() {
        let mut pending = Pending::default();
        let (joined, sent) = pending.join(question(b"\x01a\0"), waiter(1, 1), false, 0);
        assert_eq!(joined, Joined::First);
        assert_eq!(pending.join(question(b"\x01a\0"), waiter(2, 1), false, 1).0, Joined::Later);
        assert_eq!(pending.join(question(b"\x01b\0"), waiter(3, 1), false, 1).0, Joined::First);
        assert_eq!(pending.take(&sent.expect("a question to send")).len(), 2);
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn a_client_that_repeats_itself_is_answered_once() {
        let mut pending = Pending::default();
        let (_, sent) = pending.join(question(b"\x01a\0"), waiter(1, 1), false, 0);
        pending.join(question(b"\x01a\0"), waiter(1, 1), false, 5);
        pending.join(question(b"\x01a\0"), waiter(1, 2), false, 6);
        assert_eq!(pending.take(&sent.expect("a question to send")).len(), 2);
    }

    #[test]
    fn stale_comes_first_and_then_nothing_waits_for_ever() {
        let mut pending = Pending::default();
        pending.join(question(b"\x01a\0"), waiter(1, 1), true, 100);
        assert!(pending.next_stale(100 + STALE_AFTER_MS - 1).is_none());
        assert_eq!(pending.next_stale(100 + STALE_AFTER_MS).map(|(_, waiters)| waiters.len()), Some(1));
        pending.join(question(b"\x01a\0"), waiter(2, 1), true, 2_000);
        assert!(pending.next_expired(100 + GIVE_UP_AFTER_MS - 1).is_none());
        assert_eq!(pending.next_expired(100 + GIVE_UP_AFTER_MS).map(|(_, waiters)| waiters.len()), Some(1));
        assert_eq!((pending.len(), pending.next_due_ms()), (0, None));
    }

    #[test]
    fn an_answered_question_does_not_expire_when_it_is_asked_again() {
        let mut pending = Pending::default();
        let (_, sent) = pending.join(question(b"\x01a\0"), waiter(1, 1), true, 0);
        pending.take(&sent.expect("a question to send"));
        pending.join(question(b"\x01a\0"), waiter(2, 2), true, 1_000);
        assert!(pending.next_stale(STALE_AFTER_MS).is_none());
        assert!(pending.next_expired(GIVE_UP_AFTER_MS).is_none());
        assert!(pending.next_expired(1_000 + GIVE_UP_AFTER_MS).is_some());
    }

    #[test]
    fn bounds_hold() {
        let mut pending = Pending::default();
        for ticket in 0..MAX_WAITERS as u64 {
            assert_ne!(pending.join(question(b"\x01a\0"), waiter(ticket, 1), false, 0).0, Joined::Full);
        }
        assert_eq!(pending.join(question(b"\x01a\0"), waiter(u64::MAX, 1), false, 0).0, Joined::Full);
        for at in 1..MAX_QUESTIONS as u16 {
            let name: &'static [u8] = Box::leak(Box::new([2, (at >> 8) as u8, at as u8, 0]));
            assert_eq!(pending.join(question(name), waiter(1, 1), false, 0).0, Joined::First);
        }
        assert_eq!(pending.join(question(b"\x01z\0"), waiter(1, 1), false, 0).0, Joined::Full);
    }
}
