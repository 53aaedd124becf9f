//! The query that goes to a forwarder: what was asked, and nothing about who asked (no client subnet, no cookie).

use crate::edns::DNSSEC_OK;
use crate::question_end::question_end;
use crate::{CLASS_IN, HEADER_OCTETS, Name, OUR_UDP_SIZE_OCTETS, rtype};

/// Octets that a padded query is a multiple of (RFC 8467 section 4.1).
const PADDED_TO: usize = 128;
/// EDNS options: padding (RFC 7830), edns-tcp-keepalive (RFC 7828).
const PADDING: u16 = 12;
const KEEPALIVE: u16 = 11;
const OPTION_HEAD_OCTETS: usize = 4;

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

/// Pads a query that [`forwarder_query`] made for an encrypted connection, so that its length tells little about its name.
/// `asks_to_keep`: over TLS, ask also how long the forwarder keeps the connection. Without OPT it stays as it is.
pub fn pad_query(query: &mut Vec<u8>, asks_to_keep: bool) {
    if query.get(ADDITIONAL_COUNT) != Some(&[0, 1]) || !query.ends_with(&[0, 0]) {
        return;
    }
    let length_at = query.len() - 2;
    if asks_to_keep {
        query.extend_from_slice(&KEEPALIVE.to_be_bytes());
        query.extend_from_slice(&[0, 0]);
    }
    let padding = (query.len() + OPTION_HEAD_OCTETS).next_multiple_of(PADDED_TO) - query.len() - OPTION_HEAD_OCTETS;
    query.extend_from_slice(&PADDING.to_be_bytes());
    query.extend_from_slice(&(padding as u16).to_be_bytes());
    query.resize(query.len() + padding, 0);
    let options = (query.len() - length_at - 2) as u16;
    if let Some(place) = query.get_mut(length_at..length_at + 2) {
        place.copy_from_slice(&options.to_be_bytes());
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
    fn padded_it_is_the_same_query_and_a_multiple_of_128() {
        for (label, asks_to_keep) in
            (1..=63).flat_map(|length| [("a".repeat(length), true), ("b".repeat(length), false)])
        {
            let name = Name::from_text(&format!("{label}.example.com")).unwrap();
            let mut message = forwarder_query(&name, rtype::A, true, false);
            let mut before = Query::default();
            peek(&message, &mut before).unwrap();
            pad_query(&mut message, asks_to_keep);
            assert_eq!(message.len() % 128, 0);
            let mut query = Query::default();
            peek(&message, &mut query).unwrap();
            assert!(query.dnssec_ok());
            assert_eq!((query.name, query.qtype), (before.name, before.qtype));
        }
    }

    #[test]
    fn a_query_without_opt_is_not_padded() {
        let mut message = forwarder_query(&Name::ROOT, rtype::NS, false, false);
        remove_opt(&mut message);
        let before = message.clone();
        pad_query(&mut message, true);
        assert_eq!(message, before);
    }

    #[test]
    fn flags_that_were_not_asked_for_stay_clear() {
        let message = forwarder_query(&Name::ROOT, rtype::NS, false, false);
        assert_eq!(message, b"\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x02\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    }
}
