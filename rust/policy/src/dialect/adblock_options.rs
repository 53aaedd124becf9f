//! The options behind the `$` of an adblock rule: which of them a list of names can carry.

use super::reason::SkipReason;
use super::text::is_null_address;

/// What the options of one rule say.
#[derive(Default)]
pub(super) struct Options<'a> {
    /// No exception lifts the rule.
    pub important: bool,
    denyallow: &'a str,
}

impl Options<'_> {
    /// Whether they add nothing to what the rule says.
    pub fn is_plain(&self) -> bool {
        !self.important && self.denyallow.is_empty()
    }

    /// The names of `$denyallow`.
    pub fn spared(&self) -> impl Iterator<Item = &str> {
        self.denyallow.split('|').filter(|name| !name.is_empty())
    }
}

/// The options, or why a list of names cannot carry the rule. `excepts`: they are those of an exception.
pub(super) fn read(text: &str, excepts: bool) -> Result<Options<'_>, SkipReason> {
    let mut options = Options::default();
    for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            // These say "the whole page", which for a name is the name.
            "all" | "document" | "doc" => {}
            // These say when a page may not load from the name; a name that only such pages load from may be closed
            // (AdGuard's HostlistCompiler drops the same). An exception that is as narrow would open too much.
            "third-party" | "3p" | "popup" | "network" if !excepts => {}
            "important" => options.important = true,
            "denyallow" => options.denyallow = value,
            "dnstype" if closes_both_address_types(value) => {}
            "dnstype" => return Err(SkipReason::DnsType),
            "dnsrewrite" if denies(value) => {}
            "dnsrewrite" => return Err(SkipReason::Rewrite),
            "badfilter" | "client" | "ctag" | "app" => return Err(SkipReason::Modifier),
            _ => return Err(SkipReason::PagePart),
        }
    }
    Ok(options)
}

/// A name without addresses is a closed name; a rule that closes less is more than a name list can say.
fn closes_both_address_types(types: &str) -> bool {
    let named = |wanted: &str| types.split('|').any(|one| one.eq_ignore_ascii_case(wanted));
    if types.starts_with('~') { !named("~A") && !named("~AAAA") } else { named("A") && named("AAAA") }
}

fn denies(rewrite: &str) -> bool {
    let bare = rewrite.trim_end_matches(';');
    matches!(bare, "NXDOMAIN" | "REFUSED" | "NOERROR" | "") || is_null_address(bare.rsplit(';').next().unwrap_or(bare))
}
