//! The workload file: queries as they go over the wire, in the order they are asked, each with what must come back.
//!
//! `DNSWORK1`, then for each query its length (two octets, big-endian), one octet of [`Expected`], and the message with ID
//! 0. A message marked [`UNIQUE`] starts its name with a label of [`UNIQUE_OCTETS`] octets that the generator writes anew
//! each time it is asked, so that no cache can know it, however often the file is gone through.

use std::io;
use std::path::Path;

/// The start of the file.
const MAGIC: &[u8; 8] = b"DNSWORK1";
/// Header, root, type and class.
const LEAST_OCTETS: usize = 17;
/// Bit of the expectation octet: write the first label anew.
pub const UNIQUE: u8 = 0x80;
/// Length of a label written anew.
pub const UNIQUE_OCTETS: usize = 12;
/// Where it starts: behind the header and its length octet.
pub const UNIQUE_AT: usize = 13;

/// What must come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any reply to this question.
    Any,
    /// NOERROR with an answer.
    Answered,
    /// NXDOMAIN.
    Denied,
}

/// One query.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    start: u32,
    length: u16,
    question_end: u16,
    /// What must come back.
    pub expected: Expected,
    /// Whether its first label is written anew.
    pub is_unique: bool,
}

/// All queries.
pub struct Workload {
    octets: Vec<u8>,
    entries: Vec<Entry>,
}

impl Workload {
    /// Reads a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::parse(std::fs::read(path)?).ok_or_else(|| io::Error::other(format!("{}: no workload", path.display())))
    }

    fn parse(octets: Vec<u8>) -> Option<Self> {
        let mut entries = Vec::new();
        let mut at = MAGIC.len();
        if octets.get(..at)? != MAGIC || octets.len() > u32::MAX as usize {
            return None;
        }
        while at < octets.len() {
            let length = u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]);
            let mark = *octets.get(at + 2)?;
            let start = at + 3;
            let message = octets.get(start..start + usize::from(length))?;
            entries.push(Entry {
                start: start as u32,
                length,
                question_end: question_end(message)?,
                expected: match mark & !UNIQUE {
                    0 => Expected::Any,
                    1 => Expected::Answered,
                    2 => Expected::Denied,
                    _ => return None,
                },
                is_unique: mark & UNIQUE != 0,
            });
            at = start + usize::from(length);
        }
        (!entries.is_empty()).then_some(Self { octets, entries })
    }

    /// How many queries there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// A query.
    #[inline]
    pub fn entry(&self, at: u32) -> Entry {
        self.entries[at as usize]
    }

    /// Its message, with ID 0.
    #[inline]
    pub fn message(&self, entry: Entry) -> &[u8] {
        &self.octets[entry.start as usize..entry.start as usize + usize::from(entry.length)]
    }

    /// Its question section.
    #[inline]
    pub fn question(&self, entry: Entry) -> &[u8] {
        &self.message(entry)[12..usize::from(entry.question_end)]
    }
}

fn question_end(message: &[u8]) -> Option<u16> {
    if message.len() < LEAST_OCTETS {
        return None;
    }
    let mut at = 12;
    loop {
        match *message.get(at)? {
            0 => break,
            length if length < 64 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
    (at + 5 <= message.len()).then_some((at + 5) as u16)
}

/// The octets of the `number`-th label written anew under `salt`.
#[inline]
pub fn unique_label(salt: u32, number: u32) -> [u8; UNIQUE_OCTETS] {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    // An odd multiplier permutes the numbers: unique, and without the order a cache could live on.
    let mut bits = u64::from(number.wrapping_mul(0x9e37_79b1)) | u64::from(salt & 0x0fff_ffff) << 32;
    [0; UNIQUE_OCTETS].map(|_| {
        let digit = DIGITS[(bits & 31) as usize];
        bits >>= 5;
        digit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";

    fn file(mark: u8, message: &[u8]) -> Vec<u8> {
        let length = (message.len() as u16).to_be_bytes();
        [MAGIC.as_slice(), &length, &[mark], message].concat()
    }

    #[test]
    fn a_query_is_read_with_its_question_and_expectation() {
        let workload = Workload::parse(file(2, MESSAGE)).expect("a workload");
        let entry = workload.entry(0);
        assert_eq!((workload.count(), entry.expected, entry.is_unique), (1, Expected::Denied, false));
        assert_eq!(workload.question(entry), &MESSAGE[12..]);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        assert!(Workload::parse(file(2, &MESSAGE[..20])).is_none());
        assert!(Workload::parse(file(7, MESSAGE)).is_none());
        assert!(Workload::parse(b"something else".to_vec()).is_none());
    }

    #[test]
    fn labels_written_anew_differ() {
        let labels: std::collections::HashSet<_> = (0..10_000).map(|number| unique_label(7, number)).collect();
        assert_eq!(labels.len(), 10_000);
        assert_ne!(unique_label(7, 1), unique_label(8, 1));
    }
}
