//! The part of the adblock dialect that speaks of whole hosts (AdGuard's and uBlock Origin's filter syntax).
//!
//! ```text
//! ||example.com^                       the name and all below it
//! ||*.example.com^                     all below the name
//! |https://example.com^                the name alone
//! example.com                          as the feed says
//! @@||example.com^                     an exception
//! ||example.com^$important             no exception of this feed lifts it
//! ||example.com^$third-party           the name: also $3p, $popup, $network, $document, $all; not in an exception
//! ||example.com^$denyallow=a.example.com   the name and all below it, up to a.example.com
//! ||example.com^$dnstype=A|AAAA        denied, where both address types are; other type rules are left
//! /(^|\.)example\.com$/                an expression that is only a name
//! /^ad[0-9]+\./                         an expression; one with a modifier, or in an exception, is left
//! 0.0.0.0 example.com                  as in a hosts file
//! example.com##.banner  ||example.com/path  ||example.com^$script   parts of pages: counted and left
//! ```
//! An `@@` rule with `$important` is an ordinary exception here: it does not lift an `$important` rule.

use super::adblock_options::{self, Options};
use super::hosts;
use super::reason::SkipReason;
use super::taken::Taken;
use super::text::BLANK;
use crate::rule::RuleKind;

/// An expression longer than this is not even looked at.
const MAX_REGEX_OCTETS: usize = 1000;
const PAGE_MARKS: [&str; 7] = ["##", "#@#", "#?#", "#$#", "#%#", "#@?#", "$$"];

pub(super) fn read(line: &str, unmarked: RuleKind, taken: &mut Taken) {
    if is_comment(line) {
        return;
    }
    let line = before_comment(line);
    // What most lines look like is recognised first: the marks of page parts all have '#' or "$$" in them.
    if line.bytes().any(|octet| matches!(octet, b'#' | b'$')) && PAGE_MARKS.iter().any(|mark| line.contains(mark)) {
        return taken.skip(SkipReason::PagePart);
    }
    if line.starts_with('#') {
        return;
    }
    let (excepts, rule) = line.strip_prefix("@@").map_or((false, line), |rule| (true, rule));
    let (pattern, options) = parts(rule);
    let options = match adblock_options::read(options, excepts) {
        Ok(options) => options,
        Err(reason) => return taken.skip(reason),
    };
    if pattern.contains([' ', '\t']) {
        return hosts::read(pattern, unmarked, taken);
    }
    match target(pattern, unmarked) {
        Ok((kind, name)) => take(&name, kind, excepts, &options, taken),
        Err(SkipReason::Regex) if !excepts && options.is_plain() => taken.patterns.push(inside(pattern).to_owned()),
        Err(reason) => taken.skip(reason),
    }
}

/// The line up to a comment behind a rule. Selectors of page parts have `#` behind blanks of their own.
pub(super) fn before_comment(line: &str) -> &str {
    if !line.contains([' ', '\t']) {
        return line;
    }
    let marks = [" #", "\t#", " !", "\t!"];
    let Some(comment) = marks.iter().filter_map(|mark| line.find(mark)).min() else { return line };
    let text = line.get(..comment).unwrap_or(line);
    if PAGE_MARKS.iter().any(|mark| text.contains(mark)) { line } else { text.trim_end_matches(BLANK) }
}

/// An expression without the slashes round it.
fn inside(pattern: &str) -> &str {
    pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or(pattern)
}

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with('!') || line.starts_with('[') && line.ends_with(']') || line.starts_with("# ")
}

/// A rule's pattern and its options; a `$` inside an expression is none of the rule's.
fn parts(rule: &str) -> (&str, &str) {
    if let Some(inside) = rule.strip_prefix('/') {
        return match inside.rfind('/') {
            Some(end) if matches!(inside.as_bytes().get(end + 1), None | Some(b'$')) => {
                let (pattern, rest) = rule.split_at_checked(end + 2).unwrap_or((rule, ""));
                (pattern, rest.strip_prefix('$').unwrap_or(rest))
            }
            _ => (rule, ""),
        };
    }
    rule.split_once('$').unwrap_or((rule, ""))
}

