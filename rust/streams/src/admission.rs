//! Who is let in: so many connections in all, so many of one client, so many new ones of it in a second.
//!
//! A client is an IPv4 address or an IPv6 /64: the smallest network that a site gives to one customer, within which a client
//! names itself as it likes. Where devices share an address, as their segment says, it has so many times the places. A client
//! that is full loses its connection that has been idle longest, so that a device whose old connections hang is not locked
//! out, nor those behind one address with it (RFC 7766 section 6.2.3).
//!
//! The lock is taken once when a connection comes and once when it goes, never for a message.

use crate::door_counters::Event;
use crate::limits::{COUNTED_CLIENTS, CROWDED_IDLE, CROWDED_PERCENT};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Octets of an IPv6 address that say who a client is.
const NETWORK_OCTETS: usize = 8;
/// Stands for a connection at work.
const BUSY: u64 = u64::MAX;

/// Places for connections of some doors.
#[derive(Debug)]
pub struct Admission {
    start: Instant,
    connections: AtomicUsize,
    per_client: AtomicUsize,
    /// New connections of one client in a second; `None`: any number.
    sessions_a_second: Option<u32>,
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
    /// Whether its place was given to another one of its client; otherwise it is to leave for want of places.
    has_no_place: AtomicBool,
}

impl Admission {
    /// An empty one with these bounds.
    pub fn new(connections: usize, per_client: usize, sessions_a_second: Option<u32>) -> Self {
        Self {
            start: Instant::now(),
            connections: AtomicUsize::new(connections),
            per_client: AtomicUsize::new(per_client),
            sessions_a_second,
            open: AtomicUsize::new(0),
            table: Mutex::default(),
        }
    }

    /// Changes the bounds; those who are in stay.
    pub fn set_bounds(&self, connections: usize, per_client: usize) {
        self.connections.store(connections, Ordering::Relaxed);
        self.per_client.store(per_client, Ordering::Relaxed);
    }

    /// A place for one connection of this client, whose address so many devices share; or why there is none.
    pub fn admit(self: &Arc<Self>, client: IpAddr, devices: u32, now: Instant) -> Result<Place, Event> {
        let client = network_of(client);
        let now_ms = self.ms(now);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(most) = self.sessions_a_second
            && !table.may_begin(client, now_ms / 1000, most.saturating_mul(devices))
        {
            return Err(Event::RefusedRate);
        }
        let per_client = self.per_client.load(Ordering::Relaxed).saturating_mul(devices as usize);
        match table.clients.get_mut(&client).filter(|places| places.len() >= per_client) {
            Some(places) => make_room(places)?,
            None if self.open() >= self.connections.load(Ordering::Relaxed) => return Err(Event::RefusedTotal),
            None => {
                self.open.fetch_add(1, Ordering::Relaxed);
            }
        }
        // Until it has asked something it is idle: one that never shakes hands makes room for one that does.
        let state = Arc::new(State {
            idle_since_ms: AtomicU64::new(now_ms),
            leave: Notify::new(),
            has_no_place: AtomicBool::new(false),
        });
        table.clients.entry(client).or_default().push(state.clone());
        Ok(Place { admission: self.clone(), client, state })
    }

    /// Connections that are in.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn is_crowded(&self) -> bool {
        self.open() * 100 > self.connections.load(Ordering::Relaxed) * CROWDED_PERCENT
    }

    /// Where places are scarce, asks those to leave that have done nothing for a moment. To be called a few times a second.
    pub fn thin_out(&self, now: Instant) {
        if !self.is_crowded() {
            return;
        }
        let before_ms = self.ms(now).saturating_sub(CROWDED_IDLE.as_millis() as u64);
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        for state in table.clients.values().flatten() {
            if state.idle_since_ms.load(Ordering::Relaxed) <= before_ms {
                state.leave.notify_one();
            }
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_millis() as u64
    }
}

