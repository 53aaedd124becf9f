//! Sealed lists from a supplier's file to a lookup: what is held, what is refused, and that nothing can be read.

use proptest::prelude::*;
use schoolgate_policy::{
    SELF_TEST_NAME, SealFailed, SealReport, SealRequest, SealedFormat, SealedKeys, SealedList, SuffixHashes, seal_list,
};
use schoolgate_wire::Name;
use std::fs;
use std::path::{Path, PathBuf};

struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("schoolgate-sealed-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).expect("a directory");
        Self(folder)
    }

    fn keys(&self) -> SealedKeys {
        SealedKeys::read_or_make(&self.0.join("key")).expect("keys")
    }

    fn seal_as(&self, supplier: &str, format: SealedFormat, text: &[u8]) -> Result<SealReport, SealFailed> {
        let input = self.0.join(format!("{supplier}.txt"));
        fs::write(&input, text).expect("a file");
        let out = self.sealed(supplier);
        let request =
            SealRequest { input: &input, format, out: &out, supplier, serial: 3, created_unix_s: 1_790_000_000 };
        seal_list(&request, &self.keys())
    }

    fn seal(&self, text: &str) -> SealReport {
        self.seal_as("iwf", SealedFormat::Plain, text.as_bytes()).expect("a sealed list")
    }

    fn sealed(&self, supplier: &str) -> PathBuf {
        self.0.join(format!("{supplier}.sealed"))
    }

    fn open(&self, suppliers: &[&str]) -> SealedList {
        let paths: Vec<PathBuf> = suppliers.iter().map(|one| self.sealed(one)).collect();
        SealedList::open(&paths, &self.keys()).expect("a sound list")
    }

    fn refusal(&self, path: &Path) -> String {
        SealedList::open(&[path.to_owned()], &self.keys())
            .map(|_| String::new())
            .unwrap_or_else(|error| error.to_string())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn holds(list: &SealedList, asked: &str) -> bool {
    list.holds(&Name::from_text(asked).expect("a name"), &mut SuffixHashes::default())
}

#[test]
fn names_are_held_with_all_below_them_however_they_were_written() {
    let place = Place::new("written");
    let report =
        place.seal("# from a supplier\nBAD.Example.\nhttps://worse.example/\n*.b\u{fc}cher.example\n\nbad.example\n");
    assert_eq!((report.entries, report.facts.names, report.facts.url_level), (4, 4, 0), "three and the self-test name");
    let list = place.open(&["iwf"]);
    for held in ["bad.example", "www.bad.example", "a.b.worse.example", "xn--bcher-kva.example", SELF_TEST_NAME] {
        assert!(holds(&list, held), "{held}");
    }
    for free in ["example", "good.example", "bad.example.org", "notbad.example", "blocked.example.com"] {
        assert!(!holds(&list, free), "{free}");
    }
    assert_eq!(list.serial(), 3);
}

#[test]
fn parts_of_sites_are_counted_and_not_enforced() {
    let place = Place::new("parts");
    let report = place
        .seal("bad.example\nshared.example/user/page\nhttp://shared.example:8080/\n192.0.2.7\nhttp://192.0.2.7/x\n");
    assert_eq!((report.facts.url_level, report.facts.skipped), (2, 2));
    assert_eq!(report.skipped_by_reason.get("address"), Some(&2));
    let list = place.open(&["iwf"]);
    assert!(!holds(&list, "shared.example"));
    assert_eq!(list.facts().first().map(|facts| facts.url_level), Some(2));
}

#[test]
fn a_column_is_found_by_name_or_number_or_usual_name() {
    let place = Place::new("csv");
    let csv = "id;Domain;note\n1;bad.example;\"two\nlines\"\n2;\"worse.example\";\n";
    let column = |name: &str| SealedFormat::Csv(Some(name.to_owned()));
    for format in [SealedFormat::Csv(None), column("domain"), column("2")] {
        place.seal_as("iwf", format, csv.as_bytes()).expect("a list");
        let list = place.open(&["iwf"]);
        assert!(holds(&list, "bad.example") && holds(&list, "worse.example"));
        assert_eq!(list.entries(), 3);
    }
    let error = place.seal_as("iwf", column("nothing"), b"secret.example,x\n").expect_err("no such column").to_string();
    assert!(error.contains("2 columns") && !error.contains("secret"), "{error}");
}

#[test]
fn digests_of_names_are_held_with_all_below_them() {
    let place = Place::new("digests");
    let [md5, sha1, sha256] = DIGESTS;
    let text = format!("{md5}\n{sha1}\n{}\nnot a digest\n", sha256.to_uppercase());
    let report = place.seal_as("iwf", SealedFormat::Hashes, text.as_bytes()).expect("a list");
    assert_eq!((report.facts.digests, report.facts.skipped), ([1, 1, 1], 1));
    let list = place.open(&["iwf"]);
    for held in ["md5.example", "www.sha1.example", "a.b.sha256.example"] {
        assert!(holds(&list, held), "{held}");
    }
    for free in ["example", "sha512.example", "md5.example.org"] {
        assert!(!holds(&list, free), "{free}");
    }
}

/// MD5, SHA-1 and SHA-256 of md5.example, sha1.example and sha256.example, made by another program.
const DIGESTS: [&str; 3] = [
    "ef70132dcfd0ffe46a746e9bd2a8a396",
    "b62dc7964b11dcc45e9d5ec98e104a06f118c60e",
    "8e3b8d29fbf1349b9517ba32e3a7be714a52d0a868eb14c923ab06b446948314",
];

#[test]
fn lists_of_several_suppliers_hold_together_and_under_two_keys() {
    let place = Place::new("several");
    place.seal("bad.example\n");
    let mut keys = place.keys();
    let old = keys.newest_id();
    let new = keys.add().expect("another key");
    place.seal_as("ctiru", SealedFormat::Plain, b"worse.deep.example\n").expect("a list");
    let list = place.open(&["iwf", "ctiru"]);
    assert!(holds(&list, "bad.example") && holds(&list, "x.worse.deep.example") && !holds(&list, "deep.example"));
    let ids: Vec<_> = list.facts().iter().map(|facts| facts.key_id.clone()).collect();
    assert_eq!(ids, [old, new.clone()]);
    place.keys().keep(&[new]).expect("keys");
    assert!(place.refusal(&place.sealed("iwf")).contains("not among this installation's keys"));
    assert!(holds(&place.open(&["ctiru"]), "worse.deep.example"));
}

/// What schoolgate 0.1 wrote before the cheap hash was changed: three names under a key made for this test.
fn of_version_1(place: &Place) {
    use std::os::unix::fs::PermissionsExt;
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sealed_version_1");
    for file in ["key", "iwf.sealed"] {
        fs::copy(written.join(file), place.0.join(file)).expect("a file");
        fs::set_permissions(place.0.join(file), fs::Permissions::from_mode(0o600)).expect("a mode");
    }
}

const OF_VERSION_1: [&str; 6] = [
    "bad.example",
    "a.bad.example",
    "www.worse.example.org",
    "a-label-that-is-much-longer-than-sixteen-octets.example.net",
    "x.a-label-that-is-much-longer-than-sixteen-octets.example.net",
    SELF_TEST_NAME,
];

#[test]
fn a_file_of_version_1_holds_every_name_it_held() {
    let place = Place::new("version-1");
    of_version_1(&place);
    let list = place.open(&["iwf"]);
    for held in OF_VERSION_1 {
        assert!(holds(&list, held), "{held}");
    }
    for free in ["example", "good.example", "worse.example.org", "example.net", "bad.example.org"] {
        assert!(!holds(&list, free), "{free}");
    }
}

#[test]
fn a_file_of_version_1_and_one_of_today_under_one_key_hold_together() {
    let place = Place::new("versions");
    of_version_1(&place);
    place.seal_as("ctiru", SealedFormat::Plain, b"new.example\n").expect("a list");
    for order in [["iwf", "ctiru"], ["ctiru", "iwf"]] {
        let list = place.open(&order);
        for held in OF_VERSION_1.iter().chain(&["new.example", "x.new.example"]) {
            assert!(holds(&list, held), "{held}");
        }
        assert!(!holds(&list, "free.example"));
    }
}

#[test]
fn a_file_of_version_1_that_says_it_is_of_version_2_is_refused() {
    // Its filter was made with other hashes: believed, it would hide every name.
    let place = Place::new("version-1-as-2");
    of_version_1(&place);
    let mut octets = fs::read(place.sealed("iwf")).expect("a file");
    assert_eq!(octets[8], 1);
    octets[8] = 2;
    fs::write(place.sealed("iwf"), octets).expect("a file");
    assert!(!place.refusal(&place.sealed("iwf")).is_empty());
}

#[test]
fn a_file_of_a_version_to_come_is_refused() {
    let place = Place::new("version-3");
    place.seal("bad.example\n");
    let mut octets = fs::read(place.sealed("iwf")).expect("a file");
    octets[8] = 3;
    fs::write(place.sealed("iwf"), octets).expect("a file");
    assert!(place.refusal(&place.sealed("iwf")).contains("format version 3, this schoolgate reads versions 1 and 2"));
}

#[test]
fn neither_the_file_nor_an_error_nor_a_report_tells_an_entry() {
    let place = Place::new("silent");
    let report =
        place.seal("unmistakable.example\nunmistakable-part.example/unmistakable\nunmistakable junk\nunmistakable\n");
    let file = fs::read(place.sealed("iwf")).expect("a file");
    assert!(!file.windows(8).any(|octets| octets == b"unmistak"));
    assert!(!format!("{report:?}").contains("unmistak"));
    let error =
        place.seal_as("iwf", SealedFormat::Plain, b"unmistakable junk\n").expect_err("nothing in it").to_string();
    assert!(error.contains("no entry that DNS can enforce") && !error.contains("unmistak"), "{error}");
    assert!(holds(&place.open(&["iwf"]), "unmistakable.example"), "what was there stays");
    let list = format!("{:?}", place.open(&["iwf"]));
    assert_eq!(list, "SealedList { serial: 3, entries: 2 }");
}

#[test]
fn two_imports_of_one_list_have_no_octet_pattern_in_common_after_a_change_of_keys() {
    let place = Place::new("rekeyed");
    place.seal("bad.example\nworse.example\n");
    let before = fs::read(place.sealed("iwf")).expect("a file");
    place.keys().add().expect("another key");
    place.seal("bad.example\nworse.example\n");
    let after = fs::read(place.sealed("iwf")).expect("a file");
    let hashes = |file: &[u8]| file[184..].chunks(16).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert!(hashes(&before).iter().all(|hash| !hashes(&after).contains(hash)));
}

#[test]
fn a_changed_octet_anywhere_makes_the_file_unusable() {
    let place = Place::new("flipped");
    place.seal("bad.example\nworse.example\n");
    let sound = fs::read(place.sealed("iwf")).expect("a file");
    let path = place.0.join("changed.sealed");
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).expect("a file");
        assert_ne!(place.refusal(&path), "", "octet {at}");
    }
    for length in [0, 7, 100, 184, sound.len() - 16, sound.len() - 1] {
        fs::write(&path, &sound[..length]).expect("a file");
        assert!(place.refusal(&path).contains("import the supplier's list again"), "{length} octets");
    }
    fs::write(&path, [sound.as_slice(), &[0; 16]].concat()).expect("a file");
    assert!(place.refusal(&path).contains("its length"));
}

