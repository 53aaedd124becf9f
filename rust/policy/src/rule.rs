//! A rule of a list: a name, and what the list says of it.

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
    /// All below the name, not the name itself.
    Below,
    /// The name and all below it, and no exception of this feed lifts it.
    Important,
    /// What this feed says of names above stops here; what it says of this name and names below it stands.
    Spared,
    /// This feed does not list the name itself; for names below it nothing changes.
    SparedExact,
    /// What this feed says of this name and names above does not reach the names below it.
    SparedBelow,
    /// We leave the name and all below it out of this feed, whatever the feed says and however it marks it.
    LeftOut,
}

impl RuleKind {
    /// How many kinds there are.
    pub(crate) const COUNT: u32 = 9;

    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Suffix => "suffix",
            RuleKind::Exact => "exact",
            RuleKind::Exception => "exception",
            RuleKind::Below => "below",
            RuleKind::Important => "important",
            RuleKind::Spared => "spared",
            RuleKind::SparedExact => "spared-exact",
            RuleKind::SparedBelow => "spared-below",
            RuleKind::LeftOut => "left-out",
        }
    }

    /// Whether it lists names, rather than taking them out of the feed.
    pub fn lists(self) -> bool {
        matches!(self, RuleKind::Suffix | RuleKind::Exact | RuleKind::Below | RuleKind::Important)
    }

    /// Whether it speaks of names below its own.
    pub fn reaches_below(self) -> bool {
        !matches!(self, RuleKind::Exact | RuleKind::SparedExact)
    }

    /// Whether it speaks of its own name.
    pub fn reaches_itself(self) -> bool {
        !matches!(self, RuleKind::Below | RuleKind::SparedBelow)
    }
}

/// One rule of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name it speaks of.
    pub name: Name,
    /// What it says.
    pub kind: RuleKind,
}
