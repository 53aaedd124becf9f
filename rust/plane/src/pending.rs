//! Questions under way, and who waits for them.
//!
//! Equal questions are asked once. Entries expire by themselves on the worker's own clock, so no client waits for ever
//! when the resolver above stalls. Nothing here grows without bound: neither the questions, nor those of one registrable
//! domain, nor the clients that wait, nor what one client waits for. The fuller it is, the less one client may add.

use crate::question::{Question, QuestionRef};
use crate::requester::Requester;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use schoolgate_policy::registrable_part;
use schoolgate_wire::{Edns, Query};
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

/// Questions one worker may have under way: a flood of random sub-domains fills this, and then gets SERVFAIL.
pub const MAX_QUESTIONS: usize = 8192;
/// Questions of one registrable domain that may be under way, an eighth of all: where its servers are dead, each random name
/// below it stays for seconds, however many clients ask.
pub const MAX_QUESTIONS_PER_DOMAIN: u16 = 1024;
/// With so many questions under way, answers in the cache are not asked for again before they expire.
const MAX_QUESTIONS_AHEAD: usize = MAX_QUESTIONS / 4;
/// Clients that may wait in all, a school's morning: past this they get no answer and ask again, when the cache has it.
pub const MAX_WAITING: usize = 32_768;
/// Questions one client may wait for: one device with random names must not use up the places of all others. Enough for a
/// network behind one address.
pub const MAX_WAITING_PER_CLIENT: u16 = 2048;
/// One client may hold at most this part of what is free, so that a few of them cannot fill it.
const CLIENT_PART_OF_FREE: usize = 4;
/// Places in the table of clients that wait. Two clients on one place share its bound.
const CLIENT_PLACES: usize = 16_384;
/// The same for registrable domains.
const DOMAIN_PLACES: usize = 16_384;
/// Among so few waiters a repeated query is looked for one by one; among more, by a set.
const FEW_WAITERS: usize = 8;
/// Past this a client gets a stale answer, if there is one (RFC 8767 section 5: client response timer 1.8 s).
pub const STALE_AFTER_MS: u64 = 1_800;
/// Past this a client gets SERVFAIL. The resolver gives up a little earlier, so this means that it has stalled.
pub const GIVE_UP_AFTER_MS: u64 = 3_950;
/// Where ARCOUNT stands in a header.
const ADDITIONAL_COUNT: std::ops::Range<usize> = 10..12;

/// A client that waits, with as much of its query as the answer needs: at most 271 octets, however many options it had.
#[derive(Debug)]
pub struct Waiter {
    /// Where the answer goes.
    pub requester: Requester,
    /// Header and question, octet for octet, but for ARCOUNT, which is 0.
    pub packet: Box<[u8]>,
    /// What its OPT said.
    pub edns: Option<Edns>,
    /// When its query came, on the monotonic clock in microseconds.
    pub since_us: u64,
}

impl Waiter {
    /// The sender of `packet`, from which `query` was peeked.
    pub fn new(requester: Requester, packet: &[u8], query: &Query, since_us: u64) -> Self {
        let mut packet: Box<[u8]> = packet.get(..query.question_end).unwrap_or_default().into();
        if let Some(count) = packet.get_mut(ADDITIONAL_COUNT) {
            count.fill(0);
        }
        Self { requester, packet, edns: query.edns, since_us }
    }

    fn id(&self) -> Option<[u8; 2]> {
        self.packet.first_chunk::<2>().copied()
    }

    fn query_hash(&self, hash: &RandomState) -> u64 {
        hash.hash_one((&self.requester, self.id()))
    }
}

/// What became of a miss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The first requester: a miss request must be sent for this.
    First(Arc<Question>),
    /// An equal question is under way.
    Later,
    /// The same client has asked the same before and waits already.
    Again,
    /// The client or the domain has its share, or there is no room for another question.
    Full,
    /// As many clients wait as may: no fault of this one.
    Crowded,
}

