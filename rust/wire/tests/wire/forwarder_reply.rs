//! What of a forwarder's reply becomes an answer, and what makes it unusable.

use crate::messages::{Reply, name, reply, rrsig_data, see, soa_data, wire};
use proptest::prelude::*;
use schoolgate_wire::{AnswerImage, EdnsReply, Rcode, Revealed, TtlRule, UnusableReply, rtype};

const RULE: TtlRule = TtlRule::Aged { elapsed_s: 0, floor_s: 0, cap_s: u32::MAX };

fn image_of(reply: &Reply, qtype: u16) -> Result<AnswerImage, UnusableReply> {
    AnswerImage::from_reply(&name("www.example.com"), qtype, false, &reply.octets)
}

/// What a client sees of a reply to www.example.com.
fn seen(reply: &Reply, qtype: u16, dnssec: bool) -> crate::messages::Seen {
    let image = AnswerImage::from_reply(&name("www.example.com"), qtype, dnssec, &reply.octets).unwrap();
    let packet = crate::messages::query("www.example.com", qtype);
    let mut out = [0; 65_535];
    let length = image.write(&mut out, &packet.octets, &packet.peeked(), RULE, &EdnsReply::stream());
    see(&out[..length])
}

fn www() -> Reply {
    reply("www.example.com", rtype::A)
}

#[test]
fn an_address_answer_is_taken() {
    let image = image_of(&www().a("www.example.com", 300, 1).a("WWW.example.com", 200, 2), rtype::A).unwrap();
    assert_eq!(image.ttl_s(), Some(200));
    assert!(!image.is_negative());
    assert_eq!(image.rcode(), Rcode::NOERROR);
}

#[test]
fn ttls_of_a_set_are_made_equal_and_repeats_dropped() {
    let reply = www().a("www.example.com", 300, 1).a("www.example.com", 200, 2).a("www.example.com", 250, 1);
    assert_eq!(seen(&reply, rtype::A, false).answer, ["www.example.com 200 A", "www.example.com 200 A"]);
}

#[test]
fn a_ttl_with_its_top_bit_set_is_zero() {
    let image = image_of(&www().a("www.example.com", 0x8000_0001, 1), rtype::A).unwrap();
    assert_eq!(image.ttl_s(), Some(0));
}

#[test]
fn the_chain_is_followed_in_whatever_order_it_comes() {
    let reply = www().a("c.example.net", 60, 1).cname("b.example.net", 50, "C.example.net").cname(
        "www.example.com",
        300,
        "b.example.net",
    );
    assert_eq!(
        seen(&reply, rtype::A, false).answer,
        ["www.example.com 300 CNAME", "b.example.net 50 CNAME", "C.example.net 60 A"]
    );
    assert_eq!(image_of(&reply, rtype::A).unwrap().ttl_s(), Some(50));
}

#[test]
fn what_lies_beside_the_chain_is_dropped() {
    let reply = www()
        .a("www.example.com", 60, 1)
        .a("bank.example.org", 86_400, 66)
        .record("www.example.com", rtype::TXT, 60, b"\x01x")
        .authority()
        .record("example.com", rtype::NS, 60, &wire("ns.example.com"))
        .additional()
        .a("ns.example.com", 60, 53);
    let seen = seen(&reply, rtype::A, false);
    assert_eq!(seen.answer, ["www.example.com 60 A"]);
    assert!(seen.authority.is_empty());
}

#[test]
fn dname_makes_the_cname_and_both_are_kept() {
    let chain =
        |reply: Reply| reply.record("example.com", rtype::DNAME, 100, &wire("example.net")).a("www.example.net", 60, 1);
    let expected = ["example.com 100 DNAME", "www.example.com 100 CNAME", "www.example.net 60 A"];
    assert_eq!(seen(&chain(www()), rtype::A, false).answer, expected, "made here");
    assert_eq!(seen(&chain(www().cname("www.example.com", 100, "www.example.net")), rtype::A, false).answer, expected);
}

#[test]
fn a_cname_that_its_dname_does_not_make_is_a_contradiction() {
    let reply = www()
        .record("example.com", rtype::DNAME, 100, &wire("example.net"))
        .cname("www.example.com", 100, "www.example.org")
        .a("www.example.org", 60, 1);
    assert_eq!(image_of(&reply, rtype::A), Err(UnusableReply::Contradiction));
}

