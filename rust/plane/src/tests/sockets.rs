//! A whole plane with real sockets and a resolver's thread.

use super::balance::balance;
use super::bench::{description, rule, settings, snapshot, table};
use super::until;
use super::wire::{Answer, Ask, Data, Line, ask, reply};
use crate::forwarding::{Completed, Share};
use crate::plane::Plane;
use crate::plane_error::PlaneError;
use crate::settings::Settings;
use crate::socket::{is_readable, readable, wait_readable};
use crate::stream::Asked;
use crate::validation::AdTrust;
use schoolgate_wire::{HEADER_OCTETS, rtype};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A plane that runs, and a thread that resolves: `silent.*` never, `panic.*` to what makes a worker panic, `big.*` to
/// 3000 octets, all else to an address.
struct Live {
    plane: Arc<Plane>,
    stop: Arc<AtomicBool>,
    resolver: Option<JoinHandle<()>>,
}

impl Live {
    fn at(listen: &[&str]) -> Self {
        Self::with(listen, &description(), |settings| settings)
    }

    fn with(listen: &[&str], description: &Value, change: impl FnOnce(Settings) -> Settings) -> Self {
        let plane = Arc::new(plane(listen, description, change).expect("a plane"));
        plane.start().expect("threads");
        let stop = Arc::new(AtomicBool::new(false));
        let (for_thread, stop_thread) = (plane.clone(), stop.clone());
        let resolver = std::thread::spawn(move || resolve(&for_thread, &stop_thread));
        Self { plane, stop, resolver: Some(resolver) }
    }

    fn address(&self) -> SocketAddr {
        self.plane.status().listening[0]
    }

    fn counter(&self, name: &str) -> u64 {
        self.plane.status().counters[name]
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let resolver = self.resolver.take().expect("a thread");
        if !std::thread::panicking() {
            resolver.join().expect("a resolver that did not fail");
        }
    }
}

fn plane(listen: &[&str], description: &Value, change: impl FnOnce(Settings) -> Settings) -> Result<Plane, PlaneError> {
    let listen = listen.iter().map(|address| address.parse().expect("an address")).collect();
    let settings = change(Settings { listen, workers: 2, ..settings() });
    Plane::new(settings, snapshot(&[]), table(description), None)
}

fn resolve(plane: &Plane, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        wait_readable(&mut [readable(plane.forwarding_fd())], 20);
        let misses = plane.take_misses(256);
        let answered = misses.iter().filter(|miss| !miss.name().starts_with("silent."));
        let replies: Vec<_> = answered.map(|miss| (miss.token, answer_for(&miss.name(), &miss.query))).collect();
        plane.complete(replies.iter().map(|(token, octets)| completed(*token, Ok(octets.as_slice()))));
    }
}

fn completed(token: u64, reply: Result<&[u8], u16>) -> Completed<'_> {
    Completed { token, reply, is_remembered: false, trust: AdTrust::NotAsked }
}

fn answer_for(name: &str, query: &[u8]) -> Vec<u8> {
    let lines: Vec<Line<'_>> = match name.split('.').next() {
        Some("panic") => {
            vec![(name, 300, Data::Cname("panicking.example.net".into())), ("panicking.example.net", 300, Data::A(1))]
        }
        Some("big") => vec![(name, 300, Data::Txt(3000))],
        _ => vec![(name, 300, Data::A(1))],
    };
    reply(query, 0, &lines, &[])
}

/// A client that takes datagrams only from the server it asked.
struct Client(UdpSocket);

impl Client {
    fn of(server: SocketAddr) -> Self {
        let own: IpAddr = if server.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        let socket = UdpSocket::bind((own, 0)).expect("a socket");
        socket.connect(server).expect("an address to ask");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        Self(socket)
    }

    fn send(&self, packet: &[u8]) {
        self.0.send(packet).expect("a packet sent");
    }

    fn receive(&self) -> Answer {
        let mut buffer = [0; 2048];
        let length = self.0.recv(&mut buffer).expect("an answer");
        Answer::read(&buffer[..length])
    }

    fn ask(&self, ask: &Ask) -> Answer {
        self.send(&ask.packet());
        self.receive()
    }
}

