//! A source port towards one forwarder: a connected UDP socket, and the questions that wait for a reply to it.
//!
//! A reply is believed only if it comes from the forwarder (the socket is connected), carries the ID of a question that
//! waits here and repeats that question. An ID serves once in the life of a port, so a reply that comes twice or too late
//! is distinguished from a guess. Ports live shortly: an attacker who finds one by probing (as SAD DNS did) has no time
//! to use it. One where a reply is late stays open as long as clients wait for it, and gives it up after the same few guesses.

use crate::carrier::{CarriedPort, Carrier};
use crate::pending::GIVE_UP_AFTER_MS;
use crate::random_ids::RandomIds;
use crate::socket::ForwarderSocket;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use schoolgate_wire::{EdeCode, HEADER_OCTETS, dnssec_error, question_end, remove_opt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// A port is not used longer. A kernel answers at most a thousand probes of its ports a second, so in this time about one
/// port in thirty is found, and the finder has what is left of the second to guess 16 bits.
pub const LIFE_S: f64 = 1.0;
/// Nor for more questions: so many short replies fit into the kernel's default buffer, should all wait there at once.
pub const MOST_USES: usize = 256;
/// Wrong replies at a port while a question waits there, before it moves to TCP: an attacker is guessing the ID.
pub const MOST_STRAYS: u32 = 8;
/// So long after its query was sent a reply counts: while a client may wait for it.
pub const LATE_S: f64 = GIVE_UP_AFTER_MS as f64 / 1000.0;
/// RCODEs of an answer about the name: NOERROR, NXDOMAIN. Any other is about the server, and another may do better.
const FINAL_RCODES: [u8; 2] = [0, 3];
const SERVFAIL: u8 = 2;
const TRUNCATED: u8 = 0x02;

/// For whom a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A miss by its token: its first try.
    Miss(u64),
    /// The resolver, by the key of the exchange: another try of a miss, by its token, or a probe, below zero.
    Exchange(i64),
}

impl Owner {
    /// The token of the miss that this is a try of.
    pub fn token(self) -> Option<u64> {
        match self {
            Self::Miss(token) => Some(token),
            Self::Exchange(key) => u64::try_from(key).ok(),
        }
    }
}

/// A question under way.
#[derive(Debug)]
pub struct Attempt {
    /// For whom.
    pub owner: Owner,
    /// The query as it is sent, with its ID.
    pub query: Vec<u8>,
    /// The query with its OPT, where it is sent without.
    complete: Option<Vec<u8>>,
    /// When it was sent.
    pub sent_s: f64,
    /// When it is overdue.
    pub expires_s: f64,
    strays_before: u32,
}

impl Attempt {
    /// A question to be sent now.
    pub fn new(owner: Owner, query: Vec<u8>, now_s: f64, timeout_s: f64) -> Self {
        Self { owner, query, complete: None, sent_s: now_s, expires_s: now_s + timeout_s, strays_before: 0 }
    }

    /// The same without OPT.
    pub fn without_opt(mut self) -> Self {
        self.complete = Some(self.query.clone());
        remove_opt(&mut self.query);
        self
    }

    /// The query with all that was asked.
    pub fn into_complete(self) -> Vec<u8> {
        self.complete.unwrap_or(self.query)
    }

    /// The same question, to be known again by a reply that comes when it is overdue.
    fn overdue(&self) -> Self {
        Self { query: self.query.clone(), complete: None, ..*self }
    }
}

/// What a datagram is to a port.
#[derive(Debug)]
pub enum Judged {
    /// The reply to this question, which waits no longer.
    Reply(Attempt),
    /// The reply to this question, which was given up as overdue.
    Late(Attempt),
    /// A reply that came before, or is too late for every client.
    Old,
    /// A reply to no question of ours.
    Stray,
}

/// How a forwarder is reached.
#[derive(Clone)]
pub enum Way {
    /// By UDP at this address.
    Datagrams(SocketAddr),
    /// Over connections.
    Carried(Arc<dyn Carrier>),
}

