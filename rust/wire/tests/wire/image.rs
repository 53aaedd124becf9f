//! Stored answers: how they are written to clients, rewritten, and what they reveal.

use crate::messages::{Packet, Seen, name, query, record, reply, see, soa_data, wire};
use proptest::prelude::*;
use schoolgate_wire::{AnswerImage, Ede, EdeCode, EdnsReply, Rcode, Revealed, TtlRule, UnusableReply, rtype};

fn aged(elapsed_s: u32) -> TtlRule {
    TtlRule::Aged { elapsed_s, floor_s: 0, cap_s: 86_400 }
}

/// www.example.com -> a.example.net -> one address.
fn www() -> AnswerImage {
    let reply =
        reply("www.example.com", rtype::A).cname("www.example.com", 300, "a.example.net").a("a.example.net", 60, 1);
    AnswerImage::from_reply(&name("www.example.com"), rtype::A, false, &reply.octets).unwrap()
}

fn addresses(qname: &str, count: u8) -> AnswerImage {
    let reply = (0..count).fold(reply(qname, rtype::A), |reply, last| reply.a(qname, 60, last));
    AnswerImage::from_reply(&name(qname), rtype::A, false, &reply.octets).unwrap()
}

fn written(image: &AnswerImage, packet: &Packet, rule: TtlRule) -> Vec<u8> {
    let query = packet.peeked();
    let mut out = [0xaa; 65_535];
    let length = image.write(&mut out, &packet.octets, &query, rule, &EdnsReply::datagram(&query));
    out[..length].to_vec()
}

fn seen(image: &AnswerImage, packet: &Packet, rule: TtlRule) -> Seen {
    see(&written(image, packet, rule))
}

#[test]
fn each_ttl_is_less_by_the_time_in_store() {
    let packet = query("www.example.com", rtype::A);
    assert_eq!(seen(&www(), &packet, aged(0)).answer, ["www.example.com 300 CNAME", "a.example.net 60 A"]);
    assert_eq!(seen(&www(), &packet, aged(50)).answer, ["www.example.com 250 CNAME", "a.example.net 10 A"]);
    assert_eq!(seen(&www(), &packet, aged(100)).answer, ["www.example.com 200 CNAME", "a.example.net 0 A"]);
}

#[test]
fn floor_cap_and_the_stale_ttl_are_kept() {
    let packet = query("www.example.com", rtype::A);
    let rule = TtlRule::Aged { elapsed_s: 50, floor_s: 20, cap_s: 100 };
    assert_eq!(seen(&www(), &packet, rule).answer, ["www.example.com 100 CNAME", "a.example.net 20 A"]);
    let cut = TtlRule::Aged { elapsed_s: 50, floor_s: 20, cap_s: 5 };
    assert_eq!(seen(&www(), &packet, cut).answer, ["www.example.com 5 CNAME", "a.example.net 5 A"], "the cap wins");
    assert_eq!(seen(&www(), &packet, TtlRule::Fixed(30)).answer, ["www.example.com 30 CNAME", "a.example.net 30 A"]);
}

#[test]
fn id_flags_and_case_are_the_clients() {
    let packet = query("wWw.eXAMPLE.Com", rtype::A).with(0, &[0xbe, 0xef, 0x00, 0x10]);
    let octets = written(&www(), &packet, aged(0));
    assert_eq!(octets[..4], [0xbe, 0xef, 0x80, 0x90]);
    assert_eq!(octets[12..33], packet.octets[12..33]);
    assert_eq!(see(&octets).answer[0], "wWw.eXAMPLE.Com 300 CNAME", "pointers into the question follow its case");
}

#[test]
fn opt_is_added_for_those_who_sent_one() {
    let packet = query("www.example.com", rtype::A).opt(1232, 0x8000, b"");
    let peeked = packet.peeked();
    let reply = EdnsReply::datagram(&peeked).with_ede(Ede::new(EdeCode::STALE_ANSWER));
    let mut out = [0; 1232];
    let length = www().write(&mut out, &packet.octets, &peeked, TtlRule::Fixed(30), &reply);
    assert!(see(&out[..length]).has_opt);
    assert_eq!(out[length - 6..length], [0, 15, 0, 2, 0, 3]);
    assert!(!seen(&www(), &query("www.example.com", rtype::A), aged(0)).has_opt);
}

