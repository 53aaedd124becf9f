//! Answers that a policy gives, and how they are framed.

use crate::messages::{Packet, query, see};
use domain::base::Message;
use schoolgate_wire::{
    CookieSecrets, Ede, EdeCode, EdnsReply, PolicyAnswer, PolicyRecords, Query, Rcode, policy_answer, rcode_answer,
    rtype, truncated,
};
use std::net::{Ipv4Addr, Ipv6Addr};

fn www() -> Packet {
    query("WwW.eXample.com", rtype::A)
}

fn answer(packet: &Packet, answer: &PolicyAnswer<'_>, reply: impl Fn(&Query) -> EdnsReply<'static>) -> Vec<u8> {
    let query = packet.peeked();
    let mut out = [0xaa; 65_535];
    let length = policy_answer(&mut out, &packet.octets, &query, answer, &reply(&query));
    out[..length].to_vec()
}

#[test]
fn nxdomain_is_cached_for_the_block_ttl() {
    let octets = answer(&www(), &PolicyAnswer::nxdomain(30), EdnsReply::datagram);
    let seen = see(&octets);
    assert_eq!(seen.rcode, 3);
    assert!(seen.answer.is_empty() && !seen.has_opt);
    assert_eq!(seen.authority, ["WwW.eXample.com 30 SOA"]);
    assert_eq!(octets[octets.len() - 4..], 30_u32.to_be_bytes(), "MINIMUM");
}

#[test]
fn an_answer_has_the_clients_id_flags_and_case() {
    let packet = www().with(2, &[0x00, 0x10]);
    let octets = answer(&packet, &PolicyAnswer::nodata(30), EdnsReply::datagram);
    assert_eq!(octets[..4], [0x12, 0x34, 0x80, 0x90], "RD clear as asked, CD set as asked, RA, no AA, no AD");
    assert_eq!(octets[12..packet.octets.len()], packet.octets[12..]);
}

#[test]
fn addresses_are_answered_under_the_question() {
    let v4 = [Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::UNSPECIFIED];
    let octets = answer(&www(), &PolicyAnswer::v4(&v4, 20), EdnsReply::datagram);
    assert_eq!(see(&octets).answer, ["WwW.eXample.com 20 A", "WwW.eXample.com 20 A"]);
    assert_eq!(octets[octets.len() - 20..octets.len() - 16], [192, 0, 2, 10]);
    let v6 = ["2001:db8::10".parse::<Ipv6Addr>().unwrap()];
    let octets = answer(&query("a.example", rtype::AAAA), &PolicyAnswer::v6(&v6, 20), EdnsReply::datagram);
    assert_eq!(see(&octets).answer, ["a.example 20 AAAA"]);
    assert_eq!(octets[octets.len() - 16..], v6[0].octets());
}

#[test]
fn any_is_answered_with_hinfo_as_rfc_8482_says() {
    let octets = answer(&query("example.com", rtype::ANY), &PolicyAnswer::any(60), EdnsReply::datagram);
    assert_eq!(see(&octets).answer, ["example.com 60 HINFO"]);
}

#[test]
fn opt_answers_opt_and_echoes_do() {
    let octets = answer(&www().opt(4096, 0x8000, b""), &PolicyAnswer::nxdomain(30), EdnsReply::datagram);
    let message = Message::from_octets(octets.as_slice()).unwrap();
    let opt = message.opt().unwrap();
    assert!(opt.dnssec_ok());
    assert_eq!((opt.udp_payload_size(), opt.version()), (1232, 0));
    let octets = answer(&www().opt(4096, 0, b""), &PolicyAnswer::nxdomain(30), EdnsReply::datagram);
    assert!(!Message::from_octets(octets.as_slice()).unwrap().opt().unwrap().dnssec_ok());
}

#[test]
fn the_datagram_limit_lies_between_512_and_1232() {
    for (announced, limit) in [(0, 512), (511, 512), (513, 513), (1232, 1232), (65_535, 1232)] {
        assert_eq!(EdnsReply::datagram(&www().opt(announced, 0, b"").peeked()).limit_octets, limit);
    }
    assert_eq!(EdnsReply::datagram(&www().peeked()).limit_octets, 512);
}

#[test]
fn extended_codes_go_into_opt() {
    let packet = www().opt(1232, 0, b"");
    let query = packet.peeked();
    let mut out = [0; 512];
    let length = rcode_answer(&mut out, &packet.octets, &query, Rcode::BADCOOKIE, &EdnsReply::datagram(&query));
    assert_eq!(see(&out[..length]).rcode, 23);
}

#[test]
fn an_extended_error_carries_code_and_text() {
    let ede = Ede { code: EdeCode::BLOCKED, text: "gambling" };
    let octets =
        answer(&www().opt(1232, 0, b""), &PolicyAnswer::nxdomain(30), |query| EdnsReply::datagram(query).with_ede(ede));
    assert_eq!(octets[octets.len() - 14..], *b"\x00\x0f\x00\x0a\x00\x0fgambling");
    assert!(see(&octets).has_opt);
    let octets = answer(&www(), &PolicyAnswer::nxdomain(30), |query| EdnsReply::datagram(query).with_ede(ede));
    assert!(!see(&octets).has_opt, "a client without EDNS gets none");
}

