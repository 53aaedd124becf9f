//! Questions on their way to forwarders, and the replies that may be believed: by UDP, or handed to a carrier
//! ([`crate::carrier`]), which is one more kind of port.
//!
//! Each forwarder has a few source ports at a time, opened when they are needed, each for a short while
//! ([`crate::source_port`]). Those of one batch leave from one of them drawn at random, in one system call. When there are few
//! questions, a batch is one.
//!
//! Nothing here waits, reads a clock, or decides whom to ask. What became of a question goes to a [`Listener`].

use crate::carrier::Delivery;
use crate::random_ids::RandomIds;
use crate::socket::{BATCH, Inbox, Readiness};
use crate::source_port::{Attempt, Judged, MOST_USES, Outlet, SourcePort, Way};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Source ports of one forwarder that are in use at a time; the next question draws among them. A power of two.
const PLACES: usize = 16;
/// Questions that leave from one port in one call.
const TOGETHER: usize = if BATCH < MOST_USES { BATCH } else { MOST_USES };
/// Open ports in all, those in use and those where replies are still waited for. Far above what is needed; holds if
/// forwarders fall silent under a flood.
const MOST_PORTS: usize = 512;
/// Datagrams read in one call, before others have their turn.
const READ_A_TURN: usize = 256;
/// A dead forwarder makes thousands overdue at once; ending all of them in one go would hold up the worker.
pub const OVERDUE_A_TURN: usize = 256;
/// Errors of one socket, one after the other, before it is left: each ICMP message that came is one.
const MOST_REFUSALS: u32 = 16;
/// No port has this key.
const NO_PORT: u64 = 0;

/// What became of a question.
#[derive(Debug, PartialEq)]
pub enum ExchangeResult<'a> {
    /// A reply whose ID and question match: a whole header and question, or an error that is a header alone.
    Reply(&'a [u8]),
    /// Too many wrong replies at its port.
    Guessed,
    /// Nothing in time.
    TimedOut,
    /// The network says no.
    Failed,
    /// This machine is short of descriptors or the like: no fault of the forwarder.
    Starved,
}

