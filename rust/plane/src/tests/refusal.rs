//! What is no query never reaches policy, cache or pending table.

use super::bench::{Bench, Got};
use super::wire::{Ask, ask};
use crate::counters::Counter;
use schoolgate_wire::{Reason, rtype};

fn send(bench: &mut Bench, packet: &[u8]) -> Got {
    bench.send(packet, "192.0.2.10:40000".parse().expect("an address"), false)
}

/// The response code that a changed packet gets, and the reason that is counted.
fn refused(change: impl FnOnce(&mut Vec<u8>)) -> (u16, Reason) {
    let mut bench = Bench::new();
    let mut packet = ask("denied.example.com").packet();
    change(&mut packet);
    let mut out = [0; 1280];
    let from = "192.0.2.10:40000".parse().expect("an address");
    let requester = crate::requester::Requester::Datagram(0, crate::socket::Peer::new(from, from));
    let worker = &mut bench.workers[0];
    let outcome = worker.answerer.answer(&bench.active, &packet, &requester, bench.now, &mut out);
    let crate::answer::Outcome::Answer(length) = outcome else { panic!("an error, not {outcome:?}") };
    assert!(length >= 12 && length <= packet.len() && out[..2] == packet[..2] && out[2] & 0x80 != 0);
    assert_eq!(
        (bench.count(Counter::Refusals), bench.count(Counter::Denied), bench.count(Counter::Answers)),
        (1, 0, 1)
    );
    let reasons: Vec<_> =
        Reason::ALL.into_iter().filter(|reason| bench.workers[0].counters.get_reason(*reason) == 1).collect();
    assert_eq!(reasons.len(), 1);
    (u16::from(out[3] & 0x0f), reasons[0])
}

#[test]
fn bad_packets_get_their_error_and_are_counted_by_reason() {
    assert_eq!(refused(|packet| packet[2] = 0x21), (4, Reason::Opcode), "NOTIFY");
    assert_eq!(refused(|packet| packet[2] = 0x29), (4, Reason::Opcode), "UPDATE");
    assert_eq!(refused(|packet| packet[5] = 2), (1, Reason::QuestionCount));
    assert_eq!(refused(|packet| packet[5] = 0), (1, Reason::QuestionCount));
    assert_eq!(refused(|packet| *packet.last_mut().expect("a class") = 3), (5, Reason::Class), "CHAOS");
    assert_eq!(refused(|packet| *packet.last_mut().expect("a class") = 255), (5, Reason::Class), "ANY");
    assert_eq!(refused(|packet| packet.push(0)), (1, Reason::TrailingOctets));
    assert_eq!(refused(|packet| packet.truncate(20)), (1, Reason::Truncated));
    assert_eq!(refused(|packet| packet[12] = 0xc0), (1, Reason::QuestionName), "a pointer");
    assert_eq!(refused(|packet| *packet = ask("example.com").of(rtype::AXFR).packet()), (5, Reason::ZoneTransfer));
}

#[test]
fn responses_and_fragments_are_met_with_silence() {
    let mut bench = Bench::new();
    let mut response = ask("denied.example.com").packet();
    response[2] |= 0x80;
    for packet in [response.as_slice(), &[], &[0; 11]] {
        assert_eq!(send(&mut bench, packet), Got::Silence);
    }
    assert_eq!((bench.count(Counter::Silent), bench.count(Counter::Answers)), (3, 0));
}

#[test]
fn an_unknown_edns_version_is_badvers() {
    let mut bench = Bench::new();
    let mut packet = ask("denied.example.com").edns().packet();
    let version = packet.len() - 5;
    packet[version] = 1;
    assert_eq!(send(&mut bench, &packet).answer().rcode, 16);
}

#[test]
fn two_opts_are_a_format_error() {
    let mut bench = Bench::new();
    let mut packet = ask("denied.example.com").edns().packet();
    let opt = packet[packet.len() - 11..].to_vec();
    packet.extend(opt);
    packet[11] = 2;
    let Got::Answer(answer) = send(&mut bench, &packet) else { panic!("an answer") };
    assert_eq!(answer.rcode, 1);
}

#[test]
fn what_is_refused_leaves_no_trace_in_cache_and_pending_table() {
    let mut bench = Bench::new();
    let chaos = Ask { class: 3, ..ask("open.example.com") };
    assert_eq!(bench.ask(&chaos).answer().rcode, 5);
    assert!(bench.misses().is_empty());
    assert_eq!(bench.workers[0].answerer.fill(), (0, 0, 0));
    assert_eq!(bench.count(Counter::CacheMisses), 0);
}
