//! One connection of DNS over HTTPS (RFC 8484) over HTTP/2 (RFC 9113).
//!
//! hyper speaks HTTP/2; the bounds it is given are in [`crate::limits`]. What it does not see is looked at beside it a few times
//! a second: that nothing is asked, that nothing is read or let out, that work is left behind.

use crate::admission::Place;
use crate::asker::{Asker, Caller, Deliver, Reply};
use crate::doh_request::{DohRequest, MEDIA_TYPE, Refused, read_head};
use crate::door_counters::{DoorCounters, Event};
use crate::limits::{
    ANSWER_WITHIN, BODY_OCTETS, ERROR_RESETS, FAREWELL, HEAD_OCTETS, IDLE, LOOK_EVERY, MESSAGE, PENDING_RESETS,
    SEND_OCTETS, STREAMS, UNREAD, WINDOW_OCTETS,
};
use crate::unsent::{Outgoing, Unsent};
use crate::watched::{UnreadSince, Watched};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, interval, timeout};

/// The protocol, as clients name it in the handshake.
pub const ALPN: &[u8] = b"h2";
/// A header's first octets: ID, then the octet of QR.
const QR_AT: usize = 2;
const QR: u8 = 0x80;
const HEADER_OCTETS: usize = 12;
const TEXT: &str = "text/plain; charset=utf-8";

/// Serves one connection to its end.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    caller: Caller,
    asker: Rc<Asker>,
    counters: Arc<DoorCounters>,
    place: &Place,
    mut stop: watch::Receiver<bool>,
) {
    let (unread_since, unsent) = (UnreadSince::default(), Unsent::default());
    let stream = TokioIo::new(Watched::new(stream, unread_since.clone()));
    let session = Rc::new(Session {
        caller,
        asker,
        counters: counters.clone(),
        active_at: Cell::new(Instant::now()),
        in_work: Cell::new(0),
        unsent: unsent.clone(),
    });
    let service = service_fn(|request| {
        let session = session.clone();
        async move { Ok::<_, Infallible>(session.answer(request).await) }
    });
    let mut connection = pin!(protocol().serve_connection(stream, service));
    let mut looks = interval(LOOK_EVERY);
    let mut ends_at = None;
    let end = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended.err().map(|_| Event::ClosedProtocol),
            event = place.must_leave() => break Some(event),
            _ = stop.wait_for(|is_stopping| *is_stopping), if ends_at.is_none() => {
                connection.as_mut().graceful_shutdown();
                ends_at = Some(Instant::now() + ANSWER_WITHIN);
            }
            _ = looks.tick() => {
                let now = Instant::now();
                let waits_since = unread_since.get().into_iter().chain(unsent.since()).min();
                if waits_since.is_some_and(|since| now - since > UNREAD) {
                    break Some(Event::ClosedSlowReader);
                }
                if session.in_work.get() > STREAMS {
                    break Some(Event::ClosedAbandonedWork);
                }
                if ends_at.is_some_and(|ends_at| ends_at <= now) {
                    break None;
                }
                place.set_idle((session.in_work.get() == 0).then(|| session.active_at.get().into_std()));
                if ends_at.is_none() && session.is_idle(now) {
                    counters.count(Event::ClosedIdle);
                    connection.as_mut().graceful_shutdown();
                    ends_at = Some(now + FAREWELL);
                }
            }
        }
    };
    if let Some(event) = end {
        counters.count(event);
    }
}

fn protocol() -> http2::Builder<LocalExecutor> {
    let mut protocol = http2::Builder::new(LocalExecutor);
    protocol
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .max_header_list_size(HEAD_OCTETS)
        .max_send_buf_size(SEND_OCTETS)
        .initial_stream_window_size(WINDOW_OCTETS)
        .initial_connection_window_size(WINDOW_OCTETS)
        .auto_date_header(false);
    protocol
}

