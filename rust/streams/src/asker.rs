//! One thread's way to the plane: a message goes in, its answer comes out at once or when a forwarder has answered.
//!
//! The answerer belongs to the thread, so no thread waits for another. Answers that were waited for are called for by an eventfd, which
//! the runtime watches like a socket.

use crate::limits::ANSWER_WITHIN;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use schoolgate_plane::{AnswersWake, Asked, StreamAnswerer};
use schoolgate_querylog::Door;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What is called with the answer, or without one if none came in time.
pub type Deliver = Box<dyn FnOnce(Option<Vec<u8>>)>;

/// What became of a message.
pub enum Reply {
    /// Send this.
    Now(Vec<u8>),
    /// The answer will be delivered.
    Later,
    /// The plane says nothing to it.
    Nothing,
}

/// Who asked, where, and by which door.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The client.
    pub client: SocketAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// The door.
    pub door: Door,
}

/// One thread's way to the plane.
pub struct Asker {
    inner: RefCell<Inner>,
    /// Messages were asked that have to be sent for.
    has_missed: Notify,
}

struct Inner {
    answerer: StreamAnswerer,
    waiting: HashMap<u64, Deliver, RandomState>,
    /// Tickets and when their time is over, earliest first; some of them have been answered.
    overdue: VecDeque<(Instant, u64)>,
}

impl Asker {
    /// One with this answerer.
    pub fn new(answerer: StreamAnswerer) -> Self {
        let inner = Inner { answerer, waiting: HashMap::default(), overdue: VecDeque::new() };
        Self { inner: RefCell::new(inner), has_missed: Notify::new() }
    }

    /// Asks the plane. `deliver` makes what is called if the answer comes later.
    pub fn ask(&self, message: &[u8], caller: &Caller, deliver: impl FnOnce() -> Deliver) -> Reply {
        let mut inner = self.inner.borrow_mut();
        match inner.answerer.ask(message, caller.client, caller.local, caller.door) {
            Asked::Answer(answer) => Reply::Now(answer),
            Asked::Nothing => Reply::Nothing,
            Asked::Ticket(ticket) => {
                // Those of all connections that are served now are sent together.
                self.has_missed.notify_one();
                inner.overdue.push_back((Instant::now() + ANSWER_WITHIN, ticket));
                inner.waiting.insert(ticket, deliver());
                Reply::Later
            }
        }
    }

    /// Devices that share a client's address, as its segment says.
    pub fn devices(&self, client: IpAddr, local: SocketAddr) -> u32 {
        self.inner.borrow().answerer.devices(client, local)
    }

    /// Delivers answers, for as long as the thread lives.
    ///
    /// # Errors
    /// The system refuses to watch the descriptor.
    pub async fn deliver_answers(&self) -> io::Result<()> {
        let wake = watched(self.inner.borrow().answerer.answers_wake())?;
        loop {
            let due_in = self.due_in();
            tokio::select! {
                ready = wake.readable() => ready?.clear_ready(),
                () = self.has_missed.notified() => {
                    self.inner.borrow_mut().answerer.send_misses();
                    continue;
                }
                () = tokio::time::sleep(due_in.unwrap_or_default()), if due_in.is_some() => {}
            }
            self.deliver();
        }
    }

    fn due_in(&self) -> Option<Duration> {
        let inner = self.inner.borrow();
        let plane = inner.answerer.due_in_ms().map(Duration::from_millis);
        let own = inner.overdue.front().map(|(due, _)| due.saturating_duration_since(Instant::now()));
        plane.into_iter().chain(own).min()
    }

    fn deliver(&self) {
        let mut ready: Vec<(Deliver, Option<Vec<u8>>)> = Vec::new();
        {
            let mut inner = self.inner.borrow_mut();
            let answers = inner.answerer.take_answers();
            ready.extend(
                answers.into_iter().filter_map(|(ticket, answer)| Some((inner.waiting.remove(&ticket)?, Some(answer)))),
            );
            let now = Instant::now();
            while let Some((_, ticket)) = inner.overdue.front().copied().filter(|(due, _)| *due <= now) {
                inner.overdue.pop_front();
                ready.extend(inner.waiting.remove(&ticket).map(|deliver| (deliver, None)));
            }
        }
        for (deliver, answer) in ready {
            deliver(answer);
        }
    }
}

/// The descriptor, watched by the runtime.
#[allow(unsafe_code)]
fn watched(wake: AnswersWake) -> io::Result<AsyncFd<AnswersWake>> {
    // SAFETY: an `AnswersWake` owns a share of its eventfd, which stays open and the same until that is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(wake, Interest::READABLE) }?)
}
