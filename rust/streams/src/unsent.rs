//! Answers of one HTTP/2 connection that its client has not let out yet.
//!
//! A client grants octets (RFC 9113 section 5.2). One that grants none, or one at a time, holds back what is answered, and TCP
//! shows nothing of it: the socket takes all it is given. So each answer notes here that it is there, and HTTP/2 drops it when
//! its last octet has been written, or its stream is gone.

use bytes::{Buf, Bytes};
use http_body_util::Full;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::time::Instant;

/// Answers that have not gone out, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Unsent(Rc<Held>);

#[derive(Debug, Default)]
struct Held {
    next: Cell<u64>,
    since: RefCell<BTreeMap<u64, Instant>>,
}

impl Unsent {
    /// Since when the oldest waits; `None` if none does.
    pub fn since(&self) -> Option<Instant> {
        self.0.since.borrow().first_key_value().map(|(_, since)| *since)
    }

    /// An answer as the body of a response.
    pub fn body(&self, octets: Bytes) -> Full<Outgoing> {
        let number = self.0.next.get();
        self.0.next.set(number + 1);
        self.0.since.borrow_mut().insert(number, Instant::now());
        Full::new(Outgoing { octets, number, held: self.0.clone() })
    }
}

/// Octets of one answer that are still to be written.
#[derive(Debug)]
pub struct Outgoing {
    octets: Bytes,
    number: u64,
    held: Rc<Held>,
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.octets.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.octets.chunk()
    }

    fn advance(&mut self, octets: usize) {
        self.octets.advance(octets);
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.held.since.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answer_that_is_still_held_counts() {
        let unsent = Unsent::default();
        assert_eq!(unsent.since(), None);
        let first = unsent.body(Bytes::from_static(b"one"));
        let begun = unsent.since();
        let second = unsent.body(Bytes::from_static(b"two"));
        assert_eq!(unsent.since(), begun);
        drop(first);
        assert!(unsent.since() >= begun);
        drop(second);
        assert_eq!(unsent.since(), None);
    }
}
