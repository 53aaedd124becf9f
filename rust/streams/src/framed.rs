//! One connection of DNS over TLS (RFC 7858): messages with their length before them (RFC 7766), many at a time, each
//! answered as soon as it is ready.

use crate::admission::Place;
use crate::asker::{Asker, Caller, Deliver, Reply};
use crate::door_counters::{DoorCounters, Event};
use crate::limits::{
    ANSWER_WITHIN, CROWDED_IDLE, FAREWELL, GATHERED_OCTETS, IDLE, MESSAGE, MESSAGES_A_TURN, PIPELINED, READ_OCTETS,
    UNREAD,
};
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// Octets of a length.
const LENGTH_OCTETS: usize = 2;
/// A message is at least a header.
const HEADER_OCTETS: usize = 12;

/// Serves one connection to its end.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    caller: Caller,
    asker: Rc<Asker>,
    counters: &DoorCounters,
    place: &Place,
    mut stop: watch::Receiver<bool>,
) {
    let (answers_in, answers) = mpsc::unbounded_channel();
    let mut connection = Connection {
        stream,
        caller,
        asker,
        counters,
        inbox: Inbox::default(),
        out: Vec::new(),
        answers_in,
        answers,
        in_work: 0,
        is_finishing: false,
        active_at: Instant::now(),
        begun_at: None,
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

struct Connection<'a, S> {
    stream: S,
    caller: Caller,
    asker: Rc<Asker>,
    counters: &'a DoorCounters,
    inbox: Inbox,
    /// Answers with their lengths, to be written.
    out: Vec<u8>,
    answers_in: mpsc::UnboundedSender<Option<Vec<u8>>>,
    // At most `PIPELINED` are in it.
    answers: mpsc::UnboundedReceiver<Option<Vec<u8>>>,
    in_work: usize,
    /// The client asks no more, or may not; what it waits for still goes out.
    is_finishing: bool,
    active_at: Instant,
    begun_at: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Serves it; an error is its end before its time, with what is counted of it.
    async fn run(&mut self, place: &Place, stop: &mut watch::Receiver<bool>) -> Result<(), Option<Event>> {
        let mut buffer = [0; READ_OCTETS];
        loop {
            while self.take_messages()? == Turn::Over {
                self.write().await?;
                tokio::task::yield_now().await;
            }
            self.write().await?;
            if self.is_finishing && self.in_work == 0 {
                return Ok(());
            }
            let is_idle = self.in_work == 0 && self.begun_at.is_none();
            place.set_idle(is_idle.then(|| self.active_at.into_std()));
            let (deadline, reason) = self.deadline(place.is_crowded());
            let is_reading = !self.is_finishing && self.in_work < PIPELINED;
            tokio::select! {
                Some(answer) = self.answers.recv() => self.take_answer(answer),
                read = self.stream.read(&mut buffer), if is_reading => match read {
                    Ok(0) => self.is_finishing = true,
                    Ok(octets) => self.inbox.put(buffer.get(..octets).unwrap_or_default()),
                    Err(_) => return Err(None),
                },
                () = place.must_leave() => return Err(Some(Event::ClosedForNew)),
                _ = stop.wait_for(|is_stopping| *is_stopping), if !self.is_finishing => self.is_finishing = true,
                () = sleep_until(deadline) => return Err(Some(reason)),
            }
        }
    }

    /// Asks the plane what may be asked now; the rest waits, and the client with it.
    fn take_messages(&mut self) -> Result<Turn, Option<Event>> {
        for _ in 0..MESSAGES_A_TURN {
            if self.is_finishing || self.in_work >= PIPELINED {
                return Ok(Turn::Done);
            }
            if self.out.len() > GATHERED_OCTETS {
                return Ok(Turn::Over);
            }
            match self.inbox.take() {
                Ok(Some(message)) => self.ask(&message),
                Ok(None) => {
                    self.begun_at = self.inbox.has_begun().then(|| self.begun_at.unwrap_or_else(Instant::now));
                    return Ok(Turn::Done);
                }
                Err(TooShort) => return Err(Some(Event::ClosedBadFrame)),
            }
        }
        Ok(Turn::Over)
    }

    fn ask(&mut self, message: &[u8]) {
        self.counters.count(Event::Messages);
        self.active_at = Instant::now();
        self.begun_at = None;
        let answers_in = &self.answers_in;
        let deliver = || -> Deliver {
            let answers_in = answers_in.clone();
            // A connection that is gone waits for nothing.
            Box::new(move |answer| drop(answers_in.send(answer)))
        };
        match self.asker.ask(message, &self.caller, deliver) {
            Reply::Now(answer) => self.put(&answer),
            Reply::Later => self.in_work += 1,
            Reply::Nothing => {
                self.counters.count(Event::ClosedByVerdict);
                self.is_finishing = true;
            }
        }
    }

    fn take_answer(&mut self, answer: Option<Vec<u8>>) {
        self.in_work -= 1;
        self.active_at = Instant::now();
        if let Some(answer) = answer {
            self.put(&answer);
        }
    }

    fn put(&mut self, answer: &[u8]) {
        let Ok(length) = u16::try_from(answer.len()) else { return };
        self.counters.count(Event::Answers);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(answer);
    }

    async fn write(&mut self) -> Result<(), Option<Event>> {
        if self.out.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        };
        let written = timeout(UNREAD, write).await;
        self.out.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some(Event::ClosedSlowReader)),
        }
    }

    /// Until when something has to happen, and what it means if nothing does.
    fn deadline(&self, is_crowded: bool) -> (Instant, Event) {
        if let Some(begun_at) = self.begun_at.filter(|_| self.in_work < PIPELINED) {
            return (begun_at + MESSAGE, Event::ClosedSlowSender);
        }
        let idle = if is_crowded { CROWDED_IDLE } else { IDLE };
        let patience = if self.in_work > 0 { idle + ANSWER_WITHIN } else { idle };
        (self.active_at + patience, Event::ClosedIdle)
    }
}

