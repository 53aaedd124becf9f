//! Whole feeds: packed in every way, equal in every dialect, and hostile ones.

mod list_files;

use list_files::{Lists, form, gzip, listed, tar, zip};
use proptest::prelude::*;
use schoolgate_policy::{Categories, FeedError, Input, Limits, ProtectedNames, RuleKind, Trust, inspect_list};

const NAMES: [&str; 4] = ["a.example.com", "b.example.org", "deep.er.example.net", "xn--bcher-kva.example"];

/// The same names, meaning each and all below it, in every dialect.
fn in_every_dialect() -> Vec<(&'static str, String)> {
    let lines = |line: fn(&str) -> String| NAMES.iter().map(|name| line(name)).collect::<String>();
    let json = format!("{{\"data\": [{}]}}", NAMES.map(|name| format!("{{\"domain\": \"{name}\"}}")).join(","));
    vec![
        ("plain", lines(|name| format!("{name}\n"))),
        ("hosts", lines(|name| format!("0.0.0.0 {name}\r\n"))),
        ("domains", lines(|name| format!("{name}.\n"))),
        ("wildcard", lines(|name| format!("*.{name}\n"))),
        ("adblock", lines(|name| format!("||{name}^\n"))),
        ("dnsmasq", lines(|name| format!("address=/{name}/0.0.0.0\n"))),
        ("unbound", lines(|name| format!("local-zone: \"{name}\" always_nxdomain\n"))),
        ("rpz", lines(|name| format!("{name} CNAME .\n*.{name} CNAME .\n"))),
        ("csv", format!("n,domain\n{}", lines(|name| format!("1,{name}\n")))),
        ("csv:2", lines(|name| format!("1,{name}\n"))),
        ("json", json.clone()),
        ("json:domain", json),
        ("json", format!("[{}]", NAMES.map(|name| format!("\"{name}\"")).join(",\n"))),
        ("json:host", lines(|name| format!("{{\"host\": \"{name}\", \"n\": 1}}\n"))),
    ]
}

#[test]
fn the_same_names_in_each_dialect_compile_to_the_same_table() {
    let lists = Lists::new("equal");
    let plain = lists.feed("plain", in_every_dialect()[0].1.as_bytes(), Some("plain"));
    let (_, first) = lists.compile(&[plain], &[]).expect("a snapshot");
    assert_eq!(first.names().entries(), 4);
    for (word, text) in in_every_dialect() {
        for stated in [Some(word), None] {
            if stated.is_none() && word == "plain" {
                continue;
            }
            let input = lists.feed("list", text.as_bytes(), stated);
            let (_, other) = lists.compile(&[input], &[]).expect("a snapshot");
            assert_eq!(first.names(), other.names(), "{word} {stated:?}");
        }
    }
}

#[test]
fn a_packed_list_is_the_list() {
    let lists = Lists::new("packed");
    let text = "! Title: x\n||a.example.com^\n@@||b.a.example.com^\n".as_bytes();
    let plain = lists.inspect(text, None).expect("a list");
    assert_eq!((plain.dialect.as_str(), plain.rules, plain.exceptions, plain.lines), ("adblock", 2, 1, 3));
    let two_gzips = [gzip(&text[..20]), gzip(&text[20..])].concat();
    let members: [(&str, &[u8]); 3] =
        [("LICENSE", b"No list, but prose here.\n"), ("x/list.txt", text), ("logo.png", b"\x89PNG\0\0\0\0\0")];
    for packed in [gzip(text), two_gzips, tar(&members), gzip(&tar(&members)), zip(&members)] {
        let found = lists.inspect(&packed, None).expect("a list");
        assert_eq!((found.rules, &found.rules_xxh3), (2, &plain.rules_xxh3));
    }
    assert_eq!(lists.inspect(&zip(&members), None).expect("a list").skipped["no-list"].lines, 2);
    assert!(matches!(lists.inspect(&tar(&members[..1]), None), Err(FeedError::NoList)));
}

fn ut1() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("blacklists/README", b"prose about the lists, at length"),
        ("blacklists/adult/domains", b"a.example.com\n192.0.2.1\n"),
        ("blacklists/adult/urls", b"example.com/x\nexample.com/y\n"),
        ("blacklists/adult/expressions", b"(sex|porn)\n"),
        ("blacklists/adult/usage", b"black\n"),
        ("blacklists/games/domains", b"b.example.com\n"),
        ("blacklists/other/domains", b"c.example.com\n"),
        ("blacklists/left/domains", b"d.example.com\n"),
    ]
}