impl Way {
    /// Whether it leads to the same.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Datagrams(one), Self::Datagrams(two)) => one == two,
            (Self::Carried(one), Self::Carried(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }

    fn open(&self) -> io::Result<Outlet> {
        match self {
            Self::Datagrams(address) => ForwarderSocket::connect(*address).map(Outlet::Datagrams),
            Self::Carried(carrier) => CarriedPort::open(carrier.clone()).map(Outlet::Carried),
        }
    }
}

impl From<SocketAddr> for Way {
    fn from(address: SocketAddr) -> Self {
        Self::Datagrams(address)
    }
}

/// What a port sends by.
pub enum Outlet {
    /// A socket.
    Datagrams(ForwarderSocket),
    /// A carrier: nobody else can reach what it delivers to, so there is nothing to guess.
    Carried(CarriedPort),
}

impl Outlet {
    /// Sends at most a batch. Returns how many left, and the error that kept back the rest.
    pub fn send(&self, queries: &[&[u8]]) -> (usize, Option<io::Error>) {
        match self {
            Self::Datagrams(socket) => socket.send(queries),
            Self::Carried(carried) => carried.send(queries),
        }
    }
}

impl AsRawFd for Outlet {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Datagrams(socket) => socket.as_raw_fd(),
            Self::Carried(carried) => carried.as_raw_fd(),
        }
    }
}

/// A source port.
pub struct SourcePort {
    /// Whom it asks.
    pub forwarder: u32,
    /// What it sends by.
    pub outlet: Outlet,
    /// It sends no more, and is closed when no question waits.
    pub is_retired: bool,
    opened_s: f64,
    waiting: HashMap<u16, Attempt, RandomState>,
    overdue: HashMap<u16, Attempt, RandomState>,
    /// When the last of these is too late for every client.
    late_until_s: f64,
    issued: Vec<u16>,
    strays: u32,
}

impl SourcePort {
    /// Opens a port; one of UDP is drawn at random by the kernel.
    pub fn open(forwarder: u32, way: &Way, now_s: f64) -> io::Result<Self> {
        Ok(Self {
            forwarder,
            outlet: way.open()?,
            is_retired: false,
            opened_s: now_s,
            waiting: HashMap::default(),
            overdue: HashMap::default(),
            late_until_s: now_s,
            issued: Vec::new(),
            strays: 0,
        })
    }

    /// Whether `more` questions may leave from here.
    pub fn has_room(&self, more: usize, now_s: f64) -> bool {
        !self.is_retired && self.issued.len() + more <= MOST_USES && now_s - self.opened_s < LIFE_S
    }

    /// Whether it is of no more use.
    pub fn is_over(&self, now_s: f64) -> bool {
        self.is_idle(now_s) && (self.overdue.is_empty() || self.late_until_s <= now_s)
    }

    /// Whether it is open for late replies at most.
    pub fn is_idle(&self, now_s: f64) -> bool {
        self.waiting.is_empty() && !self.has_room(1, now_s)
    }

    /// Questions that wait here.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Writes a fresh ID into a query.
    pub fn number(&mut self, attempt: &mut Attempt, random_ids: &mut RandomIds) -> io::Result<()> {
        let mut id = random_ids.draw()?;
        while self.issued.contains(&id) {
            id = random_ids.draw()?;
        }
        self.issued.push(id);
        if let Some(place) = attempt.query.first_chunk_mut::<2>() {
            *place = id.to_be_bytes();
        }
        Ok(())
    }

    /// Lets a question that was sent wait for its reply.
    pub fn wait(&mut self, mut attempt: Attempt) {
        attempt.strays_before = self.strays;
        self.waiting.insert(id_of(&attempt.query), attempt);
    }

