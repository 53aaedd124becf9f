//! Query rate of one client address: a token bucket in a table of fixed size.
//!
//! The table stops one device from taking the resolver away from the others. It is direct-mapped: two clients that fall on
//! one place take turns and are both limited less, never more, so a flood of forged addresses cannot lock a client out.
//!
//! Each worker counts for itself. The kernel gives a client's port to one worker, so a client that uses many ports may ask
//! up to as many times its rate as there are workers: the limit is there to protect, not to measure.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Places in the table: 128 KiB a worker, more than the devices of a large school.
const PLACES: usize = 8192;
/// Tokens are counted in thousandths, so that one query a second refills smoothly.
const UNIT: u64 = 1000;

#[derive(Clone, Copy, Default)]
struct Bucket {
    tag: u32,
    filled_at_ms: u32,
    tokens: u32,
}

/// What one client may ask; zero queries a second is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Queries a second.
    pub qps: u32,
    /// Queries at once.
    pub burst: u32,
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

/// The rates of all clients a worker sees.
pub struct RateLimiter {
    hash: RandomState,
    places: Vec<Bucket>,
    turn: bool,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self { hash: RandomState::default(), places: vec![Bucket::default(); PLACES], turn: false }
    }
}

impl RateLimiter {
    /// Takes one token of `client`.
    #[inline]
    pub fn take(&mut self, client: IpAddr, rate: Rate, now_ms: u64) -> Over {
        if rate.qps == 0 {
            return Over::Within;
        }
        let key = self.hash.hash_one(client);
        let (tag, full) =
            ((key >> 32) as u32 | 1, (u64::from(rate.burst.max(1)) * UNIT).min(u64::from(u32::MAX)) as u32);
        let now_ms = now_ms as u32;
        let Some(place) = self.places.get_mut(key as usize % PLACES) else { return Over::Within };
        if place.tag != tag {
            *place = Bucket { tag, filled_at_ms: now_ms, tokens: full };
        }
        let passed_ms = now_ms.wrapping_sub(place.filled_at_ms);
        let refill = u64::from(passed_ms) * u64::from(rate.qps) * UNIT / 1000;
        if refill > 0 {
            place.tokens = (u64::from(place.tokens) + refill).min(u64::from(full)) as u32;
            place.filled_at_ms = now_ms;
        }
        if let Some(left) = place.tokens.checked_sub(UNIT as u32) {
            place.tokens = left;
            return Over::Within;
        }
        self.turn = !self.turn;
        if self.turn { Over::Truncate } else { Over::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn a_burst_then_the_rate() {
        let mut limiter = RateLimiter::default();
        let rate = Rate { qps: 10, burst: 5 };
        let taken = |limiter: &mut RateLimiter, client, now_ms, queries| {
            (0..queries).filter(|_| limiter.take(client, rate, now_ms) == Over::Within).count()
        };
        assert_eq!(taken(&mut limiter, CLIENT, 0, 20), 5);
        assert_eq!(taken(&mut limiter, OTHER, 0, 20), 5, "each client has a bucket of its own");
        assert_eq!(taken(&mut limiter, CLIENT, 100, 20), 1);
        assert_eq!(taken(&mut limiter, CLIENT, 10_000, 20), 5);
    }

    #[test]
    fn over_the_rate_half_is_truncated_and_half_dropped() {
        let mut limiter = RateLimiter::default();
        let rate = Rate { qps: 1, burst: 1 };
        let out: Vec<_> = (0..5).map(|_| limiter.take(CLIENT, rate, 0)).collect();
        assert_eq!(out, [Over::Within, Over::Truncate, Over::Drop, Over::Truncate, Over::Drop]);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut limiter = RateLimiter::default();
        assert!((0..1000).all(|_| limiter.take(CLIENT, Rate { qps: 0, burst: 0 }, 0) == Over::Within));
    }
}
