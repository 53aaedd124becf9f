//! The plain dialect: a name a line. It is what our own lists are written in.
//!
//! ```text
//! example.com      the name and all below it (or the name alone, where the feed says so)
//! =example.com     the name alone
//! !example.com     an exception: this feed lists neither the name nor anything below it
//! # a comment      to the end of the line
//! ```

use super::{Rule, RuleKind, SkipReason};
use crate::listed_name::listed_name;

/// The rule of one line, `None` where it holds none. `unmarked` is what a name without a mark means in this feed.
pub fn parse_line(line: &[u8], unmarked: RuleKind) -> Result<Option<Rule>, SkipReason> {
    let line = std::str::from_utf8(line).map_err(|_| SkipReason::NotText)?;
    let text = line.split('#').next().unwrap_or_default().trim_matches(['\u{feff}', ' ', '\t', '\r']);
    if text.is_empty() {
        return Ok(None);
    }
    let (kind, text) = match text.split_at_checked(1) {
        Some(("=", rest)) => (RuleKind::Exact, rest),
        Some(("!", rest)) => (RuleKind::Exception, rest),
        _ => (unmarked, text),
    };
    let name = listed_name(text).map_err(SkipReason::Name)?;
    Ok(Some(Rule { name, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listed_name::NameRejected;

    fn rule(line: &str) -> Result<Option<(String, RuleKind)>, SkipReason> {
        parse_line(line.as_bytes(), RuleKind::Suffix).map(|rule| rule.map(|rule| (rule.name.to_string(), rule.kind)))
    }

    #[test]
    fn a_line_says_what_it_says() {
        let named = |kind| Ok(Some(("example.com".to_owned(), kind)));
        assert_eq!(rule("example.com"), named(RuleKind::Suffix));
        assert_eq!(rule("  Example.COM.\r"), named(RuleKind::Suffix));
        assert_eq!(rule("=example.com # alone"), named(RuleKind::Exact));
        assert_eq!(rule("!example.com"), named(RuleKind::Exception));
        assert_eq!(rule("# example.com"), Ok(None));
        assert_eq!(rule(""), Ok(None));
    }

    #[test]
    fn a_line_that_says_nothing_says_why() {
        assert_eq!(rule("com"), Err(SkipReason::Name(NameRejected::SingleLabel)));
        assert_eq!(rule("0.0.0.0 example.com"), Err(SkipReason::Name(NameRejected::Malformed)));
        assert_eq!(parse_line(b"\xff\xfe.example", RuleKind::Suffix), Err(SkipReason::NotText));
    }
}