fn take(name: &str, kind: RuleKind, excepts: bool, options: &Options<'_>, taken: &mut Taken) {
    let kind = match (excepts, kind) {
        (true, RuleKind::Exact) => RuleKind::SparedExact,
        (true, RuleKind::Below) => RuleKind::SparedBelow,
        (true, _) => RuleKind::Exception,
        (false, RuleKind::Suffix) if options.important => RuleKind::Important,
        (false, kind) => kind,
    };
    taken.take(name, kind);
    if !excepts {
        options.spared().for_each(|name| taken.take(name, RuleKind::Spared));
    }
}

/// What a pattern stands for: a name, and how far it reaches.
fn target(pattern: &str, unmarked: RuleKind) -> Result<(RuleKind, std::borrow::Cow<'_, str>), SkipReason> {
    if pattern.len() > 1 && pattern.starts_with('/') && pattern.ends_with('/') {
        return expression(pattern);
    }
    let (kind, rest) = if let Some(rest) = pattern.strip_prefix("||") {
        (RuleKind::Suffix, ended(rest))
    } else if let Some((start, rest)) = pattern.split_once("://") {
        if !matches!(start.trim_start_matches('|'), "" | "http" | "https" | "*") {
            return Err(SkipReason::Pattern);
        }
        (RuleKind::Exact, ended(rest))
    } else if let Some(rest) = pattern.strip_prefix('|') {
        (RuleKind::Exact, ended(rest))
    } else if pattern.starts_with(['-', '_']) {
        // A piece of an address of a page. A name that begins so has `||` before it.
        return Err(SkipReason::Pattern);
    } else {
        (unmarked, pattern)
    };
    let (kind, host) = rest.strip_prefix("*.").map_or((kind, rest), |host| (RuleKind::Below, host));
    whole(host).map(|host| (kind, host.into()))
}

/// Without the separator that ends a host.
fn ended(rest: &str) -> &str {
    let rest = rest.strip_suffix('|').unwrap_or(rest);
    let rest = rest.strip_suffix("^*").unwrap_or(rest);
    rest.strip_suffix(['^', '/']).unwrap_or(rest)
}

fn whole(host: &str) -> Result<&str, SkipReason> {
    if host.contains(['/', ':', '?', '=', '&']) {
        Err(SkipReason::Path)
    } else if host.contains(['*', '^', '|']) || host.starts_with('.') {
        Err(SkipReason::Pattern)
    } else {
        Ok(host)
    }
}

/// The name of an expression that is nothing but a name.
fn expression(pattern: &str) -> Result<(RuleKind, std::borrow::Cow<'_, str>), SkipReason> {
    if pattern.len() > MAX_REGEX_OCTETS {
        return Err(SkipReason::RegexTooLong);
    }
    if inside(pattern).contains('/') {
        return Err(SkipReason::Path);
    }
    let inside = inside(pattern).strip_suffix('$').ok_or(SkipReason::Regex)?;
    let suffix = ["(^|\\.)", "(\\.|^)", "^(.+\\.)?", "^(.*\\.)?"].iter().find_map(|mark| inside.strip_prefix(mark));
    let exact = || inside.strip_prefix('^').map(|rest| (RuleKind::Exact, rest));
    let (kind, rest) = suffix.map(|rest| (RuleKind::Suffix, rest)).or_else(exact).ok_or(SkipReason::Regex)?;
    literal(rest).map(|name| (kind, name.into())).ok_or(SkipReason::Regex)
}

fn literal(expression: &str) -> Option<String> {
    let mut name = String::with_capacity(expression.len());
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => name.push(characters.next().filter(|escaped| matches!(escaped, '.' | '-'))?),
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => name.push(character),
            _ => return None,
        }
    }
    Some(name)
}
