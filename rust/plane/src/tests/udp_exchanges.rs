//! The exchange with forwarders, over real loopback sockets; time is in the test's hand.

use super::until;
use super::wire::{reply, wire};
use crate::source_port::{Attempt, LATE_S, LIFE_S, MOST_STRAYS, MOST_USES, Owner, Way, matches};
use crate::udp_exchanges::{ExchangeResult, Listener, OVERDUE_A_TURN, UdpExchanges};
use schoolgate_wire::{Name, forwarder_query};
use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const FORWARDER: u32 = 7;
/// A port that the kernel gives to no test by itself, unlike one that was closed just now.
const NO_ONE_LISTENS: &str = "127.0.0.1:1";
/// Held by a test that opens as many sockets as may be open: several at a time would pass the 1024 of most systems.
static MANY_SOCKETS: Mutex<()> = Mutex::new(());

fn many_sockets() -> MutexGuard<'static, ()> {
    MANY_SOCKETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes down what became of each exchange.
#[derive(Default)]
struct RecordingListener {
    results: Vec<(i64, String)>,
    mismatches: u32,
    network_errors: u32,
    truncated: u32,
}

impl Listener for RecordingListener {
    fn ended(&mut self, forwarder: u32, attempt: Attempt, result: ExchangeResult<'_>) {
        assert_eq!(forwarder, FORWARDER);
        let Owner::Exchange(key) = attempt.owner else { panic!("an exchange of the resolver") };
        let what = match result {
            ExchangeResult::Reply(octets) => {
                assert!(matches(octets, &attempt.query));
                self.truncated += u32::from(octets[2] & 2 != 0);
                "reply".into()
            }
            other => format!("{other:?}"),
        };
        self.results.push((key, what));
    }

    fn late(&mut self, _: u32, attempt: Attempt, reply: &[u8]) {
        let Owner::Exchange(key) = attempt.owner else { panic!("an exchange of the resolver") };
        assert!(matches(reply, &attempt.query));
        self.results.push((key, "late".into()));
    }

    fn mismatch(&mut self, _: u32) {
        self.mismatches += 1;
    }

    fn network_error(&mut self, _: u32) {
        self.network_errors += 1;
    }
}

/// An exchange, its forwarder and its time.
struct Bench {
    exchanges: UdpExchanges,
    forwarder: UdpSocket,
    listener: RecordingListener,
    now_s: f64,
    next_key: i64,
}

impl Bench {
    fn new() -> Self {
        let forwarder = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        forwarder.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let address = forwarder.local_addr().expect("an address");
        let mut exchanges = UdpExchanges::new().expect("exchanges");
        exchanges.install([(FORWARDER, address.into())]);
        Self { exchanges, forwarder, listener: RecordingListener::default(), now_s: 100.0, next_key: 0 }
    }

    fn send(&mut self, questions: usize, timeout_s: f64) {
        let asked = (0..questions).map(|_| {
            self.next_key += 1;
            let name = Name::from_text(&format!("n{}.example.com", self.next_key)).expect("a name");
            let query = forwarder_query(&name, 1, false, false);
            Attempt::new(Owner::Exchange(self.next_key), query, self.now_s, timeout_s)
        });
        let asked = asked.collect();
        self.exchanges.send(FORWARDER, asked, self.now_s, &mut self.listener);
    }

    /// The next query at the forwarder.
    fn query(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 512];
        let (length, from) = self.forwarder.recv_from(&mut buffer).expect("a query");
        (buffer[..length].to_vec(), from)
    }

    fn say(&self, octets: &[u8], to: SocketAddr) {
        self.forwarder.send_to(octets, to).expect("sent");
    }

    fn receive_until(&mut self, is_so: impl Fn(&RecordingListener) -> bool) {
        until("it is read", || {
            self.exchanges.receive(self.now_s, &mut self.listener);
            is_so(&self.listener)
        });
    }

    fn results(&self) -> Vec<&str> {
        self.listener.results.iter().map(|(_, what)| what.as_str()).collect()
    }
}

fn honest(query: &[u8]) -> Vec<u8> {
    reply(query, 0, &[], &[])
}

fn other_id(query: &[u8]) -> Vec<u8> {
    let mut octets = honest(query);
    octets[0] ^= 0x55;
    octets
}

