//! DNS over HTTPS (RFC 8484): each question is a POST of its own, many at a time over one HTTP/2 connection.

use crate::carriers::counters::LineEvent;
use crate::carriers::limits::{MOST_STREAMS, REPLY_OCTETS, SWEEP_EVERY};
use crate::carriers::line::Line;
use crate::carriers::note::Note;
use crate::carriers::question::Question;
use crate::carriers::target::{Stream, Target};
use crate::carriers::waiting::{Ended, Waiting};
use crate::doh_request::MEDIA_TYPE;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::rt::Executor;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use schoolgate_wire::pad_query;
use std::pin::pin;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

/// What became of one request.
enum Outcome {
    /// A body of DNS.
    Reply(Bytes),
    /// HTTP says no: another status, another type, too long.
    Refused,
    /// The connection did not carry it to its end.
    Broken,
}

/// Asks and takes answers until the connection ends.
pub async fn run(
    stream: Stream,
    target: &Target,
    line: &Rc<Line>,
    questions: &mut mpsc::UnboundedReceiver<Question>,
    pool: &mpsc::UnboundedSender<Note>,
) -> Ended {
    let mut waiting = Waiting::new(target, line);
    let mut protocol = http2::Builder::new(LocalExecutor);
    protocol.timer(TokioTimer::new());
    let Ok((requests, connection)) = protocol.handshake(TokioIo::new(stream)).await else {
        return waiting.end(LineEvent::ClosedByForwarder);
    };
    let uri = uri_of(target);
    let (outcomes, mut come) = mpsc::unbounded_channel();
    let mut connection = pin!(connection);
    let mut sweep_at = Instant::now() + SWEEP_EVERY;
    let why = loop {
        tokio::select! {
            question = questions.recv(), if waiting.len() < MOST_STREAMS => {
                // The forwarder is asked no more.
                let Some(question) = question else { break LineEvent::ClosedIdle };
                let request = request(&uri, question.query());
                let id = waiting.put(question);
                let Some(request) = request else {
                    waiting.fail(id);
                    continue;
                };
                let (mut requests, outcomes) = (requests.clone(), outcomes.clone());
                spawn_local(async move {
                    let outcome = match requests.send_request(request).await {
                        Ok(response) => read(response).await,
                        Err(_) => Outcome::Broken,
                    };
                    let _ = outcomes.send((id, outcome));
                });
            }
            Some((id, outcome)) = come.recv() => match outcome {
                Outcome::Reply(body) => if waiting.answer(id, &body).is_err() {
                    break LineEvent::ClosedBroken;
                },
                Outcome::Refused => {
                    target.counters.count(LineEvent::Refused);
                    waiting.fail(id);
                }
                Outcome::Broken => waiting.refuse(id, pool),
            },
            _ = connection.as_mut() => break LineEvent::ClosedByForwarder,
            () = sleep_until(waiting.look_at().min(sweep_at)) => {
                sweep_at = Instant::now() + SWEEP_EVERY;
                if let Some(why) = waiting.look(pool) {
                    break why;
                }
            }
        }
    };
    waiting.end(why)
}

/// One request over a connection of its own; an error is in words.
pub async fn ask_once(stream: Stream, target: &Target, query: &[u8]) -> Result<Vec<u8>, String> {
    let protocol = http2::Builder::new(LocalExecutor);
    let broken = |error| format!("HTTP/2 failed: {error}");
    let (mut requests, connection) = protocol.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    spawn_local(connection);
    let request = request(&uri_of(target), query).ok_or("the path cannot be asked for")?;
    match read(requests.send_request(request).await.map_err(broken)?).await {
        Outcome::Reply(body) => Ok(body.to_vec()),
        Outcome::Refused => Err("what came by HTTPS is no DNS answer".to_owned()),
        Outcome::Broken => Err("the connection broke".to_owned()),
    }
}

fn uri_of(target: &Target) -> String {
    format!("https://{}{}", target.settings.name, target.settings.path)
}

fn request(uri: &str, query: &[u8]) -> Option<Request<Full<Bytes>>> {
    let mut query = query.to_vec();
    pad_query(&mut query, false);
    // RFC 8484 section 4.1: the stream tells which is which.
    if let Some(id) = query.first_chunk_mut::<2>() {
        *id = [0, 0];
    }
    let request = Request::builder().method(Method::POST).uri(uri);
    request.header(CONTENT_TYPE, MEDIA_TYPE).header(ACCEPT, MEDIA_TYPE).body(Full::new(Bytes::from(query))).ok()
}

async fn read(response: Response<Incoming>) -> Outcome {
    let is_dns = response.headers().get(CONTENT_TYPE).is_some_and(|found| found.as_bytes() == MEDIA_TYPE.as_bytes());
    if response.status() != StatusCode::OK || !is_dns {
        return Outcome::Refused;
    }
    match Limited::new(response.into_body(), REPLY_OCTETS).collect().await {
        Ok(body) => Outcome::Reply(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Outcome::Refused,
        Err(_) => Outcome::Broken,
    }
}

/// Runs what HTTP/2 needs beside the connection, on this thread.
#[derive(Clone)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}
