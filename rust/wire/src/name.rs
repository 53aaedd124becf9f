//! A domain name: folded to lower case, uncompressed, its labels marked (RFC 1035 section 3.1, RFC 4343).
//!
//! Lists, policies and caches all compare this form, so folding happens once, here. The buffer is fixed and padded: a
//! hasher may read eight octets from any label start without asking where the name ends.

use crate::name_error::NameError;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest name in octets, with the root's (RFC 1035 section 2.3.4).
const MAX_NAME_OCTETS: usize = 255;
/// Longest label in octets.
const MAX_LABEL_OCTETS: usize = 63;
/// Zero octets that follow every name in its buffer.
const PAD_OCTETS: usize = 17;
const BUFFER_OCTETS: usize = MAX_NAME_OCTETS + PAD_OCTETS;
/// 127 labels of one octet and the root.
const MAX_LABELS: usize = 128;
const _: () = assert!(MAX_LABELS.is_power_of_two(), "a mask stands for a bounds check");

/// A folded, uncompressed domain name in a fixed buffer. The default is the root.
#[derive(Clone)]
pub struct Name {
    octets: [u8; BUFFER_OCTETS],
    starts: [u8; MAX_LABELS],
    length: u8,
    labels: u8,
}

impl Name {
    /// The root.
    pub const ROOT: Self = Self { octets: [0; BUFFER_OCTETS], starts: [0; MAX_LABELS], length: 1, labels: 0 };

    /// The name that these octets are, all of them: uncompressed, with the root's octet.
    ///
    /// # Errors
    /// Any of the wire errors of [`NameError`].
    pub fn from_wire(octets: &[u8]) -> Result<Self, NameError> {
        let mut name = Self::ROOT;
        let length = name.read(octets)?;
        if length == octets.len() { Ok(name) } else { Err(NameError::TrailingOctets) }
    }

    /// The name that this text is in presentation format (RFC 1035 section 5.1): `\.` and `\DDD` are understood, a
    /// trailing dot is optional, and both `.` and the empty text are the root. IDNs must come as A-labels.
    ///
    /// # Errors
    /// Any of the text errors of [`NameError`].
    pub fn from_text(text: &str) -> Result<Self, NameError> {
        let mut builder = NameBuilder::default();
        let mut characters = text.bytes();
        let mut dots_due = false;
        if text == "." {
            return Ok(Self::ROOT);
        }
        while let Some(character) = characters.next() {
            dots_due = true;
            match character {
                b'.' => {
                    builder.end_label()?;
                    dots_due = false;
                }
                b'\\' => builder.push(unescape(&mut characters)?)?,
                b'!'..=b'~' => builder.push(character)?,
                _ => return Err(NameError::BadCharacter),
            }
        }
        if dots_due {
            builder.end_label()?;
        }
        builder.finish()
    }

