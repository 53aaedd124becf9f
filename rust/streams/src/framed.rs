//! One connection of DNS over TCP (RFC 7766) or over TLS (RFC 7858): messages with their length before them, many at a time,
//! each answered as soon as it is ready.

use crate::admission::Place;
use crate::allowance::Allowance;
use crate::asker::{Asker, Caller, Deliver, Reply};
use crate::door_counters::{DoorCounters, Event};
use crate::frames::{Frames, TooShort};
use crate::limits::{
    ANSWER_WITHIN, FAREWELL, GATHERED_OCTETS, MESSAGE, MESSAGES_A_TURN, NO_QUERIES, READ_OCTETS, UNREAD,
};
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// A header's octet with the RCODE in its lower half (RFC 1035 section 4.1.1).
const RCODE_AT: usize = 3;
const RCODE: u8 = 0x0f;
const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;

/// What a connection is served with.
pub struct Service {
    /// Who asks.
    pub caller: Caller,
    /// The thread's way to the plane.
    pub asker: Rc<Asker>,
    /// What happened at this door.
    pub counters: Arc<DoorCounters>,
    /// What a connection may take.
    pub allowance: Arc<Allowance>,
}

/// Serves one connection to its end.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    service: Service,
    place: &Place,
    mut stop: watch::Receiver<bool>,
) {
    let counters = service.counters.clone();
    let (answers_in, answers) = mpsc::unbounded_channel();
    let mut connection = Connection {
        stream,
        frames: Frames::default(),
        is_paused: false,
        answers,
        begun_at: None,
        work: Work {
            service,
            out: Vec::new(),
            answers_in,
            in_work: 0,
            no_queries: 0,
            is_finishing: false,
            active_at: Instant::now(),
        },
    };
    let end = connection.run(place, &mut stop).await.err().flatten();
    if let Some(event) = end {
        counters.count(event);
    }
    if end != Some(Event::ClosedSlowReader) {
        // The client is said that this is the end; one that does not listen is left.
        let _ = timeout(FAREWELL, connection.stream.shutdown()).await;
    }
}

struct Connection<S> {
    stream: S,
    frames: Frames,
    /// Whether it is read no further because as many messages wait as may.
    is_paused: bool,
    // At most as many are in it as may wait.
    answers: mpsc::UnboundedReceiver<Option<Vec<u8>>>,
    /// Since when a part of a message is there.
    begun_at: Option<Instant>,
    work: Work,
}

/// What a connection asks the plane, and what it has to say.
struct Work {
    service: Service,
    /// Answers with their lengths, to be written.
    out: Vec<u8>,
    answers_in: mpsc::UnboundedSender<Option<Vec<u8>>>,
    /// Messages that wait.
    in_work: usize,
    /// Messages that were no query.
    no_queries: u32,
    /// The client asks no more, or may not; what it waits for still goes out.
    is_finishing: bool,
    active_at: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Serves it; an error is its end before its time, with what is counted of it.
    async fn run(&mut self, place: &Place, stop: &mut watch::Receiver<bool>) -> Result<(), Option<Event>> {
        let mut buffer = [0; READ_OCTETS];
        loop {
            place.set_idle(None);
            while self.take_messages()? == Turn::Over {
                self.write().await?;
                tokio::task::yield_now().await;
            }
            self.write().await?;
            if self.work.is_finishing && self.work.in_work == 0 {
                return Ok(());
            }
            // One with half a message has nothing to lose but its time.
            place.set_idle((self.work.in_work == 0).then(|| self.work.active_at.into_std()));
            let (deadline, reason) = self.deadline();
            let is_reading = self.work.may_ask();
            tokio::select! {
                Some(answer) = self.answers.recv() => self.work.take_answer(answer),
                read = self.stream.read(&mut buffer), if is_reading => match read {
                    Ok(0) => self.work.is_finishing = true,
                    Ok(octets) => self.frames.put(buffer.get(..octets).unwrap_or_default()),
                    Err(_) => return Err(None),
                },
                event = place.must_leave() => return Err(Some(event)),
                _ = stop.wait_for(|is_stopping| *is_stopping), if !self.work.is_finishing => self.work.is_finishing = true,
                () = sleep_until(deadline) => return Err(Some(reason)),
            }
        }
    }

