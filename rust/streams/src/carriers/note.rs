//! What a connection tells its pool.

use crate::carriers::question::Question;

/// What a connection tells its pool.
pub enum Note {
    /// It stands.
    Ready,
    /// It could not be opened.
    Unreachable,
    /// The forwarder's certificate is not believed.
    Distrusted,
    /// This question is to be asked over another one.
    Again(Question),
}
