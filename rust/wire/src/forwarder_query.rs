//! The query that goes to a forwarder: what was asked, and nothing about who asked (no client subnet, no cookie).

use crate::edns::DNSSEC_OK;
use crate::question_end::question_end;
use crate::{CLASS_IN, HEADER_OCTETS, Name, OUR_UDP_SIZE_OCTETS, rtype};

/// Where ARCOUNT stands in a header.
const ADDITIONAL_COUNT: std::ops::Range<usize> = 10..12;

/// A complete query message with ID 0: RD set, OPT with our UDP size, DO and CD as asked. The sender puts a fresh
/// random ID into the first two octets.
#[must_use]
pub fn forwarder_query(name: &Name, qtype: u16, dnssec_ok: bool, checking_disabled: bool) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER_OCTETS + name.as_wire().len() + 4 + 11);
    let cd = if checking_disabled { 0x10 } else { 0 };
    message.extend_from_slice(&[0, 0, 0x01, cd, 0, 1, 0, 0, 0, 0, 0, 1]);
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&CLASS_IN.to_be_bytes());
    message.push(0);
    message.extend_from_slice(&rtype::OPT.to_be_bytes());
    message.extend_from_slice(&OUR_UDP_SIZE_OCTETS.to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(&(if dnssec_ok { DNSSEC_OK } else { 0 }).to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    message
}

/// Takes OPT out of a query that [`forwarder_query`] made, and with it DO: for a server that does not know EDNS (RFC 6891
/// section 7).
pub fn remove_opt(query: &mut Vec<u8>) {
    let Some(end) = question_end(query) else { return };
    query.truncate(end);
    if let Some(count) = query.get_mut(ADDITIONAL_COUNT) {
        count.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Query, peek};

    #[test]
    fn it_is_a_query_that_we_would_pass_ourselves() {
        let name = Name::from_text("WWW.example.com").unwrap();
        let message = forwarder_query(&name, rtype::HTTPS, true, true);
        let mut query = Query::default();
        peek(&message, &mut query).unwrap();
        assert_eq!((query.id, query.qtype), (0, rtype::HTTPS));
        assert!(query.recursion_desired && query.checking_disabled && query.dnssec_ok());
        assert_eq!(query.name, name);
        assert_eq!(query.edns.unwrap().udp_size_octets, 1232);
        assert_eq!(query.edns.unwrap().cookie, crate::Cookie::Absent);
    }

    #[test]
    fn without_opt_the_question_is_left() {
        let name = Name::from_text("www.example.com").unwrap();
        let mut message = forwarder_query(&name, rtype::A, true, true);
        remove_opt(&mut message);
        let mut query = Query::default();
        peek(&message, &mut query).unwrap();
        assert_eq!((query.name, query.qtype, query.edns, query.checking_disabled), (name, rtype::A, None, true));
    }

    #[test]
    fn flags_that_were_not_asked_for_stay_clear() {
        let message = forwarder_query(&Name::ROOT, rtype::NS, false, false);
        assert_eq!(message, b"\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x02\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    }
}
