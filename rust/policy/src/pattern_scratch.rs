//! What a look-up of names by shape keeps between calls.

use regex_automata::PatternSet;

/// What one worker keeps between look-ups.
#[derive(Clone, Default)]
pub struct PatternScratch(pub(crate) Option<Box<Matching>>);

#[derive(Clone)]
pub(crate) struct Matching {
    pub id: u64,
    /// By automaton.
    pub found: Vec<PatternSet>,
}
