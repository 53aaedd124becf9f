//! What a message says of DNSSEC: the AD bit (RFC 4035 section 3.2.3, RFC 6840 section 5.7), and why validation failed (RFC
//! 8914).

use crate::cursor::Cursor;
use crate::edns::option;
use crate::{EdeCode, HEADER_OCTETS, rtype};

/// Where TC stands, and where AD does.
const HIGH_FLAGS_AT: usize = 2;
const LOW_FLAGS_AT: usize = 3;
const TC: u8 = 0x02;
const AD: u8 = 0x20;

/// Whether AD is set: in a query "I understand AD", in a reply "all of this was validated".
#[inline]
#[must_use]
pub fn is_ad_set(message: &[u8]) -> bool {
    message.get(LOW_FLAGS_AT).is_some_and(|flags| flags & AD != 0)
}

/// Sets AD; not in an answer that is cut off, which says nothing.
#[inline]
pub fn set_ad(message: &mut [u8]) {
    if message.get(HIGH_FLAGS_AT).is_some_and(|flags| flags & TC == 0)
        && let Some(flags) = message.get_mut(LOW_FLAGS_AT)
    {
        *flags |= AD;
    }
}

/// The first Extended DNS Error of a reply that speaks of DNSSEC. What else a reply says of itself is not passed on, nor is any
/// text: both come from outside.
#[must_use]
pub fn dnssec_error(reply: &[u8]) -> Option<EdeCode> {
    let (header, body) = reply.split_first_chunk::<HEADER_OCTETS>()?;
    let [_, _, _, _, q0, q1, a0, a1, n0, n1, r0, r1] = *header;
    let mut cursor = Cursor::new(body);
    for _ in 0..u16::from_be_bytes([q0, q1]) {
        cursor.skip_name()?;
        cursor.take(4)?;
    }
    let [answers, authorities, additionals] =
        [[a0, a1], [n0, n1], [r0, r1]].map(|count| u32::from(u16::from_be_bytes(count)));
    for _ in 0..answers + authorities + additionals {
        cursor.skip_name()?;
        let (rtype, _, _, length) = (cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u16()?);
        let data = cursor.take(usize::from(length))?;
        if rtype == rtype::OPT {
            return error_in_options(data);
        }
    }
    None
}

fn error_in_options(data: &[u8]) -> Option<EdeCode> {
    let mut options = Cursor::new(data);
    while !options.is_empty() {
        let (code, length) = (options.u16()?, options.u16()?);
        let mut data = Cursor::new(options.take(usize::from(length))?);
        if code == option::EDE
            && let Some(error) = data.u16().map(EdeCode)
            && error.is_about_dnssec()
        {
            return Some(error);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A SERVFAIL with these options in its OPT.
    fn servfail(options: &[u8]) -> Vec<u8> {
        let opt = [&b"\0\0\x29\x04\xd0\0\0\0\0"[..], &(options.len() as u16).to_be_bytes(), options].concat();
        [&b"\x12\x34\x81\x82\0\x01\0\0\0\0\0\x01\x03www\x07example\0\0\x01\0\x01"[..], &opt].concat()
    }

    #[test]
    fn the_first_error_about_dnssec_counts_whatever_stands_before() {
        assert_eq!(dnssec_error(&servfail(b"\0\x0f\0\x04\0\x06hi")), Some(EdeCode::DNSSEC_BOGUS));
        assert_eq!(dnssec_error(&servfail(b"\0\x0a\0\x01x\0\x0f\0\x02\0\x16\0\x0f\0\x02\0\x07")), Some(EdeCode(7)));
        for nothing in [&b""[..], b"\0\x0f\0\x02\0\x16", b"\0\x0f\0\x01\0", b"\0\x0f\0\x09\0\x06"] {
            assert_eq!(dnssec_error(&servfail(nothing)), None);
        }
    }

    #[test]
    fn damage_says_nothing_and_harms_nothing() {
        let whole = servfail(b"\0\x0f\0\x02\0\x06");
        for end in 0..whole.len() {
            assert_eq!(dnssec_error(&whole[..end]), None);
        }
    }

    #[test]
    fn ad_is_set_but_not_in_what_is_cut_off() {
        let (mut whole, mut cut) = ([0, 0, 0x81, 0x80], [0, 0, 0x83, 0x80]);
        set_ad(&mut whole);
        set_ad(&mut cut);
        assert!(is_ad_set(&whole) && !is_ad_set(&cut) && !is_ad_set(&[]));
    }
}