#[test]
fn queries_are_decided_resolved_and_cached() {
    let live = Live::at(&["127.0.0.1:0"]);
    let client = Client::of(live.address());
    assert_eq!(client.ask(&ask("locked.example.com")).rcode, 3);
    assert_eq!(client.ask(&ask("www.example.com").id(5)).data(), ["203.0.113.1"]);
    let cached = client.ask(&ask("WWW.example.com").id(6));
    assert_eq!((cached.id, cached.question.as_str(), cached.data()), (6, "WWW.example.com", vec!["203.0.113.1"]));
    assert!(client.ask(&ask("big.example.com").of(rtype::TXT).edns()).truncated);
    assert_eq!(client.ask(&Ask { class: 3, ..ask("example.com") }).rcode, 5);
    let status = live.plane.status();
    assert_eq!((status.workers, status.workers_alive, status.under_way), (2, 2, 0));
    assert_eq!(status.bad_packets["class"], 1);
    balance(&status);
    until("the gauges follow", || live.plane.status().cache_entries >= 2);
}

#[test]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let live = Live::at(&["0.0.0.0:0"]);
    let port = live.address().port();
    for asked in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 3, 2, 1]] {
        let client = Client::of((asked, port).into());
        assert_eq!(client.ask(&ask("locked.example.com")).rcode, 3, "at once");
        assert_eq!(client.ask(&ask(&format!("late{}.example.com", asked[3]))).rcode, 0, "and after a wait");
    }
}

#[test]
fn the_address_that_was_asked_may_choose_the_segment() {
    let mut description = description();
    let door = json!({"id": "door", "asked": ["127.0.0.2"], "policy": "pupil"});
    description["segments"].as_array_mut().expect("segments").push(door);
    let live = Live::with(&["0.0.0.0:0"], &description, |settings| settings);
    let port = live.address().port();
    assert_eq!(Client::of(([127, 0, 0, 2], port).into()).ask(&ask("denied.example.com")).rcode, 3);
    assert_eq!(Client::of(([127, 0, 0, 1], port).into()).ask(&ask("denied.example.com")).rcode, 0);
}

#[test]
fn ipv6_is_served_like_ipv4() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    for listen in ["[::1]:0", "[::]:0"] {
        let live = Live::at(&[listen]);
        let client = Client::of(SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), live.address().port()));
        assert_eq!(client.ask(&ask("locked.example.com")).rcode, 3);
        assert_eq!(client.ask(&ask("www.example.com")).data(), ["203.0.113.1"]);
    }
}

#[test]
fn bursts_of_more_than_a_batch_are_answered_whole() {
    let live = Live::at(&["127.0.0.1:0"]);
    let client = Client::of(live.address());
    client.ask(&ask("www.example.com"));
    for (name, rcode) in [("locked.example.com", 3), ("www.example.com", 0)] {
        (0..150).for_each(|id| client.send(&ask(name).id(id).packet()));
        let mut ids: Vec<_> = (0..150)
            .map(|_| client.receive())
            .inspect(|answer| assert_eq!(answer.rcode, rcode))
            .map(|answer| answer.id)
            .collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..150));
    }
    // Many who wait for one answer, in more than one batch of answers.
    let silent: Vec<_> = (0..150).map(|id| ask("together.example.com").id(id).packet()).collect();
    silent.iter().for_each(|packet| client.send(packet));
    let ids: std::collections::HashSet<_> = (0..150).map(|_| client.receive().id).collect();
    assert_eq!(ids.len(), 150);
    assert_eq!(live.counter("send_failures"), 0);
}

#[test]
fn an_overlong_datagram_is_a_format_error() {
    let live = Live::at(&["127.0.0.1:0"]);
    let client = Client::of(live.address());
    let mut packet = ask("www.example.com").packet();
    packet.resize(4000, 0);
    client.send(&packet);
    let mut buffer = [0; 512];
    let length = client.0.recv(&mut buffer).expect("an answer");
    assert_eq!((length, buffer[3] & 0x0f), (HEADER_OCTETS, 1));
}