#[test]
fn a_dname_that_makes_too_long_a_name_is_a_contradiction() {
    let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(59)].join(".");
    let reply = www().record("example.com", rtype::DNAME, 100, &wire(&long));
    assert_eq!(image_of(&reply, rtype::A), Err(UnusableReply::Contradiction));
}

#[test]
fn two_aliases_at_one_name_are_a_contradiction() {
    let reply = www().cname("www.example.com", 1, "a.example").cname("www.example.com", 1, "b.example");
    assert_eq!(image_of(&reply, rtype::A), Err(UnusableReply::Contradiction));
    let repeated =
        www().cname("www.example.com", 1, "a.example").cname("www.example.com", 1, "a.example").a("a.example", 1, 1);
    assert!(image_of(&repeated, rtype::A).is_ok());
}

#[test]
fn loops_and_endless_chains_are_refused() {
    let own = www().cname("www.example.com", 1, "www.example.com");
    assert_eq!(image_of(&own, rtype::A), Err(UnusableReply::ChainLoop));
    let pair = www().cname("www.example.com", 1, "a.example").cname("a.example", 1, "www.example.com");
    assert_eq!(image_of(&pair, rtype::A), Err(UnusableReply::ChainLoop));
    let growing = www().record("example.com", rtype::DNAME, 1, &wire("x.example.com"));
    assert_eq!(image_of(&growing, rtype::A), Err(UnusableReply::ChainTooLong));
    let chain = |links: usize| {
        let first = www().cname("www.example.com", 1, "n1.example");
        let reply = (1..links)
            .fold(first, |reply, link| reply.cname(&format!("n{link}.example"), 1, &format!("n{}.example", link + 1)));
        image_of(&reply.a(&format!("n{links}.example"), 1, 1), rtype::A)
    };
    assert!(chain(16).is_ok());
    assert_eq!(chain(17), Err(UnusableReply::ChainTooLong));
}

#[test]
fn the_alias_itself_can_be_asked_for() {
    let reply = reply("www.example.com", rtype::CNAME).cname("www.example.com", 9, "a.example").a("a.example", 9, 1);
    assert_eq!(seen(&reply, rtype::CNAME, false).answer, ["www.example.com 9 CNAME"]);
}

#[test]
fn a_denial_keeps_the_soa_of_its_zone_and_its_minimum() {
    let reply = www().rcode(3).authority().soa("example.com", 3600, 600).soa("example.com", 1, 1);
    let image = image_of(&reply, rtype::A).unwrap();
    assert_eq!((image.rcode(), image.ttl_s(), image.is_negative()), (Rcode::NXDOMAIN, Some(600), true));
    assert_eq!(seen(&reply, rtype::A, false).authority, ["example.com 600 SOA"]);
}

#[test]
fn a_denial_with_a_foreign_soa_or_none_is_not_to_be_kept() {
    for reply in [
        www().rcode(3),
        www().rcode(3).authority().soa("example.org", 3600, 600),
        www().authority().soa("a.www.example.com", 9, 9),
    ] {
        let image = image_of(&reply, rtype::A).unwrap();
        assert_eq!(image.ttl_s(), None);
        assert!(image.is_negative());
        assert!(seen(&reply, rtype::A, false).authority.is_empty());
    }
}

#[test]
fn a_denial_at_the_end_of_a_chain_wants_the_soa_of_the_last_name() {
    let reply =
        www().cname("www.example.com", 30, "gone.example.net").rcode(3).authority().soa("example.net", 3600, 600);
    let image = image_of(&reply, rtype::A).unwrap();
    assert_eq!((image.rcode(), image.ttl_s(), image.is_negative()), (Rcode::NXDOMAIN, Some(30), true));
    let wrong_zone =
        www().cname("www.example.com", 30, "gone.example.net").rcode(3).authority().soa("example.com", 3600, 600);
    assert_eq!(image_of(&wrong_zone, rtype::A).unwrap().ttl_s(), None);
}

#[test]
fn nxdomain_for_a_name_that_is_there_is_a_contradiction() {
    assert_eq!(image_of(&www().rcode(3).a("www.example.com", 1, 1), rtype::A), Err(UnusableReply::Contradiction));
}

