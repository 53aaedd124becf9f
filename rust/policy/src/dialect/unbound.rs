//! The unbound dialect (unbound.conf(5)).
//!
//! ```text
//! local-zone: "example.com" always_nxdomain     the name and all below it; also refuse, static, always_null, deny ...
//! local-zone: "example.com" always_transparent  an exception
//! local-data: "example.com A 0.0.0.0"           the name alone
//! local-zone: "example.com" redirect            with local-data of a null address: the name and all below it;
//! local-data: "example.com A 192.0.2.1"         with any other address: a redirection, left
//! ```

use super::reason::SkipReason;
use super::taken::Taken;
use super::text::is_null_address;
use crate::rule::RuleKind;

/// The redirect zone whose data comes next: only its data says whether it denies.
#[derive(Default)]
pub(super) struct Zones {
    redirect: String,
}

impl Zones {
    pub(super) fn read(&mut self, line: &str, taken: &mut Taken) {
        if line.is_empty() || line.starts_with('#') || line == "server:" {
            return;
        }
        match line.split_once(':') {
            Some(("local-zone", value)) => self.zone(value, taken),
            Some(("local-data", value)) => self.data(value, taken),
            _ => taken.skip(SkipReason::OtherDirective),
        }
    }

    fn zone(&mut self, value: &str, taken: &mut Taken) {
        let mut words = value.split_ascii_whitespace().map(unquoted);
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { return taken.malformed() };
        match kind {
            "redirect" => name.clone_into(&mut self.redirect),
            "always_nxdomain" | "always_refuse" | "always_null" | "always_nodata" | "always_deny" | "refuse"
            | "deny" | "static" | "inform_deny" => taken.take(name, RuleKind::Suffix),
            "always_transparent" | "transparent" | "typetransparent" => taken.take(name, RuleKind::Exception),
            _ => taken.skip(SkipReason::OtherDirective),
        }
    }

    fn data(&mut self, value: &str, taken: &mut Taken) {
        let record = value.trim().trim_matches(['"', '\'']);
        let mut words = record.split_ascii_whitespace();
        let Some(name) = words.next() else { return taken.malformed() };
        let null = match (words.find(|word| matches!(*word, "A" | "AAAA" | "a" | "aaaa")), words.next()) {
            (Some(_), Some(address)) => is_null_address(unquoted(address)),
            _ => false,
        };
        let kind = if same(name, &self.redirect) { RuleKind::Suffix } else { RuleKind::Exact };
        if null { taken.take(name, kind) } else { taken.skip(SkipReason::Rewrite) }
    }
}

fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}
