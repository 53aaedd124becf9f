//! The forms of names that suppliers of sealed lists send beside names: digests, and the self-test name.

use crate::sealed_key::Key;

/// A name of ours in every sealed list: asking for it shows that the list is in force, and nothing else.
pub const SELF_TEST_NAME: &str = "sealed.blocked.example.com";

/// Digests a supplier may send instead of names.
pub const DIGESTS: [Digest; 3] = [Digest::Md5, Digest::Sha1, Digest::Sha256];

/// How a supplier digests a name: lower case, no dot at the end, in its A-label form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Digest {
    /// 16 octets.
    Md5 = 0,
    /// 20 octets.
    Sha1 = 1,
    /// 32 octets.
    Sha256 = 2,
}

impl Digest {
    /// The algorithm whose digest has so many octets.
    pub fn of_length(octets: usize) -> Option<Self> {
        match octets {
            16 => Some(Self::Md5),
            20 => Some(Self::Sha1),
            32 => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The keyed hash of the digest of a text.
    pub(crate) fn seal_text(self, key: &Key, text: &[u8]) -> u128 {
        use sha2::Digest as _;
        match self {
            Self::Md5 => self.seal(key, &md5::Md5::digest(text)),
            Self::Sha1 => self.seal(key, &sha1::Sha1::digest(text)),
            Self::Sha256 => self.seal(key, &sha2::Sha256::digest(text)),
        }
    }

    /// The keyed hash of a digest. The mark in front is no label's length, so a digest never meets a name.
    pub(crate) fn seal(self, key: &Key, digest: &[u8]) -> u128 {
        key.hash_two(&[0xfe, self as u8], digest)
    }
}