#[test]
fn what_exceeds_the_limit_is_truncated() {
    let image = addresses("www.example.com", 40);
    let classic = seen(&image, &query("www.example.com", rtype::A), aged(0));
    assert!(classic.tc && classic.answer.is_empty());
    let modern = seen(&image, &query("www.example.com", rtype::A).opt(1232, 0, b""), aged(0));
    assert_eq!((modern.tc, modern.answer.len()), (false, 40));
    let edge = addresses("www.example.com", 29);
    assert!(!seen(&edge, &query("www.example.com", rtype::A), aged(0)).tc);
    assert_eq!(written(&edge, &query("www.example.com", rtype::A), aged(0)).len(), 497);
    let small = query("www.example.com", rtype::A).opt(512, 0, b"");
    assert_eq!(written(&edge, &small, aged(0)).len(), 508);
    let full = seen(&addresses("www.example.com", 30), &small, aged(0));
    assert!(full.tc && full.has_opt);
}

#[test]
fn an_image_answers_only_its_own_question() {
    let image = www();
    for packet in
        [query("www.example.org", rtype::A), query("www.example.com", rtype::AAAA), query("www.example.co", rtype::A)]
    {
        assert!(!image.answers(&packet.peeked()));
        assert!(written(&image, &packet, aged(0)).is_empty());
    }
    assert!(image.answers(&query("WWW.example.com", rtype::A).peeked()));
    assert_eq!(image.qtype(), Some(rtype::A));
}

#[test]
fn a_chain_reveals_its_names_and_addresses_once() {
    assert_eq!(
        www().revealed(),
        [Revealed::Name(name("a.example.net")), Revealed::Address("192.0.2.1".parse().unwrap())]
    );
    assert_eq!(addresses("www.example.com", 3).revealed().len(), 3);
}

#[test]
fn the_addresses_of_an_image_are_those_of_its_answer() {
    for (qtype, first, second) in [
        (rtype::A, &[192, 0, 2, 1][..], &[192, 0, 2, 2][..]),
        (rtype::AAAA, &[0x20; 16], &[0x21; 16]),
        (rtype::TXT, b"\x03abc", b"\x03abd"),
    ] {
        let reply = reply("www.example.com", qtype)
            .cname("www.example.com", 60, "www.example.net")
            .record("www.example.net", qtype, 60, first)
            .record("www.example.net", qtype, 60, second)
            .authority()
            .record("example.net", rtype::A, 60, &[192, 0, 2, 9]);
        let image = AnswerImage::from_reply(&name("www.example.com"), qtype, false, &reply.octets).unwrap();
        let revealed = image.revealed().into_iter().filter_map(|thing| match thing {
            Revealed::Address(address) => Some(address),
            Revealed::Name(_) => None,
        });
        assert_eq!(image.addresses().collect::<Vec<_>>(), revealed.collect::<Vec<_>>());
        assert_eq!(image.addresses().count(), if qtype == rtype::TXT { 0 } else { 2 });
    }
}

#[test]
fn plain_answers_reveal_what_a_chain_to_the_same_addresses_reveals() {
    // More addresses than are compared one by one, and some of them twice.
    for count in [0, 1, 2, 16, 17, 60] {
        let of = |owner: &str, reply: crate::messages::Reply| {
            let reply = (0..count).fold(reply, |reply, at| reply.a(owner, 60, at % 40));
            AnswerImage::from_reply(&name("www.example.com"), rtype::A, false, &reply.octets).unwrap().revealed()
        };
        let plain = of("www.example.com", reply("www.example.com", rtype::A));
        let chained =
            of("www.example.net", reply("www.example.com", rtype::A).cname("www.example.com", 60, "www.example.net"));
        assert_eq!(plain.len(), usize::from(count.min(40)));
        assert_eq!(chained[..1], [Revealed::Name(name("www.example.net"))]);
        assert_eq!(chained[1..], plain);
    }
}