#[test]
fn replies_reach_those_who_asked() {
    let mut bench = Bench::new();
    bench.send(200, 1.0);
    assert_eq!(bench.exchanges.under_way(), 200);
    for _ in 0..200 {
        let (query, from) = bench.query();
        bench.say(&honest(&query), from);
    }
    bench.receive_until(|listener| listener.results.len() == 200);
    let keys: HashSet<i64> = bench.listener.results.iter().map(|(key, _)| *key).collect();
    assert_eq!((keys.len(), bench.exchanges.under_way(), bench.listener.mismatches), (200, 0, 0));
    assert!(bench.results().iter().all(|what| *what == "reply"));
}

#[test]
fn few_questions_leave_from_ports_of_their_own_which_live_shortly() {
    let mut bench = Bench::new();
    let ports = |bench: &mut Bench| -> HashSet<u16> {
        (0..64)
            .map(|_| {
                bench.send(1, 10.0);
                bench.query().1.port()
            })
            .collect()
    };
    let first = ports(&mut bench);
    assert!(first.len() >= 12, "64 questions draw among 16 places: {first:?}");
    bench.now_s += LIFE_S;
    let second = ports(&mut bench);
    assert!(first.intersection(&second).count() < 4, "the kernel draws new ones");
    for _ in 0..2 {
        bench.now_s += LIFE_S;
        bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
    }
    assert_eq!(bench.exchanges.ports(), first.len() + second.len(), "replies may still come");
    bench.now_s += 10.0;
    bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
    assert_eq!((bench.exchanges.ports(), bench.exchanges.under_way()), (0, 0));
}

#[test]
fn a_port_serves_a_bounded_number_of_questions_each_with_an_id_of_its_own() {
    let mut bench = Bench::new();
    let mut ids: HashMap<u16, Vec<[u8; 2]>> = HashMap::new();
    for _ in 0..120 {
        bench.send(60, 10.0);
        for _ in 0..60 {
            let (query, from) = bench.query();
            ids.entry(from.port()).or_default().push([query[0], query[1]]);
        }
    }
    assert!(ids.len() >= 7200 / MOST_USES, "{}", ids.len());
    for ids in ids.values() {
        assert!(ids.len() <= MOST_USES);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }
    let all: HashSet<[u8; 2]> = ids.into_values().flatten().collect();
    assert!(all.len() > 6000, "7200 of 65536: {}", all.len());
}

#[test]
fn what_is_no_reply_to_the_question_is_counted_and_the_wait_goes_on() {
    let mut bench = Bench::new();
    bench.send(1, 1.0);
    let (query, from) = bench.query();
    let victim = [&query[..12], &wire("victim.example.net"), b"\0\x01\0\x01", &query[query.len() - 11..]].concat();
    let mut other_type = honest(&query);
    let at = other_type.len() - 3;
    other_type[at] ^= 0x1c;
    let lies = [other_id(&query), honest(&victim), other_type, query.clone(), query[..2].to_vec(), Vec::new()];
    lies.iter().for_each(|lie| bench.say(lie, from));
    let other = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    other.send_to(&honest(&query), from).expect("sent");
    bench.receive_until(|listener| listener.mismatches == lies.len() as u32);
    assert!(bench.listener.results.is_empty(), "nor is a datagram from another address a reply");
    bench.say(&honest(&query), from);
    bench.receive_until(|listener| listener.results.len() == 1);
    assert_eq!(bench.results(), ["reply"]);
}

#[test]
fn a_question_moves_on_when_too_many_guess_at_its_port_while_it_waits() {
    let mut bench = Bench::new();
    bench.send(60, 1.0);
    let asked: Vec<_> = (0..60).map(|_| bench.query()).collect();
    let (query, from) = &asked[0];
    let mut guess = honest(query);
    let taken: HashSet<[u8; 2]> = asked.iter().map(|(query, _)| [query[0], query[1]]).collect();
    let free = (0..=u16::MAX).map(u16::to_be_bytes).find(|id| !taken.contains(id)).expect("an id");
    guess[..2].copy_from_slice(&free);
    (0..MOST_STRAYS - 1).for_each(|_| bench.say(&guess, *from));
    bench.receive_until(|listener| listener.mismatches == MOST_STRAYS - 1);
    assert!(bench.listener.results.is_empty());
    bench.say(&guess, *from);
    bench.say(&honest(query), *from);
    bench.receive_until(|listener| listener.results.len() == 60);
    assert!(
        bench.results().iter().all(|what| *what == "Guessed"),
        "a reply that comes now may be a guess that is right"
    );
    bench.send(60, 1.0);
    let (_, later) = bench.query();
    assert_ne!(later, *from, "the port is used no more");
}

