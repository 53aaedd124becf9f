//! What is decided about a name for one policy, and what decided it.

use crate::layer::{Effect, Layer};

/// Who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A sealed list, which is all that may be said.
    Sealed,
    /// A source (feed and category) of the snapshot, by index.
    Source(u32),
    /// One of the school's own statements, by index.
    Statement(u32),
    /// The policy's rule for unknown names, or no rule at all.
    Policy,
    /// An answer of a public name that leads into a local network (DNS rebinding).
    PrivateAddress,
}

/// What is to be done with a name for one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Open or closed.
    pub effect: Effect,
    /// The layer that decided.
    pub layer: Layer,
    /// Who said so.
    pub origin: Origin,
    /// A rewrite that applies after the allow, by index.
    pub rewrite: Option<u16>,
    /// The local zone the name is in, by index.
    pub zone: Option<u16>,
}
