//! Each layer beats the layers below it and loses to those above it, through compiled lists and a compiled policy.

use schoolgate_policy::{
    Effect, Input, Layer, PolicyTable, ProtectedNames, RuleKind, Rulebook, SealedList, Snapshot, Verdict,
    compile_snapshot,
};
use schoolgate_wire::Name;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

const KEY: [u8; 16] = [1; 16];

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a valid name")
}

struct Lists {
    directory: PathBuf,
    inputs: Vec<Input>,
}

impl Lists {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("schoolgate-layers-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        Self { directory, inputs: Vec::new() }
    }

    fn list(&mut self, category: &str, lines: &str) -> &mut Self {
        let path = self.directory.join(format!("{}-{}.txt", self.inputs.len(), category.replace(':', "-")));
        std::fs::write(&path, lines).expect("a file");
        let feed = format!("{category}-feed");
        self.inputs.push(Input::reviewed(path, feed, category.to_owned(), RuleKind::Suffix));
        self
    }

    fn compile(&self) -> Arc<Snapshot> {
        let out = self.directory.join("lists.snapshot");
        compile_snapshot(&self.inputs, &out, 1, &ProtectedNames::default()).expect("a snapshot");
        Arc::new(Snapshot::open(&out).expect("a sound snapshot"))
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A policy in which every layer from 2 to 9 may speak of `name`; `layers` says which do.
fn rulebook(test: &str, asked: &str, layers: &[Layer]) -> Rulebook {
    let mut lists = Lists::new(test);
    let mut names = Vec::new();
    let mut categories = serde_json::Map::new();
    for layer in layers {
        let number = *layer as u8;
        let allows = matches!(layer, Layer::Platform | Layer::Protected | Layer::Exception);
        let effect = if allows { "allow" } else { "deny" };
        match layer {
            Layer::TrustLocked | Layer::Exception | Layer::Own => names.push(json!({
                "name": asked, "match": "suffix", "policies": ["pupil"], "layer": number, "effect": effect,
                "rule": layer.as_str(),
            })),
            Layer::Sealed | Layer::Unknown | Layer::Allow => {}
            listed => {
                lists.list(listed.as_str(), asked);
                categories.insert(listed.as_str().to_owned(), json!({"layer": number, "effect": effect}));
            }
        }
    }
    let unknown = if layers.contains(&Layer::Unknown) { "deny" } else { "allow" };
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["192.0.2.0/24"], "names": names,
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": unknown, "categories": categories}],
        "segments": [{"id": "pupils", "prefixes": ["192.0.2.0/24"], "policy": "pupil"}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let sealed = layers
        .contains(&Layer::Sealed)
        .then(|| Arc::new(SealedList::new(KEY, 7, vec![SealedList::hash(&KEY, &name(asked))])));
    Rulebook::new(lists.compile(), Arc::new(table), sealed)
}

fn decide(rulebook: &Rulebook, asked: &str) -> Verdict {
    let verdict = rulebook.decide(0, &name(asked), &mut Default::default());
    let (explained, _) = rulebook.explain(0, &name(asked), &mut Default::default());
    assert_eq!(verdict, explained, "explain is the same walk");
    verdict
}

#[test]
fn every_layer_beats_all_layers_below_it() {
    for (at, top) in Layer::ALL.iter().enumerate() {
        for below in Layer::ALL.get(at + 1..).expect("layers below") {
            let test = format!("{}-{}", top.as_str(), below.as_str());
            let verdict = decide(&rulebook(&test, "school.example", &[*below, *top]), "www.school.example");
            assert_eq!(verdict.layer, *top, "{} over {}", top.as_str(), below.as_str());
        }
        let verdict = decide(&rulebook(top.as_str(), "school.example", &Layer::ALL[at..]), "school.example");
        assert_eq!(verdict.layer, *top, "{} over all below", top.as_str());
    }
}

#[test]
fn no_allow_lifts_a_sealed_name() {
    // Every allow that can be written: above, at and below the name, exact and suffix, in every layer that may allow.
    let mut names = Vec::new();
    for layer in [2, 4, 5, 6] {
        for (asked, matching) in [
            ("example", "suffix"),
            ("sealed.example", "suffix"),
            ("sealed.example", "exact"),
            ("www.sealed.example", "exact"),
        ] {
            names.push(
                json!({"name": asked, "match": matching, "policies": ["pupil"], "layer": layer, "effect": "allow",
                "rule": "allow everything"}),
            );
        }
    }
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["0.0.0.0/0"], "names": names,
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow"}], "segments": [],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let sealed = SealedList::new(KEY, 7, vec![SealedList::hash(&KEY, &name("sealed.example"))]);
    let rulebook = Rulebook::new(Arc::new(Snapshot::empty()), Arc::new(table), Some(Arc::new(sealed)));
    for asked in ["sealed.example", "www.sealed.example", "a.b.sealed.example"] {
        let verdict = decide(&rulebook, asked);
        assert_eq!((verdict.effect, verdict.layer), (Effect::Deny, Layer::Sealed), "{asked}");
    }
    assert_eq!(decide(&rulebook, "open.example").effect, Effect::Allow);
    let (_, explanation) = rulebook.explain(0, &name("www.sealed.example"), &mut Default::default());
    assert_eq!(explanation.rule, "sealed list, serial 7");
    assert_eq!(explanation.category, None);
}

#[test]
fn in_the_schools_own_lists_the_longer_name_wins_and_deny_wins_a_tie() {
    let rule = |asked: &str, effect: &str| json!({"name": asked, "match": "suffix", "policies": ["pupil"], "layer": 6, "effect": effect, "rule": effect});
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["0.0.0.0/0"], "segments": [],
        "names": [rule("example.org", "deny"), rule("open.example.org", "allow"), rule("shut.open.example.org", "deny"),
                  rule("both.example", "allow"), rule("both.example", "deny"),
                  rule("alone.example", "deny"), json!({"name": "alone.example", "match": "exact",
                  "policies": ["pupil"], "layer": 6, "effect": "allow", "rule": "alone"})],
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow"}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let rulebook = Rulebook::new(Arc::new(Snapshot::empty()), Arc::new(table), None);
    for (asked, effect) in [
        ("www.example.org", Effect::Deny),
        ("www.open.example.org", Effect::Allow),
        ("x.shut.open.example.org", Effect::Deny),
        ("both.example", Effect::Deny),
        ("alone.example", Effect::Allow),
        ("www.alone.example", Effect::Deny),
    ] {
        assert_eq!(decide(&rulebook, asked).effect, effect, "{asked}");
    }
}

#[test]
fn a_name_in_many_categories_is_decided_by_the_first_layer_and_all_are_explained() {
    let mut lists = Lists::new("many");
    lists.list("social", "example.org").list("malware", "www.example.org").list("games", "example.org");
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["0.0.0.0/0"], "segments": [],
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow", "categories": {
            "social": {"layer": 9, "order": 2, "effect": "deny"}, "malware": {"layer": 7, "effect": "deny"},
            "games": {"layer": 9, "order": 2, "effect": "allow"}}}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let rulebook = Rulebook::new(lists.compile(), Arc::new(table), None);
    let (verdict, explanation) = rulebook.explain(0, &name("a.www.example.org"), &mut Default::default());
    assert_eq!(verdict.layer, Layer::Threat);
    let said: Vec<_> = explanation.matched.iter().filter_map(|one| one.category.as_deref()).collect();
    assert_eq!(said, ["malware", "social", "games"]);
    assert_eq!(explanation.listed_name.as_deref(), Some("www.example.org"));
    assert_eq!(decide(&rulebook, "example.org").layer, Layer::Category);
    assert_eq!(decide(&rulebook, "example.org").effect, Effect::Deny);
}

#[test]
fn an_exception_lifts_its_own_feed_and_no_other() {
    let mut lists = Lists::new("exception");
    lists.list("social", "example.org\n!open.example.org\nads.open.example.org").list("games", "example.org");
    let deny = json!({"layer": 9, "effect": "deny"});
    let with = |categories: serde_json::Value| {
        let description = json!({
            "serial": 1, "strictest": "pupil", "allowed_clients": ["0.0.0.0/0"], "segments": [],
            "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow", "categories": categories}],
        });
        let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
        Rulebook::new(lists.compile(), Arc::new(table), None)
    };
    let social = with(json!({"social": deny}));
    assert_eq!(decide(&social, "www.example.org").effect, Effect::Deny);
    assert_eq!(decide(&social, "open.example.org").effect, Effect::Allow);
    assert_eq!(decide(&social, "ads.open.example.org").effect, Effect::Allow, "whatever its other lines say");
    assert_eq!(decide(&with(json!({"games": deny})), "open.example.org").effect, Effect::Deny);
}

