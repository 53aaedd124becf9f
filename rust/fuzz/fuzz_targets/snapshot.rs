//! A snapshot file with octets changed and its checksums made right again, and any octets at all: it is refused, or every
//! lookup in it ends.
//!
//! The input is edits of a sound file, five octets each: where (four, little-endian) and what.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schoolgate_policy::{Input, ProtectedNames, RuleKind, Snapshot, SuffixHashes, compile_snapshot, listed_name};
use std::path::PathBuf;
use std::sync::OnceLock;
use xxhash_rust::xxh3::xxh3_64;

/// Where things stand in the header (rust/policy/src/snapshot.rs).
const SECTIONS: std::ops::Range<usize> = 72..240;
const HEADER_SUM: usize = 240;
const HEADER_END: usize = 248;

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("schoolgate-fuzz-{}-{name}", std::process::id()))
}

fn sound() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let (list, out) = (file("list"), file("sound"));
        std::fs::write(&list, "example.com\n=www.example.org\n!a.example.com\n192.0.2.0/24\n!192.0.2.1\n").expect("a list");
        let input = Input::reviewed(list, "feed".into(), "games".into(), RuleKind::Suffix);
        compile_snapshot(&[input], &out, 1, &ProtectedNames::default()).expect("a snapshot");
        std::fs::read(out).expect("the snapshot")
    })
}

fn number(octets: &[u8], at: usize) -> usize {
    octets[at..at + 8].try_into().map_or(0, u64::from_le_bytes) as usize
}

/// Checksums that agree with whatever stands there now.
fn summed(octets: &mut [u8]) {
    for section in SECTIONS.step_by(24) {
        let (from, length) = (number(octets, section), number(octets, section + 8));
        if let Some(part) = from.checked_add(length).and_then(|to| octets.get(from..to)) {
            let sum = xxh3_64(part).to_le_bytes();
            octets[section + 16..section + 24].copy_from_slice(&sum);
        }
    }
    octets[HEADER_SUM..HEADER_END].fill(0);
    let sum = xxh3_64(&octets[..HEADER_END]).to_le_bytes();
    octets[HEADER_SUM..HEADER_END].copy_from_slice(&sum);
}

fn look_up(octets: &[u8]) {
    let path = file("changed");
    std::fs::write(&path, octets).expect("a file");
    let Ok(snapshot) = Snapshot::open(&path) else {
        return;
    };
    for name in ["example.com", "www.example.org", "b.a.example.com", "a.b.c.d.e.f.example"] {
        let name = listed_name(name).expect("a name");
        let found = snapshot.names().find(&name, &mut SuffixHashes::default());
        for source in snapshot.names().set(found.set) {
            assert!((*source as usize) < snapshot.sources().len());
        }
    }
    for address in ["192.0.2.1", "255.255.255.255", "::", "ffff::ffff"] {
        let address = address.parse().expect("an address");
        let set = snapshot.addresses().find(address);
        assert_eq!(snapshot.said_of_address(address).count(), snapshot.names().set(set).len());
    }
}

fuzz_target!(|input: &[u8]| {
    look_up(input);
    let mut octets = sound().to_vec();
    for edit in input.chunks_exact(5) {
        let at = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize % octets.len();
        octets[at] = edit[4];
    }
    summed(&mut octets);
    look_up(&octets);
});
