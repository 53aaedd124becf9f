//! One thread of the doors: its listeners, its runtime, its answerer.

use crate::admission::Admission;
use crate::allowance::Allowance;
use crate::asker::{Asker, Caller};
use crate::door_counters::{DoorCounters, Event};
use crate::handshakes::Handshakes;
use crate::limits::{HANDSHAKE, HANDSHAKES_AT_ONCE};
use crate::{framed, https};
use schoolgate_plane::StreamAnswerer;
use schoolgate_querylog::Door;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// After an accept that the system refused, for want of descriptors most likely.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often connections that do nothing are looked for while places are scarce.
const THIN_OUT_EVERY: Duration = Duration::from_millis(250);
/// How often a thread that ends looks whether its connections have.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether clients are let in at the encrypted doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Not yet: they wait in the kernel.
    Shut,
    /// They are.
    Open,
    /// Never: their listeners are closed.
    Closed,
}

/// One kind of door, as all threads have it.
#[derive(Clone)]
pub struct Kind {
    /// Which one.
    pub door: Door,
    /// How it shakes hands; `None`: it does not.
    pub tls: Option<TlsAcceptor>,
    /// Handshakes of all encrypted doors under way.
    pub handshakes: Arc<Handshakes>,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// What a connection may take.
    pub allowance: Arc<Allowance>,
    /// What happened there.
    pub counters: Arc<DoorCounters>,
}

/// One thread's belongings.
pub struct DoorThread {
    /// Its way to the plane.
    pub answerer: StreamAnswerer,
    /// Where it listens, and for which door.
    pub listeners: Vec<(std::net::TcpListener, Kind)>,
    /// Whether clients are let in at the encrypted ones.
    pub gate: watch::Receiver<Gate>,
    /// Becomes true when it is to end.
    pub stop: watch::Receiver<bool>,
    /// How long open connections may take to end.
    pub grace: Duration,
}

impl DoorThread {
    /// Serves until it is to end. An error is one of the start.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let _inside = runtime.enter();
        LocalSet::new().block_on(&runtime, self.serve())
    }

    async fn serve(self) -> io::Result<()> {
        let asker = Rc::new(Asker::new(self.answerer));
        let open = Rc::new(());
        let admissions: Vec<_> = self.listeners.iter().map(|(_, kind)| kind.admission.clone()).collect();
        for (listener, kind) in self.listeners {
            let gate = kind.tls.is_some().then(|| self.gate.clone());
            let here = Here { kind, asker: asker.clone(), stop: self.stop.clone(), _open: open.clone() };
            spawn_local(let_in(listener, here, gate));
        }
        let mut stop = self.stop;
        let ended = async {
            let _ = stop.wait_for(|is_stopping| *is_stopping).await;
            let ends_at = Instant::now() + self.grace;
            while Rc::strong_count(&open) > 1 && Instant::now() < ends_at {
                sleep(LOOK_EVERY).await;
            }
        };
        let thin_out = async {
            loop {
                sleep(THIN_OUT_EVERY).await;
                admissions.iter().for_each(|admission| admission.thin_out(std::time::Instant::now()));
            }
        };
        tokio::select! {
            result = asker.deliver_answers() => result,
            () = thin_out => Ok(()),
            () = ended => Ok(()),
        }
    }
}

/// What a connection needs; also says, by being there, that there is one.
#[derive(Clone)]
struct Here {
    kind: Kind,
    asker: Rc<Asker>,
    stop: watch::Receiver<bool>,
    _open: Rc<()>,
}

/// Waits for the gate, where there is one, then accepts clients until the end.
async fn let_in(listener: std::net::TcpListener, here: Here, gate: Option<watch::Receiver<Gate>>) {
    let mut stop = here.stop.clone();
    let is_open = async {
        let Some(mut gate) = gate else { return true };
        gate.wait_for(|gate| *gate != Gate::Shut).await.is_ok_and(|gate| *gate == Gate::Open)
    };
    tokio::select! {
        is_open = is_open => if !is_open { return },
        _ = stop.wait_for(|is_stopping| *is_stopping) => return,
    }
    // It fails only where the thread could not have begun either.
    if let Ok(listener) = TcpListener::from_std(listener) {
        accept(listener, here).await;
    }
}

async fn accept(listener: TcpListener, here: Here) {
    let mut stop = here.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|is_stopping| *is_stopping) => return,
        };
        match accepted {
            Ok((stream, client)) => drop(spawn_local(receive(stream, client, here.clone()))),
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

async fn receive(stream: TcpStream, client: SocketAddr, here: Here) {
    let Here { kind, asker, stop, _open } = here;
    let counters = kind.counters.clone();
    let Ok(local) = stream.local_addr() else { return };
    let devices = asker.devices(client.ip(), local);
    let place = match kind.admission.admit(client.ip(), devices, std::time::Instant::now()) {
        Ok(place) => place,
        Err(event) => return counters.count(event),
    };
    counters.count(Event::Connections);
    // Answers are small and whole: waiting for more of them helps no client.
    let _ = stream.set_nodelay(true);
    let caller = Caller { client, local, door: kind.door };
    let service = framed::Service { caller, asker, counters, allowance: kind.allowance.clone() };
    let Some(tls) = &kind.tls else { return framed::serve(stream, service, &place, stop).await };
    let stream = tokio::select! {
        stream = shake_hands(stream, client, tls, &kind) => stream,
        event = place.must_leave() => return kind.counters.count(event),
    };
    let Some(stream) = stream else { return };
    match kind.door {
        Door::Doh => https::serve(stream, caller, service.asker, service.counters, &place, stop).await,
        _ => framed::serve(stream, service, &place, stop).await,
    }
}

async fn shake_hands(
    stream: TcpStream,
    client: SocketAddr,
    tls: &TlsAcceptor,
    kind: &Kind,
) -> Option<TlsStream<TcpStream>> {
    let _under_way = match kind.handshakes.begin(client.ip(), HANDSHAKES_AT_ONCE) {
        Ok(under_way) => under_way,
        Err(event) => {
            kind.counters.count(event);
            return None;
        }
    };
    let (event, stream) = match in_time(tls.accept(stream)).await {
        // HTTP/2 is not guessed: a client that did not ask for it would speak something else.
        Some(Ok(stream)) if kind.door == Door::Doh && stream.get_ref().1.alpn_protocol() != Some(https::ALPN) => {
            (Event::HandshakesFailed, None)
        }
        Some(Ok(stream)) => (Event::Handshakes, Some(stream)),
        Some(Err(_)) => (Event::HandshakesFailed, None),
        None => (Event::HandshakesSlow, None),
    };
    kind.counters.count(event);
    stream
}

async fn in_time<T>(handshake: impl Future<Output = T>) -> Option<T> {
    timeout(HANDSHAKE, handshake).await.ok()
}