#[test]
fn signatures_are_kept_only_when_wanted_and_only_those_that_belong() {
    let reply = www()
        .a("www.example.com", 60, 1)
        .rrsig("www.example.com", 60, rtype::A)
        .rrsig("www.example.com", 60, rtype::TXT)
        .rrsig("example.com", 60, rtype::A);
    assert_eq!(seen(&reply, rtype::A, false).answer, ["www.example.com 60 A"]);
    assert_eq!(seen(&reply, rtype::A, true).answer, ["www.example.com 60 A", "www.example.com 60 RRSIG"]);
}

#[test]
fn proofs_of_denial_are_kept_when_wanted() {
    let nsec = [wire("z.example.com"), vec![0, 1, 0x40]].concat();
    let reply = www()
        .rcode(3)
        .authority()
        .soa("example.com", 3600, 600)
        .rrsig("example.com", 3600, rtype::SOA)
        .record("a.example.com", rtype::NSEC, 600, &nsec)
        .rrsig("a.example.com", 600, rtype::NSEC)
        .rrsig("a.example.com", 600, rtype::A)
        .record("example.com", rtype::NS, 60, &wire("ns.example.com"));
    assert_eq!(seen(&reply, rtype::A, false).authority, ["example.com 600 SOA"]);
    let kept = seen(&reply, rtype::A, true).authority;
    assert_eq!(
        kept,
        ["example.com 600 SOA", "example.com 3600 RRSIG", "a.example.com 600 NSEC", "a.example.com 600 RRSIG"]
    );
}

#[test]
fn only_a_reply_to_this_question_counts() {
    for other in [reply("www.example.org", rtype::A), reply("www.example.com", rtype::AAAA)] {
        assert_eq!(image_of(&other, rtype::A), Err(UnusableReply::WrongQuestion));
    }
    let mut unasked = www();
    unasked.octets.truncate(12);
    unasked.octets[5] = 0;
    assert_eq!(image_of(&unasked, rtype::A), Err(UnusableReply::WrongQuestion));
    assert!(image_of(&reply("WWW.EXAMPLE.COM", rtype::A), rtype::A).is_ok(), "case does not matter");
    let mut chaos = www();
    let class = chaos.octets.len() - 1;
    chaos.octets[class] = 3;
    assert_eq!(image_of(&chaos, rtype::A), Err(UnusableReply::WrongQuestion));
}

#[test]
fn queries_other_opcodes_and_truncation_are_told_apart() {
    let with_flags = |flags: [u8; 2]| {
        let mut reply = www();
        reply.octets[2..4].copy_from_slice(&flags);
        image_of(&reply, rtype::A)
    };
    assert_eq!(with_flags([0x01, 0x80]), Err(UnusableReply::NotAReply));
    assert_eq!(with_flags([0xa0, 0x80]), Err(UnusableReply::NotAReply));
    assert_eq!(with_flags([0x83, 0x80]), Err(UnusableReply::Truncated));
}

#[test]
fn failures_are_named() {
    for rcode in [1, 2, 4, 5, 9] {
        assert_eq!(image_of(&www().rcode(rcode), rtype::A), Err(UnusableReply::Rcode(Rcode(u16::from(rcode)))));
    }
    let mut bare = www().rcode(1);
    bare.octets.truncate(12);
    bare.octets[5] = 0;
    assert_eq!(image_of(&bare, rtype::A), Err(UnusableReply::Rcode(Rcode::FORMERR)));
    let badvers = www().additional().record("", rtype::OPT, 0x0100_0000, b"");
    assert_eq!(image_of(&badvers, rtype::A), Err(UnusableReply::Rcode(Rcode::BADVERS)));
}

#[test]
fn damaged_replies_are_malformed() {
    let whole = www().a("www.example.com", 60, 1);
    for length in 0..whole.octets.len() {
        let cut = Reply { octets: whole.octets[..length].to_vec(), ..www() };
        assert_eq!(image_of(&cut, rtype::A), Err(UnusableReply::Malformed), "{length}");
    }
    let mut trailing = www().a("www.example.com", 60, 1);
    trailing.octets.push(0);
    assert_eq!(image_of(&trailing, rtype::A), Err(UnusableReply::Malformed));
    for data in [&[192, 0, 2][..], &[192, 0, 2, 1, 0]] {
        assert_eq!(
            image_of(&www().record("www.example.com", rtype::A, 60, data), rtype::A),
            Err(UnusableReply::Malformed)
        );
    }
}

