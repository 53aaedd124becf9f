//! Connections on a clock that tests move, around a real plane.

use crate::admission::Admission;
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
    let place = Arc::new(Admission::new(64, 64)).admit(address.ip(), std::time::Instant::now()).expect("a place");
    let (client, server) = duplex(64 << 10);
    let (stop, stopping) = watch::channel(false);
    let counted = counters.clone();
    let ended = spawn_local(async move {
        match door {
            Door::Doh => https::serve(server, caller, asker, counted, &place, stopping).await,
            _ => framed::serve(server, caller, asker, &counted, &place, stopping).await,
        }
    });
    Served { client, counters, ended, _stop: stop, _plane: plane }
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
