//! The snapshot file: same lists, same octets; anything else than a sound file is refused with its reason.

use proptest::prelude::*;
use schoolgate_policy::{CompileError, CompileReport, Dialect, Input, ProtectedNames, RuleKind, Snapshot, Trust};
use std::path::{Path, PathBuf};

struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("schoolgate-snapshot-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn compile_snapshot(inputs: &[Input], out: &Path, serial: u64) -> Result<CompileReport, CompileError> {
    schoolgate_policy::compile_snapshot(inputs, out, serial, &ProtectedNames::default())
}

fn compile(directory: &Path, lists: &[(&str, String)], out: &str) -> PathBuf {
    let inputs: Vec<Input> = lists
        .iter()
        .map(|(category, lines)| {
            let path = directory.join(format!("{category}.txt"));
            std::fs::write(&path, lines).expect("a list");
            let (feed, category) = ((*category).to_owned(), (*category).to_owned());
            Input::reviewed(path, feed, category, RuleKind::Suffix)
        })
        .collect();
    let out = directory.join(out);
    compile_snapshot(&inputs, &out, 3).expect("a snapshot");
    out
}

fn lines(count: usize) -> String {
    (0..count).map(|at| format!("n{at}.example\n")).collect()
}

#[test]
fn the_same_lists_give_the_same_octets() {
    let directory = Directory::new("same");
    let reversed = lines(500).lines().rev().collect::<Vec<_>>().join("\n");
    let first = compile(&directory.0, &[("social", lines(500)), ("games", "example.org\n".into())], "a");
    let first = std::fs::read(first).expect("the file");
    let second = compile(&directory.0, &[("social", reversed), ("games", "example.org\n".into())], "b");
    assert_eq!(first, std::fs::read(second).expect("the file"));
}

#[test]
fn every_damaged_octet_and_every_length_is_refused() {
    let directory = Directory::new("damage");
    let sound = std::fs::read(compile(&directory.0, &[("social", lines(20))], "a")).expect("the file");
    let damaged = directory.0.join("damaged");
    let mut padding = 0;
    for at in 0..sound.len() {
        let mut octets = sound.clone();
        octets[at] ^= 1;
        std::fs::write(&damaged, &octets).expect("a file");
        // Octets between sections carry nothing; the table read back must still be the same.
        match Snapshot::open(&damaged) {
            Ok(snapshot) => {
                assert_eq!(sound[at], 0, "octet {at} was accepted");
                assert_eq!(snapshot, Snapshot::open(&directory.0.join("a")).expect("sound"));
                padding += 1;
            }
            Err(error) => assert!(error.to_string().contains("schoolgate lists build"), "{error}"),
        }
    }
    assert!(padding < 64 * 8);
    for length in (0..sound.len()).step_by(7).chain([sound.len() - 1]) {
        std::fs::write(&damaged, &sound[..length]).expect("a file");
        Snapshot::open(&damaged).expect_err("a truncated file");
    }
    std::fs::write(&damaged, [sound.as_slice(), b"more"].concat()).expect("a file");
    Snapshot::open(&damaged).expect_err("a file with something behind it");
}

#[test]
fn a_section_longer_than_the_file_is_refused_before_memory_is_taken_for_it() {
    let directory = Directory::new("long");
    let path = compile(&directory.0, &[("social", lines(3))], "a");
    let mut octets = std::fs::read(&path).expect("the file");
    // The first section's length, and the checksum that ends the header of 248 octets.
    octets[80..88].copy_from_slice(&(5u64 << 30).to_le_bytes());
    octets[240..248].fill(0);
    let checksum = xxhash_rust::xxh3::xxh3_64(&octets[..248]);
    octets[240..248].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&path, octets).expect("a file");
    let error = Snapshot::open(&path).expect_err("an impossible length").to_string();
    assert!(error.contains("sections overlap or leave gaps"), "{error}");
}

#[test]
fn a_file_of_another_version_says_so() {
    let directory = Directory::new("version");
    let path = compile(&directory.0, &[("social", lines(3))], "a");
    let mut octets = std::fs::read(&path).expect("the file");
    octets[8] = 99;
    std::fs::write(&path, octets).expect("a file");
    let error = Snapshot::open(&path).expect_err("another version").to_string();
    assert!(error.contains("format version 99"), "{error}");
}

