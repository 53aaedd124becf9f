//! What the lines of each dialect mean, on small samples in the manner publishers write.

use schoolgate_policy::{Dialect, LineReader, RuleKind, Taken, detect};

/// The rules and the reasons of a text, in order.
fn read(dialect: &str, unmarked: RuleKind, text: &str) -> (Vec<String>, Vec<&'static str>) {
    let dialect: Dialect = dialect.parse().expect("a dialect");
    let mut reader = LineReader::new(&dialect, unmarked);
    let (mut taken, mut rules, mut skipped) = (Taken::default(), Vec::new(), Vec::new());
    for line in text.lines() {
        reader.read(line.as_bytes(), &mut taken);
        rules.extend(taken.rules.iter().map(|rule| format!("{} {}", rule.kind.as_str(), rule.name)));
        rules.extend(taken.patterns.iter().map(|pattern| format!("pattern {pattern}")));
        let word = |lists: bool| if lists { "address" } else { "spared-address" };
        rules.extend(taken.addresses.iter().map(|rule| format!("{} {}", word(rule.lists), rule.prefix)));
        skipped.extend(taken.skipped.iter().map(|reason| reason.as_str()));
    }
    (rules, skipped)
}

fn says(dialect: &str, text: &str, rules: &[&str], skipped: &[&str]) {
    assert_eq!(
        read(dialect, RuleKind::Suffix, text),
        (rules.iter().map(|one| (*one).to_owned()).collect(), skipped.to_vec())
    );
}

#[test]
fn plain_has_marks_for_exact_and_exception() {
    let text = "\u{feff}# category: games\nexample.com\n  Example.ORG.\r\n=www.example.net # alone\n!lesson.example.com\n\ncom\n\
                192.0.2.1 # a resolver\n2001:DB8::/32\n!192.0.2.2\n192.0.2.1/24\n";
    let rules = [
        "suffix example.com",
        "suffix example.org",
        "exact www.example.net",
        "exception lesson.example.com",
        "address 192.0.2.1/32",
        "address 2001:db8::/32",
        "spared-address 192.0.2.2/32",
    ];
    says("plain", text, &rules, &["single-label", "malformed"]);
}

#[test]
fn hosts_denies_null_addresses_and_leaves_redirections() {
    let text = "# Title: a list\n127.0.0.1 localhost\n::1 ip6-localhost\nfe80::1%lo0 localhost\n255.255.255.255 broadcasthost\n\
                0.0.0.0 0.0.0.0\n0.0.0.0 a.example.com\tb.example.com # two\n:: c.example.com\n192.0.2.1 d.example.com\n\
                e.example.com\n0.0.0.0\nwhat is this\n";
    let rules = ["suffix a.example.com", "suffix b.example.com", "suffix c.example.com", "suffix e.example.com"];
    let skipped =
        ["local-name", "local-name", "local-name", "local-name", "local-name", "rewrite", "address", "malformed"];
    says("hosts", text, &rules, &skipped);
}

#[test]
fn the_feed_says_whether_a_bare_name_is_meant_exactly() {
    for (dialect, line) in [
        ("plain", "a.example.com"),
        ("hosts", "0.0.0.0 a.example.com"),
        ("domains", "a.example.com"),
        ("csv:1", "a.example.com,1"),
        ("adblock", "a.example.com"),
    ] {
        assert_eq!(read(dialect, RuleKind::Exact, line).0, ["exact a.example.com"], "{dialect}");
    }
    for (dialect, line) in
        [("wildcard", "*.a.example.com"), ("adblock", "||a.example.com^"), ("dnsmasq", "local=/a.example.com/")]
    {
        assert_eq!(read(dialect, RuleKind::Exact, line).0, ["suffix a.example.com"], "{dialect}");
    }
}