#[test]
fn an_archive_of_categories_lists_under_ours() {
    let lists = Lists::new("ut1");
    for (name, octets) in ut1() {
        lists.file(&format!("folder/{name}"), octets);
    }
    let mapping = [("adult", "pornography"), ("games", "games"), ("left", "")];
    let mapping = mapping.into_iter().map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).collect();
    let packed = lists.file("ut1.tar.gz", &gzip(&tar(&ut1())));
    let mut tables = Vec::new();
    for path in [packed, lists.0.join("folder")] {
        let categories = Categories::Mapped(std::collections::BTreeMap::clone(&mapping));
        let input = Input::feed(path, "ut1".into(), categories, RuleKind::Suffix, None);
        let (report, snapshot) = lists.compile(&[input], &[]).expect("a snapshot");
        assert_eq!(report.inputs[0].dialect, "ut1");
        let skipped = |reason: &str| report.skipped.get(reason).map_or(0, |skipped| skipped.lines);
        let reasons = ["url", "expression", "unmapped-category", "address"];
        assert_eq!(reasons.map(skipped), [2, 1, 2, 1]);
        assert_eq!(listed(&snapshot, "www.a.example.com"), ["ut1/pornography"]);
        assert_eq!(listed(&snapshot, "b.example.com"), ["ut1/games"]);
        assert!(listed(&snapshot, "c.example.com").is_empty() && listed(&snapshot, "d.example.com").is_empty());
        tables.push(snapshot);
    }
    assert_eq!(tables[0].names(), tables[1].names());
}

#[test]
fn what_is_no_list_says_so_and_gives_nothing() {
    let lists = Lists::new("no-list");
    let refused = |octets: &[u8], stated| lists.inspect(octets, stated).expect_err("no list");
    let page = b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Please sign in\nexample.com\n</body></html>";
    for stated in [None, Some("domains"), Some("json")] {
        assert!(matches!(refused(page, stated), FeedError::Html));
        assert!(matches!(refused(&gzip(page), stated), FeedError::Html));
    }
    let utf16: Vec<u8> = "example.com\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for binary in [utf16.as_slice(), &[0; 100], b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"] {
        assert!(matches!(refused(binary, None), FeedError::Binary));
        assert!(matches!(refused(binary, Some("hosts")), FeedError::Binary));
    }
    assert!(matches!(refused(b"", None), FeedError::Empty));
    assert!(matches!(refused(&gzip(b""), None), FeedError::Empty));
    assert!(matches!(refused(b"Not Found: the list has moved\n", None), FeedError::Unknown));
    assert!(matches!(refused(b"{\"domain\": \"example.com\", \"x", None), FeedError::Cut));
    assert!(matches!(refused(b"[\"a.example.com\", oops]", None), FeedError::Damaged(_)));
    assert!(matches!(refused(b"PK\x03\x04 and then nothing", None), FeedError::Damaged(_)));
}

#[test]
fn a_cut_or_damaged_archive_is_never_half_a_list() {
    let lists = Lists::new("cut");
    let text: String = (0..20_000).map(|at| format!("n{at}.example\n")).collect();
    for packed in
        [gzip(text.as_bytes()), gzip(&tar(&[("list.txt", text.as_bytes())])), zip(&[("list.txt", text.as_bytes())])]
    {
        lists.inspect(&packed, None).expect("whole");
        for length in [11, packed.len() / 2, packed.len() - 9] {
            lists.inspect(&packed[..length], None).expect_err("cut");
        }
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        lists.inspect(&damaged, None).expect_err("damaged");
    }
    let archive = tar(&[("list.txt", text.as_bytes())]);
    lists.inspect(&archive[..archive.len() / 2], None).expect_err("cut");
}

#[test]
fn a_bomb_costs_what_the_limit_allows() {
    let lists = Lists::new("bomb");
    let limits = Limits { unpacked_octets: 1 << 20, members: 3 };
    let bomb = "example.com\n".repeat(1 << 18);
    let members: Vec<(&str, &[u8])> = ["a", "b", "c", "d"].map(|name| (name, b"example.com\n".as_slice())).into();
    let refused = |octets: &[u8]| {
        let path = lists.file("bomb", octets);
        inspect_list(&path, &form(None, limits), &ProtectedNames::default(), Trust::default()).expect_err("a bomb")
    };
    for packed in [gzip(bomb.as_bytes()), zip(&[("a", bomb.as_bytes())]), gzip(&tar(&[("a", bomb.as_bytes())]))] {
        assert!(packed.len() < 100_000);
        assert!(matches!(refused(&packed), FeedError::TooLarge(_)));
    }
    assert!(matches!(refused(bomb.as_bytes()), FeedError::TooLarge(_)), "unpacked, it is as large");
    assert!(matches!(refused(&tar(&members)), FeedError::Damaged(_)), "too many members");
}

