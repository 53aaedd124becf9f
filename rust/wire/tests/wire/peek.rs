//! Which packets are queries, and what the others are refused for.

use crate::messages::{Packet, name, query, wire};
use domain::base::iana::{Class, Rtype};
use domain::base::name::ParsedName;
use domain::base::{Message, MessageBuilder, Question};
use proptest::prelude::*;
use schoolgate_wire::{Cookie, Query, Rcode, Reason, Refusal, peek, refusal_reply, rtype};

fn refused(packet: &Packet) -> Refusal {
    peek(&packet.octets, &mut Query::default()).unwrap_err()
}

fn refused_with(packet: &Packet, rcode: Rcode, reason: Reason) {
    assert_eq!(refused(packet), Refusal::Answer { rcode, reason });
}

fn formerr(packet: &Packet, reason: Reason) {
    refused_with(packet, Rcode::FORMERR, reason);
}

fn www() -> Packet {
    query("WwW.eXample.com", rtype::A)
}

#[test]
fn a_plain_query_is_read_and_folded() {
    let packet = www();
    let query = packet.peeked();
    assert_eq!((query.id, query.qtype), (0x1234, rtype::A));
    assert_eq!(query.name, name("www.example.com"));
    assert_eq!(query.question_end, packet.octets.len());
    assert!(query.recursion_desired && !query.checking_disabled && !query.authentic_data);
    assert_eq!(query.edns, None);
}

#[test]
fn flags_are_read_and_unknown_ones_ignored() {
    let query = www().with(2, &[0x06, 0x70]).peeked();
    assert!(!query.recursion_desired && query.checking_disabled && query.authentic_data);
}

#[test]
fn edns_is_read() {
    let query = www().opt(4096, 0x8000, b"\x00\x0a\x00\x08abcdefgh").peeked();
    let edns = query.edns.unwrap();
    assert_eq!(edns.udp_size_octets, 4096);
    assert_eq!(edns.cookie, Cookie::Client(*b"abcdefgh"));
    assert!(query.dnssec_ok());
}

#[test]
fn a_query_used_again_forgets_the_packet_before() {
    let mut query = www().opt(4096, 0x8000, b"").peeked();
    peek(&crate::messages::query("a.example", rtype::AAAA).octets, &mut query).unwrap();
    assert_eq!(query.edns, None);
    assert_eq!(query.name, name("a.example"));
    peek(&[0; 4], &mut query).unwrap_err();
    assert_eq!(query.question_end, 0);
}

#[test]
fn what_could_loop_is_met_with_silence() {
    for packet in [Packet { octets: vec![] }, Packet { octets: www().octets[..11].to_vec() }] {
        assert_eq!(refused(&packet), Refusal::Silent(Reason::Short));
    }
    let response = www().with(2, &[0x81]);
    assert_eq!(refused(&response), Refusal::Silent(Reason::Response));
    let mut out = [0; 512];
    assert_eq!(refusal_reply(&mut out, &response.octets, &Query::default(), &refused(&response)), 0);
}

#[test]
fn other_opcodes_are_not_implemented() {
    for opcode in 1..16 {
        refused_with(&www().with(2, &[opcode << 3]), Rcode::NOTIMP, Reason::Opcode);
    }
}

#[test]
fn counts_must_be_those_of_a_query() {
    formerr(&www().with(4, &[0, 0]), Reason::QuestionCount);
    formerr(&www().with(4, &[0, 2]), Reason::QuestionCount);
    formerr(&www().with(6, &[0, 1]), Reason::RecordCount);
    formerr(&www().with(8, &[0, 1]), Reason::RecordCount);
    formerr(&www().with(10, &[0xff, 0xff]), Reason::RecordCount);
    formerr(&www().with(10, &[0, 1]), Reason::Truncated);
}

