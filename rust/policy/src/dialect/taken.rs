//! What one line of a list gives.

use super::reason::SkipReason;
use crate::address_rule::AddressRule;
use crate::listed_name::{NameRejected, listed_name};
use crate::rule::{Rule, RuleKind};

/// What one line gave: rules, and reasons for what gave none.
#[derive(Debug, Default)]
pub struct Taken {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Regular expressions that names are listed by.
    pub patterns: Vec<String>,
    /// Rules about addresses in answers.
    pub addresses: Vec<AddressRule>,
    /// Why other parts of the line gave none.
    pub skipped: Vec<SkipReason>,
}

impl Taken {
    pub(super) fn clear(&mut self) {
        self.rules.clear();
        self.patterns.clear();
        self.addresses.clear();
        self.skipped.clear();
    }

    /// Whether the line gave neither a rule nor a reason: a comment.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.patterns.is_empty() && self.addresses.is_empty() && self.skipped.is_empty()
    }

    /// A name as a list writes it.
    pub(super) fn take(&mut self, text: &str, kind: RuleKind) {
        match listed_name(text) {
            Ok(name) => self.rules.push(Rule { name, kind }),
            Err(rejected) => self.skip(SkipReason::Name(rejected)),
        }
    }

    pub(super) fn skip(&mut self, reason: SkipReason) {
        self.skipped.push(reason);
    }

    pub(super) fn malformed(&mut self) {
        self.skip(SkipReason::Name(NameRejected::Malformed));
    }
}