    /// The name made of these labels, leftmost first, without the root.
    pub(crate) fn from_labels<'a>(mut labels: impl Iterator<Item = &'a [u8]>) -> Result<Self, NameError> {
        let mut builder = NameBuilder::default();
        labels.try_for_each(|label| builder.push_label(label))?;
        builder.finish()
    }

    /// Becomes the name that these octets begin with, and says how many octets it took. On error the name is the root.
    ///
    /// # Errors
    /// Any of the wire errors of [`NameError`].
    #[inline]
    pub fn read(&mut self, octets: &[u8]) -> Result<usize, NameError> {
        let taken = self.mark_labels(octets).and_then(|length| self.fold(octets, length));
        if taken.is_err() {
            self.length = 1;
            self.labels = 0;
            self.starts[0] = 0;
            self.octets[..1 + PAD_OCTETS].fill(0);
        }
        taken
    }

    #[inline]
    fn mark_labels(&mut self, octets: &[u8]) -> Result<usize, NameError> {
        let mut at = 0_usize;
        for (count, start) in self.starts.iter_mut().enumerate() {
            // At most 254 here: checked below before each turn.
            *start = at as u8;
            let length = usize::from(*octets.get(at).ok_or(NameError::Truncated)?);
            if length == 0 {
                self.labels = count as u8;
                return Ok(at + 1);
            }
            if length > MAX_LABEL_OCTETS {
                return Err(if length < 0xc0 { NameError::LongLabel } else { NameError::NotALabel });
            }
            at += 1 + length;
            if at >= MAX_NAME_OCTETS {
                return Err(NameError::LongName);
            }
        }
        Err(NameError::LongName)
    }

    /// Copies and folds. Length octets are at most 63 and `A` is 65, so the whole name folds in one sweep.
    #[inline]
    fn fold(&mut self, octets: &[u8], length: usize) -> Result<usize, NameError> {
        let source = octets.get(..length).ok_or(NameError::Truncated)?;
        let (target, after) = self.octets.split_at_mut_checked(length).ok_or(NameError::LongName)?;
        for (to, from) in target.iter_mut().zip(source) {
            *to = from.to_ascii_lowercase();
        }
        after.iter_mut().take(PAD_OCTETS - 1).for_each(|octet| *octet = 0);
        self.length = length as u8;
        Ok(length)
    }

    /// The name's octets, folded, with the root's.
    #[inline]
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or(&[0])
    }

    /// The whole buffer: the name, then at least 16 zero octets, then octets without meaning.
    #[inline]
    #[must_use]
    pub fn padded(&self) -> &[u8; BUFFER_OCTETS] {
        &self.octets
    }

    /// How many labels the name has; the root is not counted.
    #[inline]
    #[must_use]
    pub fn label_count(&self) -> usize {
        usize::from(self.labels)
    }

    /// Where label `index`'s length octet stands in [`padded`](Self::padded) (0 = leftmost); the root's octet for
    /// `label_count()` and beyond.
    #[inline]
    #[must_use]
    pub fn label_start(&self, index: usize) -> usize {
        // At most 127; the mask spares the question whether it is within.
        let index = index.min(self.label_count()) & (MAX_LABELS - 1);
        self.starts.get(index).map_or(0, |&start| usize::from(start))
    }

    /// The octets of label `index` (0 = leftmost) without its length; empty for the root and beyond.
    #[inline]
    #[must_use]
    pub fn label(&self, index: usize) -> &[u8] {
        let suffix = self.suffix(index);
        suffix.split_first().and_then(|(&length, rest)| rest.get(..usize::from(length))).unwrap_or(&[])
    }

    /// The labels, leftmost first, without the root.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: self.as_wire() }
    }

    /// The wire form of the name from label `index` on (0 = the whole name); the root for `label_count()` and beyond.
    #[inline]
    #[must_use]
    pub fn suffix(&self, index: usize) -> &[u8] {
        self.octets.get(self.label_start(index)..usize::from(self.length)).unwrap_or(&[0])
    }

    /// The name is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.labels == 0
    }

    /// The name is `ancestor` or stands below it.
    #[inline]
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.label_count().checked_sub(ancestor.label_count()).is_some_and(|at| self.suffix(at) == ancestor.as_wire())
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::ROOT
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_wire() == other.as_wire()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_wire().hash(state);
    }
}

/// Presentation format without the trailing dot; the root is `.`. [`Name::from_text`] reads it back.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if self.is_root() {
            return f.write_char('.');
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_char('.')?;
            }
            for &octet in label {
                match octet {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                    b'!'..=b'~' => f.write_char(char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_text(text)
    }
}

/// The labels of a name, leftmost first, without the root.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, after) = self.rest.split_first()?;
        let (label, rest) = after.split_at_checked(usize::from(length))?;
        self.rest = rest;
        if label.is_empty() { None } else { Some(label) }
    }
}

/// Collects octets into labels, then hands them to [`Name::from_wire`].
struct NameBuilder {
    wire: [u8; MAX_NAME_OCTETS],
    /// Where the length octet of the open label stands.
    label: usize,
    at: usize,
}

impl Default for NameBuilder {
    fn default() -> Self {
        Self { wire: [0; MAX_NAME_OCTETS], label: 0, at: 1 }
    }
}

impl NameBuilder {
    fn push(&mut self, octet: u8) -> Result<(), NameError> {
        if self.at - self.label > MAX_LABEL_OCTETS {
            return Err(NameError::LongLabel);
        }
        *self.wire.get_mut(self.at).ok_or(NameError::LongName)? = octet;
        self.at += 1;
        Ok(())
    }

    fn push_label(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.len() > MAX_LABEL_OCTETS {
            return Err(NameError::LongLabel);
        }
        let end = self.at + label.len();
        self.wire.get_mut(self.at..end).ok_or(NameError::LongName)?.copy_from_slice(label);
        self.at = end;
        self.end_label()
    }

    fn end_label(&mut self) -> Result<(), NameError> {
        let length = self.at - self.label - 1;
        if length == 0 {
            return Err(NameError::EmptyLabel);
        }
        *self.wire.get_mut(self.label).ok_or(NameError::LongName)? = length as u8;
        self.label = self.at;
        self.at += 1;
        Ok(())
    }

    fn finish(self) -> Result<Name, NameError> {
        let wire = self.wire.get(..=self.label).ok_or(NameError::LongName)?;
        Name::from_wire(wire)
    }
}

