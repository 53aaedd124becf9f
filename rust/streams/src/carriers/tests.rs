//! Connections to forwarders, over real loopback sockets. TLS, and what goes wrong with it, is tested from outside.

use super::limits::{CONNECTIONS_IN_ALL, PIPELINED};
use super::{CarrierSettings, Carriers, Transport, TrustError, ask_once};
use schoolgate_plane::{Deliveries, Delivery};
use schoolgate_wire::{Name, forwarder_query};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn tcp() -> CarrierSettings {
    let (name, path) = (String::new(), String::new());
    CarrierSettings { transport: Transport::Tcp, name, roots: String::new(), pins: Vec::new(), path }
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let mut query = forwarder_query(&Name::from_text(name).unwrap(), 1, false, false);
    query[..2].copy_from_slice(&id.to_be_bytes());
    query
}

/// Says of each query what `says` makes of it, over as many connections one after the other.
fn server(connections: usize, says: fn(Vec<u8>) -> Vec<u8>) -> (SocketAddr, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let mut asked = 0;
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut query).unwrap();
                asked += 1;
                let reply = says(query);
                stream.write_all(&[&(reply.len() as u16).to_be_bytes(), reply.as_slice()].concat()).unwrap();
            }
        }
        asked
    };
    (address, std::thread::spawn(serve))
}

fn honest(mut query: Vec<u8>) -> Vec<u8> {
    query[2] |= 0x80;
    query
}

fn of_another_id(query: Vec<u8>) -> Vec<u8> {
    let mut reply = honest(query);
    reply[0] ^= 0x55;
    reply
}

fn delivered(deliveries: &Deliveries) -> Delivery {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(delivery) = deliveries.take().pop() {
            return delivery;
        }
        assert!(Instant::now() < deadline, "nothing was delivered");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_question_comes_back_with_its_own_id() {
    let (address, served) = server(1, honest);
    let carriers = Carriers::default();
    let installed = carriers.install(vec![(7, address, tcp())]).unwrap();
    let deliveries = Arc::new(Deliveries::new().unwrap());
    for id in [0xabcd, 3] {
        assert!(installed[&7].carry(&query(id, "www.example.com"), &deliveries));
        assert_eq!(delivered(&deliveries), Delivery::Reply(honest(query(id, "www.example.com"))));
    }
    let status = carriers.status();
    assert_eq!((status[0].open, status[0].events["opened"], status[0].events["answers"]), (1, 1, 2));
    drop(installed);
    carriers.stop();
    assert_eq!(served.join().unwrap(), 2);
}

#[test]
fn who_is_as_before_keeps_connections_and_who_is_gone_loses_them() {
    let (address, served) = server(1, honest);
    let carriers = Carriers::default();
    let first = carriers.install(vec![(7, address, tcp())]).unwrap();
    let again = carriers.install(vec![(7, address, tcp())]).unwrap();
    assert!(Arc::ptr_eq(&first[&7], &again[&7]));
    let deliveries = Arc::new(Deliveries::new().unwrap());
    assert!(again[&7].carry(&query(1, "www.example.com"), &deliveries));
    assert!(matches!(delivered(&deliveries), Delivery::Reply(_)));
    drop((first, again));
    assert!(carriers.install(Vec::new()).unwrap().is_empty());
    // The server's loop ends when the connection does.
    assert_eq!(served.join().unwrap(), 1);
}

#[test]
fn nobody_there_is_a_failure_and_is_said() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let carriers = Carriers::default();
    let installed = carriers.install(vec![(7, closed, tcp())]).unwrap();
    let deliveries = Arc::new(Deliveries::new().unwrap());
    for id in 0..50 {
        assert!(installed[&7].carry(&query(id, "www.example.com"), &deliveries));
        assert_eq!(delivered(&deliveries), Delivery::Failed(id));
    }
    let status = &carriers.status()[0];
    assert!(status.problem.as_ref().is_some_and(|problem| problem.starts_with("no connection")));
    assert!(status.events["failed_connect"] < 50, "who is not there is not tried for each question");
}

#[test]
fn one_question_is_asked_and_what_is_no_reply_is_refused() {
    let asked = query(9, "www.example.com");
    let (address, _) = server(1, honest);
    let answer = ask_once(address, tcp(), &asked, LONG).unwrap();
    assert_eq!((answer.reply, answer.certificate), (honest(asked.clone()), Vec::new()));
    let (address, _) = server(1, of_another_id);
    assert!(ask_once(address, tcp(), &asked, LONG).unwrap_err().to_string().contains("no reply"));
}

#[test]
fn settings_that_cannot_be_used_are_refused_and_nothing_changes() {
    let carriers = Carriers::default();
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let kept = carriers.install(vec![(1, address, tcp())]).unwrap();
    let tls = CarrierSettings { transport: Transport::Tls, name: "dns.example.org".into(), ..tcp() };
    let bad = CarrierSettings { pins: vec!["AAAA".into()], ..tls.clone() };
    let error = carriers.install(vec![(1, address, tcp()), (2, address, bad)]).err().unwrap();
    assert_eq!(error.to_string(), TrustError::Pin("AAAA".into()).to_string());
    assert!(carriers.install(vec![(2, address, CarrierSettings { name: "a b".into(), ..tls })]).is_err());
    assert!(Arc::ptr_eq(&carriers.install(vec![(1, address, tcp())]).unwrap()[&1], &kept[&1]));
}

#[test]
fn ten_thousand_questions_to_a_server_that_says_nothing_are_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut std::io::sink()));
        }
    });
    let carriers = Carriers::default();
    let installed = carriers.install(vec![(7, address, tcp())]).unwrap();
    let deliveries = Arc::new(Deliveries::new().unwrap());
    let most = CONNECTIONS_IN_ALL * PIPELINED;
    let carried = (0..10_000).filter(|id| installed[&7].carry(&query(*id, "www.example.com"), &deliveries)).count();
    let mut turned_away = 10_000 - carried;
    let deadline = Instant::now() + LONG;
    while turned_away < 10_000 - most {
        assert!(Instant::now() < deadline, "only {turned_away} were turned away");
        turned_away += deliveries.take().len();
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = &carriers.status()[0];
    assert!(status.open <= CONNECTIONS_IN_ALL && status.events["queries"] <= most as u64, "{status:?}");
}
