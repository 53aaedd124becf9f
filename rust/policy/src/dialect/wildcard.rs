//! The wildcard dialect: `*.example.com`.
//!
//! Publishers of these lists write one line for a name and mean the name as well as all below it: a list of `*.x` alone
//! that left `x` open would be of no use. (In RPZ, where a wildcard has the DNS's own meaning, it does not cover `x`.)

use super::domains;
use super::taken::Taken;
use crate::rule::RuleKind;

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    domains::read(line, unmarked, taken);
}
