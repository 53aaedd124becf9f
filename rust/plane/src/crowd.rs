//! Clients that waited for one question and are answered in turns, because they are many.

use crate::pending::Waiter;
use crate::query_context::AnswerSource;
use crate::stored::Stored;
use std::sync::Arc;

/// Clients whose wait for one question has ended, and what they are answered.
pub struct Crowd {
    /// Those not answered yet, the first to come first.
    pub(crate) waiters: std::vec::IntoIter<Waiter>,
    /// What their answers may be made from.
    pub(crate) answer_source: AnswerSource,
    /// The answer that came; it may be one that is not kept.
    pub(crate) stored: Option<Arc<Stored>>,
}
