//! The plane, driven dry: packets in, answers out, the clock and the resolver in the test's hand. `sockets`, `udp_exchanges`
//! and `forwarding` use real sockets.

#![allow(clippy::panic)]

mod addresses;
mod allocation;
mod balance;
mod bench;
mod carrier;
mod denial;
mod dnssec;
mod doors;
mod forwarding;
mod forwarding_bench;
mod forwarding_standing;
mod forwarding_worker;
mod groups;
mod keeping;
mod limits;
mod local;
mod miss_hub;
mod model;
mod panics;
mod prefetch;
mod recording;
mod refusal;
mod revealed;
mod rewrite;
mod service_bindings;
mod sockets;
mod stale;
mod ttl;
mod udp_exchanges;
mod waiting;
mod weight;
mod wire;

use std::time::{Duration, Instant};

/// Waits until something is so; fails if it is not within a minute, which no machine is too busy for.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stands in for a defect that only some message meets.
pub fn test_panic(octets: &[u8]) {
    panic_at_label(b"\x09panicking", octets);
}

/// The same for the miss hub, by another name: a reply meets both.
pub fn test_panic_in_miss_hub(octets: &[u8]) {
    panic_at_label(b"\x09hub-panic", octets);
}

/// The same for forwarding, when the question is sent.
pub fn test_panic_in_forwarding(octets: &[u8]) {
    panic_at_label(b"\x0asend-panic", octets);
}

fn panic_at_label(label: &[u8], octets: &[u8]) {
    let has_label = octets.windows(label.len()).any(|window| window.eq_ignore_ascii_case(label));
    assert!(!has_label, "a defect, met on purpose by a test");
}