#[test]
fn the_question_name_must_be_whole_and_uncompressed() {
    let header = Packet { octets: www().octets[..12].to_vec() };
    formerr(&header.clone().push(b"\xc0\x0c\x00\x01\x00\x01"), Reason::QuestionName);
    formerr(&header.clone().push(b"\x01a\xc0\x0c\x00\x01\x00\x01"), Reason::QuestionName);
    formerr(&header.clone().push(&[&[64][..], &[b'a'; 64], &[0, 0, 1, 0, 1]].concat()), Reason::QuestionName);
    formerr(&header.clone().push(&[b"\x01a".repeat(127), vec![1, b'a', 0, 0, 1, 0, 1]].concat()), Reason::QuestionName);
    formerr(&header.push(b"\x03ab"), Reason::Truncated);
    for length in 12..www().octets.len() {
        formerr(&Packet { octets: www().octets[..length].to_vec() }, Reason::Truncated);
    }
}

#[test]
fn the_longest_name_passes() {
    let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    assert_eq!(query(&longest, rtype::A).peeked().name.as_wire().len(), 255);
    assert_eq!(query("", rtype::NS).peeked().name, name("."));
}

#[test]
fn octets_after_the_last_record_are_refused() {
    formerr(&www().push(&[0]), Reason::TrailingOctets);
    formerr(&www().opt(1232, 0, b"").push(&[0]), Reason::TrailingOctets);
}

#[test]
fn opt_stands_once_and_at_the_root() {
    formerr(&www().opt(1232, 0, b"").opt(1232, 0, b""), Reason::SeveralOpts);
    formerr(&www().additional(b"\x01a\x00", rtype::OPT, 1232, 0, b""), Reason::BadOpt);
    formerr(&www().additional(b"\xc0\x0c", rtype::OPT, 1232, 0, b""), Reason::BadOpt);
    formerr(&www().opt(1232, 0, b"\x00\x0a\x00\x09abc"), Reason::BadOpt);
    formerr(&www().opt(1232, 0, b"\x00\x0a\x00\x0cabcdefghijkl"), Reason::BadCookieLength);
}

#[test]
fn sixteen_thousand_options_are_walked_once() {
    let options = b"\xff\xff\x00\x00".repeat(16_000);
    assert!(www().opt(1232, 0, &options).peeked().edns.is_some());
}

#[test]
fn an_unknown_edns_version_is_refused_by_name() {
    refused_with(&www().opt(1232, 0x0001_0000, b"junk"), Rcode::BADVERS, Reason::EdnsVersion);
}

#[test]
fn signed_queries_and_stray_records_are_refused() {
    let tsig = |packet: Packet| packet.additional(&wire("key.example"), rtype::TSIG, 255, 0, b"whatever");
    refused_with(&tsig(www()), Rcode::NOTAUTH, Reason::Tsig);
    refused_with(&tsig(www().opt(1232, 0, b"")), Rcode::NOTAUTH, Reason::Tsig);
    formerr(&www().additional(&wire("a.example"), rtype::A, 1, 0, &[192, 0, 2, 1]), Reason::AdditionalRecord);
}

#[test]
fn classes_other_than_in_never_reach_a_policy() {
    let class_place = www().octets.len() - 2;
    for class in [0_u16, 3, 4, 254, 255] {
        refused_with(&www().with(class_place, &class.to_be_bytes()), Rcode::REFUSED, Reason::Class);
    }
}

#[test]
fn types_that_cannot_be_asked_for_are_refused() {
    for qtype in [rtype::AXFR, rtype::IXFR] {
        refused_with(&query("example.com", qtype), Rcode::REFUSED, Reason::ZoneTransfer);
    }
    for qtype in [rtype::TKEY, rtype::MAILA, rtype::MAILB] {
        refused_with(&query("example.com", qtype), Rcode::NOTIMP, Reason::MetaType);
    }
    for qtype in [0, rtype::OPT, 128, 200, rtype::TSIG] {
        formerr(&query("example.com", qtype), Reason::MetaType);
    }
    for qtype in [rtype::ANY, rtype::HTTPS, 127, 256, 0xffff] {
        assert_eq!(query("example.com", qtype).peeked().qtype, qtype);
    }
}

/// What the sender of a packet gets.
fn refusal_to(packet: &Packet) -> Vec<u8> {
    let (mut query, mut out) = (Query::default(), [0; 512]);
    let refusal = peek(&packet.octets, &mut query).unwrap_err();
    let length = refusal_reply(&mut out, &packet.octets, &query, &refusal);
    out[..length].to_vec()
}