#[derive(Debug, Default)]
struct Entry {
    waiters: Vec<Waiter>,
    /// Hashes of their queries, once they are many.
    queries: HashSet<u64, RandomState>,
    number: u64,
    /// Where its domain is counted.
    domain: usize,
}

/// When questions fall due, by their number: earliest first. What is answered leaves at once, so that it never has to be
/// swept out in one go.
type DueTimes = BTreeMap<u64, (u64, Arc<Question>)>;

/// The questions of one worker that are under way.
#[derive(Debug)]
pub struct Pending {
    entries: HashMap<Arc<Question>, Entry, RandomState>,
    stale_at: DueTimes,
    give_up_at: DueTimes,
    next_number: u64,
    waiting: usize,
    hash: RandomState,
    by_client: Box<[u16]>,
    by_domain: Box<[u16]>,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            entries: HashMap::default(),
            stale_at: DueTimes::new(),
            give_up_at: DueTimes::new(),
            next_number: 0,
            waiting: 0,
            hash: RandomState::default(),
            by_client: vec![0; CLIENT_PLACES].into(),
            by_domain: vec![0; DOMAIN_PLACES].into(),
        }
    }
}

impl Pending {
    /// Lets a client wait for a question. `has_stale`: it is content with a stale answer after a while.
    pub fn join(&mut self, question: QuestionRef<'_>, waiter: Waiter, has_stale: bool, now_ms: u64) -> Joined {
        let place = self.place(&waiter.requester);
        let held = self.by_client.get(place).map_or(0, |held| usize::from(*held));
        let (free_questions, free_waits) = (MAX_QUESTIONS - self.entries.len(), MAX_WAITING - self.waiting);
        let joined = match self.entries.get_mut(&question) {
            Some(entry) if entry.holds(&waiter, &self.hash) => return Joined::Again,
            _ if free_waits == 0 => return Joined::Crowded,
            Some(_) if held >= usize::from(MAX_WAITING_PER_CLIENT) => return Joined::Full,
            Some(_) if held >= client_share(free_waits) => return Joined::Crowded,
            Some(entry) => {
                entry.add(waiter, &self.hash);
                Joined::Later
            }
            None if free_questions == 0 || held >= client_share(free_questions.min(free_waits)) => return Joined::Full,
            None => match self.begin(question, vec![waiter], has_stale, now_ms) {
                Some(question) => Joined::First(question),
                None => return Joined::Full,
            },
        };
        self.waiting += 1;
        if let Some(held) = self.by_client.get_mut(place) {
            *held += 1;
        }
        joined
    }

    /// A question without clients that wait: the cache has an answer to it that expires soon. `None`: it is under way, or
    /// there is little room.
    pub fn begin_ahead(&mut self, question: QuestionRef<'_>, has_stale: bool, now_ms: u64) -> Option<Arc<Question>> {
        if self.entries.len() >= MAX_QUESTIONS_AHEAD || self.entries.contains_key(&question) {
            return None;
        }
        self.begin(question, Vec::new(), has_stale, now_ms)
    }

    /// A question that is not under way yet; `None` where its domain has its share.
    fn begin(
        &mut self,
        question: QuestionRef<'_>,
        waiters: Vec<Waiter>,
        has_stale: bool,
        now_ms: u64,
    ) -> Option<Arc<Question>> {
        let domain = self.hash.hash_one(registrable_part(question.name)) as usize % DOMAIN_PLACES;
        let under_way = self.by_domain.get_mut(domain).filter(|under_way| **under_way < MAX_QUESTIONS_PER_DOMAIN)?;
        *under_way += 1;
        let question = Arc::new(question.to_owned());
        let number = self.next_number;
        self.next_number += 1;
        if has_stale {
            self.stale_at.insert(number, (now_ms + STALE_AFTER_MS, question.clone()));
        }
        self.give_up_at.insert(number, (now_ms + GIVE_UP_AFTER_MS, question.clone()));
        let entry = Entry { waiters, number, domain, ..Entry::default() };
        self.entries.insert(question.clone(), entry);
        Some(question)
    }

