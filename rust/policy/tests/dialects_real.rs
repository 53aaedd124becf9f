//! Real lists, as their publishers write them. They are not ours and not in the project: without them these tests skip.

mod list_files;

use list_files::{Lists, form};
use schoolgate_policy::{Categories, Input, Inspection, Limits, ProtectedNames, RuleKind, Trust, inspect_list};
use std::path::PathBuf;

/// Where the real lists are: beside the project, unless `SCHOOLGATE_REAL_DATA` says otherwise.
fn data(file: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let path = std::env::var_os("SCHOOLGATE_REAL_DATA").map_or_else(beside, PathBuf::from).join(file);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

fn inspect(file: &str) -> Option<Inspection> {
    let found =
        inspect_list(&data(file)?, &form(None, Limits::default()), &ProtectedNames::default(), Trust::default());
    Some(found.expect("a list"))
}

#[test]
fn each_format_is_recognised_and_nearly_all_of_it_read() {
    for (file, dialect, at_least) in [
        ("formats/adblock-drugs.txt.gz", "adblock", 26_000),
        ("formats/adblock-light.txt.gz", "adblock", 122_000),
        ("formats/dnsmasq-drugs.txt.gz", "dnsmasq", 26_000),
        ("formats/domains-drugs.txt.gz", "domains", 26_000),
        ("formats/domains-nosafesearch.txt.gz", "domains", 174),
        ("formats/hosts-drugs.txt.gz", "hosts", 26_000),
        ("formats/unbound-easylist.conf.gz", "unbound", 50_000),
        ("formats/wildcard-easylist.txt.gz", "wildcard", 50_000),
    ] {
        let Some(found) = inspect(file) else { return };
        assert_eq!(found.dialect, dialect, "{file}");
        let skipped: u64 = found.skipped.values().map(|skipped| skipped.lines).sum();
        assert!(found.rules >= at_least && skipped * 500 <= found.rules, "{file}: {found:?}");
    }
}

#[test]
fn one_publishers_list_is_the_same_in_each_of_its_formats() {
    let formats = ["adblock", "dnsmasq", "domains", "hosts"];
    let found: Vec<_> = formats.iter().filter_map(|word| inspect(&format!("formats/{word}-drugs.txt.gz"))).collect();
    assert!(found.windows(2).all(|pair| pair[0].rules_xxh3 == pair[1].rules_xxh3));
}

#[test]
fn the_real_archive_of_categories_is_read_by_category() {
    let Some(path) = data("ut1.tar.gz") else { return };
    let lists = Lists::new("real-ut1");
    let mapping = [("vpn", "circumvention-vpn"), ("dating", "dating")];
    let mapping = mapping.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).into();
    let input = Input::feed(path, "ut1".into(), Categories::Mapped(mapping), RuleKind::Suffix, None);
    let (report, snapshot) = lists.compile(&[input], &[]).expect("a snapshot");
    assert_eq!(report.sources.len(), 2);
    assert!(report.entries > 3000 && report.skipped["unmapped-category"].lines > 50);
    assert_eq!(snapshot.names().entries(), report.entries);
}
