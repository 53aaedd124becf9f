//! Forwarders that are asked over connections: DNS over TCP, over TLS and over HTTPS.
//!
//! One thread carries the questions of all of them. The plane hands a question over and takes what became of it, as if this
//! were one more kind of port ([`schoolgate_plane::Carrier`]); who is asked, and how long he is waited for, has been said by
//! the resolver. Here is how: over a few long-lived connections of each forwarder ([`pool`]), many questions at a time
//! ([`dialogue`], [`https`]), after its certificate was believed ([`trust`]). Nothing is ever asked another way.

mod counters;
mod dialogue;
mod https;
mod limits;
mod line;
mod line_task;
mod note;
mod opening_pause;
mod pool;
mod question;
mod settings;
mod single;
mod target;
mod trust;
mod waiting;

#[cfg(test)]
mod tests;

pub use settings::{CarrierSettings, Transport};
pub use single::{SingleAnswer, SingleError, ask_once};
pub use trust::TrustError;

use counters::LineCounters;
use limits::QUEUED;
use question::Question;
use schoolgate_plane::{Carrier, Deliveries};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use target::Target;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

/// Why forwarders cannot be carried.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// What one of them is to be believed by cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system refuses a thread.
    #[error("the thread for connections to forwarders cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// What the connections of one forwarder say of themselves.
#[derive(Debug, Serialize)]
pub struct CarrierStatus {
    /// Its number.
    pub forwarder: u32,
    /// What is spoken.
    pub transport: Transport,
    /// Connections that stand.
    pub open: usize,
    /// What happened.
    pub events: BTreeMap<&'static str, u64>,
    /// Why the last connection could not be opened; `null`: it could.
    pub problem: Option<String>,
}

/// One forwarder to carry: its number, where it is and how it is spoken to.
pub type Carried = (u32, SocketAddr, CarrierSettings);

/// The connections to all forwarders that are asked over connections.
#[derive(Default)]
pub struct Carriers(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    known: BTreeMap<u32, Arc<OneCarrier>>,
    thread: Option<(mpsc::UnboundedSender<Begin>, JoinHandle<()>)>,
}

/// A pool to begin.
type Begin = (Target, mpsc::Receiver<Question>);

struct OneCarrier {
    address: SocketAddr,
    settings: CarrierSettings,
    questions: mpsc::Sender<Question>,
    counters: Arc<LineCounters>,
}

impl Carrier for OneCarrier {
    fn carry(&self, query: &[u8], deliveries: &Arc<Deliveries>) -> bool {
        self.questions.try_send(Question::new(query, deliveries)).is_ok()
    }
}

impl Carriers {
    /// Carriers for these forwarders, by number. Those that were known and are as they were keep their connections; those
    /// that are not named end theirs.
    ///
    /// # Errors
    /// [`CarrierError`]; then what was known stays.
    pub fn install(&self, wanted: Vec<Carried>) -> Result<BTreeMap<u32, Arc<dyn Carrier>>, CarrierError> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut known, mut to_begin) = (BTreeMap::new(), Vec::new());
        for (number, address, settings) in wanted {
            let known_before = inside.known.get(&number);
            let before = known_before.filter(|before| before.address == address && before.settings == settings);
            if let Some(before) = before {
                known.insert(number, before.clone());
                continue;
            }
            let (one, begin) = begin(address, settings)?;
            known.insert(number, Arc::new(one));
            to_begin.push(begin);
        }
        if !to_begin.is_empty() {
            let thread = inside.begin_thread()?;
            // A thread that has died is seen by its forwarders, which do not answer.
            to_begin.into_iter().for_each(|begin| drop(thread.send(begin)));
        }
        inside.known = known;
        Ok(inside.known.iter().map(|(number, one)| (*number, one.clone() as Arc<dyn Carrier>)).collect())
    }

    /// What each says of itself.
    pub fn status(&self) -> Vec<CarrierStatus> {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |(number, one): (&u32, &Arc<OneCarrier>)| CarrierStatus {
            forwarder: *number,
            transport: one.settings.transport,
            open: one.counters.open(),
            events: one.counters.counts(),
            problem: one.counters.problem(),
        };
        inside.known.iter().map(status).collect()
    }

    /// Closes all connections and waits for the thread.
    pub fn stop(&self) {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.known.clear();
        if let Some((pools, thread)) = inside.thread.take() {
            drop(pools);
            // If it has died there is nothing left to do.
            let _ = thread.join();
        }
    }
}

impl Drop for Carriers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inside {
    fn begin_thread(&mut self) -> io::Result<&mpsc::UnboundedSender<Begin>> {
        if self.thread.is_none() {
            let (pools, begun) = mpsc::unbounded_channel();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let thread = std::thread::Builder::new().name("forwarders".to_owned());
            let thread = thread.spawn(move || LocalSet::new().block_on(&runtime, begin_pools(begun)))?;
            self.thread = Some((pools, thread));
        }
        self.thread.as_ref().map(|(pools, _)| pools).ok_or(io::ErrorKind::NotFound.into())
    }
}

async fn begin_pools(mut begun: mpsc::UnboundedReceiver<Begin>) {
    while let Some((target, questions)) = begun.recv().await {
        spawn_local(pool::run(std::rc::Rc::new(target), questions));
    }
}

fn begin(address: SocketAddr, settings: CarrierSettings) -> Result<(OneCarrier, Begin), TrustError> {
    let counters = Arc::new(LineCounters::default());
    let target = Target::new(address, settings.clone(), counters.clone())?;
    let (questions, received) = mpsc::channel(QUEUED);
    Ok((OneCarrier { address, settings, questions, counters }, (target, received)))
}
