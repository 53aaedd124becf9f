//! A worker's hand in forwarding: it never waits, and it comes back.

use crate::carrier::{Carrier, TURNS_TO_TRY};
use crate::clock::Now;
use crate::desk::Desk;
use crate::exchange::Exchange;
use crate::forwarding::Forwarding;
use crate::socket::Wake;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

fn carriers(workers: usize) -> (Arc<Mutex<Forwarding>>, Vec<Carrier>) {
    let settings = Arc::new(super::bench::settings());
    let desk = Desk::new(settings, Arc::default(), Vec::new());
    let forwarding = Forwarding::new(desk, Exchange::new().expect("an exchange"));
    Carrier::all(forwarding, workers, &Arc::new(Wake::new().expect("a wake")))
}

#[test]
fn a_worker_does_not_wait_for_who_holds_the_forwarding_and_comes_back() {
    let (forwarding, mut carriers) = carriers(1);
    let carrier = &mut carriers[0];
    let now = Now::at(1_000, 0);
    let held = forwarding.lock().expect("a lock");
    let tries = (0..100).take_while(|_| carrier.go_on(true, false, now)).count();
    assert_eq!(tries, TURNS_TO_TRY as usize - 1);
    assert_eq!((carrier.next_due_ms(now), carrier.replies_fd()), (Some(1_001), None));
    drop(held);
    assert!(!carrier.go_on(false, false, now), "it remembers that it has something to send");
    assert_eq!(carrier.next_due_ms(now), None);
    assert!(carrier.replies_fd().is_some());
}

#[test]
fn one_worker_reads_replies() {
    let (forwarding, carriers) = carriers(3);
    let readers = carriers.iter().map(|one| one.replies_fd().is_some());
    assert_eq!(readers.collect::<Vec<_>>(), [true, false, false]);
    forwarding.lock().expect("a lock").ports().store(1, Ordering::Relaxed);
    assert!(carriers[0].awaits_replies() && !carriers[1].awaits_replies());
    assert!(carriers[0].next_due_ms(Now::default()).is_some() && carriers[1].next_due_ms(Now::default()).is_none());
}

#[test]
fn a_panic_of_who_held_it_ends_no_forwarding() {
    let (forwarding, mut carriers) = carriers(1);
    let poison = forwarding.clone();
    let panicked = std::thread::spawn(move || {
        let _held = poison.lock();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.join().is_err() && forwarding.is_poisoned());
    assert!(!carriers[0].go_on(true, true, Now::default()));
    assert_eq!(carriers[0].next_due_ms(Now::default()), None, "it was there");
}

#[test]
fn after_a_panic_it_looks_again_but_not_at_once() {
    let (_, mut carriers) = carriers(1);
    let carrier = &mut carriers[0];
    let now = Now::at(1_000, 0);
    carrier.stumbled();
    assert_eq!((carrier.next_due_ms(now), carrier.replies_fd()), (Some(1_001), None));
    assert!(!carrier.go_on(false, false, now));
    assert_eq!(carrier.next_due_ms(now), None);
}
