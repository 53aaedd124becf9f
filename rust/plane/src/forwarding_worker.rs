//! A worker's part in forwarding: it sends misses and reads replies by itself, as the resolver has said. A thread of doors has
//! a part too, and only sends.
//!
//! All workers and the resolver share one [`Forwarding`]. A worker takes it where it is free and comes back later where it is
//! not: it never waits for it.

use crate::clock::Now;
use crate::forwarding::Forwarding;
use crate::socket::Wake;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

/// A thread that holds the forwarding is mostly done in less time than so many turns, or does not run.
pub const TURNS_TO_TRY: u32 = 32;
/// How soon a thread looks again whether the forwarding is free.
pub const HELD_UP_MS: u64 = 1;

/// What one worker knows of forwarding.
pub struct ForwardingWorker {
    forwarding: Arc<Mutex<Forwarding>>,
    /// The index of the worker's channel at the miss hub.
    channel: usize,
    /// Open source ports.
    ports: Arc<AtomicUsize>,
    /// Calls the resolver.
    resolver_wake: Arc<Wake>,
    /// Readable when replies have come. One worker reads them for all.
    replies_fd: Option<RawFd>,
    /// When it looks again without being called, while there are open ports.
    look_at_ms: u64,
    /// Misses or replies were left the last time.
    has_more: bool,
    /// Turns since the forwarding was wanted and not free; 0: it was free.
    turns_held_up: u32,
}

impl ForwardingWorker {
    /// One for each of these channels of the miss hub; the first channel's reads replies.
    pub fn all(
        forwarding: Forwarding,
        channels: impl IntoIterator<Item = usize>,
        resolver_wake: &Arc<Wake>,
    ) -> (Arc<Mutex<Forwarding>>, Vec<Self>) {
        let (ports, replies_fd) = (forwarding.ports(), forwarding.replies_fd());
        let forwarding = Arc::new(Mutex::new(forwarding));
        let forwarding_worker = |channel| Self {
            forwarding: forwarding.clone(),
            channel,
            ports: ports.clone(),
            resolver_wake: resolver_wake.clone(),
            replies_fd: (channel == 0).then_some(replies_fd),
            look_at_ms: 0,
            has_more: false,
            turns_held_up: 0,
        };
        let forwarding_workers = channels.into_iter().map(forwarding_worker).collect();
        (forwarding, forwarding_workers)
    }

    /// What to wait for beside the sockets of clients. Nothing while another thread holds the forwarding, or the worker
    /// would be woken for what it cannot have.
    pub fn replies_fd(&self) -> Option<RawFd> {
        self.replies_fd.filter(|_| !self.is_held_up())
    }

    /// Whether another thread holds the forwarding.
    fn is_held_up(&self) -> bool {
        self.turns_held_up > 0
    }

    /// Whether replies may come here.
    pub fn awaits_replies(&self) -> bool {
        self.replies_fd.is_some() && self.ports.load(Ordering::Relaxed) > 0
    }

    /// When it is to go on, whatever else happens.
    pub fn next_due_ms(&self, now: Now) -> Option<u64> {
        match self.is_held_up() {
            true => Some(now.mono_ms + HELD_UP_MS),
            false => self.awaits_replies().then_some(self.look_at_ms),
        }
    }

    /// For a thread that reads no replies: whether misses are left, or the forwarding was not free.
    pub fn is_to_come_back(&self) -> bool {
        self.has_more || self.is_held_up()
    }

    /// Sends and reads what there is; whether there may be more at once.
    pub fn go_on(&mut self, has_sent: bool, may_have_replies: bool, now: Now) -> bool {
        let is_due = self.awaits_replies() && self.look_at_ms <= now.mono_ms;
        if !(has_sent || may_have_replies || is_due || self.has_more || self.is_held_up()) {
            return false;
        }
        let Some(mut forwarding) = free(&self.forwarding) else {
            self.turns_held_up = self.turns_held_up.saturating_add(1);
            return self.turns_held_up < TURNS_TO_TRY;
        };
        let reads_replies =
            self.replies_fd.is_some() && (may_have_replies || is_due || self.has_more || self.is_held_up());
        let left = forwarding.go_on(self.channel, reads_replies, now);
        drop(forwarding);
        self.turns_held_up = 0;
        self.look_at_ms = left.look_at_ms;
        if left.for_resolver {
            self.resolver_wake.signal();
        }
        self.has_more = left.here;
        left.here
    }

    /// After a panic while it held the forwarding: the cause may still be there, so it does not try again at once.
    pub fn note_panic(&mut self) {
        self.turns_held_up = TURNS_TO_TRY;
    }
}

/// It, if it is free. A panic while it was held is counted elsewhere; what it guards is still usable.
fn free<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