#[test]
fn compression_pointers_that_loop_or_lead_ahead_are_malformed() {
    let pointed = |pointer: [u8; 2]| {
        let mut octets = www().octets;
        octets[7] = 1;
        octets.extend(pointer);
        octets.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        image_of(&Reply { octets, ..www() }, rtype::A)
    };
    assert!(pointed([0xc0, 12]).is_ok());
    for place in [33, 34, 60, 0x3fff] {
        assert_eq!(pointed([0xc0 | (place >> 8) as u8, place as u8]), Err(UnusableReply::Malformed), "{place}");
    }
}

#[test]
fn a_large_set_is_compressed() {
    let reply = (0..60).fold(www(), |reply, last| reply.a("www.example.com", 60, last));
    assert!(reply.octets.len() > 1232);
    assert_eq!(image_of(&reply, rtype::A).unwrap().octets().len(), 33 + 60 * 16);
    let mail = (0..10).fold(crate::messages::reply("www.example.com", rtype::MX), |reply, host| {
        reply.record(
            "www.example.com",
            rtype::MX,
            60,
            &[vec![0, 10], wire(&format!("m{host}.mail.example.com"))].concat(),
        )
    });
    assert_eq!(image_of(&mail, rtype::MX).unwrap().octets().len(), 33 + 9 * (12 + 2 + 5) + (12 + 2 + 5 + 5));
}

/// A reply with most shapes in it, for damaging.
fn rich() -> Vec<u8> {
    www()
        .record("example.com", rtype::DNAME, 100, &wire("example.net"))
        .cname("www.example.com", 100, "www.example.net")
        .a("www.example.net", 60, 1)
        .rrsig("www.example.net", 60, rtype::A)
        .authority()
        .soa("example.net", 60, 60)
        .record("example.net", rtype::HTTPS, 60, b"\x00\x01\x00\x00\x04\x00\x04\xc0\x00\x02\x01")
        .additional()
        .record("", rtype::OPT, 0, b"")
        .octets
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..400), dnssec in any::<bool>()) {
        let _ = AnswerImage::from_reply(&name("www.example.com"), rtype::A, dnssec, &octets);
    }

    #[test]
    fn damaged_replies_never_panic_and_what_passes_can_be_written(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        qtype in prop::sample::select(vec![rtype::A, rtype::CNAME, rtype::ANY]),
    ) {
        let mut octets = rich();
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Ok(image) = AnswerImage::from_reply(&name("www.example.com"), qtype, true, &octets) {
            let revealed = image.revealed();
            prop_assert_eq!(image.name(), wire("www.example.com"));
            for address in image.addresses() {
                prop_assert!(revealed.contains(&Revealed::Address(address)), "{} of {:?}", address, revealed);
            }
            let packet = crate::messages::query("www.example.com", qtype);
            let mut out = [0; 4096];
            let length = image.write(&mut out, &packet.octets, &packet.peeked(), RULE, &EdnsReply::stream());
            see(&out[..length]);
        }
    }

    #[test]
    fn records_that_were_taken_are_the_records_that_were_sent(
        lasts in prop::collection::btree_set(any::<u8>(), 1..30), ttl in 0_u32..1 << 31,
    ) {
        let reply = lasts.iter().fold(www(), |reply, &last| reply.a("www.example.com", ttl, last));
        let seen = seen(&reply, rtype::A, false);
        prop_assert_eq!(seen.answer, vec![format!("www.example.com {ttl} A"); lasts.len()]);
    }
}

#[test]
fn helpers_compose_data_that_domain_reads() {
    let soa = AnswerImage::from_records(
        &name("a.example"),
        rtype::SOA,
        Rcode::NOERROR,
        &[crate::messages::record("a.example", rtype::SOA, 1, &soa_data(1))],
        None,
    );
    let rrsig = AnswerImage::from_records(
        &name("a.example"),
        rtype::RRSIG,
        Rcode::NOERROR,
        &[crate::messages::record("a.example", rtype::RRSIG, 1, &rrsig_data(1))],
        None,
    );
    assert!(soa.is_ok() && rrsig.is_ok());
}