#[test]
fn domains_takes_urls_of_whole_hosts_only() {
    let text = "! a\n; b\n// c\n# d\na.example.com\n.b.example.com\n*.c.example.com\nhttps://d.example.com/\n\
                http://e.example.com/path\nhttp://f.example.com:8080/\n192.0.2.1\n2001:db8::1\nads*.example.com\n";
    let rules = ["suffix a.example.com", "suffix b.example.com", "suffix c.example.com", "suffix d.example.com"];
    says("domains", text, &rules, &["path", "path", "address", "address", "pattern"]);
}

#[test]
fn adblock_takes_rules_for_hosts() {
    let text = "[Adblock Plus 2.0]\n! Title: a list\n# a comment\n||a.example.com^\n||b.example.com^$important\n||c.example.com\n\
                ||*.d.example.com^\n|https://e.example.com^\n@@||f.example.com^\n@@|g.example.com^\n\
                ||h.example.com^$denyallow=i.h.example.com|j.h.example.com\n||k.example.com^$dnstype=A|AAAA\n\
                ||l.example.com^$all,document\n0.0.0.0 m.example.com\n/^n\\.example\\.com$/\n/(^|\\.)o\\.example\\.com$/\n\
                ||p.example.com^$dnsrewrite=NXDOMAIN;;\n";
    let rules = [
        "suffix a.example.com",
        "important b.example.com",
        "suffix c.example.com",
        "below d.example.com",
        "exact e.example.com",
        "exception f.example.com",
        "spared-exact g.example.com",
        "suffix h.example.com",
        "spared i.h.example.com",
        "spared j.h.example.com",
        "suffix k.example.com",
        "suffix l.example.com",
        "suffix m.example.com",
        "exact n.example.com",
        "suffix o.example.com",
        "suffix p.example.com",
    ];
    says("adblock", text, &rules, &[]);
}

#[test]
fn adblock_leaves_what_dns_cannot_do_and_counts_it() {
    let long = format!("/{}/", "a".repeat(2000));
    for (line, reason) in [
        ("example.com##.banner", "page-part"),
        ("example.com#@#.banner", "page-part"),
        ("||example.com^$~third-party", "page-part"),
        ("@@||example.com^$third-party", "page-part"),
        ("||example.com^$script,domain=example.org", "page-part"),
        ("||example.com/ads/", "path"),
        ("||example.com:8080^", "path"),
        ("-ad-banner.", "pattern"),
        ("||ads*.example.com^", "pattern"),
        ("@@/banner[0-9]+/", "regex"),
        ("/banner[0-9]+/$important", "regex"),
        ("/^https?:\\/\\/banner/", "path"),
        (long.as_str(), "regex-too-long"),
        ("||example.com^$dnstype=AAAA", "dns-type"),
        ("||example.com^$dnstype=~A", "dns-type"),
        ("||example.com^$dnsrewrite=192.0.2.1", "rewrite"),
        ("||example.com^$client=192.0.2.1", "modifier"),
        ("||example.com^$badfilter", "modifier"),
        ("||com^", "single-label"),
        ("||192.0.2.1^", "address"),
        ("||^", "empty"),
    ] {
        says("adblock", line, &[], &[reason]);
    }
}

#[test]
fn dnsmasq_denies_where_nobody_is_asked() {
    let text = "# c\naddress=/a.example.com/\naddress=/b.example.com/0.0.0.0\naddress=/c.example.com/::\naddress=/d.example.com/#\n\
                local=/e.example.com/\nserver=/f.example.com/\naddress=/g.example.com/h.example.com/127.0.0.1\n\
                address=/*.i.example.com/\naddress=/.j.example.com/\nserver=/k.example.com/#\nserver=/l.example.com/192.0.2.1\n\
                address=/m.example.com/192.0.2.1\naddress=/#/0.0.0.0\nconf-file=/etc/x\nno-resolv\ncache-size=10\n";
    let suffixes = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|label| format!("suffix {label}.example.com"));
    let mut rules: Vec<&str> = suffixes.iter().map(String::as_str).collect();
    rules.extend(["below i.example.com", "suffix j.example.com", "exception k.example.com"]);
    let skipped = ["forward", "rewrite", "malformed", "other-directive", "other-directive", "other-directive"];
    says("dnsmasq", text, &rules, &skipped);
}

