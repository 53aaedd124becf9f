//! A line in another shape than its list's dialect: 40 lines of a hosts file among 60 bare names, `||x^` among them.
//!
//! Publishers join lists of several shapes, and a school adds lines in the shape it knows. A line that its own dialect
//! cannot read is read by its own shape, where it has one; what no shape fits is counted with the reason that its own
//! dialect gave. Tables (CSV, JSON) and zone files are languages of their own and are not mixed.

use super::hosts::is_address;
use super::kind::Dialect;
use super::reason::SkipReason;
use super::taken::Taken;
use super::text::BLANK;
use super::{adblock, dnsmasq, domains, hosts, unbound};
use crate::list_guard::is_under_a_registry;
use crate::listed_name::{NameRejected, listed_name};
use crate::rule::RuleKind;

const OF_DNSMASQ: [&str; 3] = ["address=/", "server=/", "local=/"];
const OF_UNBOUND: [&str; 2] = ["local-zone:", "local-data:"];
/// Pi-hole writes conditions behind an expression: `;querytype=A`, `;reply=NXDOMAIN`, `;invert`.
const CONDITIONS: [&str; 3] = [";querytype=", ";reply=", ";invert"];

/// Reads the line again by its own shape, where its dialect could not read it.
pub(super) fn read(line: &str, dialect: &Dialect, unmarked: RuleKind, zones: &mut unbound::Zones, taken: &mut Taken) {
    if !is_misread(taken) {
        return;
    }
    if is_comment(line) {
        return taken.clear();
    }
    let of_dialect = std::mem::take(&mut taken.skipped);
    by_shape(line, dialect, unmarked, zones, taken);
    if taken.is_empty() || is_misread(taken) || taken.skipped.iter().any(|one| matches!(one, SkipReason::Name(_))) {
        taken.clear();
        taken.skipped = of_dialect;
    }
}

/// A comment of another dialect: `! Title` in a list of names, `; words`, `// words`.
fn is_comment(line: &str) -> bool {
    line == "!" || line.starts_with("! ") || line.starts_with("//") || line.starts_with("; ")
}

/// Whether the line is not in the shape of the dialect, as opposed to: is in it, and says what a list of names cannot.
fn is_misread(taken: &Taken) -> bool {
    let foreign = |reason: &SkipReason| {
        matches!(
            reason,
            SkipReason::Name(NameRejected::Malformed)
                | SkipReason::OtherDirective
                | SkipReason::Pattern
                | SkipReason::Path
        )
    };
    taken.rules.is_empty()
        && taken.patterns.is_empty()
        && taken.addresses.is_empty()
        && taken.skipped.iter().any(foreign)
}

fn by_shape(line: &str, dialect: &Dialect, unmarked: RuleKind, zones: &mut unbound::Zones, taken: &mut Taken) {
    if begins(line, &OF_DNSMASQ) {
        return dnsmasq::read(line, unmarked, taken);
    }
    if begins(line, &OF_UNBOUND) {
        return zones.read(line, taken);
    }
    let text = adblock::before_comment(line);
    if begins(text, &["||", "@@", "|http", "/"]) {
        return adblock::read(text, unmarked, taken);
    }
    if is_expression(text) {
        return expression(text, unmarked, taken);
    }
    if *dialect == Dialect::Adblock && is_part_of_a_url(text) {
        return;
    }
    let mut words = text.split_ascii_whitespace();
    if words.next().is_some_and(is_address) && words.next().is_some() {
        return hosts::read(text, unmarked, taken);
    }
    name(text, unmarked, taken);
}

/// In a filter `-banner.js` and `.adserver.` are pieces of addresses of pages; `.example.com` ends like a name.
fn is_part_of_a_url(text: &str) -> bool {
    let ends_like_a_name = |name: &str| listed_name(name).is_ok_and(|name| is_under_a_registry(&name));
    text.starts_with(['-', '_']) || text.strip_prefix('.').is_some_and(|name| !ends_like_a_name(name))
}

/// A name with its mark, and with what is left of the list it was taken from.
fn name(text: &str, unmarked: RuleKind, taken: &mut Taken) {
    let text = text.split([';', '#']).next().unwrap_or(text).trim_end_matches(BLANK);
    let text = text.strip_suffix(',').unwrap_or(text).trim_matches(['"', '\'']);
    match text.split_at_checked(1) {
        Some(("=", rest)) => taken.take(rest, RuleKind::Exact),
        Some(("!", rest)) => taken.take(rest, RuleKind::Exception),
        _ => domains::value(text, unmarked, taken),
    }
}

/// An expression as Pi-hole writes it, without slashes. A path or the query of a URL is none.
pub(super) fn is_expression(text: &str) -> bool {
    let text = CONDITIONS.iter().find_map(|mark| text.split_once(mark)).map_or(text, |(text, _)| text);
    let like_one = text.ends_with('$') || text.contains(['[', '+']) || text.contains(".*");
    (text.contains("\\.") || text.starts_with(['^', '(']) && like_one)
        && !text.contains(['/', '=', '&', ',', '"'])
        && !text.contains(BLANK)
}

fn expression(text: &str, unmarked: RuleKind, taken: &mut Taken) {
    if CONDITIONS.iter().any(|mark| text.contains(mark)) {
        return taken.skip(SkipReason::Modifier);
    }
    adblock::read(&format!("/{text}/"), unmarked, taken);
}

fn begins(line: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| line.starts_with(mark))
}
