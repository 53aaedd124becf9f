//! Forwarders that are asked over connections (TCP, TLS, HTTPS): the connections are another crate's, which *carries*
//! questions; what may be believed is judged here, as it is of datagrams.

use crate::socket::{BATCH, Wake};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Carries questions to one forwarder, over whatever connections it has. It never waits.
pub trait Carrier: Send + Sync {
    /// Takes a query with its ID. What becomes of it comes to `deliveries`, once, or never: who asks keeps time. `false`: as
    /// many wait as may.
    fn carry(&self, query: &[u8], deliveries: &Arc<Deliveries>) -> bool;
}

/// What became of a question that was carried.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A reply, with the ID of its query.
    Reply(Vec<u8>),
    /// The query with this ID could not be put to the forwarder, or its connection broke.
    Failed(u16),
    /// The query with this ID was not sent: too many wait.
    Starved(u16),
}

/// Where a carrier puts what became of questions. Readable while something is there.
pub struct Deliveries {
    queue: Mutex<Queue>,
    wake: Wake,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Delivery>,
    is_closed: bool,
}

impl Deliveries {
    /// An empty one.
    ///
    /// # Errors
    /// The system is short of descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { queue: Mutex::default(), wake: Wake::new()? })
    }

    /// Puts one in.
    pub fn put(&self, delivery: Delivery) {
        let mut queue = self.lock();
        if queue.is_closed {
            return;
        }
        queue.waiting.push_back(delivery);
        if queue.waiting.len() == 1 {
            self.wake.signal();
        }
    }

    /// Takes out at most a batch.
    pub fn take(&self) -> Vec<Delivery> {
        let mut queue = self.lock();
        let most = queue.waiting.len().min(BATCH);
        let taken = queue.waiting.drain(..most).collect();
        if queue.waiting.is_empty() {
            self.wake.clear();
        }
        taken
    }

    /// Nobody takes anything any more. A carrier may hold this for a while yet, and it must not stay readable.
    fn close(&self) {
        let mut queue = self.lock();
        *queue = Queue { is_closed: true, ..Queue::default() };
        self.wake.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One port's way to a carrier.
pub struct CarriedPort {
    carrier: Arc<dyn Carrier>,
    deliveries: Arc<Deliveries>,
}

impl CarriedPort {
    /// A way to this carrier.
    pub fn open(carrier: Arc<dyn Carrier>) -> io::Result<Self> {
        Ok(Self { carrier, deliveries: Arc::new(Deliveries::new()?) })
    }

    /// Hands over queries. Returns how many were taken, and the error that kept back the rest.
    pub fn send(&self, queries: &[&[u8]]) -> (usize, Option<io::Error>) {
        let taken = queries.iter().take_while(|query| self.carrier.carry(query, &self.deliveries)).count();
        (taken, (taken < queries.len()).then(|| io::Error::from_raw_os_error(libc::ENOBUFS)))
    }

    /// What has become of them; at most a batch.
    pub fn receive(&self) -> Vec<Delivery> {
        self.deliveries.take()
    }
}

impl AsRawFd for CarriedPort {
    fn as_raw_fd(&self) -> RawFd {
        self.deliveries.wake.as_raw_fd()
    }
}

impl Drop for CarriedPort {
    fn drop(&mut self) {
        self.deliveries.close();
    }
}
