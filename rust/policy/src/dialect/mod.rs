//! List dialects: how a line of a feed becomes a rule. One file a dialect.

mod plain;

pub use plain::parse_line;

use crate::listed_name::NameRejected;
use schoolgate_wire::Name;

/// What a rule says of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// The name and all below it.
    Suffix,
    /// The name alone.
    Exact,
    /// This feed does not list the name, nor anything below it, whatever its other lines say.
    Exception,
}

/// One rule of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name it speaks of.
    pub name: Name,
    /// What it says.
    pub kind: RuleKind,
}

/// Why a line gave no rule. Comments and blank lines are not counted as skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// The line's name cannot be listed.
    Name(NameRejected),
    /// Not UTF-8.
    NotText,
    /// Longer than any rule: 1 MiB.
    LineTooLong,
}

impl SkipReason {
    /// The word that counts and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::Name(rejected) => rejected.as_str(),
            SkipReason::NotText => "not-text",
            SkipReason::LineTooLong => "line-too-long",
        }
    }
}