#[test]
fn the_error_text_gives_way_before_the_answer_is_truncated() {
    let addresses = vec![Ipv4Addr::new(192, 0, 2, 1); 28];
    let ede = Ede { code: EdeCode::FORGED_ANSWER, text: "rewritten by the policy of this school" };
    let octets = answer(&www().opt(512, 0, b""), &PolicyAnswer::v4(&addresses, 5), |query| {
        EdnsReply::datagram(query).with_ede(ede)
    });
    assert_eq!(octets.len(), 33 + 28 * 16 + 11 + 6);
    assert!(!see(&octets).tc);
    let addresses = vec![Ipv4Addr::new(192, 0, 2, 1); 29];
    let octets = answer(&www().opt(512, 0, b""), &PolicyAnswer::v4(&addresses, 5), |query| {
        EdnsReply::datagram(query).with_ede(ede)
    });
    let seen = see(&octets);
    assert_eq!((seen.answer.len(), seen.tc), (29, false), "only the error is gone");
}

#[test]
fn too_many_addresses_are_truncated_by_udp_and_sent_whole_by_tcp() {
    let addresses = vec![Ipv4Addr::new(192, 0, 2, 1); 40];
    let octets = answer(&www(), &PolicyAnswer::v4(&addresses, 5), EdnsReply::datagram);
    let seen = see(&octets);
    assert!(seen.tc && seen.answer.is_empty());
    assert_eq!(octets.len(), www().octets.len());
    let octets = answer(&www(), &PolicyAnswer::v4(&addresses, 5), |_| EdnsReply::stream());
    assert_eq!(see(&octets).answer.len(), 40);
}

#[test]
fn a_truncated_answer_keeps_opt_and_question() {
    let packet = www().opt(1232, 0, b"");
    let query = packet.peeked();
    let mut out = [0; 512];
    let length = truncated(&mut out, &packet.octets, &query, &EdnsReply::datagram(&query));
    let seen = see(&out[..length]);
    assert!(seen.tc && seen.has_opt && seen.rcode == 0);
    assert_eq!(out[12..query.question_end], packet.octets[12..query.question_end]);
}

#[test]
fn encrypted_answers_are_padded_to_the_block_if_the_query_was() {
    let padded = www().opt(1232, 0, b"\x00\x0c\x00\x01\x00");
    let ede = Ede { code: EdeCode::BLOCKED, text: "x" };
    let octets = answer(&padded, &PolicyAnswer::nxdomain(30), |_| EdnsReply::encrypted().with_ede(ede));
    assert_eq!(octets.len(), 468);
    assert!(see(&octets).has_opt);
    let octets = answer(&www().opt(1232, 0, b""), &PolicyAnswer::nxdomain(30), |_| EdnsReply::encrypted());
    assert!(octets.len() < 200);
    let octets = answer(&padded, &PolicyAnswer::nxdomain(30), |_| EdnsReply::stream());
    assert!(octets.len() < 200, "padding is for encrypted doors only");
}

#[test]
fn cookie_and_keepalive_are_sent_when_given() {
    let packet = www().opt(1232, 0, b"\x00\x0a\x00\x08abcdefgh");
    let query = packet.peeked();
    let secrets = CookieSecrets::new([1; 16], None);
    let client = "192.0.2.7".parse().unwrap();
    let cookie = secrets.reply_cookie(&query.edns.unwrap().cookie, client, 1_700_000_000);
    let reply = EdnsReply { keepalive_100ms: Some(100), ..EdnsReply::stream().with_cookie(cookie) };
    let mut out = [0; 512];
    let length = rcode_answer(&mut out, &packet.octets, &query, Rcode::NOERROR, &reply);
    assert_eq!(out[length - 34..length - 22], *b"\x00\x0a\x00\x18abcdefgh");
    assert_eq!(out[length - 6..length], [0, 11, 0, 2, 0, 100]);
    assert!(see(&out[..length]).has_opt);
}

#[test]
fn a_buffer_that_holds_nothing_yields_nothing() {
    let packet = www();
    let query = packet.peeked();
    let answer = PolicyAnswer { rcode: Rcode::NXDOMAIN, records: PolicyRecords::None, ttl_s: 1, soa: true };
    for room in 0..packet.octets.len() {
        let mut out = vec![0; room];
        assert_eq!(policy_answer(&mut out, &packet.octets, &query, &answer, &EdnsReply::stream()), 0);
    }
}

#[test]
fn the_longest_question_with_every_option_fits_512_octets() {
    let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    let packet = query(&longest, rtype::A).opt(512, 0, b"");
    let text = "e".repeat(200);
    let ede = Ede { code: EdeCode::BLOCKED, text: &text };
    let reply =
        EdnsReply { keepalive_100ms: Some(1), ..EdnsReply::datagram(&packet.peeked()).with_cookie(Some([0; 24])) };
    let mut out = [0; 512];
    let length = truncated(&mut out, &packet.octets, &packet.peeked(), &reply.with_ede(ede));
    assert!(length > 0 && see(&out[..length]).has_opt);
}