#[test]
fn a_reply_that_comes_twice_or_too_late_is_no_guess() {
    let mut bench = Bench::new();
    bench.send(60, 1.0);
    let asked: Vec<_> = (0..60).map(|_| bench.query()).collect();
    asked[1..].iter().for_each(|(query, from)| (0..2).for_each(|_| bench.say(&honest(query), *from)));
    bench.receive_until(|listener| listener.results.len() == 59);
    bench.now_s += 0.9;
    bench.send(1, 10.0);
    bench.now_s += 0.1;
    bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
    assert_eq!(bench.listener.results.pop(), Some((1, "TimedOut".into())));
    (0..20).for_each(|_| bench.say(&honest(&asked[0].0), asked[0].1));
    let (query, from) = bench.query();
    bench.say(&honest(&query), from);
    bench.receive_until(|listener| listener.results.len() == 61);
    assert_eq!(bench.results().iter().filter(|what| **what == "late").count(), 1);
    assert_eq!(bench.listener.mismatches, 0);
}

#[test]
fn a_late_reply_counts_as_long_as_a_client_may_wait_and_no_longer() {
    for (waits_s, is_heard) in [(LATE_S - 0.1, true), (LATE_S + 0.1, false)] {
        let mut bench = Bench::new();
        bench.send(1, 1.0);
        let (query, from) = bench.query();
        bench.now_s += 1.0;
        bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
        assert_eq!((bench.results(), bench.exchanges.under_way()), (vec!["TimedOut"], 0));
        bench.now_s += waits_s - 1.0;
        bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
        assert_eq!(bench.exchanges.ports(), usize::from(is_heard));
        if is_heard {
            bench.say(&honest(&query), from);
            bench.receive_until(|listener| listener.results.len() == 2);
            assert_eq!((bench.results()[1], bench.exchanges.ports()), ("late", 0));
        }
    }
}

#[test]
fn guesses_at_a_port_end_what_may_still_come_there() {
    let mut bench = Bench::new();
    bench.send(1, 1.0);
    let (query, from) = bench.query();
    bench.now_s += 1.0;
    bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
    (0..MOST_STRAYS).for_each(|_| bench.say(&other_id(&query), from));
    bench.receive_until(|listener| listener.mismatches == MOST_STRAYS);
    assert_eq!(bench.exchanges.ports(), 0);
}

#[test]
fn ports_open_for_late_replies_alone_make_room_for_questions() {
    let _alone = many_sockets();
    let mut bench = Bench::new();
    bench.send(512 * MOST_USES, 1.0);
    assert_eq!(bench.exchanges.ports(), 512);
    bench.now_s += 1.0;
    while bench.exchanges.end_overdue(bench.now_s, &mut bench.listener) {}
    assert_eq!((bench.exchanges.ports(), bench.exchanges.under_way()), (512, 0));
    bench.listener.results.clear();
    bench.send(1, 1.0);
    assert_eq!((bench.results().len(), bench.exchanges.under_way()), (0, 1));
}

#[test]
fn many_that_are_overdue_end_in_turns() {
    let mut bench = Bench::new();
    bench.send(OVERDUE_A_TURN, 1.0);
    bench.send(60, 2.0);
    bench.now_s += 3.0;
    assert!(bench.exchanges.end_overdue(bench.now_s, &mut bench.listener));
    assert_eq!(bench.exchanges.under_way(), 60);
    assert!(!bench.exchanges.end_overdue(bench.now_s, &mut bench.listener));
    assert_eq!(bench.exchanges.under_way(), 0);
    bench.now_s += LATE_S;
    bench.exchanges.end_overdue(bench.now_s, &mut bench.listener);
    assert_eq!(bench.exchanges.ports(), 0);
}

