//! The doors as their owner sees them: opened, started, given a certificate, stopped.
//!
//! Plain TCP is served from the start on. The encrypted doors wait for [`Doors::admit_encrypted`], because a handshake without
//! a certificate can only fail; and where they cannot be opened, plain TCP is served all the same.

use crate::admission::Admission;
use crate::allowance::Allowance;
use crate::certificate::{CertificateError, Certificates};
use crate::door_counters::{DoorCounters, Event};
use crate::door_error::DoorError;
use crate::door_settings::{DoorSettings, EncryptedSettings};
use crate::door_thread::{DoorThread, Gate, Kind};
use crate::handshakes::Handshakes;
use crate::https;
use crate::limits::{IDLE, PIPELINED, SESSIONS_PER_CLIENT_A_SECOND};
use crate::listening::listen;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use schoolgate_plane::{Plane, StreamAnswerer};
use schoolgate_querylog::Door;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
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
    tcp: Kind,
    encrypted: Vec<Kind>,
    encrypted_admission: Arc<Admission>,
    encrypted_problem: Option<DoorError>,
    certificates: Arc<Certificates>,
    provider: Arc<CryptoProvider>,
    listening: Vec<(Door, SocketAddr)>,
    threads_wanted: usize,
    ready: Mutex<Vec<DoorThread>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    gate: watch::Sender<Gate>,
    stop: watch::Sender<bool>,
}

/// What the doors say of themselves.
#[derive(Debug, Serialize)]
pub struct DoorsStatus {
    /// What happened at plain TCP.
    pub tcp: DoorStatus,
    /// By encrypted door: what happened there.
    pub encrypted: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Open connections of encrypted doors.
    pub encrypted_open: usize,
    /// Messages of encrypted doors that wait for their answers.
    pub encrypted_waiting: usize,
    /// Threads there should be.
    pub threads: usize,
    /// Threads that run.
    pub threads_alive: usize,
    /// Whether there is a certificate; without one every handshake fails.
    pub has_certificate: bool,
}

/// What one door says of itself.
#[derive(Debug, Serialize)]
pub struct DoorStatus {
    /// What happened there.
    pub events: BTreeMap<&'static str, u64>,
    /// Open connections.
    pub open: usize,
    /// Messages that wait for their answers.
    pub waiting: usize,
}

