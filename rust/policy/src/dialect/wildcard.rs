//! The wildcard dialect: `*.example.com`.
//!
//! Publishers of these lists write one line for a name and mean the name as well as all below it: a list of `*.x` alone
//! that left `x` open would be of no use. (In RPZ, where a wildcard has the DNS's own meaning, it does not cover `x`.)

use super::{RuleKind, Taken, domains};

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    domains::read(line, unmarked, taken);
}

/// What a mark in front says, and the rest.
pub(super) fn unmark(text: &str) -> (Option<RuleKind>, &str) {
    match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
        Some(rest) => (Some(RuleKind::Suffix), rest),
        None => (None, text),
    }
}