#[test]
fn unbound_tells_denials_from_redirections() {
    let text = "server:\n# c\nlocal-zone: \"a.example.com\" always_nxdomain\nlocal-zone: b.example.com. refuse\n\
                local-zone: \"c.example.com\" redirect\nlocal-data: \"c.example.com A 0.0.0.0\"\n\
                local-zone: \"d.example.com\" redirect\nlocal-data: \"d.example.com 60 IN A 192.0.2.1\"\n\
                local-data: \"e.example.com AAAA ::\"\nlocal-zone: \"f.example.com\" always_transparent\n\
                local-zone: \"g.example.com\" nodefault\nhide-identity: yes\nlocal-zone: \".\" static\n";
    let rules = [
        "suffix a.example.com",
        "suffix b.example.com",
        "suffix c.example.com",
        "exact e.example.com",
        "exception f.example.com",
    ];
    says("unbound", text, &rules, &["rewrite", "other-directive", "other-directive", "empty"]);
}

#[test]
fn rpz_knows_its_zone_and_its_actions() {
    let text = "$TTL 300\n@ IN SOA localhost. root.localhost. (\n  1 ; serial\n  3600 600 86400 300 )\n  IN NS localhost.\n\
                a.example.com CNAME .\n*.a.example.com CNAME .\nb.example.com 60 IN CNAME *. ; nodata\n\
                c.example.com CNAME rpz-drop.\nd.example.com CNAME rpz-passthru.\n*.d.example.com CNAME rpz-passthru.\n\
                e.example.com A 0.0.0.0\n              AAAA ::\nf.example.com CNAME rpz-tcp-only.\n\
                g.example.com CNAME safe.example.org.\ng.example.com TXT \"a ; b\"\n32.1.2.0.192.rpz-ip CNAME .\n\
                48.zz.db8.2001.rpz-ip CNAME rpz-passthru.\n33.1.2.0.192.rpz-ip CNAME .\n\
                24.0.2.0.192.rpz-client-ip CNAME .\nns.example.com.rpz-nsdname CNAME .\n$GENERATE 1-9 a CNAME .\n";
    let rules = [
        "exact a.example.com",
        "below a.example.com",
        "exact b.example.com",
        "exact c.example.com",
        "spared-exact d.example.com",
        "spared-below d.example.com",
        "exact e.example.com",
        "exact e.example.com",
        "address 192.0.2.1/32",
        "spared-address 2001:db8::/48",
    ];
    let skipped =
        ["tcp-only", "rewrite", "rewrite", "response-address", "client-address", "name-server", "other-directive"];
    says("rpz", text, &rules, &skipped);
}

#[test]
fn rpz_owners_may_be_absolute_or_under_an_origin() {
    let text = "rpz.example. 300 IN SOA ns.example. root.example. 1 2 3 4 5\na.example.com.rpz.example. CNAME .\n\
                $ORIGIN example.org.rpz.example.\nb CNAME .\n@ CNAME .\nc.example.com. CNAME .\n";
    says("rpz", text, &["exact a.example.com", "exact b.example.org", "exact example.org"], &["outside-zone"]);
    let text = "$ORIGIN rpz.example.\n@ SOA a. b. 1 2 3 4 5\na.example.com CNAME .\n";
    says("rpz", text, &["exact a.example.com"], &[]);
}

