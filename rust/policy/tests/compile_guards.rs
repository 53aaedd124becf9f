//! What no feed may deny, whatever it lists; and which line of which list says what.

mod list_files;

use list_files::{Lists, gzip, listed, protected_names, tar};
use schoolgate_policy::{Input, RuleKind, Trust, list_rules_for, listed_name};

#[test]
fn public_suffixes_are_refused_to_feeds() {
    let lists = Lists::new("suffixes");
    let text = "||com^\n||co.uk^\n||github.io^\n||gov.uk^\n||xn--55qx5d.cn^\n||foo.ck^\n||example.co.uk^\n||someone.github.io^\n";
    let (report, snapshot) = lists.compile(&[lists.feed("feed", text.as_bytes(), None)], &[]).expect("a snapshot");
    assert_eq!(report.skipped["public-suffix"].lines, 5);
    assert_eq!(report.skipped["single-label"].lines, 1);
    assert_eq!(listed(&snapshot, "www.example.co.uk"), ["feed/games"]);
    assert_eq!(listed(&snapshot, "someone.github.io"), ["feed/games"]);
    assert!(listed(&snapshot, "other.github.io").is_empty() && listed(&snapshot, "example.gov.uk").is_empty());
}

#[test]
fn a_list_about_shared_hosts_may_close_a_private_suffix_and_no_registry() {
    let lists = Lists::new("private-suffixes");
    let text = "duckdns.org\nddns.net\ngithub.io\nco.uk\ncom\nuk\nexample.com\n";
    let feed = lists.feed("feed", text.as_bytes(), Some("domains"));
    let refused = lists.compile(std::slice::from_ref(&feed), &[]).expect("a snapshot").0.skipped["public-suffix"].lines;
    assert_eq!(refused, 4);
    let trust = Trust { private_suffixes: true, ..Trust::default() };
    let (report, snapshot) = lists.compile(&[Input { trust, ..feed }], &["help.duckdns.org"]).expect("a snapshot");
    assert_eq!(report.skipped["public-suffix"].lines, 1);
    for name in ["home.duckdns.org", "ddns.net", "a.b.ddns.net"] {
        assert_eq!(listed(&snapshot, name), ["feed/games"], "{name}");
    }
    for name in ["help.duckdns.org", "example.co.uk", "example.org"] {
        assert!(listed(&snapshot, name).is_empty(), "{name}");
    }
}

#[test]
fn a_list_of_the_school_may_close_a_private_host_but_no_registry() {
    let lists = Lists::new("own");
    let path = lists.file("own.txt", b"github.io\nco.uk\n");
    let own = Input::reviewed(path, "own".into(), "games".into(), RuleKind::Suffix);
    let (report, snapshot) = lists.compile(&[own], &[]).expect("a snapshot");
    assert_eq!(report.skipped["public-suffix"].lines, 1);
    assert_eq!(listed(&snapshot, "someone.github.io"), ["own/games"]);
}

#[test]
fn no_rule_of_a_feed_reaches_a_protected_name() {
    let lists = Lists::new("protected");
    let protected = ["help.example.org", "exams.example.com"];
    for rule in [
        "||example.org^",
        "||example.org^$important",
        "||*.example.org^",
        "||help.example.org^",
        "help.example.org",
        "||*.help.example.org^",
        "||chat.help.example.org^",
        "|help.example.org^",
    ] {
        let feed = lists.feed("feed", format!("! a list\n{rule}\n||other.example.net^\n").as_bytes(), Some("adblock"));
        let (report, snapshot) = lists.compile(&[feed], &protected).expect("a snapshot");
        for name in ["help.example.org", "chat.help.example.org", "a.chat.help.example.org"] {
            assert!(listed(&snapshot, name).is_empty(), "{rule} reaches {name}");
        }
        let report = &report.inputs[0];
        let refused = report.skipped.get("protected").map_or(0, |skipped| skipped.lines);
        assert_eq!(refused + report.spared.lines, 1, "{rule} is reported");
        let stands = rule.contains("example.org^") && !rule.contains("help");
        assert_eq!(!listed(&snapshot, "shop.example.org").is_empty(), stands, "{rule} above it stands");
    }
}

#[test]
fn a_reviewed_list_speaks_of_protected_names() {
    let lists = Lists::new("reviewed");
    let path = lists.file("help-lines.txt", b"help.example.org\n");
    let own = Input::reviewed(path, "starter/help-lines".into(), "help-lines".into(), RuleKind::Suffix);
    let feed = lists.feed("feed", b"example.org\n", None);
    let (_, snapshot) = lists.compile(&[own, feed], &["help.example.org"]).expect("a snapshot");
    assert_eq!(listed(&snapshot, "help.example.org"), ["starter/help-lines/help-lines"]);
}

#[test]
fn every_line_that_speaks_of_a_name_is_found() {
    let lists = Lists::new("why");
    let adblock =
        lists.feed("adblock.txt", b"! x\n||example.com^\n@@||www.example.com^\n||other.example^\n||com^\n", None);
    let members: [(&str, &[u8]); 1] = [("blacklists/games/domains", b"x.example\nwww.example.com\nexample.com\n")];
    let archive = lists.feed("ut1.tgz", &gzip(&tar(&members)), None);
    let path = lists.file("own.txt", b"# category: games\n=example.com\n");
    let own = Input::reviewed(path, "own".into(), "games".into(), RuleKind::Suffix);
    let inputs = [adblock, archive, own];
    let name = listed_name("www.example.com").expect("a name");
    let covering = list_rules_for(&inputs, &name, &protected_names(&[])).expect("lists");
    let found: Vec<_> =
        covering.rules.iter().map(|rule| (rule.kind, rule.rule.as_str(), rule.line, rule.text.as_str())).collect();
    assert_eq!(
        found,
        [
            ("suffix", "example.com", 2, "||example.com^"),
            ("exception", "www.example.com", 3, "@@||www.example.com^"),
            ("suffix", "www.example.com", 2, "www.example.com"),
            ("suffix", "example.com", 3, "example.com"),
        ]
    );
    assert_eq!(covering.rules[2].member, "blacklists/games/domains");
    assert_eq!(covering.lines_read, 10);
    let guarded = list_rules_for(&inputs, &name, &protected_names(&["www.example.com"])).expect("lists");
    let refused: Vec<_> = guarded.rules.iter().map(|rule| rule.refused).collect();
    assert_eq!(refused, [Some("protected"), None, Some("protected"), Some("protected")]);
}
