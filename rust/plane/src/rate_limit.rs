//! Query rate of one client: the generic cell rate algorithm in a table of fixed size that all workers share.
//!
//! The table stops one device from taking the resolver away from the others. It is direct-mapped: two clients that fall on
//! one place take turns and are both limited less, never more, so a flood of forged addresses cannot lock a client out.
//!
//! A device may take any number of addresses of its IPv6 /64. So what one /64 asks is limited too, to a multiple of what
//! one address may ask: where a network of devices is one /64, they share that.
//!
//! A place is one atomic word, changed by compare-and-swap and never locked: the kernel gives the ports of one client to
//! several workers, and its rate is still one rate.

use crate::pending::subnet;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places in the table: 256 KiB, more than the devices of a large school.
const PLACES: usize = 32_768;
/// Of a place's word, so many low bits are a time in [`TICKS_A_US`]; the others say whose it is.
const TIME_BITS: u32 = 52;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// Ticks of 1/64 us: fine enough for a million queries a second, and 52 bits of them last two years.
const TICKS_A_US: u64 = 64;
/// Workers read the clock once for a batch: by so much one may be behind another.
const SKEW: u64 = 10_000_000 * TICKS_A_US;
/// When another worker has changed a place so often meanwhile, the query passes.
const TRIES: u32 = 8;

/// What one client may ask; zero queries a second is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Queries a second of one address.
    pub qps: u32,
    /// Queries at once.
    pub burst: u32,
    /// How many times this all addresses of one IPv6 /64 may ask together.
    pub subnet: u32,
}

/// What happens to a query over its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Within the rate.
    Within,
    /// Answered with TC, so a real client comes back by TCP and a forged one gains nothing.
    Truncate,
    /// Dropped.
    Drop,
}

/// What clients have asked, for all workers. Each place holds the time at which its client has its whole burst again.
pub struct RateTable {
    hash: RandomState,
    places: Box<[AtomicU64]>,
}

