//! The wildcard dialect: `*.example.com`.
//!
//! Publishers of these lists write one line for a name and mean the name as well as all below it: a list of `*.x` alone
//! that left `x` open would be of no use. (In RPZ, where a wildcard has the DNS's own meaning, it does not cover `x`.)
//! `!example.com`, as in our own lists, is an exception; `! words` are a comment.

use super::domains;
use super::taken::Taken;
use crate::listed_name::listed_name;
use crate::rule::RuleKind;

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    match line.strip_prefix('!').filter(|name| listed_name(name).is_ok()) {
        Some(name) => taken.take(name, RuleKind::Exception),
        None => domains::read(line, unmarked, taken),
    }
}