#[test]
fn one_bad_line_spoils_nothing() {
    let lists = Lists::new("lines");
    let huge = "x".repeat(3 << 20);
    let mut text = format!("a.example.com\n{huge}\nb.example.com\n{}\nc.example.com\n", "\u{0}");
    text.push_str("*.com\n.\nco.uk\nb\u{fc}cher\u{301}.example\n");
    let octets = [text.as_bytes(), b"caf\xe9.example.com\n# caf\xe9\nd.example.com"].concat();
    let found = lists.inspect(&octets, Some("domains")).expect("a list");
    assert_eq!(
        found.sample,
        ["a.example.com", "b.example.com", "c.example.com", "xn--bche-0ra15c.example", "d.example.com"]
    );
    let skipped: Vec<_> = found.skipped.iter().map(|(reason, skipped)| (*reason, skipped.lines)).collect();
    let expected = [
        ("empty", 1),
        ("line-too-long", 1),
        ("malformed", 1),
        ("not-text", 1),
        ("public-suffix", 1),
        ("single-label", 1),
    ];
    assert_eq!(skipped, expected);
    assert!(found.skipped["public-suffix"].examples[0].ends_with("inspected:8: co.uk"), "{found:?}");
    // One line of JSON or text without an end is held no further than its limit.
    let endless = format!("[\"{huge}\"]");
    assert!(matches!(lists.inspect(endless.as_bytes(), None), Err(FeedError::Damaged(_))));
    assert_eq!(lists.inspect(huge.as_bytes(), Some("hosts")).expect("a list").rules, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_octets_make_any_dialect_panic(octets in proptest::collection::vec(any::<u8>(), 0..400), at in 0..12_usize) {
        let words = ["plain", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "csv", "csv:2", "json", "ut1"];
        let lists = Lists::new(&format!("any-{at}"));
        let _ = lists.inspect(&octets, Some(words[at]));
        let _ = lists.inspect(&octets, None);
    }

    #[test]
    fn no_text_of_marks_makes_any_dialect_panic(
        text in "[|@^$/#*.=!a-c\\-:;,\"' \\n(){}\\[\\]~é0]{0,120}", at in 0..12_usize,
    ) {
        let words = ["plain", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "csv", "csv:2", "json", "ut1"];
        let lists = Lists::new(&format!("marks-{at}"));
        let _ = lists.inspect(text.as_bytes(), Some(words[at]));
        let _ = lists.inspect(text.as_bytes(), None);
    }
}

#[test]
fn a_list_in_utf16_is_the_list() {
    let lists = Lists::new("utf16");
    let text = "! Title: x\n||a.example.com^\r\nb\u{fc}cher.example\n";
    let plain = lists.inspect(text.as_bytes(), None).expect("a list");
    let marked = format!("\u{feff}{text}");
    let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for octets in [little.clone(), big, gzip(&little)] {
        let found = lists.inspect(&octets, None).expect("a list");
        assert_eq!((found.rules, &found.rules_xxh3, found.lines), (2, &plain.rules_xxh3, 3));
    }
    assert!(matches!(lists.inspect(&little[2..], None), Err(FeedError::Binary)));
}

#[test]
fn two_shapes_in_one_list_lose_no_line() {
    let lists = Lists::new("mixed");
    let line =
        |at: usize| if at % 5 < 3 { format!("a{at}.example.com\n") } else { format!("0.0.0.0 a{at}.example.com\n") };
    let mixed: String = (0..100).map(line).collect();
    let plain: String = (0..100).map(|at| format!("a{at}.example.com\n")).collect();
    let (found, same) = (lists.inspect(mixed.as_bytes(), None), lists.inspect(plain.as_bytes(), None));
    let (found, same) = (found.expect("a list"), same.expect("a list"));
    assert_eq!((found.rules, found.rules_xxh3, found.skipped.len()), (100, same.rules_xxh3, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_line_of_a_mixed_list_means_what_it_means_alone(shapes in proptest::collection::vec(0_usize..8, 1..80)) {
        // The oracle writes each name in a shape of its own, and knows the name; nothing else may come out.
        let line = |at: usize, shape: &usize| match shape {
            0 => format!("n{at}.example.com"),
            1 => format!("0.0.0.0 n{at}.example.com # x"),
            2 => format!("||n{at}.example.com^$popup"),
            3 => format!("address=/n{at}.example.com/"),
            4 => format!("local-zone: \"n{at}.example.com\" refuse"),
            5 => format!("(^|\\.)n{at}\\.example\\.com$"),
            6 => format!("n{at}.example.com ; x"),
            _ => format!("n{at}.example.com,"),
        };
        let lists = Lists::new("mixed-property");
        let text: String = shapes.iter().enumerate().map(|(at, shape)| line(at, shape) + "\n").collect();
        let expected: String = (0..shapes.len()).map(|at| format!("n{at}.example.com\n")).collect();
        for stated in ["plain", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound"] {
            let found = lists.inspect(text.as_bytes(), Some(stated)).expect("a list");
            let wanted = lists.inspect(expected.as_bytes(), Some("domains")).expect("a list");
            prop_assert_eq!(found.rules_xxh3, wanted.rules_xxh3, "{}: {:?}", stated, found.skipped);
        }
    }
}