#[test]
fn another_installation_cannot_use_the_file() {
    let (here, there) = (Place::new("here"), Place::new("there"));
    here.seal("bad.example\n");
    assert!(there.refusal(&here.sealed("iwf")).contains("not among this installation's keys"));
}

#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("mode");
    place.seal("bad.example\n");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&place.0.join("key")), mode(&place.sealed("iwf"))), (0o600, 0o600));
    fs::set_permissions(place.0.join("key"), fs::Permissions::from_mode(0o640)).expect("another mode");
    let error = SealedKeys::read(&place.0.join("key")).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("may be read by others"), "{error}");
    fs::write(place.0.join("broken"), "5f1d2c3b4a596877 00112233445566778899aabbccddeeff\n").expect("a file");
    fs::set_permissions(place.0.join("broken"), fs::Permissions::from_mode(0o600)).expect("a mode");
    assert!(SealedKeys::read(&place.0.join("broken")).is_err(), "an id that is not the key's");
}

#[test]
fn a_line_without_end_and_odd_octets_spoil_nothing() {
    let place = Place::new("odd");
    let mut text = b"\xef\xbb\xbfbad.example\r\n".to_vec();
    text.extend(vec![b'x'; 3 << 20]);
    text.extend(b"\n\xff\xfe.example\n\0\nworse.example");
    let report = place.seal_as("iwf", SealedFormat::Plain, &text).expect("a list");
    assert_eq!(report.facts.names, 3);
    assert_eq!(report.skipped_by_reason.get("long-line"), Some(&1));
    let list = place.open(&["iwf"]);
    assert!(holds(&list, "bad.example") && holds(&list, "worse.example"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_filter_never_says_no_to_a_sealed_name(
        names in prop::collection::vec("[a-z]{1,12}(\\.[a-z0-9]{1,9}){1,4}", 1..60),
        free in "[a-z]{1,12}\\.[a-z]{13,16}",
    ) {
        let place = Place::new("filter");
        let names: Vec<String> = names.into_iter().map(|name| format!("{name}.example")).collect();
        place.seal(&names.join("\n"));
        let list = place.open(&["iwf"]);
        for name in &names {
            prop_assert!(holds(&list, name));
            let below = format!("x.{}", name);
            prop_assert!(holds(&list, &below));
        }
        prop_assert!(!holds(&list, &free));
    }

    #[test]
    fn any_octets_are_read_without_a_panic(octets in prop::collection::vec(any::<u8>(), 0..600), csv in any::<bool>()) {
        let place = Place::new("octets");
        let format = if csv { SealedFormat::Csv(Some("1".to_owned())) } else { SealedFormat::Plain };
        let _ = place.seal_as("iwf", format, &octets);
        let path = place.0.join("any.sealed");
        fs::write(&path, &octets).expect("a file");
        prop_assert_ne!(place.refusal(&path), "");
    }
}