impl Doors {
    /// Opens all listeners; no client is let in before [`Doors::start`]. What keeps the encrypted ones shut is in
    /// [`Doors::encrypted_problem`].
    ///
    /// # Errors
    /// [`DoorError`] of plain TCP; then nothing is open.
    pub fn open(plane: &Plane, settings: &DoorSettings) -> Result<Self, DoorError> {
        let answerers = plane.take_door_answerers();
        if answerers.is_empty() {
            return Err(DoorError::NoAnswerer);
        }
        let kind = Kind {
            door: Door::Tcp,
            tls: None,
            handshakes: Arc::default(),
            admission: Arc::new(Admission::new(settings.tcp.connections, settings.tcp.connections_per_client, None)),
            allowance: Arc::new(Allowance::new(settings.tcp.idle(), settings.tcp.pipelined)),
            counters: Arc::default(),
        };
        let mut open = Listeners::new(answerers.len());
        open.add(&kind, &settings.tcp.listen)?;
        let (provider, certificates) = (Arc::new(default_provider()), Arc::new(Certificates::default()));
        let encrypted = Encrypted::new(&settings.encrypted, &kind.handshakes);
        let opened = encrypted.open(&settings.encrypted, open.threads(), &provider, &certificates);
        let (encrypted_kinds, encrypted_problem) = match opened {
            Ok((kinds, others)) => {
                open.join(others);
                (kinds, None)
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        let (gate, gate_seen) = watch::channel(Gate::Shut);
        let (stop, stopping) = watch::channel(false);
        let (threads_wanted, listening) = (answerers.len(), open.bound);
        let thread = |(answerer, listeners): (StreamAnswerer, _)| DoorThread {
            answerer,
            listeners,
            gate: gate_seen.clone(),
            stop: stopping.clone(),
            grace: GRACE,
        };
        let ready = answerers.into_iter().zip(open.by_thread).map(thread).collect();
        Ok(Self {
            tcp: kind,
            encrypted: encrypted_kinds,
            encrypted_admission: encrypted.admission,
            encrypted_problem,
            certificates,
            provider,
            listening,
            threads_wanted,
            ready: Mutex::new(ready),
            threads: Mutex::default(),
            gate,
            stop,
        })
    }

    /// Starts the threads: plain TCP is served.
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

    /// Lets clients in at the encrypted doors, or closes these for good.
    pub fn admit_encrypted(&self, is_admitted: bool) {
        self.gate.send_replace(if is_admitted { Gate::Open } else { Gate::Closed });
    }

    /// Why the encrypted doors could not be opened.
    pub fn encrypted_problem(&self) -> Option<&DoorError> {
        self.encrypted_problem.as_ref()
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

    /// Puts the limits of new settings in force; those who are in stay. Addresses wait for a restart.
    pub fn install_limits(&self, settings: &DoorSettings) {
        let (tcp, encrypted) = (&settings.tcp, &settings.encrypted);
        self.tcp.admission.set_bounds(tcp.connections, tcp.connections_per_client);
        self.tcp.allowance.set(tcp.idle(), tcp.pipelined);
        self.encrypted_admission.set_bounds(encrypted.connections, encrypted.connections_per_client);
    }

    /// Where each door listens, with the real port where 0 was asked for.
    pub fn listening(&self) -> &[(Door, SocketAddr)] {
        &self.listening
    }

    /// Counters and gauges.
    pub fn status(&self) -> DoorsStatus {
        let of_tcp = counted(&self.tcp.counters, Event::is_of_tcp);
        DoorsStatus {
            tcp: DoorStatus { events: of_tcp, open: self.tcp.admission.open(), waiting: self.tcp.counters.waiting() },
            encrypted: self
                .encrypted
                .iter()
                .map(|kind| (kind.door.as_str(), counted(&kind.counters, |_| true)))
                .collect(),
            encrypted_open: self.encrypted_admission.open(),
            encrypted_waiting: self.encrypted.iter().map(|kind| kind.counters.waiting()).sum(),
            threads: self.threads_wanted,
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

fn counted(counters: &DoorCounters, is_shown: impl Fn(Event) -> bool) -> BTreeMap<&'static str, u64> {
    Event::ALL.iter().filter(|event| is_shown(**event)).map(|event| (event.as_str(), counters.get(*event))).collect()
}

/// Listeners by thread, and where they listen.
struct Listeners {
    by_thread: Vec<Vec<(TcpListener, Kind)>>,
    bound: Vec<(Door, SocketAddr)>,
}

impl Listeners {
    fn new(threads: usize) -> Self {
        Self { by_thread: (0..threads).map(|_| Vec::new()).collect(), bound: Vec::new() }
    }

    fn threads(&self) -> usize {
        self.by_thread.len()
    }

    fn add(&mut self, kind: &Kind, addresses: &[SocketAddr]) -> Result<(), DoorError> {
        for address in addresses {
            let (listeners, bound) = listen(kind.door, *address, self.threads())?;
            self.bound.push((kind.door, bound));
            for (thread, listener) in self.by_thread.iter_mut().zip(listeners) {
                thread.push((listener, kind.clone()));
            }
        }
        Ok(())
    }

    fn join(&mut self, others: Self) {
        self.bound.extend(others.bound);
        for (thread, listeners) in self.by_thread.iter_mut().zip(others.by_thread) {
            thread.extend(listeners);
        }
    }
}

/// What the encrypted doors share.
struct Encrypted {
    handshakes: Arc<Handshakes>,
    admission: Arc<Admission>,
}

impl Encrypted {
    fn new(settings: &EncryptedSettings, handshakes: &Arc<Handshakes>) -> Self {
        let (connections, per_client) = (settings.connections, settings.connections_per_client);
        let admission = Arc::new(Admission::new(connections, per_client, Some(SESSIONS_PER_CLIENT_A_SECOND)));
        Self { handshakes: handshakes.clone(), admission }
    }

    /// All of them, or none.
    fn open(
        &self,
        settings: &EncryptedSettings,
        threads: usize,
        provider: &Arc<CryptoProvider>,
        certificates: &Arc<Certificates>,
    ) -> Result<(Vec<Kind>, Listeners), DoorError> {
        let (mut kinds, mut open) = (Vec::new(), Listeners::new(threads));
        if settings.dot.is_empty() && settings.doh.is_empty() {
            return Ok((kinds, open));
        }
        for (door, alpn, addresses) in [(Door::Dot, DOT_ALPN, &settings.dot), (Door::Doh, https::ALPN, &settings.doh)] {
            let tls = TlsAcceptor::from(Arc::new(tls_config(provider, certificates, alpn)?));
            let kind = self.kind(door, tls);
            open.add(&kind, addresses)?;
            kinds.push(kind);
        }
        Ok((kinds, open))
    }

    fn kind(&self, door: Door, tls: TlsAcceptor) -> Kind {
        Kind {
            door,
            tls: Some(tls),
            handshakes: self.handshakes.clone(),
            admission: self.admission.clone(),
            allowance: Arc::new(Allowance::new(IDLE, PIPELINED)),
            counters: Arc::default(),
        }
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
