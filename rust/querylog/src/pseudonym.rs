//! Pseudonyms of clients: an address under a secret key, always the same one while the key lasts.
//!
//! The 16 octets of the address are one block of AES-128, so different clients never share a pseudonym, and only who has the
//! key can tell which client one stands for. When the key is thrown away, that cannot be found out.

use crate::record::{address, octets_of};
use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use std::net::IpAddr;

/// RFC 4648 section 6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const PREFIX: &str = "p-";
/// Characters of 128 bits, five each.
const CHARACTERS: usize = 26;

/// A key for pseudonyms.
pub struct PseudonymKey(Aes128);

impl PseudonymKey {
    /// The key of these octets.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(Aes128::new(key.into()))
    }

    /// Turns the octets of an address into those of its pseudonym.
    #[inline]
    pub(crate) fn hide(&self, octets: &mut [u8; 16]) {
        self.0.encrypt_block(octets.into());
    }

    /// The pseudonym of a client.
    pub fn pseudonym(&self, client: IpAddr) -> String {
        let mut octets = octets_of(client);
        self.hide(&mut octets);
        let mut text = String::new();
        write_pseudonym(&octets, &mut text);
        text
    }

    /// The client of a pseudonym; some address or other where it was made with another key.
    pub fn client(&self, pseudonym: &str) -> Option<IpAddr> {
        let mut octets = parse_pseudonym(pseudonym)?;
        self.0.decrypt_block((&mut octets).into());
        Some(address(octets))
    }
}

/// Appends the text of a pseudonym.
pub(crate) fn write_pseudonym(octets: &[u8; 16], text: &mut String) {
    let bits = u128::from_be_bytes(*octets);
    text.push_str(PREFIX);
    for at in 0..CHARACTERS {
        // 26 times 5 is 130: the last character holds the last three bits.
        let shifted = if at + 1 < CHARACTERS { bits >> (123 - 5 * at) } else { bits << 2 };
        let character = BASE32.get((shifted & 31) as usize).copied().unwrap_or(b'a');
        text.push(char::from(character));
    }
}

/// The octets of a pseudonym's text; `None` if it is not one.
pub(crate) fn parse_pseudonym(text: &str) -> Option<[u8; 16]> {
    let characters = text.strip_prefix(PREFIX)?.as_bytes();
    let value = |character: &u8| BASE32.iter().position(|one| one == character).map(|value| value as u128);
    let (last, most) = characters.split_last().filter(|_| characters.len() == CHARACTERS)?;
    let bits = most.iter().try_fold(0u128, |bits, character| Some(bits << 5 | value(character)?))?;
    let last = value(last).filter(|last| last & 3 == 0)?;
    Some((bits << 3 | last >> 2).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pseudonym_is_aes_of_the_address() {
        // FIPS 197, appendix C.1: key 00..0f, block 00112233..ff.
        let key = PseudonymKey::new(&std::array::from_fn(|at| at as u8));
        let client: IpAddr = "11:2233:4455:6677:8899:aabb:ccdd:eeff".parse().expect("an address");
        let mut expected = String::new();
        write_pseudonym(&0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes(), &mut expected);
        assert_eq!(key.pseudonym(client), expected);
        assert_eq!((expected.len(), expected.get(..2)), (28, Some("p-")));
    }

    #[test]
    fn what_is_no_pseudonym_is_not_read() {
        for text in ["", "p-", "p-a", "192.0.2.1", "p-aaaaaaaaaaaaaaaaaaaaaaaaa1", "p-aaaaaaaaaaaaaaaaaaaaaaaaab"] {
            assert_eq!(parse_pseudonym(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_key_alone_tells_the_client(key in any::<[u8; 16]>(), other in any::<[u8; 16]>(), v6 in any::<u128>(), v4 in any::<Option<u32>>()) {
            prop_assume!(key != other);
            let client = v4.map_or(address(v6.to_be_bytes()), |v4| IpAddr::V4(v4.into()));
            let pseudonym = PseudonymKey::new(&key).pseudonym(client);
            prop_assert_eq!(PseudonymKey::new(&key).client(&pseudonym), Some(client));
            prop_assert_ne!(PseudonymKey::new(&other).client(&pseudonym), Some(client));
        }
    }
}