#[test]
fn a_closed_port_or_no_route_is_a_refusal() {
    let mut bench = Bench::new();
    bench.exchanges.install([(FORWARDER, Way::Datagrams(NO_ONE_LISTENS.parse().expect("an address")))]);
    bench.send(60, 60.0);
    bench.receive_until(|listener| listener.results.len() == 60);
    assert!(bench.results().iter().all(|what| *what == "Failed"));
    assert_eq!((bench.exchanges.under_way(), bench.exchanges.ports()), (0, 0));
    assert_eq!(bench.listener.network_errors, 1, "one message of the network is one refusal");
    bench.exchanges.install([(FORWARDER, Way::Datagrams("255.255.255.255:53".parse().expect("an address")))]);
    bench.listener.results.clear();
    bench.send(2, 60.0);
    assert_eq!(bench.results(), ["Failed", "Failed"]);
}

#[test]
fn open_ports_have_a_bound() {
    let _alone = many_sockets();
    let mut bench = Bench::new();
    for _ in 0..600 {
        bench.send(1, 10_000.0);
        bench.query_if_any();
        bench.now_s += LIFE_S;
    }
    assert_eq!((bench.exchanges.ports(), bench.exchanges.under_way()), (512, 512));
    assert_eq!(bench.results(), ["Starved"; 88]);
    bench.exchanges.close(&mut bench.listener);
    assert_eq!((bench.exchanges.ports(), bench.exchanges.under_way()), (0, 0));
    assert_eq!(bench.listener.results.len(), 600);
}

#[test]
fn at_the_bound_a_question_shares_an_open_port() {
    let _alone = many_sockets();
    let mut bench = Bench::new();
    for _ in 0..512 {
        bench.now_s += LIFE_S;
        bench.send(1, 10_000.0);
        bench.query_if_any();
    }
    (0..20).for_each(|_| bench.send(1, 10_000.0));
    assert_eq!((bench.exchanges.ports(), bench.exchanges.under_way()), (512, 532));
    assert!(bench.listener.results.is_empty());
}

#[test]
fn a_reply_too_long_for_us_counts_as_cut_off() {
    let mut bench = Bench::new();
    bench.send(1, 1.0);
    let (query, from) = bench.query();
    let long = [honest(&query), vec![0; 8000]].concat();
    bench.say(&long, from);
    bench.receive_until(|listener| listener.results.len() == 1);
    assert_eq!(bench.listener.truncated, 1);
}

#[test]
fn a_forwarder_that_is_asked_no_more_is_still_heard() {
    let mut bench = Bench::new();
    bench.send(1, 1.0);
    bench.exchanges.install([]);
    let (query, from) = bench.query();
    bench.say(&honest(&query), from);
    bench.receive_until(|listener| listener.results.len() == 1);
    assert_eq!((bench.results(), bench.exchanges.ports()), (vec!["reply"], 0));
}

impl Bench {
    fn query_if_any(&self) {
        self.forwarder.set_nonblocking(true).expect("a flag");
        let _ = self.forwarder.recv_from(&mut [0; 512]);
    }
}

#[test]
fn a_reply_matches_in_any_letter_case_and_nothing_else_does() {
    let query = forwarder_query(&Name::from_text("www.example.com").expect("a name"), 65, false, false);
    let query = [&[0x12, 0x34], &query[2..]].concat();
    let message = |head: &[u8], name: &str, tail: &[u8]| [head, &[0, 0, 0, 0, 0, 0], &wire(name), tail].concat();
    let (head, tail) = (b"\x12\x34\x81\x80\0\x01", b"\0\x41\0\x01");
    let name = "www.example.com";
    assert!(matches(&message(head, name, tail), &query));
    assert!(matches(&message(head, "WWW.Example.COM", b"\0\x41\0\x01records"), &query));
    let header = |flags: u8| [&query[..2], &[0x81, flags], &[0; 8]].concat();
    assert!(matches(&header(0x81), &query), "FORMERR of a server that could not read the query");
    for other in [
        Vec::new(),
        head.to_vec(),
        header(0x80),
        header(0x83),
        [header(0x81), vec![0]].concat(),
        message(head, name, b"\0\x41\0"),
        message(b"\x12\x35\x81\x80\0\x01", name, tail),
        message(b"\x12\x34\x01\x00\0\x01", name, tail),
        message(b"\x12\x34\xa1\x80\0\x01", name, tail),
        message(b"\x12\x34\x81\x80\0\0", name, tail),
        message(b"\x12\x34\x81\x80\0\x02", name, tail),
        message(head, "www.example.org", tail),
        message(head, name, b"\0\x61\0\x01"),
        message(head, name, b"\0\x41\0\x03"),
    ] {
        assert!(!matches(&other, &query), "{other:?}");
    }
}
