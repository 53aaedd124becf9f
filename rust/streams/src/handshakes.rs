//! Handshakes under way, and who has begun them: a handshake is the dearest thing a client can ask for before it says
//! anything.
//!
//! A client may have a quarter of what is free, so a few clients that begin handshakes and do not end them never take all:
//! the first gets a fifth of the places, the second a fifth of the rest. One place is for each while there is any.

use crate::admission::network_of;
use crate::door_counters::Event;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Of the free places one client may have one in so many.
const FREE_SHARE: usize = 4;

/// Handshakes under way, all threads together.
#[derive(Debug, Default)]
pub struct Handshakes(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    under_way: usize,
    clients: HashMap<IpAddr, usize, RandomState>,
}

impl Handshakes {
    /// One more of this client, until it is dropped; or why not. `most` is the bound of all together.
    pub fn begin(&self, client: IpAddr, most: usize) -> Result<HandshakeUnderWay<'_>, Event> {
        let client = network_of(client);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = most.saturating_sub(table.under_way);
        if free == 0 {
            return Err(Event::RefusedHandshakes);
        }
        let own = table.clients.entry(client).or_default();
        if *own >= (free / FREE_SHARE).max(1) {
            return Err(Event::RefusedClientHandshakes);
        }
        *own += 1;
        table.under_way += 1;
        Ok(HandshakeUnderWay { handshakes: self, client })
    }
}

/// One handshake.
#[derive(Debug)]
pub struct HandshakeUnderWay<'a> {
    handshakes: &'a Handshakes,
    client: IpAddr,
}

impl Drop for HandshakeUnderWay<'_> {
    fn drop(&mut self) {
        let mut table = self.handshakes.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.under_way -= 1;
        if let Some(own) = table.clients.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                table.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn begin_all(handshakes: &Handshakes, client: IpAddr, most: usize) -> Vec<HandshakeUnderWay<'_>> {
        std::iter::from_fn(|| handshakes.begin(client, most).ok()).collect()
    }

    #[test]
    fn clients_that_begin_all_they_may_leave_room_for_others() {
        let handshakes = Handshakes::default();
        let greedy: Vec<_> = (0..8).map(|at| begin_all(&handshakes, client(at), 256)).collect();
        assert_eq!(greedy.iter().map(Vec::len).max(), Some(51));
        assert_eq!(handshakes.begin(client(0), 256).unwrap_err(), Event::RefusedClientHandshakes);
        assert!(begin_all(&handshakes, client(9), 256).len() >= 8);
    }

    #[test]
    fn handshakes_under_way_are_bounded_and_end() {
        let handshakes = Handshakes::default();
        let first = handshakes.begin(client(1), 1);
        assert!(first.is_ok());
        assert_eq!(handshakes.begin(client(2), 1).unwrap_err(), Event::RefusedHandshakes);
        drop(first);
        assert!(handshakes.begin(client(2), 1).is_ok());
        assert!(handshakes.0.lock().unwrap().clients.is_empty());
    }
}
