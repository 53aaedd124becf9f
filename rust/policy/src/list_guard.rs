//! Guards between a feed's rules and the snapshot: what no feed may deny, whatever it lists.
//!
//! - A public suffix (`co.uk`; `github.io`): a rule there closes thousands of strangers' sites. The suffixes of registries
//!   are refused to every list, those of private hosts to feeds only: a school may well close one by its own list, and a
//!   list of a category that is about such hosts (`dynamic-dns`) names nothing else.
//! - Protected names (our own domain, sign-in, updates, help lines, exam boards): a rule for such a name or below it is
//!   dropped; a rule for a name *above* it stands, and stops at the protected name ([`RuleKind::Spared`]), so one wrong
//!   `||example.org^` cannot take the protected `exams.example.org` with it.
//!
//! Lists that people of the school have reviewed pass the second guard: they may close what they like, and what must stay
//! open for everybody has a layer of its own above them.

use crate::dialect::SkipReason;
use crate::public_suffix::public_suffix;
use crate::rule::Rule;
#[cfg(doc)]
use crate::rule::RuleKind;
use schoolgate_wire::Name;
use std::collections::{HashMap, HashSet};

/// Names that no feed may deny.
#[derive(Clone, Debug, Default)]
pub struct ProtectedNames {
    names: Vec<Name>,
    octets: HashSet<Box<[u8]>>,
    /// Which of them stand below a name.
    below: HashMap<Box<[u8]>, Vec<u32>>,
}

impl ProtectedNames {
    /// These names and all below them.
    pub fn new(names: impl IntoIterator<Item = Name>) -> Self {
        let mut protected = Self::default();
        for name in names {
            if protected.octets.insert(name.as_wire().into()) {
                let number = protected.names.len() as u32;
                for label in 1..name.label_count() {
                    protected.below.entry(name.suffix(label).into()).or_default().push(number);
                }
                protected.names.push(name);
            }
        }
        protected
    }

    /// All of them.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter()
    }

    /// The name with this number.
    pub fn name(&self, number: u32) -> Option<&Name> {
        self.names.get(number as usize)
    }

    /// Whether a name is one of them, or below one.
    pub(crate) fn covers(&self, name: &Name) -> bool {
        !self.octets.is_empty() && (0..name.label_count()).any(|label| self.octets.contains(name.suffix(label)))
    }

    fn below(&self, name: &Name) -> &[u32] {
        if self.below.is_empty() { &[] } else { self.below.get(name.as_wire()).map_or(&[], Vec::as_slice) }
    }
}

/// What the guards say of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged<'a> {
    /// It stands; for these protected names below it, a [`RuleKind::Spared`] stands beside it.
    Stands(&'a [u32]),
    /// It is dropped.
    Refused(SkipReason),
}

/// What a list may do that a feed as such may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// People of the school answer for every line: protected names do not guard against it.
    pub reviewed: bool,
    /// It may name public suffixes of private hosts (`duckdns.org`); those of registries (`co.uk`) no list may.
    pub private_suffixes: bool,
}

/// Judges one rule of a list.
pub fn judge<'a>(rule: &Rule, protected: &'a ProtectedNames, trust: Trust) -> Judged<'a> {
    if !rule.kind.lists() {
        return Judged::Stands(&[]);
    }
    if rule.kind.reaches_below() && is_public_suffix(&rule.name, trust.reviewed || trust.private_suffixes) {
        return Judged::Refused(SkipReason::PublicSuffix);
    }
    if trust.reviewed {
        return Judged::Stands(&[]);
    }
    if protected.covers(&rule.name) {
        return Judged::Refused(SkipReason::Protected);
    }
    Judged::Stands(if rule.kind.reaches_below() { protected.below(&rule.name) } else { &[] })
}

/// Longest public suffix, in labels.
const MAX_SUFFIX_LABELS: usize = 5;

/// Whether a name ends in a suffix that a registry has, or one of a host known as public: `.com` and not `.js`.
pub(crate) fn is_under_a_registry(name: &Name) -> bool {
    public_suffix(&mut (0..name.label_count()).rev().map(|label| name.label(label))).typ.is_some()
}

fn is_public_suffix(name: &Name, registries_only: bool) -> bool {
    let labels = name.label_count();
    if labels > MAX_SUFFIX_LABELS {
        return false;
    }
    let suffix = public_suffix(&mut (0..labels).rev().map(|label| name.label(label)));
    let octets = name.as_wire().len().saturating_sub(2);
    suffix.len == octets && (!registries_only || suffix.typ == Some(psl::Type::Icann))
}