#[test]
fn csv_finds_its_column() {
    let titled = "id,\"Domain\",score\n1,a.example.com,9\n2,\"b.example.com\",8\n3\n";
    says("csv", titled, &["suffix a.example.com", "suffix b.example.com"], &["no-column"]);
    let commented = "# prose, with a comma\n# id,dateadded,url\n\"1\",\"2026-01-01\",\"http://a.example.com/\"\n\"2\",\"x\",\"http://b.example.com/x,y\"\n";
    says("csv:url", commented, &["suffix a.example.com"], &["path"]);
    says("csv:2", "x;a.example.com\ny;b.example.com\n", &["suffix a.example.com", "suffix b.example.com"], &[]);
    says("csv", "7\ta.example.com\n", &["suffix a.example.com"], &[]);
    says("csv:nowhere", "domain\na.example.com\n", &[], &["no-column", "no-column"]);
}

#[test]
fn names_in_any_script_become_what_clients_ask() {
    // A homoglyph is another name, never the one it looks like; width, case and soft hyphens are none.
    let text = "ｅｘａｍｐｌｅ.com\nBücher.example\nxn--bcher-kva.example\nex\u{430}mple.com\nexam\u{ad}ple.org\nxn--zz\u{fffd}.example\n";
    let rules = [
        "suffix example.com",
        "suffix xn--bcher-kva.example",
        "suffix xn--bcher-kva.example",
        "suffix xn--exmple-4nf.com",
        "suffix example.org",
    ];
    says("domains", text, &rules, &["malformed"]);
}

#[test]
fn a_dialect_is_recognised_by_its_lines_and_written_back_by_its_word() {
    for (text, name, dialect) in [
        ("# category: games\ngames.example.com\n", "", "plain"),
        ("example.com\n=example.org\n", "", "plain"),
        ("# x\n\n0.0.0.0 example.com\n", "", "hosts"),
        ("127.0.0.1\texample.com\n", "", "hosts"),
        ("! Title: x\nexample.com\nexample.org\n", "", "domains"),
        ("*.example.com\n", "", "wildcard"),
        ("! Title: x\n||example.com^\n", "", "adblock"),
        ("[Adblock Plus]\n", "", "adblock"),
        ("server=/example.com/\n", "", "dnsmasq"),
        ("server:\n  local-zone: \"example.com\" refuse\n", "", "unbound"),
        ("$TTL 60\n@ SOA a. b. 1 2 3 4 5\nexample.com CNAME .\n", "", "rpz"),
        ("id,domain\n1,example.com\n", "", "csv"),
        ("{\"domains\": [\"example.com\"]}", "", "json"),
        ("[\"example.com\"]", "", "json"),
        ("[{\"host\": \"example.com\"}]", "", "json"),
        ("; nothing yet\n", "feed.rpz.gz", "rpz"),
    ] {
        let found = detect(text.as_bytes(), name).map(|dialect| dialect.to_string());
        assert_eq!(found.as_deref(), Some(dialect), "{text}");
    }
    assert_eq!(detect(b"", "feed"), None);
    assert_eq!(detect(b"What is this\nLorem ipsum dolor\n", "feed"), None);
    assert_eq!("csv:a:b".parse(), Ok(Dialect::Csv(Some("a:b".into()))));
    assert!("hosts:x".parse::<Dialect>().is_err());
}

#[test]
fn adblock_expressions_are_taken_as_they_stand() {
    let text = "/banner[0-9]+/\n/^ad.*\\.example\\.com$/\n/(^|\\.)example\\.org$/\n";
    let rules = ["suffix example.org", "pattern banner[0-9]+", "pattern ^ad.*\\.example\\.com$"];
    let (mut found, skipped) = read("adblock", RuleKind::Suffix, text);
    found.sort_by_key(|rule| rule.starts_with("pattern"));
    assert_eq!((found, skipped), (rules.map(str::to_owned).to_vec(), vec![]));
}

