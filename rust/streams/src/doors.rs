//! The doors as their owner sees them: opened, started, given a certificate, stopped.

use crate::admission::{Admission, Handshakes};
use crate::certificate::{CertificateError, Certificates};
use crate::door_counters::{DoorCounters, Event};
use crate::door_error::DoorError;
use crate::door_settings::DoorSettings;
use crate::door_thread::{DoorThread, Kind, Shared};
use crate::https;
use crate::listening::listen;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use schoolgate_plane::Plane;
use schoolgate_querylog::Door;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// The protocol of DNS over TLS, as clients name it in the handshake.
const DOT_ALPN: &[u8] = b"dot";
/// The plane answers within 4 s; after this, connections that stand are cut.
const GRACE: Duration = Duration::from_millis(4_500);

/// The doors of one plane.
pub struct Doors {
    shared: Arc<Shared>,
    certificates: Arc<Certificates>,
    provider: Arc<CryptoProvider>,
    kinds: [Kind; 2],
    listening: Vec<(Door, SocketAddr)>,
    waiting: Arc<[Arc<AtomicUsize>]>,
    ready: Mutex<Vec<DoorThread>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
}

/// What the doors say of themselves.
#[derive(Debug, Serialize)]
pub struct DoorsStatus {
    /// By door: what happened there.
    pub events: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Open connections.
    pub open: usize,
    /// Messages that wait for their answers.
    pub waiting: usize,
    /// Threads there should be.
    pub threads: usize,
    /// Threads that run.
    pub threads_alive: usize,
    /// Whether there is a certificate; without one every handshake fails.
    pub has_certificate: bool,
}

impl Doors {
    /// Opens all listeners; nobody is let in before [`Doors::start`].
    ///
    /// # Errors
    /// [`DoorError`]; then none is open.
    pub fn open(plane: &Plane, settings: &DoorSettings) -> Result<Self, DoorError> {
        let answerers = plane.take_door_answerers();
        if answerers.is_empty() {
            return Err(DoorError::NoAnswerer);
        }
        let provider = Arc::new(default_provider());
        let certificates = Arc::new(Certificates::default());
        let kind = |door, alpn: &[u8]| -> Result<Kind, DoorError> {
            let tls = TlsAcceptor::from(Arc::new(tls_config(&provider, &certificates, alpn)?));
            Ok(Kind { door, tls, counters: Arc::new(DoorCounters::default()) })
        };
        let kinds = [kind(Door::Dot, DOT_ALPN)?, kind(Door::Doh, https::ALPN)?];
        let (mut by_thread, mut listening) = (Vec::new(), Vec::new());
        by_thread.resize_with(answerers.len(), Vec::new);
        for (kind, addresses) in kinds.iter().zip([&settings.dot, &settings.doh]) {
            for address in addresses {
                let (listeners, bound) = listen(*address, answerers.len())?;
                listening.push((kind.door, bound));
                for (thread, listener) in by_thread.iter_mut().zip(listeners) {
                    thread.push((listener, kind.clone()));
                }
            }
        }
        let admission = Arc::new(Admission::new(settings.connections, settings.connections_per_client));
        let shared = Arc::new(Shared { admission, handshakes: Handshakes::default() });
        let waiting: Arc<[_]> = answerers.iter().map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let (stop, stopping) = watch::channel(false);
        let parts = answerers.into_iter().zip(by_thread).zip(waiting.iter());
        let ready = parts.map(|((answerer, listeners), waiting)| DoorThread {
            answerer,
            listeners,
            shared: shared.clone(),
            waiting: waiting.clone(),
            stop: stopping.clone(),
            grace: GRACE,
        });
        let ready = Mutex::new(ready.collect());
        Ok(Self { shared, certificates, provider, kinds, listening, waiting, ready, threads: Mutex::default(), stop })
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(&self) -> Result<(), DoorError> {
        for (at, thread) in lock(&self.ready).drain(..).enumerate() {
            let name = format!("door-{at}");
            // A thread that could not begin is missing in the status.
            let thread = std::thread::Builder::new().name(name).spawn(move || drop(thread.run()))?;
            lock(&self.threads).push(thread);
        }
        Ok(())
    }

    /// Lets nobody in any more, and waits until those inside have their answers, for a few seconds.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        lock(&self.ready).clear();
        for thread in lock(&self.threads).drain(..) {
            // One that died has been reported as missing; there is nothing left to do.
            let _ = thread.join();
        }
    }

    /// Puts a certificate chain and its key, both PEM, in force for connections to come.
    ///
    /// # Errors
    /// [`CertificateError`]; then what was in force stays.
    pub fn install_certificate(&self, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        self.certificates.install(chain, key, &self.provider)
    }

    /// Changes how many connections are let in; those that are in stay.
    pub fn set_bounds(&self, connections: usize, per_client: usize) {
        self.shared.admission.set_bounds(connections, per_client);
    }

    /// Where each door listens, with the real port where 0 was asked for.
    pub fn listening(&self) -> &[(Door, SocketAddr)] {
        &self.listening
    }

    /// Counters and gauges.
    pub fn status(&self) -> DoorsStatus {
        let events = self.kinds.iter().map(|kind| {
            let counts = Event::ALL.iter().map(|event| (event.as_str(), kind.counters.get(*event)));
            (kind.door.as_str(), counts.collect())
        });
        DoorsStatus {
            events: events.collect(),
            open: self.shared.admission.open(),
            waiting: self.waiting.iter().map(|waiting| waiting.load(Ordering::Relaxed)).sum(),
            threads: self.waiting.len(),
            threads_alive: lock(&self.threads).iter().filter(|thread| !thread.is_finished()).count(),
            has_certificate: self.certificates.is_there(),
        }
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.stop();
    }
}

/// TLS 1.2 and 1.3, resumption by tickets, no early data: a query that is sent twice by another is an answer to another.
fn tls_config(
    provider: &Arc<CryptoProvider>,
    certificates: &Arc<Certificates>,
    alpn: &[u8],
) -> Result<ServerConfig, DoorError> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates.clone());
    config.alpn_protocols = vec![alpn.to_vec()];
    config.ticketer = Ticketer::new()?;
    Ok(config)
}

/// A panic while a lock was held changes nothing of what it guards.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
