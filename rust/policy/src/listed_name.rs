//! A name as it is written in a list or a policy, brought to the form names have on the wire.
//!
//! People write capitals, trailing dots, Unicode and stray blanks; a query never does. UTS-46 (non-transitional) brings
//! both to the same A-labels. Underscores are kept: they are common in real query names.

use schoolgate_wire::Name;
use std::net::IpAddr;

/// Why a text is not a name that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameRejected {
    /// Nothing there.
    Empty,
    /// An address; a DNS filter decides by name.
    Address,
    /// A label over 63 octets or a name over 255.
    TooLong,
    /// Characters no host name or service name has, or broken punycode.
    Malformed,
    /// One label: a whole top-level domain is never listed by a feed.
    SingleLabel,
}

impl NameRejected {
    /// The word that counts and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            NameRejected::Empty => "empty",
            NameRejected::Address => "address",
            NameRejected::TooLong => "too-long",
            NameRejected::Malformed => "malformed",
            NameRejected::SingleLabel => "single-label",
        }
    }
}

/// The name that `text` means, or why it means none.
pub fn listed_name(text: &str) -> Result<Name, NameRejected> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(NameRejected::Empty);
    }
    if let Some(name) = plain(text.as_bytes()) {
        return Ok(name);
    }
    if text.contains(':') && text.parse::<IpAddr>().is_ok() {
        return Err(NameRejected::Address);
    }
    if text.bytes().all(allowed) && !has_punycode(text) { name(text) } else { name(&to_ascii(text)?) }
}

/// What most lines of most lists are: an ASCII name of two labels or more, read in one sweep. `None`: look closer.
fn plain(text: &[u8]) -> Option<Name> {
    let mut wire = [0; 256];
    let (mut label, mut labels, mut digits) = (0_usize, 0, true);
    for (at, octet) in text.iter().copied().enumerate() {
        if octet == b'.' {
            *wire.get_mut(label)? = length_of(at - label, text.get(label..at)?)?;
            (label, digits, labels) = (at + 1, true, labels + 1);
        } else if allowed(octet) {
            *wire.get_mut(at + 1)? = octet;
            digits &= octet.is_ascii_digit();
        } else {
            return None;
        }
    }
    *wire.get_mut(label)? = length_of(text.len() - label, text.get(label..)?)?;
    if digits || labels == 0 {
        return None;
    }
    Name::from_wire(wire.get(..text.len() + 2)?).ok()
}

/// A label's length octet; `None` for a length no label has and for punycode, which UTS-46 has to check.
fn length_of(octets: usize, label: &[u8]) -> Option<u8> {
    let punycode = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
    u8::try_from(octets).ok().filter(|length| (1..=63).contains(length) && !punycode)
}

fn has_punycode(text: &str) -> bool {
    text.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"xn--"))
}

fn allowed(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.')
}

/// `text` as UTS-46 leaves it: full-width digits and dots may only now be seen to be an address or an empty label.
fn name(text: &str) -> Result<Name, NameRejected> {
    if looks_like_address(text) {
        return Err(NameRejected::Address);
    }
    if text.ends_with('.') {
        return Err(NameRejected::Malformed);
    }
    if text.split('.').any(|label| label.len() > 63) || text.len() > 253 {
        return Err(NameRejected::TooLong);
    }
    let name = Name::from_text(text).map_err(|_| NameRejected::Malformed)?;
    if name.label_count() < 2 { Err(NameRejected::SingleLabel) } else { Ok(name) }
}

fn to_ascii(text: &str) -> Result<String, NameRejected> {
    let ascii = idna::domain_to_ascii(text).map_err(|_| NameRejected::Malformed)?;
    if ascii.is_empty() || !ascii.bytes().all(allowed) { Err(NameRejected::Malformed) } else { Ok(ascii) }
}

/// Real top-level labels are never all digits, so dotted digits are an address, however badly written.
fn looks_like_address(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or(text);
    !last.is_empty() && last.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_what_clients_ask() {
        for (written, asked) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("_dmarc.example.com", "_dmarc.example.com"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("ｅｘａｍｐｌｅ.com", "example.com"),
        ] {
            assert_eq!(listed_name(written).map(|name| name.to_string()), Ok(asked.to_owned()), "{written}");
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        let long = format!("{}.example", "a".repeat(64));
        for (written, why) in [
            ("", NameRejected::Empty),
            (".", NameRejected::Empty),
            ("com", NameRejected::SingleLabel),
            ("192.0.2.1", NameRejected::Address),
            ("2001:db8::1", NameRejected::Address),
            ("300.300.300.300", NameRejected::Address),
            ("a..example", NameRejected::Malformed),
            ("example.0..", NameRejected::Malformed),
            ("example.com..", NameRejected::Malformed),
            ("１９２.０.２.１", NameRejected::Address),
            ("<html>.example", NameRejected::Malformed),
            ("xn--\u{fffd}.example", NameRejected::Malformed),
            (long.as_str(), NameRejected::TooLong),
        ] {
            assert_eq!(listed_name(written).map(|name| name.to_string()), Err(why), "{written}");
        }
    }
}
