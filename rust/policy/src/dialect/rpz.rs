//! Response policy zones as a zone file (RFC 1035 section 5; draft-vixie-dnsop-dns-rpz).
//!
//! ```text
//! $ORIGIN rpz.example.
//! @             SOA   ( ... )
//! example.com   CNAME .                 NXDOMAIN: the name alone
//! *.example.com CNAME *.                NODATA: all below the name
//! example.com   CNAME rpz-drop.         denied
//! example.com   CNAME rpz-passthru.     this feed spares the name
//! example.com   CNAME rpz-tcp-only.     left
//! example.com   A     0.0.0.0           denied; other data is a redirection, left
//! 32.1.2.0.192.rpz-ip CNAME .           answers that point at 192.0.2.1 are denied
//! 32.1.2.0.192.rpz-nsip CNAME .         triggers that are neither name nor answer: counted and left
//! ```

use super::reason::SkipReason;
use super::taken::Taken;
use super::text::is_null_address;
use crate::address_rule::AddressRule;
use crate::rule::RuleKind;
use crate::segments::Prefix;

/// Where the reader stands in the zone.
#[derive(Default)]
pub(super) struct Zone {
    /// The zone's name, as soon as it is known; lower case, without dots around it.
    apex: Option<String>,
    /// What `$ORIGIN` puts between an owner and the apex: mostly nothing. `None`: it points out of the zone.
    under: Option<String>,
    owner: String,
    in_parentheses: bool,
    begun: bool,
}

impl Zone {
    pub(super) fn read(&mut self, line: &str, taken: &mut Taken) {
        if !std::mem::replace(&mut self.begun, true) {
            self.under = Some(String::new());
        }
        let text = uncommented(line.trim_start_matches('\u{feff}'));
        if self.in_parentheses {
            self.in_parentheses = !text.contains(')');
            return;
        }
        self.in_parentheses = text.contains('(') && !text.contains(')');
        let owned = !text.starts_with([' ', '\t']);
        let mut words = text.split_ascii_whitespace();
        match text.trim_ascii_start().chars().next() {
            None => {}
            Some('$') => self.directive(&mut words, taken),
            Some(_) => {
                if owned && let Some(owner) = words.next() {
                    owner.clone_into(&mut self.owner);
                }
                self.record(words, taken);
            }
        }
    }

    fn directive<'a>(&mut self, words: &mut impl Iterator<Item = &'a str>, taken: &mut Taken) {
        match (words.next(), words.next()) {
            (Some("$TTL"), _) => {}
            (Some("$ORIGIN"), Some(origin)) => {
                let bare = bare(origin);
                let Some(apex) = &self.apex else {
                    self.apex = Some(bare);
                    return;
                };
                self.under = within(&bare, apex).map(str::to_owned);
            }
            _ => taken.skip(SkipReason::OtherDirective),
        }
    }

    fn record<'a>(&mut self, words: impl Iterator<Item = &'a str>, taken: &mut Taken) {
        let mut words = words.skip_while(is_ttl_or_class);
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        let data = words.next().unwrap_or_default();
        if kind == "SOA" && self.owner.ends_with('.') && self.apex.is_none() {
            self.apex = Some(bare(&self.owner));
        }
        match self.trigger() {
            Some(trigger) if trigger.is_empty() => {}
            Some(trigger) => rule(&trigger, &kind, data, taken),
            None => taken.skip(SkipReason::OutsideZone),
        }
    }

    /// The owner without the zone's name; empty for the zone itself.
    fn trigger(&self) -> Option<String> {
        if self.owner == "@" {
            return self.under.clone();
        }
        if let Some(absolute) = self.owner.strip_suffix('.') {
            let absolute = absolute.to_ascii_lowercase();
            return match &self.apex {
                Some(apex) => within(&absolute, apex).map(str::to_owned),
                None => Some(absolute),
            };
        }
        match self.under.as_deref() {
            Some("") => Some(self.owner.clone()),
            Some(under) => Some(format!("{}.{under}", self.owner)),
            None => None,
        }
    }
}