impl Default for RateTable {
    fn default() -> Self {
        Self { hash: RandomState::default(), places: (0..PLACES).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl RateTable {
    /// Whether one more query at `now_us` is within so many a second.
    #[inline]
    fn admits(&self, key: u64, qps: u64, burst: u64, now_us: u64) -> bool {
        let Some(place) = self.places.get(key as usize % PLACES) else { return true };
        let tag = key & !TIME_MASK;
        let now = now_us.wrapping_mul(TICKS_A_US) & TIME_MASK;
        let each = (1_000_000 * TICKS_A_US / qps.max(1)).max(1);
        let whole_burst = each * burst.max(1);
        let mut word = place.load(Ordering::Relaxed);
        for _ in 0..TRIES {
            let ahead = (word & TIME_MASK).wrapping_sub(now) & TIME_MASK;
            // What is further ahead is past: the time wraps.
            let is_ahead = word & !TIME_MASK == tag && ahead <= whole_burst + SKEW;
            let then = if is_ahead { ahead + each } else { each };
            if then > whole_burst {
                return false;
            }
            let new = tag | now.wrapping_add(then) & TIME_MASK;
            match place.compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => word = other,
            }
        }
        true
    }
}

/// The rates of all clients, as one worker sees them.
#[derive(Default)]
pub struct RateLimiter {
    table: Arc<RateTable>,
    drops_next: bool,
}

impl RateLimiter {
    /// One that shares this table with others.
    pub fn sharing(table: Arc<RateTable>) -> Self {
        Self { table, drops_next: false }
    }

    /// Counts one query of `client` at `now_us` on the monotonic clock, in microseconds.
    #[inline]
    pub fn take(&mut self, client: IpAddr, rate: Rate, now_us: u64) -> Over {
        if rate.qps == 0 || self.admits(client, rate, now_us) {
            return Over::Within;
        }
        self.drops_next = !self.drops_next;
        if self.drops_next { Over::Truncate } else { Over::Drop }
    }

    #[inline]
    fn admits(&self, client: IpAddr, rate: Rate, now_us: u64) -> bool {
        let (qps, burst) = (u64::from(rate.qps), u64::from(rate.burst));
        let key = self.table.hash.hash_one(client);
        if !self.table.admits(key, qps, burst, now_us) {
            return false;
        }
        client.is_ipv4() || {
            // Another key than that of the address whose last 64 bits are 0.
            let (subnet, times) = (self.table.hash.hash_one((subnet(client), ())), u64::from(rate.subnet.max(1)));
            self.table.admits(!subnet, qps * times, burst * times, now_us)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    /// A time that no worker starts at.
    const BEGUN_US: u64 = 77_000_000;

    fn taken(limiter: &mut RateLimiter, client: IpAddr, rate: Rate, at_ms: u64, queries: usize) -> usize {
        (0..queries).filter(|_| limiter.take(client, rate, BEGUN_US + at_ms * 1000) == Over::Within).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut limiter = RateLimiter::default();
        let rate = Rate { qps: 10, burst: 5, subnet: 1 };
        assert_eq!(taken(&mut limiter, CLIENT, rate, 0, 20), 5);
        assert_eq!(taken(&mut limiter, OTHER, rate, 0, 20), 5, "each client has a burst of its own");
        assert_eq!(taken(&mut limiter, CLIENT, rate, 100, 20), 1);
        assert_eq!(taken(&mut limiter, CLIENT, rate, 10_000, 20), 5);
    }

    #[test]
    fn what_is_admitted_never_exceeds_burst_and_rate() {
        for (qps, burst) in [(1, 1), (7, 3), (500, 1000), (20_000, 50)] {
            let mut limiter = RateLimiter::default();
            let rate = Rate { qps, burst, subnet: 1 };
            let admitted: usize = (0..1000).map(|at_ms| taken(&mut limiter, CLIENT, rate, at_ms, 20)).sum();
            let most = burst as usize + qps as usize;
            assert!(admitted <= most + most / 50 + 1, "{admitted} of {qps}, {burst}");
            assert!(admitted >= most.min(20_000) * 49 / 50 - 1, "{admitted} of {qps}, {burst}");
        }
    }

    #[test]
    fn workers_share_one_rate() {
        let table = Arc::new(RateTable::default());
        let rate = Rate { qps: 10, burst: 8, subnet: 1 };
        let mut workers: Vec<_> = (0..4).map(|_| RateLimiter::sharing(table.clone())).collect();
        let admitted: usize = workers.iter_mut().map(|worker| taken(worker, CLIENT, rate, 0, 20)).sum();
        assert_eq!(admitted, 8);
    }

    #[test]
    fn addresses_of_one_subnet_have_a_ceiling_together() {
        let mut limiter = RateLimiter::default();
        let rate = Rate { qps: 10, burst: 5, subnet: 8 };
        let address = |subnet: u16, host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, host));
        let mut all =
            |subnet| -> usize { (0..148).map(|host| taken(&mut limiter, address(subnet, host), rate, 0, 10)).sum() };
        assert_eq!((all(1), all(2)), (40, 40), "eight bursts, in each subnet");
        assert_eq!(taken(&mut RateLimiter::default(), address(1, 1), rate, 0, 20), 5, "one address has its own rate");
    }

    #[test]
    fn over_the_rate_half_is_truncated_and_half_dropped() {
        let mut limiter = RateLimiter::default();
        let rate = Rate { qps: 1, burst: 1, subnet: 1 };
        let out: Vec<_> = (0..5).map(|_| limiter.take(CLIENT, rate, BEGUN_US)).collect();
        assert_eq!(out, [Over::Within, Over::Truncate, Over::Drop, Over::Truncate, Over::Drop]);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut limiter = RateLimiter::default();
        let rate = Rate { qps: 0, burst: 0, subnet: 0 };
        assert_eq!(taken(&mut limiter, CLIENT, rate, 0, 1000), 1000);
    }
}