    /// Says what a datagram from the forwarder is.
    pub fn judge(&mut self, datagram: &[u8]) -> Judged {
        let id = id_of(datagram);
        match (self.waiting.get(&id), self.overdue.get(&id)) {
            (Some(attempt), _) if matches(datagram, &attempt.query) => {
                self.waiting.remove(&id).map_or(Judged::Old, Judged::Reply)
            }
            (None, Some(attempt)) if matches(datagram, &attempt.query) => {
                self.overdue.remove(&id).map_or(Judged::Old, Judged::Late)
            }
            (None, None) if datagram.len() >= HEADER_OCTETS && self.issued.contains(&id) => Judged::Old,
            _ => {
                self.strays += 1;
                Judged::Stray
            }
        }
    }

    /// Questions that have met too many wrong replies here; a port that an attacker guesses at is used no more.
    pub fn take_guessed(&mut self) -> Vec<Attempt> {
        if self.strays < MOST_STRAYS {
            return Vec::new();
        }
        self.is_retired = true;
        self.overdue.clear();
        let strays = self.strays;
        self.take(|attempt| strays - attempt.strays_before >= MOST_STRAYS)
    }

    /// Questions that are overdue. Their replies still count for a while.
    pub fn take_overdue(&mut self, now_s: f64, most: usize) -> Vec<Attempt> {
        let mut left = most;
        let taken = self.take(|attempt| {
            let is_overdue = attempt.expires_s <= now_s && left > 0;
            left -= usize::from(is_overdue);
            is_overdue
        });
        for attempt in &taken {
            self.late_until_s = self.late_until_s.max(attempt.sent_s + LATE_S);
            self.overdue.insert(id_of(&attempt.query), attempt.overdue());
        }
        taken
    }

    /// The question that was sent with this ID, if it waits.
    pub fn take_one(&mut self, id: u16) -> Option<Attempt> {
        self.waiting.remove(&id)
    }

    /// All questions that wait here.
    pub fn take_all(&mut self) -> Vec<Attempt> {
        self.take(|_| true)
    }

    fn take(&mut self, mut is_meant: impl FnMut(&Attempt) -> bool) -> Vec<Attempt> {
        self.waiting.extract_if(|_, attempt| is_meant(attempt)).map(|(_, attempt)| attempt).collect()
    }
}

fn id_of(message: &[u8]) -> u16 {
    message.first_chunk::<2>().map_or(0, |id| u16::from_be_bytes(*id))
}

/// Whether a reply ends the matter: whole, and about the name.
pub fn is_final(reply: &[u8]) -> bool {
    reply.get(2..4).is_some_and(|flags| flags[0] & TRUNCATED == 0 && FINAL_RCODES.contains(&(flags[1] & 0x0f)))
}

/// Whether a reply says that the forwarder has validated the answer and found it forged or broken.
pub fn is_bogus(reply: &[u8]) -> bool {
    let is_servfail = reply.get(3).is_some_and(|flags| flags & 0x0f == SERVFAIL);
    is_servfail && dnssec_error(reply).is_some_and(EdeCode::is_bogus)
}

/// Whether a datagram is a reply (QR, opcode QUERY, one question) with the ID and the question of `query`, in any case. An
/// error may be a bare header: a server that could not read the query does not repeat it.
pub fn matches(datagram: &[u8], query: &[u8]) -> bool {
    let Some(header) = datagram.first_chunk::<HEADER_OCTETS>() else { return false };
    if !query.starts_with(&header[..2]) || header[2] & 0xf8 != 0x80 {
        return false;
    }
    if datagram.len() == HEADER_OCTETS {
        return header[4..] == [0; 8] && !FINAL_RCODES.contains(&(header[3] & 0x0f));
    }
    let is_reply = header[4..6] == [0, 1];
    let asked = question_end(query).and_then(|end| query.get(HEADER_OCTETS..end));
    let Some((name, rest)) = asked.and_then(|asked| asked.split_at_checked(asked.len() - 4)) else { return false };
    let Some(found) = datagram.get(HEADER_OCTETS..) else { return false };
    is_reply
        && found.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
        && found.get(name.len()..).is_some_and(|found| found.starts_with(rest))
}
