//! The connections of one forwarder: which of them a question goes over, and when another is opened.
//!
//! A question whose connection dies is asked once more over a younger one, and that is no failure: forwarders close
//! connections when they like. One that has answered something since the question was sent has not used up that chance.

use crate::carriers::counters::LineEvent;
use crate::carriers::limits::{ATTEMPT, CONNECTIONS, CONNECTIONS_IN_ALL, PIPELINED, SPREAD_AT};
use crate::carriers::line::Line;
use crate::carriers::line_task;
use crate::carriers::note::Note;
use crate::carriers::opening_pause::OpeningPause;
use crate::carriers::question::Question;
use crate::carriers::target::Target;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::Instant;

/// The connections of one forwarder.
pub struct Pool {
    target: Rc<Target>,
    lines: Vec<Rc<Line>>,
    notes: mpsc::UnboundedSender<Note>,
    opening: OpeningPause,
}

/// Carries questions until no more can come, and those under way have ended.
pub async fn run(target: Rc<Target>, mut questions: mpsc::Receiver<Question>) {
    let (notes, mut noted) = mpsc::unbounded_channel();
    let mut pool = Pool { target, lines: Vec::new(), notes, opening: OpeningPause::default() };
    loop {
        tokio::select! {
            question = questions.recv() => match question {
                Some(question) => pool.place(question),
                None => return,
            },
            Some(note) = noted.recv() => pool.heed(note),
        }
    }
}

impl Pool {
    fn heed(&mut self, note: Note) {
        match note {
            Note::Ready => self.opening = OpeningPause::default(),
            Note::Unreachable => self.opening.unreachable(Instant::now()),
            Note::Distrusted => self.opening.distrusted(Instant::now()),
            Note::Again(question) if question.begun.elapsed() >= ATTEMPT => question.fail(),
            Note::Again(question) => {
                self.target.counters.count(LineEvent::AskedAgain);
                self.place(question);
            }
        }
    }

    fn place(&mut self, question: Question) {
        self.lines.retain(|line| line.is_open());
        let usable =
            |line: &&Rc<Line>| !line.is_silent() && question.again_since.is_none_or(|since| line.begun >= since);
        // One that stands comes before one that is being opened.
        let best = self.lines.iter().filter(usable).min_by_key(|line| (!line.is_ready(), line.waiting()));
        let best = best.cloned();
        let is_opening = self.lines.iter().any(|line| !line.is_ready());
        let used = self.lines.iter().filter(|line| !line.is_silent()).count();
        let may_open = used < CONNECTIONS && self.lines.len() < CONNECTIONS_IN_ALL;
        match best {
            Some(line) if line.waiting() < SPREAD_AT || is_opening || !may_open || self.must_wait() => {
                if line.waiting() < PIPELINED { line.take(question) } else { question.starve() }
            }
            Some(line) => {
                self.open();
                line.take(question);
            }
            None if self.must_wait() => question.fail(),
            // A question that is asked again needs a younger connection, whatever others there are.
            None if self.lines.len() < CONNECTIONS_IN_ALL => self.open().take(question),
            None => question.starve(),
        }
    }

    fn must_wait(&self) -> bool {
        self.opening.lasts(Instant::now())
    }

    fn open(&mut self) -> Rc<Line> {
        let (line, questions) = Line::new();
        let line = Rc::new(line);
        spawn_local(line_task::run(self.target.clone(), line.clone(), questions, self.notes.clone()));
        self.lines.push(line.clone());
        line
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.lines.iter().for_each(|line| line.close());
    }
}
