//! A group of devices may only tighten: whatever policies, lists and groups there are, no name that the policy of a network
//! denies is open to a device in it.

#![allow(clippy::panic)]

use proptest::prelude::*;
use schoolgate_policy::{
    DeviceGroups, Effect, GroupPolicies, Input, PolicyTable, ProtectedNames, RuleKind, Rulebook, Selection, Snapshot,
    Verdict, compile_snapshot, explain_groups,
};
use schoolgate_wire::Name;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

/// Names that carry every set of two lists and of three own rules, and none.
const NAMES: [&str; 10] = [
    "social.example",
    "games.example",
    "both.example",
    "own.example",
    "www.own.example",
    "own.social.example",
    "www.own.social.example",
    "own.both.example",
    "search.example",
    "unlisted.example",
];
const OWN: [&str; 4] = ["own.example", "www.own.example", "own.social.example", "own.both.example"];
const CLIENT: &str = "192.0.2.7";

/// Compiled once: the lists are the same in all cases.
static LISTS: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("schoolgate-strictness-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let list = |category: &str, lines: &str| {
        let path = directory.join(format!("{category}.txt"));
        std::fs::write(&path, lines).expect("a file");
        Input::reviewed(path, format!("{category}-feed"), category.to_owned(), RuleKind::Suffix)
    };
    let inputs = [list("social", "social.example\nboth.example\n"), list("games", "games.example\nboth.example\n")];
    let out = directory.join("lists.snapshot");
    compile_snapshot(&inputs, &out, 1, &ProtectedNames::default()).expect("a snapshot");
    let snapshot = Arc::new(Snapshot::open(&out).expect("a sound snapshot"));
    std::fs::remove_dir_all(&directory).expect("a directory");
    snapshot
});

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}

fn client() -> IpAddr {
    CLIENT.parse().expect("an address")
}

fn effect() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("allow"), Just("deny")]
}

/// A policy without its id.
fn policy() -> impl Strategy<Value = Value> {
    let category = || proptest::option::of((3u8..=9, 0u8..3, effect()));
    let rewrites = prop_oneof![Just(vec![]), Just(vec!["engine-moderate"]), Just(vec!["engine-strict"])];
    (category(), category(), effect(), rewrites).prop_map(|(social, games, unknown, rewrites)| {
        let mut categories = serde_json::Map::new();
        for (id, rule) in [("social", social), ("games", games)] {
            if let Some((layer, order, effect)) = rule {
                categories.insert(id.to_owned(), json!({"layer": layer, "order": order, "effect": effect}));
            }
        }
        json!({"action": "nxdomain", "unknown": unknown, "categories": categories, "rewrites": rewrites})
    })
}

/// One of the school's own rules: its name, the policies that have it, layer and effect.
fn own_rule() -> impl Strategy<Value = (usize, Vec<bool>, u8, &'static str)> {
    let layer = prop_oneof![Just(3u8), Just(5), Just(6)];
    (0..OWN.len(), proptest::collection::vec(any::<bool>(), 4), layer, effect())
}