impl Table {
    fn may_begin(&mut self, client: IpAddr, second: u64, most: u32) -> bool {
        if self.second != second {
            self.second = second;
            self.sessions.clear();
        }
        if self.sessions.len() >= COUNTED_CLIENTS && !self.sessions.contains_key(&client) {
            return true;
        }
        let begun = self.sessions.entry(client).or_default();
        *begun += 1;
        *begun <= most
    }
}

/// Takes the place of the connection that has been idle longest. It is free at once, although that takes a moment to go.
fn make_room(places: &mut Vec<Arc<State>>) -> Result<(), Event> {
    let idle = |state: &Arc<State>| state.idle_since_ms.load(Ordering::Relaxed);
    let oldest = (0..).zip(places.iter().map(idle)).min_by_key(|(_, since_ms)| *since_ms);
    let Some((at, _)) = oldest.filter(|(_, since_ms)| *since_ms != BUSY) else {
        return Err(Event::RefusedPerClient);
    };
    let gone = places.swap_remove(at);
    gone.has_no_place.store(true, Ordering::Relaxed);
    gone.leave.notify_one();
    Ok(())
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

    /// Ends when the connection is to make room, with what is counted then.
    pub async fn must_leave(&self) -> Event {
        self.state.leave.notified().await;
        match self.state.has_no_place.load(Ordering::Relaxed) {
            true => Event::ClosedForNew,
            false => Event::ClosedIdle,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.admission.table.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state.has_no_place.load(Ordering::Relaxed) {
            return;
        }
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(places) = table.clients.get_mut(&self.client) {
            places.retain(|state| !Arc::ptr_eq(state, &self.state));
            if places.is_empty() {
                table.clients.remove(&self.client);
            }
        }
    }
}

/// Who counts as one client.
pub fn network_of(client: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = client.to_canonical() else { return client.to_canonical() };
    let mut octets = v6.octets();
    octets.iter_mut().skip(NETWORK_OCTETS).for_each(|octet| *octet = 0);
    Ipv6Addr::from(octets).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const A_SECOND: u32 = 50;

    fn admission(connections: usize, per_client: usize) -> Arc<Admission> {
        Arc::new(Admission::new(connections, per_client, Some(A_SECOND)))
    }

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// A moment of a second of its own.
    fn second(start: &Admission, at: u64) -> Instant {
        start.start + Duration::from_secs(at)
    }

    #[test]
    fn a_client_that_is_full_and_busy_is_turned_away_and_others_are_not() {
        let admission = admission(8, 2);
        let now = second(&admission, 0);
        let places = [admission.admit(client(1), 1, now).unwrap(), admission.admit(client(1), 1, now).unwrap()];
        places.iter().for_each(|place| place.set_idle(None));
        assert_eq!(admission.admit(client(1), 1, now).unwrap_err(), Event::RefusedPerClient);
        assert!(admission.admit(client(2), 1, now).is_ok());
    }

    #[tokio::test]
    async fn the_longest_idle_connection_of_a_full_client_makes_room() {
        let admission = admission(8, 2);
        let now = second(&admission, 9);
        let (first, second_place) =
            (admission.admit(client(1), 1, now).unwrap(), admission.admit(client(1), 1, now).unwrap());
        first.set_idle(Some(second(&admission, 5)));
        second_place.set_idle(Some(second(&admission, 3)));
        let third = admission.admit(client(1), 1, now).unwrap();
        second_place.must_leave().await;
        drop(second_place);
        third.set_idle(None);
        first.set_idle(None);
        assert_eq!(admission.admit(client(1), 1, now).unwrap_err(), Event::RefusedPerClient);
        drop((first, third));
        assert_eq!(admission.open(), 0);
        assert!(admission.table.lock().unwrap().clients.is_empty());
    }

    #[test]
    fn all_clients_together_have_a_bound_and_ninety_percent_of_it_is_a_crowd() {
        let admission = admission(10, 10);
        let now = second(&admission, 0);
        let mut places: Vec<_> = (0..9).map(|at| admission.admit(client(at), 1, now).unwrap()).collect();
        assert!(!admission.is_crowded());
        places.push(admission.admit(client(9), 1, now).unwrap());
        assert!(admission.is_crowded());
        assert_eq!(admission.admit(client(10), 1, now).unwrap_err(), Event::RefusedTotal);
    }

    async fn asked_to_leave(place: &Place) -> Option<Event> {
        tokio::time::timeout(Duration::ZERO, place.must_leave()).await.ok()
    }

    #[tokio::test]
    async fn in_a_crowd_those_that_do_nothing_leave_and_the_others_stay() {
        let admission = admission(10, 10);
        let now = second(&admission, 1);
        let mut places: Vec<_> = (0..9).map(|at| admission.admit(client(at), 1, now).unwrap()).collect();
        places[1].set_idle(None);
        places[2].set_idle(Some(second(&admission, 2)));
        admission.thin_out(second(&admission, 2));
        assert_eq!(asked_to_leave(&places[0]).await, None, "there is room");
        places.push(admission.admit(client(9), 1, now).unwrap());
        admission.thin_out(second(&admission, 2));
        assert_eq!(asked_to_leave(&places[0]).await, Some(Event::ClosedIdle));
        assert_eq!(asked_to_leave(&places[1]).await, None, "at work");
        assert_eq!(asked_to_leave(&places[2]).await, None, "just asked");
    }

    #[test]
    fn a_network_of_one_customer_is_one_client() {
        let admission = admission(8, 1);
        let now = second(&admission, 0);
        let place = admission.admit("2001:db8::1".parse().unwrap(), 1, now).unwrap();
        place.set_idle(None);
        let same = admission.admit("2001:db8::2".parse().unwrap(), 1, now);
        assert_eq!(same.unwrap_err(), Event::RefusedPerClient);
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap(), 1, now).is_ok());
    }

    #[test]
    fn a_client_that_opens_too_many_in_a_second_may_come_again_in_the_next() {
        let admission = admission(8, 8);
        let now = second(&admission, 4);
        for _ in 0..A_SECOND {
            assert!(admission.admit(client(1), 1, now).is_ok());
        }
        assert_eq!(admission.admit(client(1), 1, now).unwrap_err(), Event::RefusedRate);
        assert!(admission.admit(client(2), 1, now).is_ok());
        assert!(admission.admit(client(1), 1, second(&admission, 5)).is_ok());
    }

    #[test]
    fn devices_behind_one_address_have_so_many_times_the_places() {
        let admission = admission(8, 2);
        let now = second(&admission, 0);
        let places: Vec<_> = (0..6).map(|_| admission.admit(client(1), 3, now).unwrap()).collect();
        places.iter().for_each(|place| place.set_idle(None));
        assert_eq!(admission.admit(client(1), 3, now).unwrap_err(), Event::RefusedPerClient);
        assert!(admission.admit(client(2), 1, now).is_ok());
    }

    #[test]
    fn without_a_bound_a_client_may_open_any_number_in_a_second() {
        let admission = Arc::new(Admission::new(8, 8, None));
        let now = second(&admission, 0);
        assert!((0..10 * A_SECOND).all(|_| admission.admit(client(1), 1, now).is_ok()));
    }

    #[test]
    fn clients_that_are_turned_away_leave_nothing_behind() {
        let admission = admission(1, 1);
        let now = second(&admission, 0);
        let place = admission.admit(client(1), 1, now).unwrap();
        assert!((2..99).all(|at| admission.admit(client(at), 1, now).unwrap_err() == Event::RefusedTotal));
        assert_eq!(admission.table.lock().unwrap().clients.len(), 1);
        drop(place);
        assert!(admission.table.lock().unwrap().clients.is_empty());
    }

    #[test]
    fn a_client_that_is_full_may_come_again_where_all_places_are_taken() {
        let admission = admission(2, 1);
        let now = second(&admission, 0);
        let places: Vec<_> = (1..3).map(|at| admission.admit(client(at), 1, now).unwrap()).collect();
        let again = admission.admit(client(1), 1, now).unwrap();
        assert_eq!(admission.open(), 2);
        drop((places, again));
        assert_eq!(admission.open(), 0);
    }
}