#[test]
fn targets_are_judged_with_the_question() {
    let rule = |asked: &str, layer: u8, effect: &str| json!({"name": asked, "match": "suffix", "policies": ["pupil"], "layer": layer, "effect": effect, "rule": "r"});
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["0.0.0.0/0"], "segments": [],
        "names": [rule("own.example", 6, "allow"), rule("platform.example", 2, "allow"), rule("locked.example", 3, "deny"),
                  rule("denied.example", 6, "deny")],
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow"}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let sealed = SealedList::new(KEY, 7, vec![SealedList::hash(&KEY, &name("sealed.example"))]);
    let rulebook = Rulebook::new(Arc::new(Snapshot::empty()), Arc::new(table), Some(Arc::new(sealed)));
    let answer = |question: &str, target: &str| {
        let hashes = &mut Default::default();
        let asked = rulebook.decide(0, &name(question), hashes);
        rulebook.judge_revealed(0, asked, rulebook.tag(&name(target), hashes)).effect
    };
    assert_eq!(answer("any.example", "denied.example"), Effect::Deny);
    assert_eq!(answer("own.example", "denied.example"), Effect::Allow, "the school vouches for its own names");
    // Platform and protected names come from lists that we review; they vouch against feeds (below), not against the school.
    assert_eq!(answer("platform.example", "denied.example"), Effect::Deny, "the school's own deny stands");
    for question in ["any.example", "own.example", "platform.example"] {
        assert_eq!(answer(question, "locked.example"), Effect::Deny, "{question}");
        assert_eq!(answer(question, "sealed.example"), Effect::Deny, "{question}");
    }
}

