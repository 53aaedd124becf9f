//! Every answer to a client of ours is recorded once, with the words of what was in force, and nothing that may not be kept.

use super::bench::{Bench, Got, description, rule};
use super::wire::{Data, ask};
use crate::query_log::legend;
use schoolgate_querylog::{LogOrders, LogSettings, LogWriter, RecordReader, log_read, record_rings};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What matters of a row: client, segment, name, action, layer, category, source, alias.
type Seen = (String, String, String, &'static str, String, Option<String>, String, Option<String>);

/// A bench whose answers are recorded.
struct Recorded {
    bench: Bench,
    readers: Vec<RecordReader>,
}

impl Recorded {
    fn new(mut bench: Bench) -> Self {
        let mut readers = Vec::new();
        for worker in &mut bench.workers {
            let (recorder, reader) = record_rings(1 << 20, 1 << 20);
            worker.answerer.recorder = Some(recorder);
            readers.push(reader);
        }
        Self { bench, readers }
    }

    /// Writes what was recorded, and reads it: class, latency in microseconds, time in microseconds and the rest.
    fn rows(mut self) -> Vec<(String, i32, i64, Seen)> {
        for worker in &mut self.bench.workers {
            worker.answerer.commit_records(|| 7);
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory: PathBuf = std::env::temp_dir().join(format!("schoolgate-rows-{}-{number}", std::process::id()));
        let orders = Arc::new(LogOrders::default());
        orders.install(&legend(&self.bench.active.rulebook, self.bench.active.generation));
        let settings = LogSettings { directory: directory.join("wal"), max_octets: u64::MAX };
        std::fs::create_dir_all(&directory).expect("a directory");
        LogWriter::new(settings, orders, Arc::default(), std::mem::take(&mut self.readers)).finish(1);
        let mut rows = Vec::new();
        for class in ["ordinary", "safeguarding"] {
            let path = directory.join(format!("wal/{class}-{:020}.wal", 1));
            let read = log_read(&path, 0, usize::MAX, |row| {
                let own = |text: Option<&str>| text.map(str::to_owned);
                let action =
                    ["allow", "deny", "deny-revealed", "rewrite", "fail"].into_iter().find(|one| *one == row.action);
                let texts = [row.client, row.segment, row.qname].map(str::to_owned);
                let [client, segment, qname] = texts;
                let action = action.expect("an action");
                let (layer, source) = (row.layer.to_owned(), row.source.to_owned());
                let seen = (client, segment, qname, action, layer, own(row.category), source, own(row.cname));
                rows.push((class.to_owned(), row.latency_us, row.time_us, seen));
            });
            read.expect("a file");
        }
        std::fs::remove_dir_all(&directory).expect("a directory");
        rows
    }

    fn seen(self) -> Vec<(String, Seen)> {
        self.rows().into_iter().map(|(class, _, _, seen)| (class, seen)).collect()
    }
}

fn words(class: &str, segment: &str, qname: &str, action: &'static str, layer: &str, source: &str) -> (String, Seen) {
    let client = if segment == "staff" { "198.51.100.10" } else { "192.0.2.10" };
    let seen = (client.into(), segment.into(), qname.into(), action, layer.into(), None, source.into(), None);
    (class.into(), seen)
}

#[test]
fn every_way_out_has_its_row() {
    let mut table = Recorded::new(Bench::new().with_lists(&[("social", "social.example.com")]));
    let bench = &mut table.bench;
    let chain = [("www.example.com", 300, Data::Cname("Cdn.example.net".into())), ("cdn.example.net", 300, Data::A(1))];
    bench.ask(&ask("denied.example.com"));
    bench.ask(&ask("bare"));
    bench.fill(&ask("www.example.com"), &chain);
    bench.ask(&ask("www.example.com").staff());
    bench.fill(&ask("search.example.org"), &[("safe.example.net", 300, Data::A(1))]);
    bench.ask(&ask("gone.example.org"));
    bench.fail(22);
    bench.ask(&ask("nowhere.example.org").no_rd());
    bench.ask(&ask("www.social.example.com"));
    let row = |qname, action, layer, source| words("ordinary", "pupils", qname, action, layer, source);
    let with = |mut row: (String, Seen), category: Option<&str>, cname: Option<&str>| {
        (row.1.5, row.1.7) = (category.map(str::to_owned), cname.map(str::to_owned));
        row
    };
    let seen = table.seen();
    let staff = words("ordinary", "staff", "www.example.com", "allow", "allow", "cache");
    let expected = [
        row("denied.example.com", "deny", "own-list", "policy"),
        row("bare", "allow", "allow", "local"),
        with(row("www.example.com", "allow", "allow", "forwarder"), None, Some("cdn.example.net")),
        with(staff, None, Some("cdn.example.net")),
        with(row("search.example.org", "rewrite", "allow", "forwarder"), None, Some("safe.example.net")),
        row("gone.example.org", "fail", "allow", "nobody"),
        row("nowhere.example.org", "fail", "allow", "nobody"),
        with(row("www.social.example.com", "deny", "category", "policy"), Some("social"), None),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_a_waiter_waited_is_its_latency_and_its_time_is_when_it_asked() {
    let mut table = Recorded::new(Bench::new());
    let began_us = table.bench.now.unix_us;
    table.bench.ask(&ask("www.example.com").id(1));
    table.bench.pass_ms(30);
    table.bench.ask(&ask("www.example.com").id(2).staff());
    table.bench.pass_ms(20);
    table.bench.resolve(&[("www.example.com", 300, Data::A(1))]);
    let times: Vec<_> = table.rows().into_iter().map(|(_, latency_us, time_us, _)| (latency_us, time_us)).collect();
    assert_eq!(times, [(50_007, began_us), (20_007, began_us + 30_000)]);
}

#[test]
fn outside_clients_the_malformed_and_those_over_their_rate_are_only_counted() {
    let mut description = description();
    description["segments"][0]["qps"] = json!(1);
    description["segments"][0]["burst"] = json!(1);
    let mut table = Recorded::new(Bench::with(description));
    table.bench.ask(&ask("bare"));
    table.bench.ask(&ask("bare"));
    table.bench.ask(&ask("bare"));
    table.bench.ask(&ask("bare").from("233.252.0.1"));
    table.bench.send(&[0; 12], ask("bare").from, false);
    assert_eq!(table.seen().len(), 1);
}

#[test]
fn a_denial_that_matters_is_of_its_own_class() {
    let mut description = description();
    description["safeguarded"] = json!(["social"]);
    description["policies"][1]["categories"]["vpn"] = json!({"layer": 8, "effect": "deny"});
    let lists = [("social", "social.example.com"), ("vpn", "vpn.example.com"), ("games", "games.example.com")];
    let mut table = Recorded::new(Bench::with(description).with_lists(&lists).with_sealed(&["sealed.example.com"]));
    for name in ["social.example.com", "vpn.example.com", "sealed.example.com", "denied.example.com"] {
        table.bench.ask(&ask(name));
    }
    // Staff may look: that is nothing to report.
    table.bench.fill(&ask("social.example.com").staff(), &[("social.example.com", 300, Data::A(1))]);
    let seen = table.seen();
    let of = |class: &str| -> Vec<String> {
        seen.iter().filter(|(of, _)| of == class).map(|(_, seen)| seen.2.clone()).collect()
    };
    assert_eq!(of("safeguarding"), ["social.example.com", "vpn.example.com", "(withheld)"]);
    assert_eq!(of("ordinary"), ["denied.example.com", "social.example.com"]);
}

#[test]
fn an_answer_that_leads_to_something_denied_says_what_it_led_to() {
    let mut table = Recorded::new(Bench::new().with_lists(&[("social", "social.example.com")]));
    let chain =
        [("www.example.com", 300, Data::Cname("social.example.com".into())), ("social.example.com", 300, Data::A(1))];
    table.bench.fill(&ask("www.example.com"), &chain);
    let (_, seen) = table.seen().remove(0);
    assert_eq!((seen.2.as_str(), seen.3, seen.4.as_str()), ("www.example.com", "deny-revealed", "category"));
    assert_eq!(
        (seen.5.as_deref(), seen.6.as_str(), seen.7.as_deref()),
        (Some("social"), "policy", Some("social.example.com"))
    );
}

#[test]
fn a_name_that_leads_to_a_sealed_one_is_withheld_with_all_its_chain() {
    let lists = [("social", "social.example.com")];
    let mut table = Recorded::new(Bench::new().with_lists(&lists).with_sealed(&["sealed.example.net"]));
    // The first that objects in the order of the chain is a category.
    let chain = [
        ("www.example.com", 300, Data::Cname("social.example.com".into())),
        ("social.example.com", 300, Data::Cname("sealed.example.net".into())),
        ("sealed.example.net", 300, Data::A(1)),
    ];
    table.bench.fill(&ask("www.example.com"), &chain);
    table.bench.ask(&ask("deep.sealed.example.net").staff());
    for (class, seen) in table.seen() {
        assert_eq!((class.as_str(), seen.2.as_str(), seen.4.as_str()), ("safeguarding", "(withheld)", "sealed"));
        assert_eq!((seen.5, seen.7), (None, None));
    }
}

#[test]
fn levels_are_kept_to_in_the_worker() {
    for (level, kept) in [("full", [true, true]), ("denied-only", [false, true]), ("counts-only", [false, false])] {
        let mut description = description();
        description["segments"][0]["log"] = json!(level);
        description["names"].as_array_mut().expect("names").push(rule("own-deny.example.com", &["pupil"], 6, "deny"));
        let mut table = Recorded::new(Bench::with(description).with_sealed(&["sealed.example.com"]));
        table.bench.ask(&ask("bare"));
        table.bench.ask(&ask("own-deny.example.com"));
        assert!(matches!(table.bench.ask(&ask("sealed.example.com")), Got::Answer(_)));
        let rows = table.rows();
        for ((_, _, time_us, seen), kept) in rows.iter().zip(kept) {
            assert_eq!(!seen.0.is_empty(), kept, "{level}: {seen:?}");
            assert_eq!(!seen.2.is_empty(), kept);
            assert!(kept || time_us % 60_000_000 == 0);
            assert_eq!(seen.1, "pupils");
        }
        let (_, _, _, sealed) = rows.last().expect("three rows");
        assert_eq!((sealed.2.as_str(), sealed.0.is_empty()), ("(withheld)", false), "whatever the level");
    }
}
