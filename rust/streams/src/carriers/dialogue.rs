//! Messages with their length before them, over TCP or TLS: many questions on their way, answered in any order.

use crate::carriers::counters::LineEvent;
use crate::carriers::limits::{FAREWELL, PIPELINED, READ_OCTETS, SWEEP_EVERY};
use crate::carriers::line::Line;
use crate::carriers::note::Note;
use crate::carriers::question::Question;
use crate::carriers::settings::Transport;
use crate::carriers::target::{Stream, Target};
use crate::carriers::waiting::{Ended, Waiting};
use crate::frames::Frames;
use schoolgate_wire::pad_query;
use std::io;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Asks and takes answers until the connection ends.
pub async fn run(
    stream: Stream,
    target: &Target,
    line: &Rc<Line>,
    questions: &mut mpsc::UnboundedReceiver<Question>,
    pool: &mpsc::UnboundedSender<Note>,
) -> Ended {
    let is_padded = target.settings.transport == Transport::Tls;
    let mut waiting = Waiting::new(target, line);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut read, mut frames) = (vec![0; READ_OCTETS], Frames::default());
    let (mut to_write, mut written, mut is_flushed) = (Vec::new(), 0, true);
    let mut sweep_at = Instant::now() + SWEEP_EVERY;
    let why = loop {
        let write = async {
            match to_write.get(written..) {
                Some(rest) if !rest.is_empty() => writer.write(rest).await.map(Some),
                _ => writer.flush().await.map(|()| None),
            }
        };
        tokio::select! {
            question = questions.recv(), if waiting.len() < PIPELINED => {
                // The forwarder is asked no more.
                let Some(question) = question else { break LineEvent::ClosedIdle };
                frame(question, &mut waiting, is_padded, &mut to_write);
                while waiting.len() < PIPELINED && let Ok(question) = questions.try_recv() {
                    frame(question, &mut waiting, is_padded, &mut to_write);
                }
                is_flushed = false;
            }
            result = write, if !is_flushed => match result {
                Ok(None) => {
                    to_write.clear();
                    (written, is_flushed) = (0, true);
                }
                Ok(Some(octets)) if octets > 0 => written += octets,
                _ => break LineEvent::ClosedByForwarder,
            },
            result = reader.read(&mut read) => {
                let Some(octets) = some_of(result) else { break LineEvent::ClosedByForwarder };
                frames.put(read.get(..octets).unwrap_or_default());
                if !hear(&mut frames, &mut waiting) {
                    break LineEvent::ClosedBroken;
                }
            }
            () = sleep_until(waiting.look_at().min(sweep_at)) => {
                sweep_at = Instant::now() + SWEEP_EVERY;
                if let Some(why) = waiting.look(pool) {
                    break why;
                }
            }
        }
    };
    if why == LineEvent::ClosedIdle {
        let _ = timeout(FAREWELL, writer.shutdown()).await;
    }
    waiting.end(why)
}

fn some_of(read: io::Result<usize>) -> Option<usize> {
    read.ok().filter(|octets| *octets > 0)
}

fn frame(question: Question, waiting: &mut Waiting<'_>, is_padded: bool, to_write: &mut Vec<u8>) {
    let mut query = question.query().to_vec();
    if is_padded {
        pad_query(&mut query, true);
    }
    let id = waiting.put(question);
    if let Some(place) = query.first_chunk_mut::<2>() {
        *place = id.to_be_bytes();
    }
    let length = u16::try_from(query.len()).unwrap_or(u16::MAX);
    to_write.extend_from_slice(&length.to_be_bytes());
    to_write.extend_from_slice(&query);
}

/// Takes whole messages; whether they are what a forwarder says. One that answers another question than was asked is not
/// asked again over this connection.
fn hear(frames: &mut Frames, waiting: &mut Waiting<'_>) -> bool {
    loop {
        match frames.take() {
            Ok(Some(message)) => {
                let id = message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
                if waiting.answer(id, message).is_err() {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