#[test]
fn a_second_server_is_refused_and_harms_nobody() {
    let live = Live::at(&["127.0.0.1:0"]);
    let address = live.address();
    for listen in [address.to_string(), format!("0.0.0.0:{}", address.port())] {
        let second = plane(&[&listen], &description(), |settings| settings);
        assert!(matches!(second, Err(PlaneError::AddressInUse(_))), "{listen}");
    }
    assert_eq!(Client::of(address).ask(&ask("locked.example.com")).rcode, 3);
}

#[test]
fn an_address_this_machine_does_not_have_is_named() {
    let Err(error) = plane(&["192.0.2.53:0"], &description(), |settings| settings) else { panic!("an error") };
    assert!(error.to_string().contains("192.0.2.53") && error.to_string().contains("no such address"), "{error}");
}

#[test]
fn a_packet_that_panics_is_counted_and_kept_and_the_worker_goes_on() {
    let directory = std::env::temp_dir().join(format!("schoolgate-panic-{}", std::process::id()));
    // An earlier process of this number may have been killed.
    let _ = std::fs::remove_dir_all(&directory);
    let crash_dir = Some(directory.clone());
    let live = Live::with(&["127.0.0.1:0"], &description(), |settings| Settings { crash_dir, ..settings });
    let client = Client::of(live.address());
    let packet = ask("panicking.example.com").packet();
    for panics in 1..=3 {
        client.send(&packet);
        until("it is counted", || live.counter("panics") == panics);
        assert_eq!(client.ask(&ask("locked.example.com")).rcode, 3);
    }
    let kept = || {
        std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| std::fs::read(entry.path()).ok())
    };
    until("it is kept", || kept().filter(|octets| *octets == packet).count() == 3);
    let status = live.plane.status();
    assert_eq!((status.workers_alive, status.counters["late_panics"]), (2, 0));
    balance(&status);
    std::fs::remove_dir_all(&directory).expect("a directory");
}

#[test]
fn an_answer_that_panics_ends_no_worker() {
    let live = Live::at(&["127.0.0.1:0"]);
    let client = Client::of(live.address());
    client.send(&ask("panic.example.com").packet());
    // Every worker gets every answer.
    until("both have panicked", || live.counter("late_panics") == 2);
    // Counted after the panic itself, by another thread.
    until("the client that waited is counted", || live.counter("abandoned") == 1);
    (0..20).for_each(|id| assert_eq!(Client::of(live.address()).ask(&ask("locked.example.com").id(id)).rcode, 3));
    // The stream doors' answerer meets it when one of its own clients waits, on the thread that takes its answers.
    live.plane.take_answers();
    assert_eq!((live.counter("late_panics"), live.plane.status().workers_alive), (2, 2));
    let stream = SocketAddr::from(([127, 0, 0, 1], 5000));
    let asked = live.plane.ask(&ask("panic.example.com").packet(), stream, live.address());
    assert!(matches!(asked, Asked::Ticket(_)), "{asked:?}");
    until("all three have panicked", || {
        live.plane.take_answers();
        live.counter("late_panics") == 5
    });
    assert_eq!((live.counter("abandoned"), live.plane.status().workers_alive), (2, 2));
    balance(&live.plane.status());
}

#[test]
fn an_answer_too_large_for_a_datagram_is_at_hand_for_who_asks_again_by_a_stream() {
    let live = Live::at(&["127.0.0.1:0"]);
    let client = Client::of(live.address());
    let by_stream =
        |what: &Ask| live.plane.ask(&what.packet(), SocketAddr::from(([127, 0, 0, 1], 5000)), live.address());
    assert!(client.ask(&ask("big.example.com").of(rtype::TXT)).truncated);
    let Asked::Answer(whole) = by_stream(&ask("big.example.com").of(rtype::TXT)) else { panic!("an answer at once") };
    assert!(whole.len() > 3000);
    // What did fit is not kept for them too.
    assert!(!client.ask(&ask("www.example.com")).truncated);
    live.plane.take_answers();
    assert!(matches!(by_stream(&ask("www.example.com")), Asked::Ticket(_)));
}

