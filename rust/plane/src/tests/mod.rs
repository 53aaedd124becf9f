//! The plane, driven dry: packets in, answers out, the clock and the resolver in the test's hand. `sockets`, `exchange`
//! and `forwarding` use real sockets.

#![allow(clippy::panic)]

mod addresses;
mod allocation;
mod bench;
mod carrier;
mod denial;
mod desk;
mod doors;
mod exchange;
mod forwarding;
mod keeping;
mod limits;
mod local;
mod model;
mod panics;
mod recording;
mod refusal;
mod revealed;
mod rewrite;
mod service_bindings;
mod sockets;
mod stale;
mod ttl;
mod waiting;
mod weight;
mod wire;

use std::time::{Duration, Instant};

/// Waits until something is so; fails if it is not within ten seconds.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stands in for a defect that only some message meets.
pub fn stumble(octets: &[u8]) {
    stumble_over(b"\x09stumbling", octets);
}

/// The same for the desk, by another name: a reply meets both.
pub fn stumble_at_desk(octets: &[u8]) {
    stumble_over(b"\x08tripping", octets);
}

/// The same for forwarding, when the question is sent.
pub fn stumble_at_forwarding(octets: &[u8]) {
    stumble_over(b"\x07falling", octets);
}

fn stumble_over(label: &[u8], octets: &[u8]) {
    let stumbles = octets.windows(label.len()).any(|window| window.eq_ignore_ascii_case(label));
    assert!(!stumbles, "a defect, met on purpose by a test");
}
