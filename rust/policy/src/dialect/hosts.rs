//! The hosts dialect: `/etc/hosts` as a block list (hosts(5)).
//!
//! ```text
//! 0.0.0.0 example.com www.example.com   # each name; a hosts file means them exactly, a filter mostly more: the feed decides
//! 127.0.0.1 localhost                   counted as a local name
//! 192.0.2.1 example.org                 a redirection, left
//! ```

use super::reason::SkipReason;
use super::taken::Taken;
use super::text::{before, is_null_address};
use crate::listed_name::NameRejected;
use crate::rule::RuleKind;
use std::net::IpAddr;

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    let mut words = before(line, '#').split_ascii_whitespace();
    let Some(first) = words.next() else { return };
    if !is_address(first) {
        return bare(first, words.next().is_some(), unmarked, taken);
    }
    let mut names = words.peekable();
    if names.peek().is_none() {
        taken.skip(SkipReason::Name(NameRejected::Address));
    }
    for name in names {
        if is_local(name) {
            taken.skip(SkipReason::LocalName);
        } else if !is_null_address(first) {
            taken.skip(SkipReason::Rewrite);
        } else {
            taken.take(name, unmarked);
        }
    }
}

/// Some publishers drop the address.
fn bare(first: &str, more: bool, unmarked: RuleKind, taken: &mut Taken) {
    if more { taken.malformed() } else { taken.take(first, unmarked) }
}

/// An address, with or without an interface name behind it.
pub(super) fn is_address(word: &str) -> bool {
    let bare = word.split('%').next().unwrap_or(word);
    bare == "0" || bare.parse::<IpAddr>().is_ok()
}

fn is_local(name: &str) -> bool {
    let local = ["localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"];
    local.iter().any(|one| name.eq_ignore_ascii_case(one))
        || name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("ip6-"))
}
