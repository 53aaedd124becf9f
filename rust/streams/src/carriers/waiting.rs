//! Questions that wait at one connection, and since when nothing was heard there.

use crate::carriers::counters::LineEvent;
use crate::carriers::limits::{GIVE_UP, IDLE, SILENT};
use crate::carriers::line::Line;
use crate::carriers::note::Note;
use crate::carriers::question::{Mismatch, Question};
use crate::carriers::target::Target;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How a connection ended.
pub struct Ended {
    /// Why.
    pub why: LineEvent,
    /// Questions without an answer, and whether each may be asked once more.
    pub unanswered: Vec<(Question, bool)>,
}

struct Sent {
    question: Question,
    /// How many answers had come before.
    answers_before: u64,
}

impl Sent {
    /// A question may be asked over a dead connection once; one that went on answering has not used that up.
    fn may_ask_again(&self, answers: u64) -> bool {
        self.question.again_since.is_none() || answers > self.answers_before
    }
}

/// Questions that wait at one connection, by the ID they have there.
pub struct Waiting<'a> {
    target: &'a Target,
    line: &'a Rc<Line>,
    sent: HashMap<u16, Sent, RandomState>,
    next_id: u16,
    answers: u64,
    /// When the last answer came, or the first of the questions that wait was sent.
    heard_at: Instant,
}

impl<'a> Waiting<'a> {
    /// None yet.
    pub fn new(target: &'a Target, line: &'a Rc<Line>) -> Self {
        Self { target, line, sent: HashMap::default(), next_id: 0, answers: 0, heard_at: Instant::now() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Lets one wait, and returns its ID. They rise, so that each comes again only after all others.
    pub fn put(&mut self, question: Question) -> u16 {
        while self.sent.contains_key(&self.next_id) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        if self.sent.is_empty() {
            self.heard_at = Instant::now();
        }
        self.target.counters.count(LineEvent::Queries);
        self.sent.insert(id, Sent { question, answers_before: self.answers });
        id
    }

    /// Takes a reply to the question with this ID.
    ///
    /// # Errors
    /// [`Mismatch`]: it answers another question; that one still waits.
    pub fn answer(&mut self, id: u16, reply: &[u8]) -> Result<(), Mismatch> {
        let Some(sent) = self.sent.remove(&id) else {
            self.target.counters.count(LineEvent::Strays);
            return Ok(());
        };
        if let Err((question, mismatch)) = sent.question.answer(reply) {
            self.sent.insert(id, Sent { question, ..sent });
            return Err(mismatch);
        }
        self.target.counters.count(LineEvent::Answers);
        self.line.release();
        self.answers += 1;
        self.heard_at = Instant::now();
        self.line.set_silent(false);
        Ok(())
    }

    /// The connection will not answer this one.
    pub fn refuse(&mut self, id: u16, pool: &mpsc::UnboundedSender<Note>) {
        let Some(sent) = self.sent.remove(&id) else { return };
        self.line.release();
        match sent.may_ask_again(self.answers) {
            true => drop(pool.send(Note::Again(sent.question.again(Instant::now())))),
            false => sent.question.fail(),
        }
    }

    /// This one has failed, whatever the connection.
    pub fn fail(&mut self, id: u16) {
        if let Some(sent) = self.sent.remove(&id) {
            self.line.release();
            sent.question.fail();
        }
    }

    /// When to look again.
    pub fn look_at(&self) -> Instant {
        match (self.line.is_silent(), self.sent.is_empty()) {
            (true, _) => self.heard_at + GIVE_UP,
            (false, true) => self.heard_at + IDLE,
            (false, false) => self.heard_at + SILENT,
        }
    }

    /// Whether the connection is to be ended because nothing comes; what waits at one that may be dead is also asked elsewhere.
    pub fn look(&mut self, pool: &mpsc::UnboundedSender<Note>) -> Option<LineEvent> {
        let (now, line) = (Instant::now(), self.line);
        let given_up = self.sent.extract_if(|_, sent| now - sent.question.begun >= GIVE_UP);
        given_up.for_each(|_| line.release());
        if now < self.look_at() {
            return None;
        }
        if line.is_silent() {
            return Some(LineEvent::ClosedSilent);
        }
        if self.sent.is_empty() {
            return Some(LineEvent::ClosedIdle);
        }
        line.set_silent(true);
        for sent in self.sent.values_mut().filter(|sent| sent.question.again_since.is_none()) {
            sent.question.again_since = Some(now);
            let _ = pool.send(Note::Again(sent.question.clone()));
        }
        None
    }

    /// The end.
    pub fn end(self, why: LineEvent) -> Ended {
        let answers = self.answers;
        let unanswered = self.sent.into_values().map(|sent| {
            let may_ask_again = sent.may_ask_again(answers);
            (sent.question, may_ask_again)
        });
        Ended { why, unanswered: unanswered.collect() }
    }
}
