//! Who is let in: so many connections in all, so many of one client, so many new ones of it in a second.
//!
//! A client is an IPv4 address or an IPv6 /64: the smallest network that a site gives to one customer, within which a client
//! names itself as it likes. A client that is full loses its connection that has been idle longest, so that a device whose
//! old connections hang is not locked out, nor those behind one address with it (RFC 7766 section 6.2.3).
//!
//! The lock is taken once when a connection comes and once when it goes, never for a message.

use crate::door_counters::Event;
use crate::limits::{COUNTED_CLIENTS, CROWDED_PERCENT, SESSIONS_PER_CLIENT_A_SECOND};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Octets of an IPv6 address that say who a client is.
const NETWORK_OCTETS: usize = 8;
/// Stands for a connection at work.
const BUSY: u64 = u64::MAX;

/// Places for connections of all doors.
#[derive(Debug)]
pub struct Admission {
    start: Instant,
    connections: AtomicUsize,
    per_client: AtomicUsize,
    open: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    clients: HashMap<IpAddr, Vec<Arc<State>>, RandomState>,
    /// The second that `sessions` counts, since the start.
    second: u64,
    sessions: HashMap<IpAddr, u32, RandomState>,
}

#[derive(Debug)]
struct State {
    /// Since when it has nothing to do, milliseconds since the start.
    idle_since_ms: AtomicU64,
    leave: Notify,
}

impl Admission {
    /// An empty one with these bounds.
    pub fn new(connections: usize, per_client: usize) -> Self {
        Self {
            start: Instant::now(),
            connections: AtomicUsize::new(connections),
            per_client: AtomicUsize::new(per_client),
            open: AtomicUsize::new(0),
            table: Mutex::default(),
        }
    }

    /// Changes the bounds; those who are in stay.
    pub fn set_bounds(&self, connections: usize, per_client: usize) {
        self.connections.store(connections, Ordering::Relaxed);
        self.per_client.store(per_client, Ordering::Relaxed);
    }

    /// A place for one connection of this client, or why there is none.
    pub fn admit(self: &Arc<Self>, client: IpAddr, now: Instant) -> Result<Place, Event> {
        let client = network_of(client);
        let now_ms = self.ms(now);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if !table.may_begin(client, now_ms / 1000) {
            return Err(Event::RefusedRate);
        }
        if self.open() >= self.connections.load(Ordering::Relaxed) {
            return Err(Event::RefusedTotal);
        }
        let per_client = self.per_client.load(Ordering::Relaxed);
        let places = table.clients.entry(client).or_default();
        if places.len() >= per_client {
            let idle = |state: &Arc<State>| state.idle_since_ms.load(Ordering::Relaxed);
            let oldest = (0..).zip(places.iter().map(idle)).min_by_key(|(_, since_ms)| *since_ms);
            let Some((at, _)) = oldest.filter(|(_, since_ms)| *since_ms != BUSY) else {
                return Err(Event::RefusedPerClient);
            };
            places.swap_remove(at).leave.notify_one();
        }
        // Until it has asked something it is idle: one that never shakes hands makes room for one that does.
        let state = Arc::new(State { idle_since_ms: AtomicU64::new(now_ms), leave: Notify::new() });
        places.push(state.clone());
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Place { admission: self.clone(), client, state })
    }

    /// Connections that are in.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether places are scarce.
    pub fn is_crowded(&self) -> bool {
        self.open() * 100 > self.connections.load(Ordering::Relaxed) * CROWDED_PERCENT
    }

    fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_millis() as u64
    }
}

impl Table {
    fn may_begin(&mut self, client: IpAddr, second: u64) -> bool {
        if self.second != second {
            self.second = second;
            self.sessions.clear();
        }
        if self.sessions.len() >= COUNTED_CLIENTS && !self.sessions.contains_key(&client) {
            return true;
        }
        let begun = self.sessions.entry(client).or_default();
        *begun += 1;
        *begun <= SESSIONS_PER_CLIENT_A_SECOND
    }
}

/// A place of one connection, until it is dropped.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    client: IpAddr,
    state: Arc<State>,
}

impl Place {
    /// Says that the connection has nothing to do since `now`, or that it has.
    pub fn set_idle(&self, since: Option<Instant>) {
        self.state.idle_since_ms.store(since.map_or(BUSY, |since| self.admission.ms(since)), Ordering::Relaxed);
    }

    /// Ends when the connection is to make room for another of its client.
    pub async fn must_leave(&self) {
        self.state.leave.notified().await;
    }

