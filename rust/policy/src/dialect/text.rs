//! What the dialects share: blanks, comments, marks, hosts of URLs.

use super::reason::SkipReason;
use crate::rule::RuleKind;

/// What may stand around a line and means nothing.
pub(super) const BLANK: [char; 4] = ['\u{feff}', ' ', '\t', '\r'];

/// The line up to its comment.
pub(super) fn before(line: &str, comment: char) -> &str {
    match memchr::memchr(comment as u8, line.as_bytes()) {
        Some(at) => line.get(..at).unwrap_or_default().trim_end_matches(BLANK),
        None => line,
    }
}

/// The host of a URL that means the whole host. DNS cannot divide a host, so a URL with a path or a port is left.
pub(super) fn whole_host(text: &str) -> Result<&str, SkipReason> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let divided = |octet: u8| matches!(octet, b'/' | b'?' | b':' | b'@');
    if rest.bytes().any(divided) { Err(SkipReason::Path) } else { Ok(rest) }
}

/// Whether a list that answers with this address means "denied". Other addresses are redirections (a safe search engine, a
/// publisher's page) and are not ours to turn into a denial.
pub(super) fn is_null_address(text: &str) -> bool {
    use std::net::IpAddr;
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_unspecified() || address.is_loopback(),
        Ok(IpAddr::V6(address)) => address.is_unspecified() || address.is_loopback(),
        Err(_) => text == "0",
    }
}

/// What a mark in front says, and the rest.
pub(super) fn unmark(text: &str) -> (Option<RuleKind>, &str) {
    match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
        Some(rest) => (Some(RuleKind::Suffix), rest),
        None => (None, text),
    }
}
