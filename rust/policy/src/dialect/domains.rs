//! The domains dialect: a name a line, as most publishers write it.
//!
//! ```text
//! example.com             the feed says whether the names below it are meant
//! .example.com            the name and all below it (squid)
//! *.example.com           the same (see the wildcard dialect)
//! https://example.com/    a URL of a whole host is its name; one with a path is left
//! # comment, ! comment, ; comment, // comment
//! ```

use super::hosts::is_address;
use super::reason::SkipReason;
use super::taken::Taken;
use super::text::{before, unmark, whole_host};
use crate::rule::RuleKind;

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    if line.starts_with(['!', ';']) || line.starts_with("//") {
        return;
    }
    let text = before(line, '#');
    if !text.is_empty() {
        value(text, unmarked, taken);
    }
}

/// A name or the URL of a whole host, alone: a line here, a field of a table elsewhere.
pub(super) fn value(text: &str, unmarked: RuleKind, taken: &mut Taken) {
    let (marked, rest) = unmark(text);
    let kind = marked.unwrap_or(unmarked);
    if !rest.bytes().any(|octet| matches!(octet, b'/' | b':' | b'*')) {
        return taken.take(rest, kind);
    }
    if rest.contains('*') {
        return taken.skip(SkipReason::Pattern);
    }
    match if is_address(rest) { Ok(rest) } else { whole_host(rest) } {
        Ok(name) => taken.take(name, kind),
        Err(reason) => taken.skip(reason),
    }
}