/// Receiver of what becomes of questions.
pub trait Listener {
    /// What became of a question; it is under way no more.
    fn ended(&mut self, forwarder: u32, attempt: Attempt, result: ExchangeResult<'_>);
    /// A reply to a question that has timed out.
    fn late(&mut self, forwarder: u32, attempt: Attempt, reply: &[u8]);
    /// A forwarder sent what is no reply to a question of ours.
    fn mismatch(&mut self, forwarder: u32);
    /// The network says no at a port, once for all that waited there: one ICMP message is no proof of many failures.
    fn network_error(&mut self, forwarder: u32);
}

struct Forwarder {
    way: Way,
    places: [u64; PLACES],
}

impl Forwarder {
    /// How many of the places are used. A carrier's queries leave by its connections, whatever port they come from.
    fn places(&self) -> usize {
        if matches!(self.way, Way::Carried(_)) { 1 } else { PLACES }
    }
}

/// All questions under way.
pub struct UdpExchanges {
    readiness: Readiness,
    forwarders: HashMap<u32, Forwarder, RandomState>,
    ports: HashMap<u64, SourcePort, RandomState>,
    next_port: u64,
    random_ids: RandomIds,
    inbox: Inbox,
}

impl UdpExchanges {
    /// No exchanges, and no forwarder yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            readiness: Readiness::new()?,
            forwarders: HashMap::default(),
            ports: HashMap::default(),
            next_port: NO_PORT + 1,
            random_ids: RandomIds::open()?,
            inbox: Inbox::new(),
        })
    }

    /// The forwarders that will be asked. What is under way at others still ends with a result.
    pub fn install(&mut self, forwarders: impl IntoIterator<Item = (u32, Way)>) {
        let mut old = std::mem::take(&mut self.forwarders);
        for (number, way) in forwarders {
            let places = match old.remove(&number) {
                Some(known) if known.way.is_like(&way) => known.places,
                Some(known) => {
                    known.places.into_iter().for_each(|key| self.retire(key, f64::MAX));
                    [NO_PORT; PLACES]
                }
                None => [NO_PORT; PLACES],
            };
            self.forwarders.insert(number, Forwarder { way, places });
        }
        old.into_values().flat_map(|gone| gone.places).for_each(|key| self.retire(key, f64::MAX));
    }

    /// Questions under way.
    pub fn under_way(&self) -> usize {
        self.ports.values().map(SourcePort::waiting).sum()
    }

    /// Open source ports.
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// Asks a forwarder all this. What cannot be sent has ended at `listener` before this returns.
    pub fn send(&mut self, forwarder: u32, asked: Vec<Attempt>, now_s: f64, listener: &mut impl Listener) {
        let mut rest = asked.into_iter();
        loop {
            let batch: Vec<Attempt> = rest.by_ref().take(TOGETHER).collect();
            if batch.is_empty() {
                return;
            }
            match self.port_for(forwarder, batch.len(), now_s) {
                Ok(key) => self.send_from(key, batch, listener),
                Err(error) => {
                    batch.into_iter().for_each(|one| listener.ended(forwarder, one, trouble(&error)));
                    if trouble(&error) == ExchangeResult::Failed {
                        listener.network_error(forwarder);
                    }
                }
            }
        }
    }

    fn port_for(&mut self, forwarder: u32, questions: usize, now_s: f64) -> io::Result<u64> {
        let drawn = usize::from(self.random_ids.draw()?);
        let known = self.forwarders.get_mut(&forwarder).ok_or(io::ErrorKind::NotConnected)?;
        let place = drawn % known.places();
        let held = known.places.get_mut(place).ok_or(io::ErrorKind::NotFound)?;
        if self.ports.get(held).is_some_and(|port| port.has_room(questions, now_s)) {
            return Ok(*held);
        }
        let old = std::mem::replace(held, NO_PORT);
        let way = known.way.clone();
        self.retire(old, now_s);
        if self.ports.len() >= MOST_PORTS {
            // Late replies are worth less than questions that can be asked.
            self.ports.retain(|_, port| !port.is_idle(now_s));
        }
        if self.ports.len() >= MOST_PORTS {
            let shared =
                self.ports.iter().find(|(_, port)| port.forwarder == forwarder && port.has_room(questions, now_s));
            return shared.map(|(key, _)| *key).ok_or(io::Error::from_raw_os_error(libc::EMFILE));
        }
        let port = SourcePort::open(forwarder, &way, now_s)?;
        let key = self.next_port;
        self.readiness.watch(port.outlet.as_raw_fd(), key)?;
        self.next_port += 1;
        self.ports.insert(key, port);
        if let Some(held) = self.forwarders.get_mut(&forwarder).and_then(|known| known.places.get_mut(place)) {
            *held = key;
        }
        Ok(key)
    }

    fn retire(&mut self, key: u64, now_s: f64) {
        let Some(port) = self.ports.get_mut(&key) else { return };
        port.is_retired = true;
        if port.is_over(now_s) {
            self.ports.remove(&key);
        }
    }

    fn send_from(&mut self, key: u64, mut batch: Vec<Attempt>, listener: &mut impl Listener) {
        let Some(port) = self.ports.get_mut(&key) else { return };
        let forwarder = port.forwarder;
        let numbered = batch.iter_mut().try_for_each(|attempt| port.number(attempt, &mut self.random_ids));
        let (sent, error) = match numbered {
            Ok(()) => port.outlet.send(&batch.iter().map(|attempt| attempt.query.as_slice()).collect::<Vec<_>>()),
            Err(error) => (0, Some(error)),
        };
        let rest = batch.split_off(sent);
        batch.into_iter().for_each(|attempt| port.wait(attempt));
        let Some(error) = error else { return };
        rest.into_iter().for_each(|attempt| listener.ended(forwarder, attempt, trouble(&error)));
        if is_of_earlier(&error) {
            self.refuse(key, listener);
        } else if trouble(&error) == ExchangeResult::Failed {
            listener.network_error(forwarder);
        }
    }

    fn refuse(&mut self, key: u64, listener: &mut impl Listener) {
        let Some(mut port) = self.ports.remove(&key) else { return };
        listener.network_error(port.forwarder);
        port.take_all().into_iter().for_each(|attempt| listener.ended(port.forwarder, attempt, ExchangeResult::Failed));
    }

    /// Reads what has come; whether more may have come.
    pub fn receive(&mut self, now_s: f64, listener: &mut impl Listener) -> bool {
        let mut keys = [NO_PORT; BATCH];
        let ready = self.readiness.ready(&mut keys);
        let mut read = 0;
        for key in keys.into_iter().take(ready) {
            if read >= READ_A_TURN {
                break;
            }
            read += self.read_port(key, listener);
            if self.ports.get(&key).is_some_and(|port| port.is_over(now_s)) {
                self.ports.remove(&key);
            }
        }
        read >= READ_A_TURN || ready == BATCH
    }

    fn read_port(&mut self, key: u64, listener: &mut impl Listener) -> usize {
        let (mut read, mut refusals) = (0, 0);
        while let Some(port) = self.ports.get_mut(&key) {
            let socket = match &port.outlet {
                Outlet::Datagrams(socket) => socket,
                Outlet::Carried(carried) => {
                    let deliveries = carried.receive();
                    let taken = deliveries.len();
                    judge_deliveries(port, deliveries, listener);
                    return taken;
                }
            };
            match self.inbox.receive(socket) {
                Ok(taken) => {
                    read += taken;
                    judge_all(port, &self.inbox, taken, listener);
                    if taken < BATCH || read >= READ_A_TURN {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Replies that came before the refusal wait behind it.
                Err(_) if refusals < MOST_REFUSALS => refusals += 1,
                Err(_) => break,
            }
        }
        if refusals > 0 {
            self.refuse(key, listener);
        }
        read
    }

    /// Ends what is overdue. Who was held up must [`UdpExchanges::receive`] first, or it calls replies late that wait to be read.
    /// Returns whether more is overdue.
    pub fn end_overdue(&mut self, now_s: f64, listener: &mut impl Listener) -> bool {
        let mut left = OVERDUE_A_TURN;
        let keys: Vec<u64> = self.ports.keys().copied().collect();
        for key in keys {
            let Some(port) = self.ports.get_mut(&key) else { continue };
            let overdue = port.take_overdue(now_s, left);
            left -= overdue.len();
            let (forwarder, is_over) = (port.forwarder, port.is_over(now_s));
            overdue.into_iter().for_each(|attempt| listener.ended(forwarder, attempt, ExchangeResult::TimedOut));
            if is_over {
                self.ports.remove(&key);
            }
        }
        left == 0
    }

    /// Closes all ports; what was under way fails as if the network refused.
    pub fn close(&mut self, listener: &mut impl Listener) {
        let keys: Vec<u64> = self.ports.keys().copied().collect();
        keys.into_iter().for_each(|key| self.refuse(key, listener));
    }
}

impl AsRawFd for UdpExchanges {
    fn as_raw_fd(&self) -> RawFd {
        self.readiness.as_raw_fd()
    }
}

/// Judges what was read.
fn judge_all(port: &mut SourcePort, inbox: &Inbox, taken: usize, listener: &mut impl Listener) {
    (0..taken).filter_map(|at| inbox.datagram(at)).for_each(|datagram| judge_one(port, datagram, listener));
}

fn judge_one(port: &mut SourcePort, message: &[u8], listener: &mut impl Listener) {
    match port.judge(message) {
        Judged::Reply(attempt) => listener.ended(port.forwarder, attempt, ExchangeResult::Reply(message)),
        Judged::Late(attempt) => listener.late(port.forwarder, attempt, message),
        Judged::Old => {}
        Judged::Stray => {
            listener.mismatch(port.forwarder);
            // At once: the next datagram of this batch may be a guess that is right.
            let guessed = port.take_guessed();
            guessed.into_iter().for_each(|one| listener.ended(port.forwarder, one, ExchangeResult::Guessed));
        }
    }
}

/// Judges what a carrier has delivered. A connection that fails is one error of the network, whatever waited for it.
fn judge_deliveries(port: &mut SourcePort, deliveries: Vec<Delivery>, listener: &mut impl Listener) {
    let mut has_failed = false;
    for delivery in deliveries {
        let (id, result) = match delivery {
            Delivery::Reply(reply) => {
                judge_one(port, &reply, listener);
                continue;
            }
            Delivery::Failed(id) => (id, ExchangeResult::Failed),
            Delivery::Starved(id) => (id, ExchangeResult::Starved),
        };
        if let Some(attempt) = port.take_one(id) {
            has_failed |= result == ExchangeResult::Failed;
            listener.ended(port.forwarder, attempt, result);
        }
    }
    if has_failed {
        listener.network_error(port.forwarder);
    }
}

/// Whether an error at sending was waiting at the socket (ICMP), and so speaks of a datagram that went before.
fn is_of_earlier(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| [libc::ECONNREFUSED, libc::EMSGSIZE].contains(&code))
}

/// Whose fault an error is. EPERM is a packet filter of this machine that says no, mostly because its table is full.
fn trouble(error: &io::Error) -> ExchangeResult<'static> {
    const OURS: [i32; 7] =
        [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EAGAIN, libc::EADDRNOTAVAIL, libc::EPERM];
    if error.raw_os_error().is_some_and(|code| OURS.contains(&code)) {
        ExchangeResult::Starved
    } else {
        ExchangeResult::Failed
    }
}