fn rule(trigger: &str, kind: &str, data: &str, taken: &mut Taken) {
    if let Some(reason) = other_trigger(trigger) {
        return taken.skip(reason);
    }
    let network = trigger.strip_suffix(RESPONSE_ADDRESS);
    let (name, below) = trigger.strip_prefix("*.").map_or((trigger, false), |name| (name, true));
    let denies = match (kind, data) {
        ("CNAME", "." | "*." | "rpz-drop.") => true,
        ("CNAME", "rpz-passthru.") => false,
        ("CNAME", "rpz-tcp-only.") => return taken.skip(SkipReason::TcpOnly),
        ("A" | "AAAA", address) if is_null_address(address) => true,
        ("SOA" | "NS" | "RRSIG" | "NSEC" | "DNSKEY", _) => return taken.skip(SkipReason::OtherDirective),
        (_, "") => return taken.malformed(),
        _ => return taken.skip(SkipReason::Rewrite),
    };
    if let Some(network) = network {
        return match network_of(network) {
            Some(prefix) => taken.addresses.push(AddressRule { prefix, lists: denies }),
            None => taken.skip(SkipReason::ResponseAddress),
        };
    }
    taken.take(
        name,
        match (denies, below) {
            (true, false) => RuleKind::Exact,
            (true, true) => RuleKind::Below,
            (false, false) => RuleKind::SparedExact,
            (false, true) => RuleKind::SparedBelow,
        },
    );
}

fn other_trigger(trigger: &str) -> Option<SkipReason> {
    // The mark stands right under the apex, which is cut off already.
    match trigger.rsplit('.').next().unwrap_or_default() {
        "rpz-client-ip" => Some(SkipReason::ClientAddress),
        "rpz-nsdname" | "rpz-nsip" => Some(SkipReason::NameServer),
        _ => None,
    }
}

/// What stands in front of a trigger by an address in the answer.
const RESPONSE_ADDRESS: &str = ".rpz-ip";

/// `24.0.2.0.192` is 192.0.2.0/24 and `48.zz.1.db8.2001` is 2001:db8:1::/48: length first, then the parts backwards.
fn network_of(text: &str) -> Option<Prefix> {
    let (length, parts) = text.split_once('.')?;
    let parts: Vec<&str> = parts.split('.').rev().collect();
    if parts.len() == 4 && !parts.contains(&"zz") {
        return Prefix::parse(&format!("{}/{length}", parts.join(".")));
    }
    if parts.iter().filter(|part| **part == "zz").count() > 1 {
        return None;
    }
    let text = parts.join(":").replace("zz", "");
    // A run of zeroes at either end has its second colon to come.
    let text = if text.starts_with(':') { format!(":{text}") } else { text };
    let text = if text.ends_with(':') && !text.ends_with("::") { format!("{text}:") } else { text };
    Prefix::parse(&format!("{text}/{length}"))
}

fn is_ttl_or_class(word: &&str) -> bool {
    matches!(word.to_ascii_uppercase().as_str(), "IN" | "CH" | "HS") || word.starts_with(|c: char| c.is_ascii_digit())
}

fn uncommented(line: &str) -> &str {
    let mut quoted = false;
    let comment = line.bytes().position(|octet| {
        quoted ^= octet == b'"';
        octet == b';' && !quoted
    });
    comment.and_then(|at| line.get(..at)).unwrap_or(line)
}

fn bare(name: &str) -> String {
    name.trim_matches('.').to_ascii_lowercase()
}

/// What stands in front of `apex`; empty where it is the apex itself.
fn within<'a>(name: &'a str, apex: &str) -> Option<&'a str> {
    if apex.is_empty() {
        return Some(name);
    }
    let front = name.strip_suffix(apex)?;
    if front.is_empty() { Some("") } else { front.strip_suffix('.') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_backwards() {
        for (written, meant) in [
            ("32.1.2.0.192", "192.0.2.1/32"),
            ("24.0.2.0.192", "192.0.2.0/24"),
            ("48.zz.1.db8.2001", "2001:db8:1::/48"),
            ("128.57.zz.1.db8.2001", "2001:db8:1::57/128"),
            ("128.1.zz", "::1/128"),
            ("128.8.7.6.5.4.3.db8.2001", "2001:db8:3:4:5:6:7:8/128"),
        ] {
            assert_eq!(network_of(written).map(|network| network.to_string()).as_deref(), Some(meant), "{written}");
        }
        for broken in ["", "32", "33.1.2.0.192", "24.1.2.0.192", "32.1.2.0.256", "x.1.2.0.192", "48.zz.zz.2001"] {
            assert_eq!(network_of(broken), None, "{broken}");
        }
    }
}