#[test]
fn bad_lines_are_counted_and_spoil_nothing() {
    let directory = Directory::new("lines");
    let path = directory.0.join("list.txt");
    let long = "a".repeat(3 << 20);
    let list = format!("good.example\n300.0.2.1\n<html>\n{long}\n\u{0}\nalso-good.example");
    std::fs::write(&path, list).expect("a list");
    let input = Input::reviewed(path, "f".into(), "c".into(), RuleKind::Suffix);
    let report = compile_snapshot(&[input], &directory.0.join("out"), 1).expect("a snapshot");
    assert_eq!(report.entries, 2);
    let skipped: Vec<_> = report.skipped.iter().map(|(reason, skipped)| (*reason, skipped.lines)).collect();
    assert_eq!(skipped, [("address", 1), ("line-too-long", 1), ("malformed", 2)]);
    assert!(report.skipped["address"].examples[0].ends_with("list.txt:2: 300.0.2.1"));
}

#[test]
fn networks_too_wide_are_left_and_counted() {
    let directory = Directory::new("wide");
    let path = directory.0.join("list.txt");
    std::fs::write(&path, "0.0.0.0/1\n10.0.0.0/8\n::/8\n2001:db8::/32\n198.18.0.0/15\n").expect("a list");
    let out = directory.0.join("out");
    for (reviewed, left) in [(true, 2), (false, 4)] {
        let trust = Trust { reviewed, ..Trust::default() };
        let input = Input { trust, ..Input::reviewed(path.clone(), "f".into(), "c".into(), RuleKind::Suffix) };
        let report = compile_snapshot(&[input], &out, 1).expect("a snapshot");
        assert_eq!(report.skipped["network-too-wide"].lines, left);
    }
    let said = Snapshot::open(&out).expect("a snapshot");
    let of = |address: &str| said.said_of_address(address.parse().expect("an address")).count();
    assert_eq!((of("2001:db8::1"), of("198.18.0.1"), of("10.0.0.1")), (1, 0, 0));
}

#[test]
fn no_spelling_closes_all_of_ipv4() {
    let directory = Directory::new("spelling");
    let path = directory.0.join("list.txt");
    let out = directory.0.join("out");
    let rpz = "$ORIGIN rpz.example.\n@ SOA a. b. 1 2 3 4 5\n96.0.0.ffff.zz.rpz-ip CNAME .\n32.0.zz.rpz-ip CNAME .\n";
    for (list, dialect) in [
        ("::/32\n::/64\n::ffff:0:0/96\n64:ff9b::/96\n64:ff9b::203.0.113.0/120\n".to_owned(), Dialect::Plain),
        (format!("{rpz}120.7100.cb00.zz.ff9b.64.rpz-ip CNAME .\n24.0.113.0.203.rpz-ip CNAME .\n"), Dialect::Rpz),
    ] {
        std::fs::write(&path, list).expect("a list");
        for reviewed in [false, true] {
            let input = Input::reviewed(path.clone(), "f".into(), "c".into(), RuleKind::Suffix);
            let trust = Trust { reviewed, ..Trust::default() };
            let input = Input { trust, dialect: Some(dialect.clone()), ..input };
            let report = compile_snapshot(&[input], &out, 1).expect("a snapshot");
            assert!(report.skipped["network-too-wide"].lines >= 2, "{:?}", report.skipped);
            let said = Snapshot::open(&out).expect("a snapshot");
            let of = |address: &str| said.said_of_address(address.parse().expect("an address")).count();
            assert_eq!((of("192.0.2.1"), of("64:ff9b::192.0.2.1"), of("203.0.113.9")), (0, 0, 1), "{dialect:?}");
        }
    }
}

#[test]
fn a_missing_list_leaves_the_snapshot_as_it_was() {
    let directory = Directory::new("missing");
    let path = compile(&directory.0, &[("social", lines(3))], "a");
    let before = std::fs::read(&path).expect("the file");
    let input = Input::reviewed(directory.0.join("nowhere.txt"), "f".into(), "c".into(), RuleKind::Suffix);
    compile_snapshot(&[input], &path, 2).expect_err("no list there");
    assert_eq!(before, std::fs::read(&path).expect("the file"));
    assert_eq!(std::fs::read_dir(&directory.0).expect("a directory").count(), 2, "nothing half-made is left");
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..600), headed in any::<bool>()) {
        let directory = Directory::new("any");
        let path = directory.0.join("any");
        let octets = if headed { [b"SGLISTS\n\x01\0\0\0".as_slice(), &octets].concat() } else { octets };
        std::fs::write(&path, octets).expect("a file");
        prop_assert!(Snapshot::open(&path).is_err());
    }
}