#[test]
fn each_line_is_read_in_its_own_shape_whatever_the_others_are() {
    let text = "a.example.com\n0.0.0.0 b.example.com\n*.c.example.com\n.d.example.com\n||e.example.com^\n=f.example.com\n\
                address=/g.example.com/0.0.0.0\nlocal-zone: \"h.example.com\" always_nxdomain\n(^|\\.)i\\.example\\.com$\n";
    let rules = [
        "suffix a.example.com",
        "suffix b.example.com",
        "suffix c.example.com",
        "suffix d.example.com",
        "suffix e.example.com",
        "exact f.example.com",
        "suffix g.example.com",
        "suffix h.example.com",
        "suffix i.example.com",
    ];
    for dialect in ["plain", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound"] {
        let (mut found, skipped) = read(dialect, RuleKind::Suffix, text);
        found.sort_by_key(|rule| rule.rsplit(' ').next().map(str::to_owned));
        // In a filter `*.` means what it says: all below the name.
        let below =
            rules.map(|rule| rule.replace("suffix c.", if dialect == "adblock" { "below c." } else { "suffix c." }));
        assert_eq!(found, below, "{dialect}");
        assert_eq!(skipped, Vec::<&str>::new(), "{dialect}");
    }
}

#[test]
fn an_exception_among_names_is_one_and_in_a_filter_it_is_a_comment() {
    for dialect in ["plain", "hosts", "wildcard"] {
        says(dialect, "!a.example.com\n", &["exception a.example.com"], &[]);
    }
    for dialect in ["domains", "adblock"] {
        says(dialect, "!a.example.com\n", &[], &[]);
    }
}

#[test]
fn what_stands_behind_a_name_does_not_lose_it() {
    for line in [
        "a.example.com#comment",
        "a.example.com # comment",
        "a.example.com ; comment",
        "a.example.com;comment",
        "a.example.com,",
        "\"a.example.com\",",
        "'a.example.com'",
        "||a.example.com^ # comment",
        "||a.example.com^ ! comment",
        "||a.example.com^$third-party",
        "||a.example.com^$3p,popup",
        "||a.example.com^$popup # comment",
        "||a.example.com^$document",
        "||a.example.com^$doc,all,network",
    ] {
        for dialect in ["domains", "hosts", "wildcard", "adblock", "plain"] {
            says(dialect, line, &["suffix a.example.com"], &[]);
        }
    }
}

#[test]
fn a_name_may_begin_with_a_hyphen_or_an_underscore() {
    for (dialect, line) in
        [("adblock", "||-a.example.com^"), ("domains", "-a.example.com"), ("hosts", "0 -a.example.com")]
    {
        says(dialect, line, &["suffix -a.example.com"], &[]);
    }
    says("adblock", "||_a.example.com^", &["suffix _a.example.com"], &[]);
    says("adblock", "-ad-banner.\n_ad_left.\n", &[], &["pattern", "pattern"]);
}

#[test]
fn expressions_without_slashes_are_expressions() {
    let text = "^ad[0-9]+\\.\n(^|\\.)b\\.example\\.com$\nbanner\\d+\\.example\\.org\n^c\\.example\\.com$;querytype=A\n";
    let (mut found, skipped) = read("domains", RuleKind::Suffix, text);
    found.sort();
    let rules = ["pattern ^ad[0-9]+\\.", "pattern banner\\d+\\.example\\.org", "suffix b.example.com"];
    assert_eq!((found, skipped), (rules.map(str::to_owned).to_vec(), vec!["modifier"]));
    assert_eq!(
        detect(b"^ad[0-9]+\\.\n(^|\\.)b\\.example\\.com$\n", "").map(|one| one.to_string()).as_deref(),
        Some("adblock")
    );
}

#[test]
fn what_no_shape_fits_keeps_the_reason_of_its_own_dialect() {
    says("domains", "what is this\n<b>x</b>\n", &[], &["malformed", "path"]);
    says("hosts", "! Title: x\n; words\n// words\n", &[], &[]);
    says("dnsmasq", "no-resolv\ncache-size=10\nconf-file=/etc/x.example\n", &[], &["other-directive"; 3]);
    says("unbound", "hide-identity: yes\n", &[], &["other-directive"]);
    says("adblock", "example.com##div #b\n||example.com/ads/\n", &[], &["page-part", "path"]);
}