#[test]
fn a_service_binding_reveals_target_and_hints() {
    let mut data = [vec![0, 1], wire("svc.example.net")].concat();
    data.extend(b"\x00\x01\x00\x03\x02h2\x00\x04\x00\x08\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x06\x00\x10");
    data.extend("2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    for qtype in [rtype::HTTPS, rtype::SVCB] {
        let reply = reply("www.example.com", qtype).record("www.example.com", qtype, 60, &data);
        let image = AnswerImage::from_reply(&name("www.example.com"), qtype, false, &reply.octets).unwrap();
        let address = |text: &str| Revealed::Address(text.parse().unwrap());
        assert_eq!(image.addresses().count(), 0, "hints stand in no record of their own");
        assert_eq!(
            image.revealed(),
            [
                Revealed::Name(name("svc.example.net")),
                address("192.0.2.1"),
                address("192.0.2.2"),
                address("2001:db8::1")
            ]
        );
    }
}

#[test]
fn a_service_binding_at_its_owner_reveals_no_name() {
    let reply = reply("www.example.com", rtype::HTTPS).record("www.example.com", rtype::HTTPS, 60, &[0, 1, 0]);
    let image = AnswerImage::from_reply(&name("www.example.com"), rtype::HTTPS, false, &reply.octets).unwrap();
    assert_eq!(image.revealed(), []);
}

#[test]
fn a_subtree_alias_reveals_owner_and_target() {
    let reply = reply("www.example.com", rtype::A).record("example.com", rtype::DNAME, 9, &wire("example.net")).a(
        "www.example.net",
        9,
        1,
    );
    let image = AnswerImage::from_reply(&name("www.example.com"), rtype::A, false, &reply.octets).unwrap();
    let names = ["example.com", "example.net", "www.example.net"].map(|text| Revealed::Name(name(text)));
    assert_eq!(image.revealed()[..3], names);
}

#[test]
fn a_rewrite_leads_to_the_targets_records() {
    let target = addresses("safe.example.org", 2);
    let image = AnswerImage::rewritten(&name("www.example.com"), rtype::A, &target, 10, 30).unwrap();
    assert_eq!(image.ttl_s(), Some(30));
    let seen = seen(&image, &query("www.Example.com", rtype::A), aged(0));
    assert_eq!(seen.answer, ["www.Example.com 30 CNAME", "safe.example.org 50 A", "safe.example.org 50 A"]);
}

#[test]
fn a_rewrite_to_a_target_without_such_records_is_nodata_within_the_rewrite() {
    let reply = reply("safe.example.org", rtype::HTTPS).authority().soa("example.org", 900, 600);
    let target = AnswerImage::from_reply(&name("safe.example.org"), rtype::HTTPS, false, &reply.octets).unwrap();
    let image = AnswerImage::rewritten(&name("www.example.com"), rtype::HTTPS, &target, 0, 30).unwrap();
    let seen = seen(&image, &query("www.example.com", rtype::HTTPS), aged(0));
    assert_eq!(
        (seen.answer, seen.authority),
        (vec!["www.example.com 30 CNAME".to_owned()], vec!["example.org 600 SOA".to_owned()])
    );
    assert_eq!((image.rcode(), image.is_negative(), image.ttl_s()), (Rcode::NOERROR, true, Some(30)));
}

#[test]
fn a_rewrite_cannot_lead_back_or_change_the_type() {
    let back = AnswerImage::rewritten(&name("a.example.net"), rtype::A, &www(), 0, 30);
    assert_eq!(back, Err(UnusableReply::ChainLoop));
    let itself = AnswerImage::rewritten(&name("www.example.com"), rtype::A, &www(), 0, 30);
    assert_eq!(itself, Err(UnusableReply::ChainLoop));
    let other = AnswerImage::rewritten(&name("x.example"), rtype::AAAA, &www(), 0, 30);
    assert_eq!(other, Err(UnusableReply::WrongQuestion));
}