fn rulebook(policies: &[Value], rules: &[(usize, Vec<bool>, u8, &str)]) -> Rulebook {
    let id = |at: usize| format!("policy-{at}");
    let with_id = policies.iter().enumerate().map(|(at, one)| {
        let mut one = one.clone();
        one["id"] = json!(id(at));
        one
    });
    let names = rules.iter().map(|(at, has, layer, effect)| {
        let whose: Vec<String> = (0..policies.len()).filter(|at| has[*at]).map(id).collect();
        json!({"name": OWN[*at], "match": "suffix", "policies": whose, "layer": layer, "effect": effect, "rule": "own"})
    });
    let description = json!({
        "serial": 1, "strictest": id(0), "allowed_clients": ["192.0.2.0/24"],
        "policies": with_id.collect::<Vec<_>>(), "names": names.collect::<Vec<_>>(),
        "rewrites": [
            {"id": "engine-moderate", "names": ["search.example"], "target": "moderate.example.net"},
            {"id": "engine-strict", "names": ["search.example"], "target": "strict.example.net"},
        ],
        "segments": [{"id": "net", "prefixes": ["192.0.2.0/24"], "policy": id(0)}],
        "groups": [
            {"id": "one", "policy": id(1)}, {"id": "two", "policy": id(2)}, {"id": "three", "policy": id(3)},
        ],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    Rulebook::new(LISTS.clone(), Arc::new(table), None)
}

fn groups(sets: &Value) -> DeviceGroups {
    let description = json!({"sets": sets, "addresses": [[CLIENT, 0]]});
    DeviceGroups::read(description.to_string().as_bytes()).expect("groups")
}

/// The policy of the client, once its groups have been heard.
fn tightened(rulebook: &Rulebook, groups: &DeviceGroups) -> (u16, u16) {
    let local: SocketAddr = "192.0.2.53:53".parse().expect("an address");
    let Selection::Served(selected) = rulebook.select(client(), local) else { panic!("a client of ours") };
    let selected = GroupPolicies::new(rulebook, groups).tighten(groups, selected, client());
    (selected.network, selected.policy)
}

fn decided(rulebook: &Rulebook, policy: u16, asked: &str) -> Verdict {
    rulebook.decide(policy, &name(asked), &mut Default::default())
}

/// The naive oracle: what one policy opens and the other denies, or leads to a safe mode.
fn is_laxer(rulebook: &Rulebook, policy: u16, other: u16, asked: &str) -> bool {
    let (here, there) = (decided(rulebook, policy, asked), decided(rulebook, other, asked));
    let level = |verdict: Verdict| verdict.rewrite.map_or(0, |at| at + 1);
    here.effect == Effect::Allow && (there.effect == Effect::Deny || level(here) < level(there))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn no_group_opens_what_the_network_denies(
        policies in proptest::collection::vec(policy(), 4),
        rules in proptest::collection::vec(own_rule(), 0..5),
        set in proptest::sample::subsequence(vec!["one", "two", "three"], 0..=3),
    ) {
        let rulebook = rulebook(&policies, &rules);
        let groups = groups(&json!([set]));
        let (network, policy) = tightened(&rulebook, &groups);
        for asked in NAMES {
            prop_assert!(!is_laxer(&rulebook, policy, network, asked), "{asked} under {policy}, not under {network}");
        }
        // What is said of it is what is done.
        let said = explain_groups(&rulebook, &groups, network, client());
        let last = said.iter().flat_map(|said| &said.groups).rfind(|one| one.opens.is_none());
        let id = |at: u16| rulebook.policy(at).map(|one| one.id.clone()).expect("a policy");
        prop_assert_eq!(last.map_or(id(network), |one| one.policy.clone()), id(policy));
    }

    #[test]
    fn a_policy_with_more_denied_is_taken(policy in policy(), social in any::<bool>()) {
        // The same with all that no list knows denied, and what is listed denied above everything.
        let mut strict = policy.clone();
        strict["unknown"] = json!("deny");
        if social {
            strict["categories"]["social"] = json!({"layer": 3, "effect": "deny"});
        }
        let rulebook = rulebook(&[policy.clone(), strict, policy.clone(), policy], &[]);
        prop_assert_eq!(tightened(&rulebook, &groups(&json!([["one"]]))), (0, 1));
    }
}

#[test]
fn of_several_groups_each_may_tighten_what_is_left_by_those_before() {
    let open = json!({"action": "nxdomain", "unknown": "allow"});
    let social =
        json!({"action": "nxdomain", "unknown": "allow", "categories": {"social": {"layer": 9, "effect": "deny"}}});
    let games =
        json!({"action": "nxdomain", "unknown": "allow", "categories": {"games": {"layer": 9, "effect": "deny"}}});
    let all = json!({"action": "nxdomain", "unknown": "deny", "categories": {
        "games": {"layer": 9, "effect": "deny"}, "social": {"layer": 9, "effect": "deny"}}});
    let rulebook = rulebook(&[open, social, games, all], &[]);
    assert_eq!(tightened(&rulebook, &groups(&json!([["one", "two"]]))), (0, 1), "neither is stricter: the first stays");
    assert_eq!(tightened(&rulebook, &groups(&json!([["three", "two", "one"]]))), (0, 3));
    let said = explain_groups(&rulebook, &groups(&json!([["one", "two"]])), 0, client()).expect("groups");
    assert_eq!(said.network_policy, "policy-0");
    let said: Vec<_> = said.groups.iter().map(|one| (one.id.as_str(), one.opens.as_deref())).collect();
    assert_eq!(said, [("one", None), ("two", Some("social"))], "and why the second one counts for nothing is said");
}

#[test]
fn a_device_in_unknown_groups_has_the_policy_of_its_network() {
    let open = json!({"action": "nxdomain", "unknown": "allow"});
    let rulebook = rulebook(&[open.clone(), open.clone(), open.clone(), open], &[]);
    let groups = groups(&json!([["year 9"]]));
    assert_eq!(tightened(&rulebook, &groups), (0, 0));
    assert_eq!(explain_groups(&rulebook, &groups, 0, client()), None);
}

#[test]
fn groups_that_are_none_are_refused_as_a_whole() {
    let bad = [
        json!({"sets": [["lost"]], "addresses": [["192.0.2.1", 1]]}),
        json!({"sets": [["lost"]], "addresses": [["nowhere", 0]]}),
        json!({"sets": [["lost"]]}),
        json!({"sets": vec![["lost"]; 1025], "addresses": []}),
        json!({"sets": [["lost"]], "addresses": vec![("192.0.2.1", 0); 100_001]}),
    ];
    for description in bad {
        assert!(DeviceGroups::read(description.to_string().as_bytes()).is_err(), "{description:.60}");
    }
}

#[test]
fn fifty_thousand_devices_of_both_families_take_few_octets() {
    let v4 = (0..50_000u32).map(|at| json!([std::net::Ipv4Addr::from(0x0a00_0000 + at), 0]));
    let v6 = (0..50_000u128).map(|at| json!([std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) + at), 0]));
    let description = json!({"sets": [["lost"]], "addresses": v4.chain(v6).collect::<Vec<_>>()});
    let groups = DeviceGroups::read(description.to_string().as_bytes()).expect("groups");
    assert_eq!(groups.len(), 100_000);
    assert!(groups.octets() < 8 << 20, "{} octets", groups.octets());
}