    /// Whether places are scarce.
    pub fn is_crowded(&self) -> bool {
        self.admission.is_crowded()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        let mut table = self.admission.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = table.clients.get_mut(&self.client) {
            places.retain(|state| !Arc::ptr_eq(state, &self.state));
            if places.is_empty() {
                table.clients.remove(&self.client);
            }
        }
    }
}

/// Handshakes under way.
#[derive(Debug, Default)]
pub struct Handshakes(AtomicUsize);

impl Handshakes {
    /// One more, until it is dropped; `None` if there are as many as may be.
    pub fn begin(&self, most: usize) -> Option<HandshakeUnderWay<'_>> {
        let begun = HandshakeUnderWay(self);
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(begun)
    }
}

/// One handshake.
#[derive(Debug)]
pub struct HandshakeUnderWay<'a>(&'a Handshakes);

impl Drop for HandshakeUnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn network_of(client: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = client.to_canonical() else { return client.to_canonical() };
    let mut octets = v6.octets();
    octets.iter_mut().skip(NETWORK_OCTETS).for_each(|octet| *octet = 0);
    Ipv6Addr::from(octets).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// A moment of a second of its own.
    fn second(start: &Admission, at: u64) -> Instant {
        start.start + Duration::from_secs(at)
    }

    #[test]
    fn a_client_that_is_full_and_busy_is_turned_away_and_others_are_not() {
        let admission = Arc::new(Admission::new(8, 2));
        let now = second(&admission, 0);
        let places = [admission.admit(client(1), now).unwrap(), admission.admit(client(1), now).unwrap()];
        places.iter().for_each(|place| place.set_idle(None));
        assert_eq!(admission.admit(client(1), now).unwrap_err(), Event::RefusedPerClient);
        assert!(admission.admit(client(2), now).is_ok());
    }

    #[tokio::test]
    async fn the_longest_idle_connection_of_a_full_client_makes_room() {
        let admission = Arc::new(Admission::new(8, 2));
        let now = second(&admission, 9);
        let (first, second_place) =
            (admission.admit(client(1), now).unwrap(), admission.admit(client(1), now).unwrap());
        first.set_idle(Some(second(&admission, 5)));
        second_place.set_idle(Some(second(&admission, 3)));
        let third = admission.admit(client(1), now).unwrap();
        second_place.must_leave().await;
        drop(second_place);
        third.set_idle(None);
        first.set_idle(None);
        assert_eq!(admission.admit(client(1), now).unwrap_err(), Event::RefusedPerClient);
        drop((first, third));
        assert_eq!(admission.open(), 0);
        assert!(admission.table.lock().unwrap().clients.is_empty());
    }

    #[test]
    fn all_clients_together_have_a_bound_and_ninety_percent_of_it_is_a_crowd() {
        let admission = Arc::new(Admission::new(10, 10));
        let now = second(&admission, 0);
        let mut places: Vec<_> = (0..9).map(|at| admission.admit(client(at), now).unwrap()).collect();
        assert!(!admission.is_crowded());
        places.push(admission.admit(client(9), now).unwrap());
        assert!(admission.is_crowded());
        assert_eq!(admission.admit(client(10), now).unwrap_err(), Event::RefusedTotal);
    }

    #[test]
    fn a_network_of_one_customer_is_one_client() {
        let admission = Arc::new(Admission::new(8, 1));
        let now = second(&admission, 0);
        let place = admission.admit("2001:db8::1".parse().unwrap(), now).unwrap();
        place.set_idle(None);
        let same = admission.admit("2001:db8::2".parse().unwrap(), now);
        assert_eq!(same.unwrap_err(), Event::RefusedPerClient);
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
    }

    #[test]
    fn a_client_that_opens_too_many_in_a_second_may_come_again_in_the_next() {
        let admission = Arc::new(Admission::new(8, 8));
        let now = second(&admission, 4);
        for _ in 0..SESSIONS_PER_CLIENT_A_SECOND {
            assert!(admission.admit(client(1), now).is_ok());
        }
        assert_eq!(admission.admit(client(1), now).unwrap_err(), Event::RefusedRate);
        assert!(admission.admit(client(2), now).is_ok());
        assert!(admission.admit(client(1), second(&admission, 5)).is_ok());
    }

    #[test]
    fn handshakes_under_way_are_bounded_and_end() {
        let handshakes = Handshakes::default();
        let first = handshakes.begin(1);
        assert!(first.is_some());
        assert!(handshakes.begin(1).is_none());
        drop(first);
        assert!(handshakes.begin(1).is_some());
    }
}