#[test]
fn local_records_become_an_answer() {
    let records = [record("printer.example", rtype::A, 3600, &[192, 0, 2, 9])];
    let image = AnswerImage::from_records(&name("printer.example"), rtype::A, Rcode::NOERROR, &records, None).unwrap();
    assert_eq!(image.ttl_s(), Some(3600));
    assert_eq!(seen(&image, &query("Printer.example", rtype::A), aged(0)).answer, ["Printer.example 3600 A"]);
    let soa = record("example", rtype::SOA, 3600, &soa_data(60));
    let image = AnswerImage::from_records(&name("no.example"), rtype::A, Rcode::NXDOMAIN, &[], Some(&soa)).unwrap();
    assert_eq!((image.ttl_s(), image.is_negative()), (Some(60), true));
    assert_eq!(seen(&image, &query("no.example", rtype::A), aged(0)).rcode, 3);
}

#[test]
fn local_records_of_the_wrong_shape_are_refused() {
    let records = [record("printer.example", rtype::A, 3600, &[192, 0, 2])];
    let image = AnswerImage::from_records(&name("printer.example"), rtype::A, Rcode::NOERROR, &records, None);
    assert_eq!(image, Err(UnusableReply::Malformed));
    let many = vec![record("t.example", rtype::TXT, 1, &[&[255][..], &[b'x'; 255]].concat()); 300];
    let image = AnswerImage::from_records(&name("t.example"), rtype::TXT, Rcode::NOERROR, &many, None);
    assert_eq!(image, Err(UnusableReply::TooLarge));
}

/// The parameters of the first record of an answer, as `domain` reads them: key and value.
fn params(octets: &[u8]) -> Vec<(u16, Vec<u8>)> {
    use domain::rdata::svcb::UnknownSvcParam;
    let message = domain::base::Message::from_octets(octets).unwrap();
    let records = message.answer().unwrap().limit_to::<domain::rdata::Https<&[u8], domain::base::ParsedName<&[u8]>>>();
    let data = records.map(Result::unwrap).next().unwrap().into_data();
    let read =
        data.params().iter_raw().map(|param: UnknownSvcParam<&[u8]>| (param.key().to_int(), param.value().to_vec()));
    read.collect()
}

#[test]
fn an_answer_without_ech_is_a_sound_message_without_its_signature() {
    let binding = [&[0, 1, 0][..], &[0, 1, 0, 3, 2, b'h', b'2'], &[0, 5, 0, 4], b"keys"].concat();
    let signature = [&rtype::HTTPS.to_be_bytes(), &[13, 3][..], &[0; 14], &wire("example.com"), &[7; 64]].concat();
    let reply = reply("www.example.com", rtype::HTTPS)
        .cname("www.example.com", 300, "a.example.net")
        .record("a.example.net", rtype::HTTPS, 60, &binding)
        .record("a.example.net", rtype::RRSIG, 60, &signature);
    let whole = AnswerImage::from_reply(&name("www.example.com"), rtype::HTTPS, true, &reply.octets).unwrap();
    let without = whole.without_service_params(&[5]).unwrap().unwrap();
    let packet = query("www.example.com", rtype::HTTPS);
    assert_eq!(seen(&whole, &packet, aged(0)).answer.len(), 3);
    let rest = ["www.example.com 300 CNAME", "a.example.net 60 HTTPS"];
    assert_eq!(seen(&without, &packet, aged(0)).answer, rest);
    assert_eq!((without.ttl_s(), without.is_negative()), (Some(60), false));
    assert_eq!(params(&written(&without, &packet, aged(0))), [(1, b"\x02h2".to_vec())]);
    assert_eq!(without.without_service_params(&[4, 5, 6]), Ok(None));
    assert_eq!(www().without_service_params(&[5]), Ok(None), "addresses have no parameters");
}

