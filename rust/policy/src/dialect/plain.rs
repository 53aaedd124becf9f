//! The plain dialect: a name a line. It is what our own lists are written in.
//!
//! ```text
//! example.com      the name and all below it (or the name alone, where the feed says so)
//! =example.com     the name alone
//! !example.com     an exception: this feed lists neither the name nor anything below it
//! # a comment      to the end of the line
//! ```

use super::{RuleKind, Taken, before};

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    let text = before(line, '#');
    if text.is_empty() {
        return;
    }
    match text.split_at_checked(1) {
        Some(("=", rest)) => taken.take(rest, RuleKind::Exact),
        Some(("!", rest)) => taken.take(rest, RuleKind::Exception),
        _ => taken.take(text, unmarked),
    }
}
