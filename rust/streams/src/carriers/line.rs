//! One connection to a forwarder: opened, used for whatever its pool gives it, ended.

use crate::carriers::counters::LineEvent;
use crate::carriers::dialogue;
use crate::carriers::https;
use crate::carriers::limits::ATTEMPT;
use crate::carriers::pool::Note;
use crate::carriers::question::Question;
use crate::carriers::settings::Transport;
use crate::carriers::target::Target;
use crate::carriers::waiting::Ended;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// One connection, as its pool sees it.
pub struct Line {
    /// When it was begun to be opened.
    pub begun: Instant,
    questions: RefCell<Option<mpsc::UnboundedSender<Question>>>,
    waiting: Cell<usize>,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Ready,
    Silent,
    Ended,
}

impl Line {
    /// One that is being opened, and where its questions come from.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Question>) {
        let (questions, received) = mpsc::unbounded_channel();
        let line = Self {
            begun: Instant::now(),
            questions: RefCell::new(Some(questions)),
            waiting: Cell::new(0),
            state: Cell::new(State::Opening),
        };
        (line, received)
    }

    /// Gives it a question.
    pub fn take(&self, question: Question) {
        self.waiting.set(self.waiting.get() + 1);
        match &*self.questions.borrow() {
            Some(questions) => questions.send(question).unwrap_or_else(|unsent| unsent.0.fail()),
            None => question.fail(),
        }
    }

    /// It gets no more questions: it ends.
    pub fn close(&self) {
        self.questions.take();
    }

    /// Questions that wait there, those not sent yet among them.
    pub fn waiting(&self) -> usize {
        self.waiting.get()
    }

    /// A question waits there no more.
    pub fn release(&self) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
    }

    /// Whether it stands or is being opened.
    pub fn is_open(&self) -> bool {
        self.state.get() != State::Ended
    }

    /// Whether it stands.
    pub fn is_ready(&self) -> bool {
        matches!(self.state.get(), State::Ready | State::Silent)
    }

    /// Whether it may be dead.
    pub fn is_silent(&self) -> bool {
        self.state.get() == State::Silent
    }

    /// It has said something, or has not for too long.
    pub fn set_silent(&self, is_silent: bool) {
        self.state.set(if is_silent { State::Silent } else { State::Ready });
    }
}

/// Opens a connection and uses it to its end. Every question that it took ends: answered, failed, or given back.
pub async fn run(
    target: Rc<Target>,
    line: Rc<Line>,
    mut questions: mpsc::UnboundedReceiver<Question>,
    pool: mpsc::UnboundedSender<Note>,
) {
    let opened = timeout(ATTEMPT, target.open()).await.unwrap_or_else(|_| {
        target.counters.count(LineEvent::FailedConnect);
        Err("no connection within 1.5 s".to_owned())
    });
    let stream = match opened {
        Ok(stream) => stream,
        Err(problem) => {
            target.counters.set_problem(Some(problem));
            line.state.set(State::Ended);
            // Before the questions: the pool must not hear of the failure after what follows from it.
            let _ = pool.send(Note::Unreachable);
            take_rest(&mut questions).into_iter().for_each(Question::fail);
            return;
        }
    };
    target.counters.count(LineEvent::Opened);
    target.counters.set_problem(None);
    let standing = target.counters.stand();
    line.state.set(State::Ready);
    let _ = pool.send(Note::Ready);
    let ended = match target.settings.transport {
        Transport::Tcp | Transport::Tls => dialogue::run(stream, &target, &line, &mut questions, &pool).await,
        Transport::Https => https::run(stream, &target, &line, &mut questions, &pool).await,
    };
    line.state.set(State::Ended);
    drop(standing);
    let Ended { why, unanswered } = ended;
    target.counters.count(why);
    let now = Instant::now();
    for (question, may_ask_again) in unanswered {
        match may_ask_again {
            true => drop(pool.send(Note::Again(question.again(now)))),
            false => question.fail(),
        }
    }
    for question in take_rest(&mut questions) {
        let _ = pool.send(Note::Again(question.again(now)));
    }
}

fn take_rest(questions: &mut mpsc::UnboundedReceiver<Question>) -> Vec<Question> {
    questions.close();
    std::iter::from_fn(|| questions.try_recv().ok()).collect()
}
