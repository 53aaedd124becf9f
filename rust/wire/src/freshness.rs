//! How long an answer of ours stays true: what an HTTP cache may keep of it (RFC 8484 section 5.1).

use crate::cursor::Cursor;
use crate::{HEADER_OCTETS, Rcode, question_end, rtype};

/// Where the flags' second octet stands, RCODE in its lower half.
const RCODE_AT: usize = 3;
const RCODE_BITS: u8 = 0x0f;
/// The fields of an SOA after its names; the last is MINIMUM.
const SOA_MINIMUM_OCTETS: usize = 4;

/// Seconds: the least TTL of the answer section, else that of the negative answer (RFC 2308 section 5). 0 for errors, and for
/// what is no whole answer.
#[must_use]
pub fn freshness_s(answer: &[u8]) -> u32 {
    read(answer).unwrap_or(0)
}

fn read(answer: &[u8]) -> Option<u32> {
    let rcode = Rcode(u16::from(answer.get(RCODE_AT)? & RCODE_BITS));
    if rcode != Rcode::NOERROR && rcode != Rcode::NXDOMAIN {
        return None;
    }
    let [.., a0, a1, n0, n1, _, _] = *answer.first_chunk::<HEADER_OCTETS>()?;
    let mut cursor = Cursor::new(answer.get(question_end(answer)?..)?);
    let answers = (0..u16::from_be_bytes([a0, a1])).map(|_| ttl_s(&mut cursor)).collect::<Option<Vec<_>>>()?;
    match answers.into_iter().min() {
        Some(least_s) => Some(least_s),
        None => {
            (0..u16::from_be_bytes([n0, n1])).map(|_| ttl_s(&mut cursor)).collect::<Option<Vec<_>>>()?.into_iter().min()
        }
    }
}

/// The TTL of a record; of an SOA what it says of negative answers.
fn ttl_s(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor.skip_name()?;
    let (rtype, _class, ttl_s, octets) = (cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u16()?);
    let data = cursor.take(usize::from(octets))?;
    let minimum_s = data.last_chunk::<SOA_MINIMUM_OCTETS>().map(|octets| u32::from_be_bytes(*octets));
    Some(if rtype == rtype::SOA { ttl_s.min(minimum_s?) } else { ttl_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x01a\x00\x00\x01\x00\x01";

    fn message(rcode: u8, counts: [u8; 2], records: &[&[u8]]) -> Vec<u8> {
        let header = [0, 1, 0x84, rcode, 0, 1, 0, counts[0], 0, counts[1], 0, 0];
        [&header[..], QUESTION, &records.concat()].concat()
    }

    fn a(ttl_s: u8) -> Vec<u8> {
        [b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00".as_slice(), &[ttl_s], b"\x00\x04\xc0\x00\x02\x01"].concat()
    }

    fn soa(ttl_s: u8, minimum_s: u8) -> Vec<u8> {
        let mut data = vec![0; 22];
        data[21] = minimum_s;
        [b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00".as_slice(), &[ttl_s, 0, 22], &data].concat()
    }

    #[test]
    fn the_least_ttl_of_the_answers_counts_and_the_authority_does_not() {
        assert_eq!(freshness_s(&message(0, [2, 1], &[&a(60), &a(30), &soa(5, 5)])), 30);
    }

    #[test]
    fn a_negative_answer_is_true_as_long_as_its_soa_says() {
        assert_eq!(freshness_s(&message(3, [0, 1], &[&soa(60, 20)])), 20);
        assert_eq!(freshness_s(&message(0, [0, 1], &[&soa(10, 20)])), 10);
    }

    #[test]
    fn errors_and_halves_are_not_kept() {
        assert_eq!(freshness_s(&message(2, [1, 0], &[&a(60)])), 0);
        let whole = message(0, [1, 0], &[&a(60)]);
        assert!((0..whole.len()).all(|octets| freshness_s(&whole[..octets]) == 0));
        assert_eq!(freshness_s(&message(0, [0, 0], &[])), 0);
    }
}
