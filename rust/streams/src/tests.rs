//! Connections on a clock that tests move, around a real plane.

use crate::admission::Admission;
use crate::allowance::Allowance;
use crate::asker::{Asker, Caller};
use crate::door_counters::{DoorCounters, Event};
use crate::{framed, https, limits};
use schoolgate_plane::{Plane, Settings};
use schoolgate_policy::{PolicyTable, Snapshot};
use schoolgate_querylog::Door;
use serde_json::json;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

/// `localhost A`, with its length before it: answered without a forwarder.
const ASKED: &[u8] = b"\x00\x1b\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01";

/// One connection and what it is served by. The plane is dropped last.
struct Served {
    client: DuplexStream,
    counters: Arc<DoorCounters>,
    allowance: Arc<Allowance>,
    ended: JoinHandle<()>,
    _stop: watch::Sender<bool>,
    _plane: Plane,
}

fn plane() -> Plane {
    let listen: Vec<String> = Vec::new();
    let settings = json!({"listen": listen, "workers": 1, "door_threads": 1, "cache_octets": 4 << 20});
    let settings: Settings = serde_json::from_value(settings).expect("settings");
    let description = json!({
        "serial": 1, "strictest": "all", "block_ttl_s": 30, "allowed_clients": ["192.0.2.0/24"],
        "policies": [{"id": "all", "action": "nxdomain", "unknown": "allow"}],
        "names": [], "rewrites": [], "segments": [],
        "zones": [{"zone": "localhost", "kind": "nodata", "records": []}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    Plane::new(settings, Arc::new(Snapshot::empty()), Arc::new(table), None).expect("a plane")
}

fn connect(door: Door) -> Served {
    let plane = plane();
    let asker = Rc::new(Asker::new(plane.take_door_answerers().remove(0)));
    let address = SocketAddr::from(([192, 0, 2, 1], 853));
    let caller = Caller { client: address, local: address, door };
    let counters = Arc::new(DoorCounters::default());
    let place =
        Arc::new(Admission::new(64, 64, None)).admit(address.ip(), 1, std::time::Instant::now()).expect("a place");
    let (client, server) = duplex(64 << 10);
    let (stop, stopping) = watch::channel(false);
    let counted = counters.clone();
    let allowance = Arc::new(Allowance::new(limits::IDLE, limits::PIPELINED));
    let allowed = allowance.clone();
    let ended = spawn_local(async move {
        match door {
            Door::Doh => https::serve(server, caller, asker, counted, &place, stopping).await,
            _ => {
                let service = framed::Service { caller, asker, counters: counted, allowance: allowed };
                framed::serve(server, service, &place, stopping).await;
            }
        }
    });
    Served { client, counters, allowance, ended, _stop: stop, _plane: plane }
}

async fn answer(client: &mut DuplexStream) -> Vec<u8> {
    let length = client.read_u16().await.expect("a length");
    let mut message = vec![0; usize::from(length)];
    client.read_exact(&mut message).await.expect("a message");
    message
}

/// Runs a test on one thread; time goes on by itself whenever nothing else can.
fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_connection_lives_while_it_asks_and_ends_when_it_has_been_idle() {
    run(async {
        let mut served = connect(Door::Dot);
        for _ in 0..5 {
            sleep(limits::IDLE - Duration::from_secs(1)).await;
            served.client.write_all(ASKED).await.expect("an open connection");
            assert_eq!(answer(&mut served.client).await.get(..2), Some([0, 7].as_slice()));
        }
        let asked_at = Instant::now();
        served.ended.await.expect("an end");
        assert!(asked_at.elapsed() >= limits::IDLE && asked_at.elapsed() < limits::IDLE + Duration::from_secs(2));
        assert_eq!(served.counters.get(Event::ClosedIdle), 1);
        assert_eq!(served.counters.get(Event::Answers), 5);
    });
}

#[test]
fn a_message_that_comes_octet_by_octet_ends_the_connection() {
    run(async {
        let mut served = connect(Door::Dot);
        let begun_at = Instant::now();
        for octet in ASKED {
            if served.client.write_all(&[*octet]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(400)).await;
        }
        served.ended.await.expect("an end");
        assert!(begun_at.elapsed() < limits::MESSAGE * 2);
        assert_eq!(served.counters.get(Event::ClosedSlowSender), 1);
        assert_eq!(served.counters.get(Event::Messages), 0);
    });
}

#[test]
fn an_http_connection_that_asks_nothing_ends_however_often_it_says_hello() {
    run(async {
        let mut served = connect(Door::Doh);
        served
            .client
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            .await
            .expect("room");
        let begun_at = Instant::now();
        // A PING each second keeps the connection busy, and is no question.
        while served.client.write_all(b"\x00\x00\x08\x06\x00\x00\x00\x00\x00pingping").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
            let mut nothing = [0; 4096];
            if served.client.read(&mut nothing).await.is_ok_and(|octets| octets == 0) {
                break;
            }
        }
        served.ended.await.expect("an end");
        assert!(begun_at.elapsed() >= limits::IDLE && begun_at.elapsed() < limits::IDLE * 2);
        assert_eq!(served.counters.get(Event::ClosedIdle), 1);
    });
}

#[test]
fn a_tcp_connection_is_idle_for_as_long_as_the_settings_say() {
    run(async {
        let mut served = connect(Door::Tcp);
        served.client.write_all(ASKED).await.expect("an open connection");
        answer(&mut served.client).await;
        served.allowance.set(Duration::from_secs(3), 64);
        // It is looked at anew when something comes.
        served.client.write_all(ASKED).await.expect("an open connection");
        answer(&mut served.client).await;
        let asked_at = Instant::now();
        served.ended.await.expect("an end");
        assert!(asked_at.elapsed() >= Duration::from_secs(3) && asked_at.elapsed() < Duration::from_secs(5));
        assert_eq!(served.counters.get(Event::ClosedIdle), 1);
    });
}

#[test]
fn a_connection_that_sends_what_is_no_query_again_and_again_ends() {
    run(async {
        let mut served = connect(Door::Tcp);
        // The opcode UPDATE, which is not answered here (RFC 2136).
        let update = b"\x00\x0c\x00\x07\x28\x00\x00\x00\x00\x00\x00\x00\x00\x00";
        for _ in 0..limits::NO_QUERIES {
            served.client.write_all(ASKED).await.expect("an open connection");
            answer(&mut served.client).await;
            served.client.write_all(update).await.expect("an open connection");
            answer(&mut served.client).await;
        }
        served.ended.await.expect("an end");
        assert_eq!(served.counters.get(Event::ClosedBadFrame), 1);
        assert_eq!(served.counters.get(Event::Messages), u64::from(2 * limits::NO_QUERIES));
    });
}

#[test]
fn a_client_that_reads_no_answers_is_closed_within_seconds() {
    run(async {
        let mut served = connect(Door::Tcp);
        let begun_at = Instant::now();
        // More than the pipe holds, and nothing is read.
        while served.client.write_all(ASKED).await.is_ok() {}
        served.ended.await.expect("an end");
        assert!(begun_at.elapsed() >= limits::UNREAD && begun_at.elapsed() < limits::UNREAD * 2);
        assert_eq!(served.counters.get(Event::ClosedSlowReader), 1);
    });
}

#[test]
fn an_http_client_that_lets_no_answer_out_is_closed_however_it_goes_on() {
    run(async {
        let mut served = connect(Door::Doh);
        // A window of nothing for all streams (RFC 9113 section 6.5.2), then a request whose path is no question: its
        // answer is a line of text, and has to wait.
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00";
        served.client.write_all(preface).await.expect("room");
        let begun_at = Instant::now();
        let mut stream = 1_u8;
        loop {
            // `:method GET`, `:scheme https`, `:path /` (RFC 7541 appendix A).
            let request = [b"\x00\x00\x03\x01\x05\x00\x00\x00".as_slice(), &[stream], b"\x82\x87\x84"].concat();
            if served.client.write_all(&request).await.is_err() {
                break;
            }
            stream += 2;
            sleep(Duration::from_secs(1)).await;
            let mut said = [0; 4096];
            if served.client.read(&mut said).await.is_ok_and(|octets| octets == 0) {
                break;
            }
        }
        served.ended.await.expect("an end");
        assert!(begun_at.elapsed() >= limits::UNREAD && begun_at.elapsed() < limits::UNREAD * 2);
        assert_eq!(served.counters.get(Event::ClosedSlowReader), 1);
    });
}