#[test]
fn a_format_error_is_answered_by_a_bare_header() {
    assert_eq!(refusal_to(&www().with(4, &[0, 2])), [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(refusal_to(&www().with(2, &[0x28])), [0x12, 0x34, 0xa8, 0x84, 0, 0, 0, 0, 0, 0, 0, 0], "opcode copied");
}

#[test]
fn a_refused_question_is_echoed_in_its_own_case() {
    let packet = query("ExamplE.com", rtype::AXFR);
    let refusal = refusal_to(&packet);
    assert_eq!(refusal[..4], [0x12, 0x34, 0x81, 0x85]);
    assert_eq!(refusal[12..], packet.octets[12..]);
}

#[test]
fn badvers_carries_opt_of_version_0() {
    let refusal = refusal_to(&www().opt(1232, 0x0005_8000, b""));
    let message = Message::from_octets(refusal.as_slice()).unwrap();
    assert_eq!(message.opt_rcode().to_int(), 16);
    assert_eq!(message.opt().unwrap().version(), 0);
}

/// A query that `domain` composed: labels, type, whether EDNS is on, and its size.
fn composed(labels: &[Vec<u8>], qtype: u16, edns: Option<u16>) -> Vec<u8> {
    let mut wire: Vec<u8> = labels.iter().flat_map(|label| [&[label.len() as u8][..], label].concat()).collect();
    wire.push(0);
    let qname = domain::base::Name::from_octets(wire).unwrap();
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_rd(true);
    let mut builder = builder.question();
    builder.push((qname, Rtype::from_int(qtype), Class::IN)).unwrap();
    let mut builder = builder.additional();
    if let Some(size) = edns {
        builder
            .opt(|opt| {
                opt.set_udp_payload_size(size);
                opt.set_dnssec_ok(true);
                opt.padding(3)
            })
            .unwrap();
    }
    builder.finish()
}

proptest! {
    #[test]
    fn peek_agrees_with_domain_on_well_formed_queries(
        labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=30), 0..=7),
        qtype in prop::sample::select(vec![1_u16, 2, 5, 28, 65, 255, 4711]),
        edns in prop::option::of(any::<u16>()),
    ) {
        let packet = composed(&labels, qtype, edns);
        let mut query = Query::default();
        peek(&packet, &mut query).unwrap();
        let message = Message::from_octets(packet.as_slice()).unwrap();
        let question: Question<ParsedName<&[u8]>> = message.sole_question().unwrap();
        let theirs: Vec<u8> = question.qname().iter().flat_map(|label| [&[label.len() as u8][..], label.as_slice()].concat()).collect();
        prop_assert_eq!(query.name.as_wire(), theirs.to_ascii_lowercase());
        prop_assert_eq!(query.qtype, question.qtype().to_int());
        prop_assert_eq!(query.edns.map(|edns| edns.udp_size_octets), message.opt().map(|opt| opt.udp_payload_size()));
        prop_assert_eq!(query.dnssec_ok(), edns.is_some());
    }

    #[test]
    fn arbitrary_octets_never_panic(packet in prop::collection::vec(any::<u8>(), 0..600)) {
        let (mut query, mut out) = (Query::default(), [0; 512]);
        if let Err(refusal) = peek(&packet, &mut query) {
            let length = refusal_reply(&mut out, &packet, &query, &refusal);
            prop_assert!(length <= packet.len());
        }
    }

    #[test]
    fn damaged_queries_never_panic_and_never_pass_longer_than_they_are(
        at in 0_usize..60, octet in any::<u8>(), cut in 0_usize..60,
    ) {
        let mut packet = www().opt(1232, 0, b"\x00\x0a\x00\x08abcdefgh").octets;
        packet.truncate(packet.len() - cut.min(packet.len()));
        if let Some(place) = packet.get_mut(at) { *place = octet; }
        let (mut query, mut out) = (Query::default(), [0; 512]);
        match peek(&packet, &mut query) {
            Ok(()) => prop_assert!(query.question_end <= packet.len()),
            Err(refusal) => prop_assert!(refusal_reply(&mut out, &packet, &query, &refusal) <= packet.len()),
        }
    }
}