/// The octet after a backslash: `\DDD` in decimal, or the character itself.
fn unescape(characters: &mut std::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = characters.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return if first.is_ascii_graphic() || first == b' ' { Ok(first) } else { Err(NameError::BadEscape) };
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = characters.next().filter(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    #[test]
    fn text_becomes_folded_wire_and_comes_back() {
        let example = name("WWW.Example.COM.");
        assert_eq!(example.as_wire(), b"\x03www\x07example\x03com\x00");
        assert_eq!(example.to_string(), "www.example.com");
        assert_eq!(example, name("www.example.com"));
    }

    #[test]
    fn the_root_has_two_spellings_and_no_labels() {
        for text in ["", "."] {
            assert_eq!(name(text).as_wire(), [0]);
            assert_eq!(name(text).label_count(), 0);
            assert_eq!(name(text).to_string(), ".");
        }
        assert_eq!(name(".").label(0), b"");
        assert_eq!(name(".").suffix(0), [0]);
    }

    #[test]
    fn labels_and_suffixes_count_from_the_left() {
        let example = name("a.bc.example.org");
        assert_eq!(example.label_count(), 4);
        assert_eq!(example.label(1), b"bc");
        assert_eq!(example.label_start(1), 2);
        assert_eq!(example.suffix(2), b"\x07example\x03org\x00");
        assert_eq!(example.suffix(4), [0]);
        assert_eq!(example.suffix(99), [0]);
        assert_eq!(example.labels().collect::<Vec<_>>(), [b"a".as_slice(), b"bc", b"example", b"org"]);
    }

    #[test]
    fn escapes_stand_for_octets() {
        let odd = name(r"a\.b\\\000\032\255.example.net");
        assert_eq!(odd.label(0), b"a.b\\\x00 \xff");
        assert_eq!(odd.to_string(), r"a\.b\\\000\032\255.example.net");
        assert_eq!(name(r"\065.example").label(0), b"a", "an escaped capital folds too");
    }

    #[test]
    fn bad_text_is_refused_with_its_reason() {
        let long_label = "a".repeat(64);
        let long_name = vec!["a".repeat(63); 4].join(".");
        for (text, error) in [
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("..", NameError::EmptyLabel),
            (r"a\", NameError::BadEscape),
            (r"a\25", NameError::BadEscape),
            (r"a\256", NameError::BadEscape),
            (r"a\2x5", NameError::BadEscape),
            ("a b", NameError::BadCharacter),
            ("bücher.example", NameError::BadCharacter),
            (long_label.as_str(), NameError::LongLabel),
            (long_name.as_str(), NameError::LongName),
        ] {
            assert_eq!(Name::from_text(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_longest_name_fits_and_is_padded() {
        let longest =
            [&"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].map(String::as_str).join(".");
        let longest = name(&longest);
        assert_eq!(longest.as_wire().len(), 255);
        assert!(longest.padded()[255..].iter().all(|&octet| octet == 0));
        assert!(longest.padded().len() - 255 >= 16);
        let most = name(&["x"; 127].join("."));
        assert_eq!(most.label_count(), 127);
        let one_more = [63, 63, 63, 62].map(|length| [vec![length], vec![b'a'; length.into()]].concat());
        assert_eq!(Name::from_wire(&[one_more.concat(), vec![0]].concat()), Err(NameError::LongName));
        assert_eq!(Name::from_wire(&[[1, b'x'].repeat(128), vec![0]].concat()), Err(NameError::LongName));
    }

    #[test]
    fn a_reused_name_is_padded_with_zeros() {
        let mut reused = name("a-rather-long-name-that-fills-the-buffer.example.com");
        reused.read(b"\x01a\x00").unwrap();
        assert_eq!(&reused.padded()[..19], b"\x01a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        reused.read(b"\x01a").unwrap_err();
        assert_eq!(reused, Name::ROOT);
        assert_eq!(reused.label_count(), 0);
    }

    #[test]
    fn wire_errors_are_told_apart() {
        assert_eq!(Name::from_wire(b""), Err(NameError::Truncated));
        assert_eq!(Name::from_wire(b"\x03ab"), Err(NameError::Truncated));
        assert_eq!(Name::from_wire(b"\x01a\xc0\x00"), Err(NameError::NotALabel));
        assert_eq!(Name::from_wire(b"\x41a"), Err(NameError::LongLabel));
        assert_eq!(Name::from_wire(b"\x00\x00"), Err(NameError::TrailingOctets));
    }

    #[test]
    fn within_compares_whole_labels() {
        assert!(name("a.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&Name::ROOT));
        assert!(!name("badexample.com").is_within(&name("example.com")));
        assert!(!name("com").is_within(&name("example.com")));
    }

    proptest! {
        #[test]
        fn text_round_trips_for_any_labels(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=20), 0..=8)) {
            let built = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            prop_assert_eq!(&Name::from_text(&built.to_string()).unwrap(), &built);
            prop_assert_eq!(&Name::from_wire(built.as_wire()).unwrap(), &built);
            prop_assert_eq!(built.label_count(), labels.len());
        }

        #[test]
        fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(name) = Name::from_wire(&octets) {
                prop_assert_eq!(name.as_wire(), octets.to_ascii_lowercase());
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,80}") {
            let _ = Name::from_text(&text);
        }
    }
}
