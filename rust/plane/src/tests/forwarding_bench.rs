//! A bench whose misses go to real sockets: the test plays the forwarders, a worker and the resolver.

use super::bench::{Bench, Got};
use super::until;
use super::wire::{Ask, Data, reply};
use crate::forwarding::{Forwarding, Share};
use crate::miss_hub::{MissHub, name_of};
use crate::reply_sink::Report;
use crate::udp_exchanges::UdpExchanges;
use crate::zones::Zones;
use std::net::UdpSocket;
use std::time::Duration;

/// As many questions as there are.
pub const ALL: u32 = u32::MAX;

/// A bench whose misses go to real sockets.
pub struct Hall {
    pub bench: Bench,
    pub forwarding: Forwarding,
    pub forwarders: [UdpSocket; 2],
    /// Queries ask whether the answer was validated.
    pub asks_ad: bool,
}

impl Hall {
    pub fn new(zones: Zones) -> Self {
        let mut bench = Bench::new();
        let empty = MissHub::new(std::sync::Arc::new(super::bench::settings()), bench.hub_counters.clone(), Vec::new());
        let hub = std::mem::replace(&mut bench.hub, empty);
        let mut forwarding = Forwarding::new(hub, UdpExchanges::new().expect("an exchange"));
        let forwarders = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        forwarders.iter().for_each(|one| one.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout"));
        let ways = forwarders.iter().map(|one| one.local_addr().expect("an address").into());
        forwarding.install((0..).zip(ways), zones);
        Self { bench, forwarding, forwarders, asks_ad: false }
    }

    pub fn ask(&mut self, asks: &[Ask]) {
        asks.iter().for_each(|ask| assert_eq!(self.bench.ask(ask), Got::Waiting));
    }

    /// Sends misses; each set has these forwarders with so many questions each.
    pub fn send(&mut self, sets: &[&[(u32, u32)]]) -> Report {
        let asks_ad = self.asks_ad;
        let share = |(forwarder, most): &(u32, u32)| Share {
            forwarder: *forwarder,
            timeout_s: 1.0,
            most: *most,
            has_edns: true,
            asks_ad,
        };
        let shares = sets.iter().map(|set| set.iter().map(share).collect()).collect();
        self.forwarding.send_misses(shares, self.bench.now, 0.0)
    }

    /// The forwarder gets this name next and answers like this.
    pub fn answer(&self, forwarder: usize, name: &str, make: impl FnOnce(&[u8]) -> Vec<u8>) {
        let mut buffer = [0; 512];
        let (length, from) = self.forwarders[forwarder].recv_from(&mut buffer).expect("a query");
        assert_eq!(name_of(&buffer[..length]), name);
        self.forwarders[forwarder].send_to(&make(&buffer[..length]), from).expect("sent");
    }

    pub fn read(&mut self, is_enough: impl Fn(&Report) -> bool) -> Report {
        let mut report = Report::default();
        until("replies come", || {
            report = self.forwarding.read_replies(self.bench.now, 0.25);
            is_enough(&report)
        });
        report
    }
}

/// A reply with one address.
pub fn address(query: &[u8]) -> Vec<u8> {
    reply(query, 0, &[(&name_of(query), 300, Data::A(1))], &[])
}

/// What the worker of the first channel gets: whether the resolver is called, whether it is to come again at once.
pub fn go_on(hall: &mut Hall, reads_replies: bool) -> (bool, bool) {
    let left = hall.forwarding.go_on(0, reads_replies, hall.bench.now);
    (left.for_resolver, left.here)
}
