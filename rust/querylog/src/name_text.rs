//! Names between the wire and text (RFC 1035 section 5.1): without the final dot, control and non-ASCII octets as `\DDD`.
//! Written for speed: it runs once or twice for every row that is read.

use crate::record::MAX_NAME_OCTETS;
use std::fmt::Write as _;

/// Labels are at most this long.
const MAX_LABEL_OCTETS: u8 = 63;

/// Appends the text of a name on the wire; what is no name gives what of it can be read.
pub(crate) fn write_name(wire: &[u8], folded: bool, text: &mut String) {
    let start = text.len();
    let mut rest = wire;
    while let Some((&length, after)) = rest.split_first()
        && (1..=MAX_LABEL_OCTETS).contains(&length)
        && let Some((label, after)) = after.split_at_checked(usize::from(length))
    {
        if text.len() > start {
            text.push('.');
        }
        label.iter().for_each(|octet| write_octet(*octet, folded, text));
        rest = after;
    }
    if text.len() == start && !wire.is_empty() {
        text.push('.');
    }
}

#[inline]
fn write_octet(octet: u8, folded: bool, text: &mut String) {
    match octet {
        b'.' | b'\\' => text.extend(['\\', char::from(octet)]),
        b'!'..=b'~' if folded => text.push(char::from(octet.to_ascii_lowercase())),
        b'!'..=b'~' => text.push(char::from(octet)),
        _ => write!(text, "\\{octet:03}").unwrap_or_default(),
    }
}

/// The wire form of a name's text; `None` if it is not a name.
pub(crate) fn parse_name(text: &str) -> Option<Vec<u8>> {
    let mut wire = Vec::with_capacity(text.len() + 2);
    let mut length_at = 0;
    wire.push(0);
    let mut octets = if text == "." { "" } else { text }.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'.' => {
                end_label(&mut wire, length_at)?;
                length_at = wire.len();
                wire.push(0);
            }
            b'\\' => wire.push(unescape(&mut octets)?),
            _ => wire.push(octet),
        }
    }
    if wire.len() > length_at + 1 {
        end_label(&mut wire, length_at)?;
        wire.push(0);
    }
    (wire.len() <= MAX_NAME_OCTETS).then_some(wire)
}

fn end_label(wire: &mut [u8], length_at: usize) -> Option<()> {
    let length = u8::try_from(wire.len() - length_at - 1).ok()?;
    *wire.get_mut(length_at)? = length;
    (1..=MAX_LABEL_OCTETS).contains(&length).then_some(())
}

fn unescape(octets: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, octets.next()?, octets.next()?];
    let value = digits
        .iter()
        .try_fold(0u16, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u16::from(digit - b'0')))?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(wire: &[u8], folded: bool) -> String {
        let mut text = String::new();
        write_name(wire, folded, &mut text);
        text
    }

    #[test]
    fn names_are_written_as_people_know_them() {
        assert_eq!(text(b"\x03WwW\x07example\x03com\0", false), "WwW.example.com");
        assert_eq!(text(b"\x03WwW\x07example\x03com\0", true), "www.example.com");
        assert_eq!(text(b"\0", true), ".");
        assert_eq!(text(b"", true), "");
        assert_eq!(text(b"\x06a.b\\ \xe9\0", true), "a\\.b\\\\\\032\\233");
    }

    #[test]
    fn what_is_no_name_is_not_read() {
        let long = format!("{}.example", "a".repeat(64));
        for text in ["a..b", ".a", "a\\", "a\\25", "a\\256", long.as_str(), &"a.".repeat(128)] {
            assert_eq!(parse_name(text), None, "{text}");
        }
        assert_eq!(parse_name("."), Some(vec![0]));
        assert_eq!(parse_name("a.example."), parse_name("a.example"));
    }

    proptest! {
        #[test]
        fn a_name_written_is_read_back(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..=20), 0..8)) {
            let mut wire: Vec<u8> = labels.iter().flat_map(|label| [&[label.len() as u8], label.as_slice()].concat()).collect();
            wire.push(0);
            prop_assert_eq!(parse_name(&text(&wire, false)), Some(wire.clone()));
            prop_assert_eq!(parse_name(&text(&wire, true)), Some(wire.to_ascii_lowercase()));
        }

        #[test]
        fn no_octets_make_it_panic(wire in proptest::collection::vec(any::<u8>(), 0..300)) {
            text(&wire, true);
        }
    }
}
