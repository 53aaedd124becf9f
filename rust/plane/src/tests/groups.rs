//! Devices in groups: their policy is tightened, wherever they ask from, and never loosened.

use super::bench::{Bench, Got, description, rule};
use super::wire::{Ask, Data, ask};
use crate::counters::Counter;
use schoolgate_policy::DeviceGroups;
use serde_json::{Value, json};
use std::sync::Arc;

const LOST: &str = "192.0.2.66";
const LOST_V6: &str = "::1";

/// Lost devices may see `own.example.com` alone; the group `staff` has a policy that is laxer than that of pupils.
fn bench() -> Bench {
    let mut description = description();
    description["policies"].as_array_mut().expect("policies").push(json!(
        {"id": "lost", "action": "nxdomain", "unknown": "deny", "rewrites": ["safe"], "max_ttl_s": 600,
         "categories": {"social": {"layer": 9, "effect": "deny"}}}));
    let names = description["names"].as_array_mut().expect("names");
    names.push(rule("own.example.com", &["lost"], 6, "allow"));
    names.push(rule("denied.example.com", &["lost"], 6, "deny"));
    names.push(rule("locked.example.com", &["lost"], 3, "deny"));
    description["policies"][1]["max_ttl_s"] = json!(60);
    description["groups"] = json!([{"id": "lost", "policy": "lost"}, {"id": "staff", "policy": "staff"}]);
    let mut bench = Bench::with(description);
    bench.group(&json!({"sets": [["lost"], ["staff"], ["staff", "lost"]], "addresses": [[LOST, 0], [LOST_V6, 0],
        ["192.0.2.67", 1], ["192.0.2.68", 2], ["203.0.113.9", 1]]}));
    bench
}

impl Bench {
    /// Says which addresses are of devices in groups.
    pub fn group(&mut self, groups: &Value) {
        let groups = DeviceGroups::read(groups.to_string().as_bytes()).expect("groups");
        self.active = self.active.with_groups(Arc::new(groups));
    }
}

fn is_denied(bench: &mut Bench, ask: &Ask) -> bool {
    matches!(bench.ask(ask), Got::Answer(answer) if answer.rcode == 3)
}

#[test]
fn a_device_in_a_stricter_group_is_denied_what_its_network_may_see() {
    let mut bench = bench();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, Data::A(1))]);
    assert!(is_denied(&mut bench, &ask("www.example.com").from(LOST)));
    assert!(is_denied(&mut bench, &ask("www.example.com").from(&format!("[{LOST_V6}]"))), "IPv6 too");
    assert!(!is_denied(&mut bench, &ask("www.example.com").from("192.0.2.65")), "its neighbour is as before");
    assert_eq!(bench.ask(&ask("own.example.com").from(LOST)), Got::Waiting, "what its policy allows is resolved");
}

#[test]
fn a_group_with_a_laxer_policy_changes_nothing() {
    let mut bench = bench();
    assert!(is_denied(&mut bench, &ask("denied.example.com").from("192.0.2.67")));
    assert!(is_denied(&mut bench, &ask("www.example.com").from("203.0.113.9")), "nor for a device in no network");
    assert!(is_denied(&mut bench, &ask("www.example.com").from("192.0.2.68")), "and hides no stricter group");
}

#[test]
fn the_next_device_at_an_address_has_the_policy_of_the_network_at_once() {
    let mut bench = bench();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, Data::A(1))]);
    assert!(is_denied(&mut bench, &ask("www.example.com").from(LOST)));
    bench.group(&json!({"sets": [], "addresses": []}));
    assert!(!is_denied(&mut bench, &ask("www.example.com").from(LOST)));
    assert_eq!(bench.count(Counter::CacheHits), 1, "and what was cached is cached still");
}

#[test]
fn a_device_that_waits_while_its_group_changes_is_judged_by_the_new_one() {
    let mut bench = bench();
    let groups = json!({"sets": [["lost"]], "addresses": [["192.0.2.99", 0]]});
    assert_eq!(bench.ask(&ask("www.example.com").from("192.0.2.99")), Got::Waiting);
    bench.group(&groups);
    assert_eq!(bench.resolve(&[("www.example.com", 300, Data::A(1))])[0].rcode, 3);
}

#[test]
fn what_an_answer_reveals_is_judged_for_the_network_too() {
    // The policy of the group opens own.example.com by a rule of its own; that of the other network has no such rule.
    let mut bench = bench();
    bench.description["names"] = json!([
        rule("own.example.com", &["lost"], 6, "allow"),
        rule("denied.example.com", &["pupil", "lost"], 6, "deny")
    ]);
    bench.install();
    bench.group(&json!({"sets": [["lost"]], "addresses": [[LOST, 0]]}));
    let chain =
        [("own.example.com", 300, Data::Cname("denied.example.com".into())), ("denied.example.com", 300, Data::A(1))];
    bench.fill(&ask("own.example.com").staff(), &chain);
    assert!(is_denied(&mut bench, &ask("own.example.com")), "of a pupil");
    assert!(is_denied(&mut bench, &ask("own.example.com").from(LOST)), "so of a pupil's device in the group");
}

#[test]
fn no_answer_is_kept_longer_than_the_policy_of_the_network_lets_it() {
    let mut bench = bench();
    let answer = bench.fill(&ask("own.example.com").from(LOST), &[("own.example.com", 300, Data::A(1))]);
    assert_eq!(answer.answer[0].2, 60);
}

#[test]
fn explain_says_the_groups_and_what_each_does() {
    let bench = bench();
    let asked = |client: &str| {
        let name = schoolgate_wire::Name::from_text("www.example.com").expect("a name");
        let local = "192.0.2.1:53".parse().expect("an address");
        bench.active.explain_query(&name, 1, client.parse().expect("an address"), local)
    };
    let lost = asked(LOST);
    assert_eq!(lost.decision.expect("a decision").policy, "lost");
    let said = serde_json::to_value(lost.device).expect("JSON");
    assert_eq!(said, json!({"network_policy": "pupil", "groups": [{"id": "lost", "policy": "lost", "opens": null}]}));
    let staff = asked("192.0.2.67");
    assert_eq!(staff.decision.expect("a decision").policy, "pupil");
    let said = serde_json::to_value(staff.device).expect("JSON");
    assert_eq!(said["groups"][0]["opens"], "denied.example.com");
    assert_eq!(asked("192.0.2.65").device, None);
}
