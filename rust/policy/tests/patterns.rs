//! Expressions of a feed, from its file through a snapshot to the verdict for two policies.

mod list_files;

use list_files::{Lists, protected_names};
use schoolgate_policy::{Effect, Layer, PolicyTable, Rulebook, Snapshot, SuffixHashes, list_rules_for, listed_name};
use serde_json::json;
use std::sync::Arc;

const FEED: &str = "! a feed\n/^ads?[0-9]+\\./\n/casino[0-9]{2}/$denyallow=x.example\n@@||ad7.example.org^\n/.*/\n/^help/\n||listed.example^\n";

fn rulebook(snapshot: Snapshot) -> Rulebook {
    let policy = |id: &str, effect: &str| {
        json!({"id": id, "action": "nxdomain", "unknown": "allow",
               "categories": {"games": {"layer": 9, "effect": effect}}})
    };
    let description = json!({
        "serial": 1, "strictest": "pupil", "allowed_clients": ["192.0.2.0/24"], "segments": [],
        "policies": [policy("pupil", "deny"), policy("staff", "allow")],
        "names": [{"name": "ads1.school.example", "match": "suffix", "policies": ["pupil"], "layer": 6, "effect": "allow",
                   "rule": "pupil.allow[0]"}],
    });
    let table = PolicyTable::compile(description.to_string().as_bytes()).expect("a table");
    Rulebook::new(Arc::new(snapshot), Arc::new(table), None)
}

#[test]
fn an_expression_denies_what_it_fits_and_nothing_it_must_not() {
    let lists = Lists::new("patterns");
    let feed = lists.feed("feed", FEED.as_bytes(), Some("adblock"));
    let (report, snapshot) = lists.compile(&[feed], &["help.example", "ad1.protected.example"]).expect("a snapshot");
    let refused = |reason: &str| report.skipped.get(reason).map_or(0, |skipped| skipped.lines);
    assert_eq!(["regex", "regex-too-broad", "protected"].map(refused), [1, 1, 2], "{:?}", report.skipped);
    assert_eq!(report.inputs[0].rules, 2);

    // The first expression fits a protected name, so it is not in the snapshot at all.
    let rulebook = rulebook(snapshot);
    let name = listed_name("ad12.example.com").expect("a name");
    assert_eq!(rulebook.decide(0, &name, &mut SuffixHashes::default()).effect, Effect::Allow);
}

#[test]
fn a_policy_decides_by_the_category_of_the_feed_and_the_schools_own_list_goes_first() {
    let lists = Lists::new("patterns-policies");
    let feed = lists.feed("feed", FEED.as_bytes(), Some("adblock"));
    let (_, snapshot) = lists.compile(&[feed], &["help.example", "protected.example"]).expect("a snapshot");
    let rulebook = rulebook(snapshot);
    let mut hashes = SuffixHashes::default();
    for (name, pupil) in [
        ("ad12.example.com", Effect::Deny),
        ("ads1.deep.example.net", Effect::Deny),
        ("bad12.example.com", Effect::Allow),
        ("ad7.example.org", Effect::Allow),
        ("ad9.protected.example", Effect::Allow),
        ("ads1.school.example", Effect::Allow),
        ("www.listed.example", Effect::Deny),
    ] {
        let asked = listed_name(name).expect("a name");
        assert_eq!(rulebook.decide(0, &asked, &mut hashes).effect, pupil, "{name}");
        assert_eq!(rulebook.decide(1, &asked, &mut hashes).effect, Effect::Allow, "{name} for staff");
    }
    let asked = listed_name("ad12.example.com").expect("a name");
    let (verdict, explanation) = rulebook.explain(0, &asked, &mut hashes);
    assert_eq!((verdict.layer, explanation.category.as_deref()), (Layer::Category, Some("games")));
    assert_eq!(explanation.feed.as_deref(), Some("feed"));
    assert!(explanation.matched.iter().any(|matched| matched.wins), "{explanation:?}");
}

#[test]
fn the_line_of_an_expression_is_found() {
    let lists = Lists::new("patterns-why");
    let feed = lists.feed("feed", FEED.as_bytes(), Some("adblock"));
    let name = listed_name("ad12.example.com").expect("a name");
    let found = list_rules_for(&[feed], &name, &protected_names(&[])).expect("readable lists");
    let found: Vec<_> = found.rules.iter().map(|one| (one.line, one.rule.as_str(), one.kind, one.refused)).collect();
    assert_eq!(found, [(2, r"/^ads?[0-9]+\./", "pattern", None), (5, "/.*/", "pattern", Some("regex-too-broad"))]);
}