    /// Takes all that wait for a question; it is no longer under way.
    pub fn take(&mut self, question: QuestionRef<'_>) -> Vec<Waiter> {
        let Some(entry) = self.entries.remove(&question) else { return Vec::new() };
        self.give_up_at.remove(&entry.number);
        self.stale_at.remove(&entry.number);
        if let Some(under_way) = self.by_domain.get_mut(entry.domain) {
            *under_way = under_way.saturating_sub(1);
        }
        self.release(entry.waiters)
    }

    /// A question whose waiters should now get a stale answer; it stays under way.
    pub fn next_stale(&mut self, now_ms: u64) -> Option<(Arc<Question>, Vec<Waiter>)> {
        let question = pop_due(&mut self.stale_at, now_ms)?;
        let waiters = self.entries.get_mut(&*question).map(Entry::take_waiters);
        Some((question, self.release(waiters.unwrap_or_default())))
    }

    /// A question that no forwarder answered in time, with those who wait for it.
    pub fn next_expired(&mut self, now_ms: u64) -> Option<(Arc<Question>, Vec<Waiter>)> {
        let question = pop_due(&mut self.give_up_at, now_ms)?;
        let waiters = self.take(question.borrow());
        Some((question, waiters))
    }

    /// When something falls due next.
    pub fn next_due_ms(&self) -> Option<u64> {
        let due = |queue: &DueTimes| queue.first_key_value().map(|(_, (due_ms, _))| *due_ms);
        [due(&self.stale_at), due(&self.give_up_at)].into_iter().flatten().min()
    }

    /// Questions under way.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Clients that wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// They wait no longer.
    fn release(&mut self, waiters: Vec<Waiter>) -> Vec<Waiter> {
        self.waiting = self.waiting.saturating_sub(waiters.len());
        for waiter in &waiters {
            let place = self.place(&waiter.requester);
            if let Some(held) = self.by_client.get_mut(place) {
                *held = held.saturating_sub(1);
            }
        }
        waiters
    }

    fn place(&self, requester: &Requester) -> usize {
        self.hash.hash_one(subnet(requester.client().ip())) as usize % CLIENT_PLACES
    }
}

impl Entry {
    /// Whether this very query waits already: a client that repeats itself (same door, peer and ID) is answered once.
    fn holds(&self, waiter: &Waiter, hash: &RandomState) -> bool {
        match self.queries.is_empty() {
            true => self.waiters.iter().any(|other| other.requester == waiter.requester && other.id() == waiter.id()),
            false => self.queries.contains(&waiter.query_hash(hash)),
        }
    }

    fn add(&mut self, waiter: Waiter, hash: &RandomState) {
        if self.waiters.len() == FEW_WAITERS {
            self.queries = self.waiters.iter().map(|waiter| waiter.query_hash(hash)).collect();
        }
        if self.waiters.len() >= FEW_WAITERS {
            self.queries.insert(waiter.query_hash(hash));
        }
        self.waiters.push(waiter);
    }

    fn take_waiters(&mut self) -> Vec<Waiter> {
        self.queries.clear();
        std::mem::take(&mut self.waiters)
    }
}

/// What one client may wait for while so much is free.
fn client_share(free: usize) -> usize {
    usize::from(MAX_WAITING_PER_CLIENT).min(free / CLIENT_PART_OF_FREE).max(1)
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, in which a device may take any number.
pub fn subnet(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

fn pop_due(queue: &mut DueTimes, now_ms: u64) -> Option<Arc<Question>> {
    let first = queue.first_entry().filter(|first| first.get().0 <= now_ms)?;
    Some(first.remove().1)
}

#[cfg(test)]
#[allow(clippy::panic)]
#[path = "pending_tests.rs"]
mod tests;