#[derive(PartialEq, Eq)]
enum Turn {
    /// There is nothing to take, or it may not be taken yet.
    Done,
    /// There may be more, after the others.
    Over,
}

#[derive(Debug, PartialEq, Eq)]
struct TooShort;

/// Octets that have come, as messages.
#[derive(Debug, Default)]
struct Inbox {
    octets: Vec<u8>,
    /// Where the next message begins.
    at: usize,
}

impl Inbox {
    fn put(&mut self, octets: &[u8]) {
        self.octets.drain(..std::mem::take(&mut self.at));
        self.octets.extend_from_slice(octets);
    }

    /// The next whole message.
    fn take(&mut self) -> Result<Option<Vec<u8>>, TooShort> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_OCTETS>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < HEADER_OCTETS {
            return Err(TooShort);
        }
        let message = rest.get(..length).map(<[u8]>::to_vec);
        if message.is_some() {
            self.at += LENGTH_OCTETS + length;
        }
        Ok(message)
    }

    /// Whether a part of a message has come.
    fn has_begun(&self) -> bool {
        self.at < self.octets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(octet: u8, length: usize) -> Vec<u8> {
        let mut framed = (length as u16).to_be_bytes().to_vec();
        framed.resize(LENGTH_OCTETS + length, octet);
        framed
    }

    #[test]
    fn messages_come_out_whole_however_they_came_in() {
        let sent = [message(1, 12), message(2, 65_535), message(3, 700)].concat();
        for step in [1, 2, 13, 4096, sent.len()] {
            let (mut inbox, mut taken) = (Inbox::default(), Vec::new());
            for octets in sent.chunks(step) {
                inbox.put(octets);
                while let Some(message) = inbox.take().unwrap() {
                    taken.push((message[0], message.len()));
                }
            }
            assert_eq!(taken, [(1, 12), (2, 65_535), (3, 700)]);
            assert!(!inbox.has_begun());
        }
    }

    #[test]
    fn a_length_shorter_than_a_header_is_no_message() {
        let mut inbox = Inbox::default();
        inbox.put(&[0, 11]);
        assert_eq!(inbox.take(), Err(TooShort));
    }

    #[test]
    fn half_a_message_has_begun() {
        let mut inbox = Inbox::default();
        assert!(!inbox.has_begun());
        inbox.put(&[0]);
        assert_eq!(inbox.take(), Ok(None));
        assert!(inbox.has_begun());
    }
}