proptest! {
    #[test]
    fn parameters_that_stay_are_read_as_they_were(
        unknown in prop::collection::btree_map(9_u16..200, prop::collection::vec(any::<u8>(), 0..30), 0..6),
        hints in prop::collection::vec(any::<[u8; 4]>(), 0..3), keys in prop::collection::vec(any::<u8>(), 1..50),
    ) {
        let mut all: Vec<(u16, Vec<u8>)> = vec![(1, b"\x02h2".to_vec()), (5, keys)];
        if !hints.is_empty() {
            all.insert(1, (4, hints.concat()));
        }
        all.extend(unknown);
        let spelled = all.iter().flat_map(|(key, value)| {
            [&key.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
        });
        let binding: Vec<u8> = [0, 1, 0].into_iter().chain(spelled).collect();
        let reply = reply("www.example.com", rtype::HTTPS).record("www.example.com", rtype::HTTPS, 60, &binding);
        let whole = AnswerImage::from_reply(&name("www.example.com"), rtype::HTTPS, false, &reply.octets).unwrap();
        let packet = query("www.example.com", rtype::HTTPS);
        let packet = packet.opt(4096, 0, b"");
        prop_assert_eq!(params(&written(&whole, &packet, aged(0))), all.clone());
        for removed in [&[5][..], &[4, 5, 6]] {
            let without = whole.without_service_params(removed).unwrap().unwrap();
            let expected: Vec<_> = all.iter().filter(|(key, _)| !removed.contains(key)).cloned().collect();
            prop_assert_eq!(params(&written(&without, &packet, aged(0))), expected);
        }
    }

    #[test]
    fn whatever_is_written_stays_within_the_limit_and_can_be_read(
        count in 0_u8..120, announced in prop::option::of(any::<u16>()), elapsed_s in any::<u32>(), room in 0_usize..1400,
    ) {
        let image = addresses("www.example.com", count);
        let packet = query("www.example.com", rtype::A);
        let packet = match announced { Some(size) => packet.opt(size, 0, b""), None => packet };
        let query = packet.peeked();
        let reply = EdnsReply::datagram(&query).with_ede(Ede { code: EdeCode::STALE_ANSWER, text: "stale" });
        let mut out = vec![0; room];
        let length = image.write(&mut out, &packet.octets, &query, aged(elapsed_s), &reply);
        prop_assert!(length <= room.min(reply.limit_octets));
        if length > 0 {
            let seen = see(&out[..length]);
            prop_assert_eq!(seen.has_opt, announced.is_some());
            prop_assert_eq!(seen.answer.len(), if seen.tc { 0 } else { usize::from(count) });
            let expected = format!("www.example.com {} A", 60_u32.saturating_sub(elapsed_s));
            prop_assert!(seen.answer.iter().all(|line| *line == expected));
        }
    }
}

#[test]
fn a_thousand_pointers_to_long_names_of_one_domain_fit_because_names_are_compressed() {
    let target =
        |number: u16| wire(&format!("pc-{number}.{}.{}.example.org", "department".repeat(5), "campus".repeat(5)));
    let reply = (0..1000).fold(reply("7.2.0.192.in-addr.arpa", rtype::PTR), |reply, number| {
        // As a forwarder sends it: the first name in full, the others point into it.
        let first_at = 12 + wire("7.2.0.192.in-addr.arpa").len() + 4 + 12;
        let full = target(number);
        let label = 1 + usize::from(full[0]);
        let tail = (first_at + 1 + "pc-0".len()) as u16 | 0xc000;
        let data = if number == 0 { full } else { [&full[..label], &tail.to_be_bytes()].concat() };
        reply.pointed(rtype::PTR, 60, &data)
    });
    let image = AnswerImage::from_reply(&name("7.2.0.192.in-addr.arpa"), rtype::PTR, false, &reply.octets).unwrap();
    assert!(image.octets().len() < 32_000);
}
