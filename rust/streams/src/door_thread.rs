//! One thread of the doors: its listeners, its runtime, its answerer.

use crate::admission::{Admission, Handshakes};
use crate::asker::{Asker, Caller};
use crate::door_counters::{DoorCounters, Event};
use crate::limits::{HANDSHAKE, HANDSHAKES_AT_ONCE};
use crate::{framed, https};
use schoolgate_plane::StreamAnswerer;
use schoolgate_querylog::Door;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// After an accept that the system refused, for want of descriptors most likely.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often a thread that ends looks whether its connections have.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What all threads share.
pub struct Shared {
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// Handshakes under way.
    pub handshakes: Handshakes,
}

/// One kind of door, as all threads have it.
#[derive(Clone)]
pub struct Kind {
    /// Which one.
    pub door: Door,
    /// How it shakes hands.
    pub tls: TlsAcceptor,
    /// What happened there.
    pub counters: Arc<DoorCounters>,
}

/// One thread's belongings.
pub struct DoorThread {
    /// Its way to the plane.
    pub answerer: StreamAnswerer,
    /// Where it listens, and for which door.
    pub listeners: Vec<(std::net::TcpListener, Kind)>,
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// Messages of its connections that wait.
    pub waiting: Arc<AtomicUsize>,
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
        for (listener, kind) in self.listeners {
            let listener = TcpListener::from_std(listener)?;
            let here = Here {
                kind,
                shared: self.shared.clone(),
                asker: asker.clone(),
                stop: self.stop.clone(),
                _open: open.clone(),
            };
            spawn_local(accept(listener, here));
        }
        let mut stop = self.stop;
        let waiting = self.waiting;
        let ended = async {
            let _ = stop.wait_for(|is_stopping| *is_stopping).await;
            let ends_at = Instant::now() + self.grace;
            while Rc::strong_count(&open) > 1 && Instant::now() < ends_at {
                sleep(LOOK_EVERY).await;
            }
        };
        let gauge = async {
            loop {
                sleep(Duration::from_millis(250)).await;
                waiting.store(asker.waiting(), Ordering::Relaxed);
            }
        };
        tokio::select! {
            result = asker.deliver_answers() => result,
            () = gauge => Ok(()),
            () = ended => Ok(()),
        }
    }
}

/// What a connection needs; also says, by being there, that there is one.
#[derive(Clone)]
struct Here {
    kind: Kind,
    shared: Arc<Shared>,
    asker: Rc<Asker>,
    stop: watch::Receiver<bool>,
    _open: Rc<()>,
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
    let counters = here.kind.counters.clone();
    let Ok(local) = stream.local_addr() else { return };
    let place = match here.shared.admission.admit(client.ip(), std::time::Instant::now()) {
        Ok(place) => place,
        Err(event) => return counters.count(event),
    };
    counters.count(Event::Connections);
    // Answers are small and whole: waiting for more of them helps no client.
    let _ = stream.set_nodelay(true);
    let stream = tokio::select! {
        stream = shake_hands(stream, &here, &counters) => stream,
        () = place.must_leave() => return counters.count(Event::ClosedForNew),
    };
    let Some(stream) = stream else { return };
    let caller = Caller { client, local, door: here.kind.door };
    match here.kind.door {
        Door::Doh => https::serve(stream, caller, here.asker, counters, &place, here.stop).await,
        _ => framed::serve(stream, caller, here.asker, &counters, &place, here.stop).await,
    }
}

async fn shake_hands(stream: TcpStream, here: &Here, counters: &DoorCounters) -> Option<TlsStream<TcpStream>> {
    let Some(_under_way) = here.shared.handshakes.begin(HANDSHAKES_AT_ONCE) else {
        counters.count(Event::RefusedHandshakes);
        return None;
    };
    let (event, stream) = match in_time(here.kind.tls.accept(stream)).await {
        // HTTP/2 is not guessed: a client that did not ask for it would speak something else.
        Some(Ok(stream)) if here.kind.door == Door::Doh && stream.get_ref().1.alpn_protocol() != Some(https::ALPN) => {
            (Event::HandshakesFailed, None)
        }
        Some(Ok(stream)) => (Event::Handshakes, Some(stream)),
        Some(Err(_)) => (Event::HandshakesFailed, None),
        None => (Event::HandshakesSlow, None),
    };
    counters.count(event);
    stream
}

async fn in_time<T>(handshake: impl Future<Output = T>) -> Option<T> {
    timeout(HANDSHAKE, handshake).await.ok()
}
