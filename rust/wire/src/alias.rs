//! The first alias of an answer: what the query log keeps of a chain, read from the message as it was written.

use crate::rtype;

/// Longest name in octets, with the root's (RFC 1035 section 2.3.4).
const MAX_NAME_OCTETS: usize = 255;
/// Octets of a record between its owner and its data: type, class, TTL, length.
const FIXED_OCTETS: usize = 10;
/// Pointers go backwards, so a name has fewer than this; more is a loop.
const MAX_POINTERS: usize = 127;
const POINTER: u8 = 0xc0;

/// A name on the wire, uncompressed.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    octets: [u8; MAX_NAME_OCTETS],
    length: u8,
}

impl Alias {
    /// Its octets, with the root's.
    #[inline]
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// The target of the CNAME that the answer section begins with; `None` where it begins with anything else. `at` is where the
/// question ends. Allocates nothing.
#[inline]
#[must_use]
pub fn first_alias(message: &[u8], at: usize) -> Option<Alias> {
    let has_answer = message.get(6..8)? != [0, 0];
    let record = message.get(skip_name(message, at)?..).filter(|_| has_answer)?;
    let rtype = u16::from_be_bytes(*record.first_chunk::<2>()?);
    if rtype == rtype::CNAME { spell_out(message, message.len() - record.len() + FIXED_OCTETS) } else { None }
}

/// Where the name that begins at `at` ends.
#[inline]
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & POINTER == POINTER => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

#[cold]
fn spell_out(message: &[u8], mut at: usize) -> Option<Alias> {
    let mut alias = Alias { octets: [0; MAX_NAME_OCTETS], length: 0 };
    let (mut end, mut pointers) = (0, 0);
    loop {
        let length = *message.get(at)?;
        if length & POINTER == POINTER {
            pointers += 1;
            let to = u16::from_be_bytes([length & !POINTER, *message.get(at + 1)?]);
            at = usize::from(to);
            if pointers > MAX_POINTERS {
                return None;
            }
            continue;
        }
        let label = message.get(at..=at + usize::from(length))?;
        alias.octets.get_mut(end..end + label.len())?.copy_from_slice(label);
        (at, end) = (at + label.len(), end + label.len());
        if length == 0 {
            alias.length = end as u8;
            return Some(alias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnswerImage, Name, Rcode, Record};
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).expect("a name")
    }

    fn image(answers: &[(&str, u16, Vec<u8>)]) -> Option<Vec<u8>> {
        let record = |(owner, rtype, data): &(&str, u16, Vec<u8>)| Record {
            owner: name(owner),
            rtype: *rtype,
            ttl_s: 60,
            data: data.clone(),
        };
        let answers: Vec<Record> = answers.iter().map(record).collect();
        let image = AnswerImage::from_records(&name("www.example.com"), rtype::A, Rcode::NOERROR, &answers, None);
        let message = image.expect("an image").octets().to_vec();
        first_alias(&message, 12 + 17 + 4).map(|alias| alias.as_wire().to_vec())
    }

    #[test]
    fn the_first_alias_is_spelled_out() {
        let target = name("a.b.example.com").as_wire().to_vec();
        let chain = [("www.example.com", 5, target.clone()), ("a.b.example.com", 1, vec![192, 0, 2, 1])];
        assert_eq!(image(&chain), Some(target));
        assert_eq!(image(&[("www.example.com", 1, vec![192, 0, 2, 1])]), None);
        assert_eq!(image(&[]), None);
    }

    #[test]
    fn a_loop_ends() {
        let mut message = vec![0; 12];
        message[7] = 1;
        message.extend([0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, 23]);
        assert!(first_alias(&message, 12).is_none());
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(mut message in proptest::collection::vec(any::<u8>(), 0..120), at in 0usize..60) {
            if let Some(count) = message.get_mut(7) {
                *count = 1;
            }
            let _ = first_alias(&message, at);
        }
    }
}