#[test]
fn stream_doors_are_reminded_only_while_somebody_waits_there() {
    let live = Live::at(&["127.0.0.1:0"]);
    let is_called = || {
        let mut awaited = [readable(live.plane.answers_fd())];
        wait_readable(&mut awaited, 700);
        awaited.iter().any(is_readable)
    };
    assert!(!is_called(), "no client has asked");
    let (client, local) = (SocketAddr::from(([127, 0, 0, 1], 5000)), live.address());
    let asked = live.plane.ask(&ask("silent.example.com").packet(), client, local);
    assert!(matches!(asked, Asked::Ticket(_)));
    let mut answers = Vec::new();
    while answers.is_empty() {
        until("they are reminded", is_called);
        answers = live.plane.take_answers();
    }
    assert_eq!(Answer::read(&answers[0].1).rcode, 2);
    // The worker that reminds may have begun before the answer was taken.
    until("no client waits any more", || {
        live.plane.take_answers();
        !is_called()
    });
}

#[test]
fn stream_doors_get_whole_answers_under_their_tickets() {
    let live = Live::at(&["127.0.0.1:0"]);
    let (client, local) = (SocketAddr::from(([127, 0, 0, 1], 5000)), live.address());
    let asked = |name: &str| live.plane.ask(&ask(name).of(rtype::TXT).packet(), client, local);
    let Asked::Answer(denied) = asked("locked.example.com") else { panic!("an answer at once") };
    assert_eq!(Answer::read(&denied).rcode, 3);
    let Asked::Ticket(ticket) = asked("big.example.com") else { panic!("a ticket") };
    let mut answers = Vec::new();
    until("the answer comes", || {
        wait_readable(&mut [readable(live.plane.answers_fd())], 100);
        answers.extend(live.plane.take_answers());
        !answers.is_empty()
    });
    let [(came, octets)] = answers.as_slice() else { panic!("one answer") };
    assert_eq!((*came, Answer::read(octets).truncated), (ticket, false));
    assert!(octets.len() > 3000);
    assert!(matches!(asked("big.example.com"), Asked::Answer(_)), "cached");
    assert_eq!(live.plane.ask(b"x", client, local), Asked::Nothing);
    assert_eq!(live.plane.ask(&ask("panicking.example.com").packet(), client, local), Asked::Nothing);
    assert_eq!((live.counter("stream_queries"), live.counter("panics")), (5, 1));
    balance(&live.plane.status());
}

#[test]
fn a_stalled_resolver_holds_up_nobody_else() {
    let live = Live::at(&["127.0.0.1:0"]);
    let (client, waiting) = (Client::of(live.address()), Client::of(live.address()));
    client.ask(&ask("www.example.com"));
    waiting.send(&ask("silent.example.com").id(99).packet());
    (0..100).for_each(|id| {
        assert_eq!(client.ask(&ask("www.example.com").id(id)).data(), ["203.0.113.1"]);
        assert_eq!(client.ask(&ask("locked.example.com").id(id)).rcode, 3);
    });
    let given_up = waiting.receive();
    assert_eq!((given_up.id, given_up.rcode), (99, 2), "and a client that waits gets SERVFAIL within four seconds");
    assert_eq!(live.counter("expired"), 1);
}

#[test]
fn a_panic_at_forwarding_costs_its_question_and_no_other() {
    let plane = plane(&["127.0.0.1:0"], &description(), |settings| settings).expect("a plane");
    let forwarder = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    forwarder.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    plane.install_routes(vec![(1, forwarder.local_addr().expect("an address").into())], Vec::new(), Vec::new());
    plane.send_misses(
        vec![vec![Share { forwarder: 1, timeout_s: 10.0, most: u32::MAX, has_edns: true, asks_ad: false }]],
        0.0,
    );
    plane.start().expect("threads");
    let client = Client::of(plane.status().listening[0]);
    client.send(&ask("send-panic.example.com").id(1).packet());
    until("it is met", || plane.status().counters["late_panics"] == 1);
    // The resolver says nothing more, and what it has said still stands.
    client.send(&ask("www.example.com").id(2).packet());
    let mut buffer = [0; 512];
    let (length, from) = forwarder.recv_from(&mut buffer).expect("a query");
    forwarder.send_to(&answer_for("www.example.com", &buffer[..length]), from).expect("sent");
    assert_eq!(client.receive().data(), ["203.0.113.1"]);
    let status = plane.status();
    assert_eq!((status.workers_alive, status.counters["late_panics"]), (2, 1));
}