#[test]
fn what_must_stay_open_vouches_against_feeds_but_not_against_threats() {
    let mut lists = Lists::new("vouched");
    for (category, lines) in [
        ("platform", "ocsp.example"),
        ("protected", "help.example"),
        ("malware", "malware.example\n192.0.2.7"),
        ("vpn", "vpn.example\n192.0.2.8"),
        ("social", "social.example\n192.0.2.9"),
    ] {
        lists.list(category, lines);
    }
    let deny = |layer: u8| json!({"layer": layer, "effect": "deny"});
    let allow = |layer: u8| json!({"layer": layer, "effect": "allow"});
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["0.0.0.0/0"], "segments": [],
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow", "categories": {
            "platform": allow(2), "protected": allow(4), "malware": deny(7), "vpn": deny(8), "social": deny(9)}}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let sealed = SealedList::new(KEY, 7, vec![SealedList::hash(&KEY, &name("sealed.example"))]);
    let rulebook = Rulebook::new(lists.compile(), Arc::new(table), Some(Arc::new(sealed)));
    let hashes = &mut Default::default();
    for (asked, stays_open) in [("ocsp.example", true), ("help.example", true), ("any.example", false)] {
        let question = rulebook.decide(0, &name(asked), hashes);
        for (target, address, is_vouched_for) in [
            ("malware.example", "192.0.2.7", false),
            ("vpn.example", "192.0.2.8", stays_open),
            ("social.example", "192.0.2.9", stays_open),
        ] {
            let expected = if is_vouched_for { Effect::Allow } else { Effect::Deny };
            let by_name = rulebook.tag(&name(target), hashes);
            let by_address = rulebook.tag_address(address.parse().expect("an address"), &name(asked));
            for tag in [by_name, by_address] {
                assert_eq!(rulebook.judge_revealed(0, question, tag).effect, expected, "{asked} -> {target}");
            }
            let placed = rulebook.judge_revealed(0, question, by_address.placed());
            assert_eq!(placed.effect, Effect::Allow, "{address} of a rewrite's own target");
        }
        let sealed = rulebook.tag(&name("sealed.example"), hashes);
        assert_eq!(rulebook.judge_revealed(0, question, sealed).effect, Effect::Deny, "{asked}");
        let private = rulebook.tag_address("10.0.0.1".parse().expect("an address"), &name(asked)).placed();
        assert_eq!(rulebook.judge_revealed(0, question, private).effect, Effect::Deny, "{asked}");
    }
}