/// One connection as its requests see it.
struct Session {
    caller: Caller,
    asker: Rc<Asker>,
    counters: Arc<DoorCounters>,
    active_at: Cell<Instant>,
    /// Messages the plane works on. A stream that the client resets leaves its message here until it is answered.
    in_work: Cell<u32>,
    /// Answers that the client has not let out.
    unsent: Unsent,
}

impl Session {
    fn is_idle(&self, now: Instant) -> bool {
        self.in_work.get() == 0 && now - self.active_at.get() > IDLE
    }

    async fn answer(self: Rc<Self>, request: Request<Incoming>) -> Response<Full<Outgoing>> {
        self.active_at.set(Instant::now());
        let answered = match message_of(request).await {
            Ok(message) => self.ask(&message).await,
            Err(refused) => Err(refused),
        };
        self.active_at.set(Instant::now());
        match answered {
            Ok(answer) => {
                self.counters.count(Event::Answers);
                dns_response(answer, &self.unsent)
            }
            Err(refused) => {
                self.counters.count(Event::BadRequests);
                refusal(refused, &self.unsent)
            }
        }
    }

    async fn ask(self: &Rc<Self>, message: &[u8]) -> Result<Vec<u8>, Refused> {
        if message.len() < HEADER_OCTETS || message.get(QR_AT).is_some_and(|octet| octet & QR != 0) {
            return Err(Refused::NoQuery);
        }
        if self.in_work.get() > STREAMS {
            return Err(Refused::TooMany);
        }
        self.counters.count(Event::Messages);
        let (answer_in, answer) = oneshot::channel();
        let deliver = || -> Deliver {
            let work = Work::begin(self.clone());
            Box::new(move |answer| {
                drop(work);
                // A stream that is gone waits for nothing.
                let _ = answer_in.send(answer);
            })
        };
        match self.asker.ask(message, &self.caller, deliver) {
            Reply::Now(answer) => Ok(answer),
            Reply::Nothing => Err(Refused::TooMany),
            Reply::Later => answer.await.ok().flatten().ok_or(Refused::TooLate),
        }
    }
}

/// One message that the plane works on.
struct Work(Rc<Session>);

impl Work {
    fn begin(session: Rc<Session>) -> Self {
        session.in_work.set(session.in_work.get() + 1);
        session.counters.begin_wait();
        Self(session)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.in_work.set(self.0.in_work.get() - 1);
        self.0.counters.end_waits(1);
    }
}

async fn message_of(request: Request<Incoming>) -> Result<Bytes, Refused> {
    match read_head(request.method(), request.uri(), request.headers(), BODY_OCTETS)? {
        DohRequest::Message(message) => Ok(message.into()),
        DohRequest::InBody => {
            let body = Limited::new(request.into_body(), BODY_OCTETS).collect();
            let body = timeout(MESSAGE, body).await.map_err(|_| Refused::BodyMissing)?;
            body.map(|body| body.to_bytes()).map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => Refused::BodyTooLong,
                None => Refused::BodyMissing,
            })
        }
    }
}

fn dns_response(answer: Vec<u8>, unsent: &Unsent) -> Response<Full<Outgoing>> {
    let max_age_s = schoolgate_wire::freshness_s(&answer);
    let response = Response::builder()
        .header(CONTENT_TYPE, MEDIA_TYPE)
        .header(CACHE_CONTROL, format!("max-age={max_age_s}"))
        .body(unsent.body(answer.into()));
    response.unwrap_or_default()
}

fn refusal(refused: Refused, unsent: &Unsent) -> Response<Full<Outgoing>> {
    let mut response = Response::builder().status(refused.status()).header(CONTENT_TYPE, TEXT);
    if refused == Refused::Method {
        response = response.header(ALLOW, "GET, POST");
    }
    if refused == Refused::TooMany {
        response = response.header(RETRY_AFTER, "1");
    }
    response.body(unsent.body(Bytes::from_static(refused.text().as_bytes()))).unwrap_or_default()
}

/// Runs what belongs to a connection on the connection's thread.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