#[test]
fn misses_are_announced_until_all_are_taken() {
    let plane = plane(&["127.0.0.1:0"], &description(), |settings| settings).expect("a plane");
    plane.start().expect("threads");
    let client = Client::of(plane.status().listening[0]);
    (0..10).for_each(|id| client.send(&ask(&format!("{id}.example.com")).id(id).packet()));
    until("all are under way", || plane.status().counters["cache_misses"] == 10);
    let mut taken = 0;
    until("all are taken", || {
        let mut fds = [readable(plane.forwarding_fd())];
        wait_readable(&mut fds, 60_000);
        assert_ne!(fds[0].revents, 0, "{taken} of 10 are taken, and no more announced");
        taken += plane.take_misses(3).len();
        taken == 10
    });
    assert!(plane.take_misses(3).is_empty());
    let mut fds = [readable(plane.forwarding_fd())];
    wait_readable(&mut fds, 0);
    assert_eq!(fds[0].revents, 0);
}

#[test]
fn installing_under_load_loses_no_query_and_ends_with_the_last_policy() {
    const CLIENTS: u16 = 3;
    const LEAST_QUERIES: u32 = 500;
    let live = Live::at(&["127.0.0.1:0"]);
    Client::of(live.address()).ask(&ask("www.example.com"));
    let tables = [description(), {
        let mut closed = description();
        closed["serial"] = json!(2);
        closed["names"] = json!([rule("example.com", &["staff"], 6, "deny")]);
        closed
    }]
    .map(|description| table(&description));
    let is_done = AtomicBool::new(false);
    let mut installs = 0u32;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let client = Client::of(live.address());
                    let (mut open, mut asked) = (0u32, 0u32);
                    // However the threads take turns, each client goes on until it has met both policies.
                    until("both policies are met", || {
                        for id in 0..LEAST_QUERIES {
                            let id = id as u16;
                            let answer = client.ask(&ask("www.example.com").id(id));
                            assert_eq!(answer.id, id);
                            assert_eq!(answer.answer.len(), usize::from(answer.rcode == 0), "one verdict or the other");
                            open += u32::from(answer.rcode == 0);
                            asked += 1;
                        }
                        open > 0 && open < asked
                    });
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for table in &tables {
                    live.plane.install(None, Some(table.clone()), None);
                    installs += 1;
                }
            }
        });
        let ended: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        is_done.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|end| end.expect("all answered"));
    });
    assert!(installs >= 2);
    assert_eq!(live.plane.status().policy_serial, 2);
    let client = Client::of(live.address());
    assert_eq!(client.ask(&ask("www.example.com")).rcode, 3);
    live.plane.install(None, Some(tables[0].clone()), None);
    assert_eq!(client.ask(&ask("www.example.com")).rcode, 0);
    balance(&live.plane.status());
}

#[test]
fn a_plane_that_is_stopped_or_dropped_leaves_its_address() {
    let (address, second) = until_some(|| {
        let first = plane(&["127.0.0.1:0"], &description(), |settings| settings).expect("a plane");
        let address = first.status().listening[0];
        assert_eq!(first.status().workers_alive, 0, "not started");
        drop(first);
        Some((address, plane(&[&address.to_string()], &description(), |settings| settings).ok()?))
    });
    second.start().expect("threads");
    let client = Client::of(address);
    client.ask(&ask("locked.example.com"));
    client.send(&ask("www.example.com").packet());
    until("a client waits", || second.status().counters["cache_misses"] == 1);
    second.stop();
    assert_eq!(second.status().workers_alive, 0);
    let misses = second.take_misses(10);
    second.complete(misses.iter().map(|miss| completed(miss.token, Err(22))));
    drop(second);
    until_some(|| {
        let stopped = plane(&["127.0.0.1:0"], &description(), |settings| settings).expect("a plane");
        stopped.start().expect("threads");
        stopped.stop();
        UdpSocket::bind(stopped.status().listening[0]).ok()
    });
}

/// An address that is left may be taken by another test or process at once, but not each time.
fn until_some<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    (0..20).find_map(|_| attempt()).expect("one of twenty addresses that were left is free")
}
