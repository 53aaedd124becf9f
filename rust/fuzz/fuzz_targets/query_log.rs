//! A write-ahead file of the query log: any octets, and any payload in frames whose checksums are right. Reading ends, and a
//! row has a place in Parquet or in nothing.
//!
//! The input is a file. Besides, it is cut at its line ends into payloads of frames: the first octet of each says of which kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schoolgate_querylog::{log_read, log_to_parquet};
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const FORMAT: &[u8] = b"schoolgate query log 1";

fn file() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("schoolgate-fuzz-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a directory");
    folder.join("ordinary-00000000000000000001.wal")
}

/// A frame that proves to be whole (rust/querylog/src/frame.rs).
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let sum = xxh3_64_with_seed(payload, (payload.len() as u64) << 8 | u64::from(kind));
    [&(payload.len() as u32).to_le_bytes()[..], &[kind, 0, 0, 0], &sum.to_le_bytes(), payload].concat()
}

fn read(octets: &[u8]) {
    let path = file();
    std::fs::write(&path, octets).expect("a file");
    let mut rows = 0;
    let end = log_read(&path, 0, usize::MAX, |row| {
        rows += 1;
        assert!(row.qname.is_ascii() && row.qname_asked.is_none_or(str::is_ascii));
    });
    assert!(end.expect("a file that can be read") <= octets.len() as u64);
    if rows > 0
        && let Ok(converted) = log_to_parquet(&path, &path.with_extension("rows"))
    {
        // It also reads what lies behind a damaged frame.
        assert!(converted.rows >= rows);
    }
}

fuzz_target!(|input: &[u8]| {
    read(input);
    let mut octets = frame(1, FORMAT);
    for part in input.split(|octet| *octet == b'\n') {
        if let Some((kind, payload)) = part.split_first() {
            octets.extend(frame(2 + kind % 2, payload));
        }
    }
    read(&octets);
});