    /// Asks the plane what may be asked now; the rest waits, and the client with it.
    fn take_messages(&mut self) -> Result<Turn, Option<Event>> {
        for _ in 0..MESSAGES_A_TURN {
            if !self.work.may_ask() {
                self.pause();
                return Ok(Turn::Done);
            }
            if self.work.out.len() > GATHERED_OCTETS {
                return Ok(Turn::Over);
            }
            match self.frames.take() {
                Ok(Some(message)) => {
                    self.begun_at = None;
                    self.work.ask(message);
                }
                Ok(None) => {
                    self.is_paused = false;
                    self.begun_at = self.frames.has_begun().then(|| self.begun_at.unwrap_or_else(Instant::now));
                    return Ok(Turn::Done);
                }
                Err(TooShort) => return Err(Some(Event::ClosedBadFrame)),
            }
        }
        Ok(Turn::Over)
    }

    /// From here on the delay is ours.
    fn pause(&mut self) {
        self.begun_at = None;
        if !self.is_paused && !self.work.is_finishing {
            self.is_paused = true;
            self.work.service.counters.count(Event::PausedPipelined);
        }
    }

    async fn write(&mut self) -> Result<(), Option<Event>> {
        let out = &mut self.work.out;
        if out.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(out).await?;
            self.stream.flush().await
        };
        let written = timeout(UNREAD, write).await;
        out.clear();
        out.shrink_to(READ_OCTETS);
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some(Event::ClosedSlowReader)),
        }
    }

    /// Until when something has to happen, and what it means if nothing does.
    fn deadline(&self) -> (Instant, Event) {
        if let Some(begun_at) = self.begun_at {
            return (begun_at + MESSAGE, Event::ClosedSlowSender);
        }
        let idle = self.work.service.allowance.idle();
        let patience = if self.work.in_work > 0 { idle + ANSWER_WITHIN } else { idle };
        (self.work.active_at + patience, Event::ClosedIdle)
    }
}

impl Work {
    fn may_ask(&self) -> bool {
        !self.is_finishing && self.in_work < self.service.allowance.pipelined()
    }

    fn ask(&mut self, message: &[u8]) {
        let counters = &self.service.counters;
        counters.count(Event::Messages);
        self.active_at = Instant::now();
        let answers_in = &self.answers_in;
        let deliver = || -> Deliver {
            let (answers_in, counters) = (answers_in.clone(), counters.clone());
            Box::new(move |answer| {
                // A connection that is gone waits for nothing.
                if answers_in.send(answer).is_err() {
                    counters.count(Event::AnswersWithoutClient);
                }
            })
        };
        match self.service.asker.ask(message, &self.service.caller, deliver) {
            Reply::Now(answer) => {
                self.put(&answer);
                self.count_no_query(&answer);
            }
            Reply::Later => {
                counters.begin_wait();
                self.in_work += 1;
            }
            Reply::Nothing => self.finish(Event::ClosedByVerdict),
        }
    }

    /// A client that sends what is no query again and again is no resolver.
    fn count_no_query(&mut self, answer: &[u8]) {
        if answer.get(RCODE_AT).is_some_and(|octet| matches!(octet & RCODE, FORMERR | NOTIMP)) {
            self.no_queries += 1;
            if self.no_queries >= NO_QUERIES {
                self.finish(Event::ClosedBadFrame);
            }
        }
    }

    fn finish(&mut self, reason: Event) {
        self.service.counters.count(reason);
        self.is_finishing = true;
    }

    fn take_answer(&mut self, answer: Option<Vec<u8>>) {
        self.service.counters.end_waits(1);
        self.in_work -= 1;
        self.active_at = Instant::now();
        if let Some(answer) = answer {
            self.put(&answer);
        }
    }

    fn put(&mut self, answer: &[u8]) {
        let Ok(length) = u16::try_from(answer.len()) else { return };
        self.service.counters.count(Event::Answers);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(answer);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.service.counters.end_waits(self.in_work);
    }
}

#[derive(PartialEq, Eq)]
enum Turn {
    /// There is nothing to take, or it may not be taken yet.
    Done,
    /// There may be more, after the others.
    Over,
}
