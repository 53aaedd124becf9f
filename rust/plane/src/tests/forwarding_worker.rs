//! A worker's hand in forwarding: it never waits, and it comes back.

use crate::clock::Now;
use crate::forwarding::Forwarding;
use crate::forwarding_worker::{ForwardingWorker, TURNS_TO_TRY};
use crate::miss_hub::MissHub;
use crate::socket::Wake;
use crate::udp_exchanges::UdpExchanges;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

fn forwarding_workers(workers: usize) -> (Arc<Mutex<Forwarding>>, Vec<ForwardingWorker>) {
    let settings = Arc::new(super::bench::settings());
    let hub = MissHub::new(settings, Arc::default(), Vec::new());
    let forwarding = Forwarding::new(hub, UdpExchanges::new().expect("an exchange"));
    ForwardingWorker::all(forwarding, 0..workers, &Arc::new(Wake::new().expect("a wake")))
}

#[test]
fn a_worker_does_not_wait_for_who_holds_the_forwarding_and_comes_back() {
    let (forwarding, mut forwarding_workers) = forwarding_workers(1);
    let forwarding_worker = &mut forwarding_workers[0];
    let now = Now::at(1_000, 0);
    let held = forwarding.lock().expect("a lock");
    let tries = (0..100).take_while(|_| forwarding_worker.go_on(true, false, now)).count();
    assert_eq!(tries, TURNS_TO_TRY as usize - 1);
    assert_eq!((forwarding_worker.next_due_ms(now), forwarding_worker.replies_fd()), (Some(1_001), None));
    drop(held);
    assert!(!forwarding_worker.go_on(false, false, now), "it remembers that it has something to send");
    assert_eq!(forwarding_worker.next_due_ms(now), None);
    assert!(forwarding_worker.replies_fd().is_some());
}

#[test]
fn one_worker_reads_replies() {
    let (forwarding, forwarding_workers) = forwarding_workers(3);
    let readers = forwarding_workers.iter().map(|one| one.replies_fd().is_some());
    assert_eq!(readers.collect::<Vec<_>>(), [true, false, false]);
    forwarding.lock().expect("a lock").ports().store(1, Ordering::Relaxed);
    assert!(forwarding_workers[0].awaits_replies() && !forwarding_workers[1].awaits_replies());
    assert!(
        forwarding_workers[0].next_due_ms(Now::default()).is_some()
            && forwarding_workers[1].next_due_ms(Now::default()).is_none()
    );
}

#[test]
fn a_panic_of_who_held_it_ends_no_forwarding() {
    let (forwarding, mut forwarding_workers) = forwarding_workers(1);
    let poison = forwarding.clone();
    let panicked = std::thread::spawn(move || {
        let _held = poison.lock();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.join().is_err() && forwarding.is_poisoned());
    assert!(!forwarding_workers[0].go_on(true, true, Now::default()));
    assert_eq!(forwarding_workers[0].next_due_ms(Now::default()), None, "it was there");
}

#[test]
fn after_a_panic_it_looks_again_but_not_at_once() {
    let (_, mut forwarding_workers) = forwarding_workers(1);
    let forwarding_worker = &mut forwarding_workers[0];
    let now = Now::at(1_000, 0);
    forwarding_worker.note_panic();
    assert_eq!((forwarding_worker.next_due_ms(now), forwarding_worker.replies_fd()), (Some(1_001), None));
    assert!(!forwarding_worker.go_on(false, false, now));
    assert_eq!(forwarding_worker.next_due_ms(now), None);
}
