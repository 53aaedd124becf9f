//! The life of a connection to a forwarder: opened, used for whatever its pool gives it, ended.

use crate::carriers::counters::LineEvent;
use crate::carriers::dialogue;
use crate::carriers::https;
use crate::carriers::limits::ATTEMPT;
use crate::carriers::line::Line;
use crate::carriers::note::Note;
use crate::carriers::question::Question;
use crate::carriers::settings::Transport;
use crate::carriers::target::{OpenError, Target};
use crate::carriers::waiting::Ended;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Opens a connection and uses it to its end. Every question that it took ends: answered, failed, or given back.
pub async fn run(
    target: Rc<Target>,
    line: Rc<Line>,
    mut questions: mpsc::UnboundedReceiver<Question>,
    pool: mpsc::UnboundedSender<Note>,
) {
    let opened = timeout(ATTEMPT, target.open()).await.unwrap_or_else(|_| {
        target.counters.count(LineEvent::FailedConnect);
        Err(OpenError::unreachable("no connection within 1.5 s".to_owned()))
    });
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => {
            let note = error.note();
            target.counters.set_problem(Some(error.problem));
            line.set_ended();
            // Before the questions: the pool must not hear of the failure after what follows from it.
            let _ = pool.send(note);
            take_rest(&mut questions).into_iter().for_each(Question::fail);
            return;
        }
    };
    target.counters.count(LineEvent::Opened);
    target.counters.set_problem(None);
    let standing = target.counters.stand();
    line.set_silent(false);
    let _ = pool.send(Note::Ready);
    let ended = match target.settings.transport {
        Transport::Tcp | Transport::Tls => dialogue::run(stream, &target, &line, &mut questions, &pool).await,
        Transport::Https => https::run(stream, &target, &line, &mut questions, &pool).await,
    };
    line.set_ended();
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
