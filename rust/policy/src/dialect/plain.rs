//! The plain dialect: a name or an address a line. It is what our own lists are written in.
//!
//! ```text
//! example.com      the name and all below it (or the name alone, where the feed says so)
//! =example.com     the name alone
//! !example.com     an exception: this feed lists neither the name nor anything below it
//! !!example.com    of ours only: the name and all below it are left out of a feed, whatever it says (`$important` too)
//! 192.0.2.0/24     a network, or an address alone: answers that point there
//! !192.0.2.1       this feed does not list the address, whatever it says of a wider network
//! # a comment      to the end of the line
//! ```

use super::taken::Taken;
use super::text::before;
use crate::address_rule::AddressRule;
use crate::rule::RuleKind;
use crate::segments::Prefix;

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    let text = before(line, '#');
    if text.is_empty() {
        return;
    }
    let bare = text.trim_start_matches(['=', '!']);
    if let Some(prefix) = Prefix::parse(bare) {
        taken.addresses.push(AddressRule { prefix, lists: !text.starts_with('!') });
        return;
    }
    if let Some(rest) = text.strip_prefix("!!") {
        return taken.take(rest, RuleKind::LeftOut);
    }
    match text.split_at_checked(1) {
        Some(("=", rest)) => taken.take(rest, RuleKind::Exact),
        Some(("!", rest)) => taken.take(rest, RuleKind::Exception),
        _ => taken.take(text, unmarked),
    }
}
