//! A sealed illegal-content list: names nobody may open and nobody may read.
//!
//! The list holds keyed hashes only (SipHash-2-4, 128 bits, key of this installation), so neither the file nor the memory
//! of a server gives a name away. It stands above every other layer; there is no call that takes an entry out, and no
//! part of a verdict names the entry: `explain` says "sealed list, serial N".

use schoolgate_wire::Name;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// Keyed hashes of sealed names, sorted.
#[derive(Clone)]
pub struct SealedList {
    key: [u8; 16],
    serial: u64,
    hashes: Vec<u128>,
}

impl std::fmt::Debug for SealedList {
    /// Neither the key nor a hash may reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedList").field("serial", &self.serial).field("entries", &self.hashes.len()).finish()
    }
}

impl SealedList {
    /// A list of keyed hashes made with [`SealedList::hash`] and the same key.
    pub fn new(key: [u8; 16], serial: u64, mut hashes: Vec<u128>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        Self { key, serial, hashes }
    }

    /// The keyed hash of one name.
    pub fn hash(key: &[u8; 16], name: &Name) -> u128 {
        hash_octets(key, name.as_wire())
    }

    /// The serial of the list, the one thing that may be said of a hit.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// How many names are sealed.
    pub fn entries(&self) -> usize {
        self.hashes.len()
    }

    /// Whether the name or anything above it is sealed.
    pub fn holds(&self, name: &Name) -> bool {
        !self.hashes.is_empty()
            && (0..name.label_count())
                .any(|label| self.hashes.binary_search(&hash_octets(&self.key, name.suffix(label))).is_ok())
    }
}

fn hash_octets(key: &[u8; 16], octets: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(octets);
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).expect("a valid name")
    }

    #[test]
    fn a_sealed_name_and_all_below_it_are_held() {
        let key = [7; 16];
        let list = SealedList::new(key, 4, vec![SealedList::hash(&key, &name("sealed.example"))]);
        for held in ["sealed.example", "a.sealed.example", "b.a.sealed.example"] {
            assert!(list.holds(&name(held)), "{held}");
        }
        for free in ["example", "unsealed.example", "sealed.example.org"] {
            assert!(!list.holds(&name(free)), "{free}");
        }
    }

    #[test]
    fn another_key_holds_nothing() {
        let list = SealedList::new([8; 16], 1, vec![SealedList::hash(&[7; 16], &name("sealed.example"))]);
        assert!(!list.holds(&name("sealed.example")));
    }

    #[test]
    fn printing_a_list_prints_neither_key_nor_hash() {
        let key = *b"0123456789abcdef";
        let list = SealedList::new(key, 9, vec![SealedList::hash(&key, &name("sealed.example"))]);
        assert_eq!(format!("{list:?}"), "SealedList { serial: 9, entries: 1 }");
    }
}
