//! Any octets at all.

use super::bench::Bench;
use super::wire::{Ask, Data, ask};
use crate::answer::{LOOK_AHEAD, Outcome};
use crate::requester::Requester;
use crate::socket::Peer;
use domain::base::Message;
use proptest::prelude::*;
use schoolgate_querylog::Door;

fn bench() -> Bench {
    let mut bench = Bench::new().with_lists(&[("social", "example.net")]);
    bench.fill(
        &ask("www.example.com").staff(),
        &[("www.example.com", 300, Data::Cname("a.example.net".into())), ("a.example.net", 300, Data::A(1))],
    );
    bench
}

/// Answers as any client at any door; an answer is a message with the same ID that says it is a response.
fn take(bench: &mut Bench, packet: &[u8], client: u8, by_stream: bool) {
    let client = std::net::SocketAddr::from(([192, 0, 2, client], 4000));
    let requester = if by_stream {
        Requester::Stream(1, client, client, Door::Tcp)
    } else {
        Requester::Datagram(0, Peer::new(client, client))
    };
    let mut out = [0xaa; 1280];
    bench.now.mono_ms += 10;
    if let Outcome::Answer(length) =
        bench.workers[0].answerer.answer(&bench.active, packet, &requester, bench.now, &mut out)
    {
        let answer = out.get(..length).expect("an answer within its buffer");
        assert_eq!(answer.get(..2), packet.get(..2));
        let message = Message::from_slice(answer).expect("a message");
        assert!(message.header().qr());
        for section in
            [message.answer().expect("answer").collect::<Vec<_>>(), message.authority().expect("authority").collect()]
        {
            assert!(section.into_iter().all(|record| record.is_ok()));
        }
        assert!(message.opt().is_some() || message.header_counts().arcount() == 0);
    }
}

/// The answer to a datagram, octet by octet; empty where there is none yet.
fn octets(bench: &mut Bench, packet: &[u8]) -> Vec<u8> {
    let client = std::net::SocketAddr::from(([192, 0, 2, 9], 4000));
    let requester = Requester::Datagram(0, Peer::new(client, client));
    let mut out = vec![0; 1280];
    match bench.workers[0].answerer.answer(&bench.active, packet, &requester, bench.now, &mut out) {
        Outcome::Answer(length) => out[..length].to_vec(),
        Outcome::Silence | Outcome::Waiting => Vec::new(),
    }
}

/// Queries that are denied, answered from the cache, waited for, or refused.
fn any_query() -> impl Strategy<Value = Vec<u8>> {
    let names = ["www.example.com", "example.net", "deep.below.example.net", "unknown.example.org", "localhost", "."];
    (proptest::sample::select(names.to_vec()), any::<u16>(), 1u16..4)
        .prop_map(|(name, id, class)| Ask { class, ..ask(name).id(id) }.packet())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_survived(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 100), client: u8) {
        let mut bench = bench();
        for packet in &packets {
            take(&mut bench, packet, client, false);
            take(&mut bench, packet, client, true);
        }
    }

    #[test]
    fn looking_ahead_changes_no_answer(
        packets in proptest::collection::vec(prop_oneof![any_query(), proptest::collection::vec(any::<u8>(), 0..40)], 0..40),
        // A batch in which a packet is never answered: its sender had no address.
        skipped in proptest::collection::vec(any::<bool>(), 40),
        again: bool,
    ) {
        let (mut plain, mut ahead) = (bench(), bench());
        for _ in 0..=u8::from(again) {
            for (at, packet) in packets.iter().enumerate() {
                let seen = if at == 0 { 0..=LOOK_AHEAD } else { LOOK_AHEAD..=LOOK_AHEAD };
                for further in seen {
                    ahead.workers[0].answerer.look_ahead(&ahead.active, packets.get(at + further).map(Vec::as_slice));
                }
                if !skipped[at] {
                    prop_assert_eq!(octets(&mut ahead, packet), octets(&mut plain, packet));
                }
            }
        }
    }

    #[test]
    fn queries_with_a_few_octets_changed_are_survived(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0usize..4), 200),
        cut: proptest::sample::Index,
    ) {
        let mut bench = bench();
        let whole = [ask("www.example.com").packet(), ask("denied.example.com").edns().packet(),
            ask("www.example.com").subnet(1).packet(), ask("search.example.org").dnssec().packet()];
        for (at, octet, which) in &changes {
            let mut packet = whole[*which].clone();
            let at = at.index(packet.len());
            packet[at] = *octet;
            take(&mut bench, &packet, *octet, at % 2 == 0);
            packet.truncate(cut.index(packet.len()));
            take(&mut bench, &packet, *octet, false);
        }
    }

    #[test]
    fn any_reply_of_a_forwarder_is_survived(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bench = Bench::new();
        for (round, id) in (0..2u16).zip(1..) {
            bench.ask(&ask("www.example.com").id(id).edns());
            let miss = bench.miss();
            let chain = [("www.example.com", 0, Data::Cname("a.example.net".into())), ("a.example.net", 0, Data::A(1))];
            let mut octets = super::wire::reply(&miss.query, 0, &chain, &[]);
            for (at, octet) in &changes {
                let at = at.index(octets.len());
                octets[at] = *octet;
            }
            let octets = if round == 0 { octets } else { garbage.clone() };
            let mut answers = bench.complete(&miss, Ok(&octets));
            if answers.is_empty() {
                // All that is left of it is an alias, whose target is asked for.
                answers = bench.fail(22);
            }
            prop_assert_eq!(answers.len(), 1);
            prop_assert_eq!(answers[0].id, id);
            bench.pass_s(100_000);
        }
    }
}
