//! One connection to a forwarder, as its pool sees it.

use crate::carriers::question::Question;
use std::cell::{Cell, RefCell};
use tokio::sync::mpsc;
use tokio::time::Instant;

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

    /// It ends.
    pub fn set_ended(&self) {
        self.state.set(State::Ended);
    }
}
