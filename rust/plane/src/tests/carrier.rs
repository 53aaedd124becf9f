//! Ports that lead to a carrier: what it delivers is judged as datagrams are.

use super::wire::reply;
use crate::carrier::{Carrier, Deliveries, Delivery};
use crate::source_port::{Attempt, Owner, Way};
use crate::udp_exchanges::{ExchangeResult, Listener, UdpExchanges};
use schoolgate_wire::{Name, forwarder_query};
use std::sync::{Arc, Mutex};

const FORWARDER: u32 = 7;
const ROOM: usize = 3;

/// Keeps what it is given, as long as there is room.
#[derive(Default)]
struct Keeper(Mutex<Vec<(Vec<u8>, Arc<Deliveries>)>>);

impl Keeper {
    fn kept(&self) -> Vec<(Vec<u8>, Arc<Deliveries>)> {
        std::mem::take(&mut *self.0.lock().expect("the keeper"))
    }
}

impl Carrier for Keeper {
    fn carry(&self, query: &[u8], deliveries: &Arc<Deliveries>) -> bool {
        let mut kept = self.0.lock().expect("the keeper");
        let has_room = kept.len() < ROOM;
        if has_room {
            kept.push((query.to_vec(), deliveries.clone()));
        }
        has_room
    }
}

#[derive(Default)]
struct Ends {
    results: Vec<String>,
    mismatches: u32,
    network_errors: u32,
}

impl Listener for Ends {
    fn ended(&mut self, _: u32, _: Attempt, result: ExchangeResult<'_>) {
        self.results.push(match result {
            ExchangeResult::Reply(_) => "reply".into(),
            other => format!("{other:?}"),
        });
    }

    fn late(&mut self, _: u32, _: Attempt, _: &[u8]) {
        self.results.push("late".into());
    }

    fn mismatch(&mut self, _: u32) {
        self.mismatches += 1;
    }

    fn network_error(&mut self, _: u32) {
        self.network_errors += 1;
    }
}

fn bench() -> (UdpExchanges, Arc<Keeper>, Ends) {
    let (mut exchanges, keeper) = (UdpExchanges::new().expect("exchanges"), Arc::new(Keeper::default()));
    exchanges.install([(FORWARDER, Way::Carried(keeper.clone()))]);
    (exchanges, keeper, Ends::default())
}

fn ask(exchanges: &mut UdpExchanges, ends: &mut Ends, questions: i64, now_s: f64) {
    let attempt = |key| {
        let name = Name::from_text(&format!("n{key}.example.com")).expect("a name");
        Attempt::new(Owner::Exchange(key), forwarder_query(&name, 1, false, false), now_s, 1.0)
    };
    exchanges.send(FORWARDER, (1..=questions).map(attempt).collect(), now_s, ends);
}

fn id_of(query: &[u8]) -> u16 {
    u16::from_be_bytes([query[0], query[1]])
}

#[test]
fn each_delivery_ends_its_question_and_a_broken_connection_is_one_error() {
    let (mut exchanges, keeper, mut ends) = bench();
    ask(&mut exchanges, &mut ends, 3, 1.0);
    let kept = keeper.kept();
    assert_eq!(kept.len(), 3);
    for (at, (query, deliveries)) in kept.iter().enumerate() {
        deliveries.put(match at {
            0 => Delivery::Reply(reply(query, 0, &[], &[])),
            _ => Delivery::Failed(id_of(query)),
        });
    }
    exchanges.receive(1.1, &mut ends);
    assert_eq!(ends.results, ["reply", "Failed", "Failed"]);
    assert_eq!((ends.network_errors, ends.mismatches, exchanges.under_way()), (1, 0, 0));
    // Twice is once too often, and changes nothing.
    kept[0].1.put(Delivery::Reply(reply(&kept[0].0, 0, &[], &[])));
    kept[1].1.put(Delivery::Failed(id_of(&kept[1].0)));
    exchanges.receive(1.2, &mut ends);
    assert_eq!((ends.results.len(), ends.network_errors), (3, 1));
}

#[test]
fn what_a_carrier_has_no_room_for_is_nobodys_fault() {
    let (mut exchanges, keeper, mut ends) = bench();
    ask(&mut exchanges, &mut ends, 5, 1.0);
    assert_eq!(ends.results, ["Starved", "Starved"]);
    let kept = keeper.kept();
    kept[0].1.put(Delivery::Starved(id_of(&kept[0].0)));
    exchanges.receive(1.1, &mut ends);
    assert_eq!((ends.results.len(), ends.network_errors), (3, 0));
}

#[test]
fn a_reply_to_another_question_is_not_believed() {
    let (mut exchanges, keeper, mut ends) = bench();
    ask(&mut exchanges, &mut ends, 2, 1.0);
    let kept = keeper.kept();
    let mut wrong = reply(&kept[0].0, 0, &[], &[]);
    wrong[..2].copy_from_slice(&kept[1].0[..2]);
    kept[0].1.put(Delivery::Reply(wrong));
    exchanges.receive(1.1, &mut ends);
    assert_eq!((ends.results.len(), ends.mismatches, exchanges.under_way()), (0, 1, 2));
}

#[test]
fn a_late_reply_still_counts_and_a_closed_port_takes_nothing() {
    let (mut exchanges, keeper, mut ends) = bench();
    ask(&mut exchanges, &mut ends, 1, 1.0);
    let kept = keeper.kept();
    exchanges.end_overdue(2.5, &mut ends);
    kept[0].1.put(Delivery::Reply(reply(&kept[0].0, 0, &[], &[])));
    exchanges.receive(2.6, &mut ends);
    assert_eq!(ends.results, ["TimedOut", "late"]);
    exchanges.install([]);
    exchanges.end_overdue(60.0, &mut ends);
    assert_eq!(exchanges.ports(), 0);
    kept[0].1.put(Delivery::Reply(Vec::new()));
    assert_eq!(kept[0].1.take(), []);
}

#[test]
fn deliveries_are_taken_in_batches_and_none_is_left_behind() {
    let deliveries = Deliveries::new().expect("deliveries");
    (0..200).for_each(|id| deliveries.put(Delivery::Failed(id)));
    let taken: Vec<_> = std::iter::from_fn(|| Some(deliveries.take()).filter(|taken| !taken.is_empty())).collect();
    assert_eq!(taken.iter().map(Vec::len).sum::<usize>(), 200);
    assert!(taken.iter().all(|batch| batch.len() <= 64));
}