/// Two engines and a blocked site, below the suffixes of a translator and a gateway.
fn spelling(test: &str, names: serde_json::Value, sealed: Option<&str>) -> Rulebook {
    let mut lists = Lists::new(test);
    lists.list("games", "games.example.com\nmy-games.example.org\n");
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": [], "segments": [], "names": names,
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow", "rewrites": ["engine"],
                      "categories": {"games": {"layer": 9, "effect": "deny"}}}],
        "rewrites": [{"id": "engine", "names": ["www.engine.example.net"], "target": "safe.engine.example.net"}],
        "spelled": ["translate.example", "ipns.gateway.example"],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    let sealed = sealed.map(|text| Arc::new(SealedList::new(KEY, 7, vec![SealedList::hash(&KEY, &name(text))])));
    Rulebook::new(lists.compile(), Arc::new(table), sealed)
}

#[test]
fn a_name_that_spells_a_denied_one_is_denied_and_explained_by_it() {
    let rulebook = spelling("spelled", json!([]), None);
    for (asked, spells) in [
        ("games-example-com.translate.example", "games.example.com"),
        ("www-games-example-com.translate.example", "www.games.example.com"),
        ("my--games-example-org.translate.example", "my-games.example.org"),
        ("www.games.example.com.ipns.gateway.example", "www.games.example.com"),
        ("www-engine-example-net.translate.example", "www.engine.example.net"),
    ] {
        let verdict = decide(&rulebook, asked);
        let (_, explained) = rulebook.explain(0, &name(asked), &mut Default::default());
        assert_eq!((verdict.effect, verdict.layer), (Effect::Deny, Layer::Category), "{asked}");
        assert_eq!((explained.name.as_str(), explained.spells.as_deref()), (asked, Some(spells)));
    }
    for asked in ["lessons-example-com.translate.example", "translate.example", "games-example-com.other.example"] {
        let (verdict, explained) = rulebook.explain(0, &name(asked), &mut Default::default());
        assert_eq!((verdict.effect, explained.spells), (Effect::Allow, None), "{asked}");
    }
}

#[test]
fn the_schools_own_allow_opens_what_a_name_spells_and_a_sealed_name_stays_closed_and_unsaid() {
    let allow = json!([{"name": "translate.example", "match": "suffix", "policies": ["pupil"], "layer": 6,
                        "effect": "allow", "rule": "own"}]);
    let rulebook = spelling("spelled-own", allow, Some("sealed.example.com"));
    assert_eq!(decide(&rulebook, "games-example-com.translate.example").effect, Effect::Allow);
    assert_eq!(decide(&rulebook, "sealed-example-com.translate.example").layer, Layer::Sealed);
    let (_, explained) = rulebook.explain(0, &name("sealed-example-com.translate.example"), &mut Default::default());
    assert!(!format!("{explained:?}").contains("sealed-example"), "{explained:?}");
    assert!(!format!("{explained:?}").contains("sealed.example"), "{explained:?}");
}

#[test]
fn an_alias_to_an_engines_own_host_shows_it_unlocked_and_is_denied() {
    let allow = json!([{"name": "own.example.org", "match": "exact", "policies": ["pupil"], "layer": 6,
                        "effect": "allow", "rule": "own"}]);
    let rulebook = spelling("alias", allow, None);
    let hashes = &mut Default::default();
    let engine = rulebook.tag(&name("www.engine.example.net"), hashes);
    let judged = |asked: &str, hashes: &mut _| {
        let question = rulebook.decide(0, &name(asked), hashes);
        rulebook.judge_revealed(0, question, engine)
    };
    let verdict = judged("alias.example.org", hashes);
    assert_eq!((verdict.effect, verdict.layer), (Effect::Deny, Layer::Category));
    assert_eq!(rulebook.rule(verdict.origin), "engine: a name without its safe mode");
    assert_eq!(judged("own.example.org", hashes).effect, Effect::Allow);
    assert_eq!(judged("www.engine.example.net", hashes).effect, Effect::Deny, "the target of the rewrite points back");
}
