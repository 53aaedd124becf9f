//! What is written is read, whatever happens to the file between.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::frame::{FRAME_HEAD_OCTETS, Kind, frame, read_head};
use crate::wal_reader::{WalReader, count_rows};
use crate::{Class, OwnedRow, WITHHELD, log_read, log_to_parquet, write_sample};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of its own, removed in the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("schoolgate-log-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn row(time_us: i64, qname: &str) -> OwnedRow {
    OwnedRow {
        time_us,
        client: "192.0.2.7".into(),
        segment: "pupils".into(),
        policy: "pupil".into(),
        policy_serial: 4,
        door: "udp".into(),
        qname: qname.into(),
        qname_asked: None,
        qtype: 28,
        rcode: 3,
        action: "deny".into(),
        layer: "category".into(),
        category: Some("games".into()),
        rule: Some("example-feed".into()),
        snapshot_serial: 12,
        source: "policy".into(),
        latency_us: 21,
        cname: None,
    }
}

/// Every row of a file, and where reading ended.
pub fn read_all(path: &std::path::Path) -> (Vec<OwnedRow>, u64) {
    let mut rows = Vec::new();
    let end = log_read(path, 0, usize::MAX, |row| rows.push(owned(row))).unwrap();
    (rows, end)
}

pub fn owned(row: &crate::Row<'_>) -> OwnedRow {
    let own = |text: Option<&str>| text.map(str::to_owned);
    OwnedRow {
        time_us: row.time_us,
        client: row.client.into(),
        segment: row.segment.into(),
        policy: row.policy.into(),
        policy_serial: row.policy_serial,
        door: row.door.into(),
        qname: row.qname.into(),
        qname_asked: own(row.qname_asked),
        qtype: row.qtype as u16,
        rcode: row.rcode as u16,
        action: row.action.into(),
        layer: row.layer.into(),
        category: own(row.category),
        rule: own(row.rule),
        snapshot_serial: row.snapshot_serial,
        source: row.source.into(),
        latency_us: row.latency_us as u32,
        cname: own(row.cname),
    }
}

fn wal(scratch: &Scratch, number: u64, rows: &[OwnedRow]) -> PathBuf {
    let directory = scratch.0.join("log").join("wal");
    write_sample(&directory, Class::Ordinary, number, rows).unwrap();
    directory.join(format!("ordinary-{number:020}.wal"))
}

fn name() -> impl Strategy<Value = String> {
    let label = proptest::collection::vec(any::<u8>(), 1..12);
    proptest::collection::vec(label, 1..5).prop_map(|labels| {
        let wire: Vec<u8> = labels.iter().flat_map(|one| [&[one.len() as u8], one.as_slice()].concat()).collect();
        let mut text = String::new();
        crate::name_text::write_name(&[&wire, &[0][..]].concat(), true, &mut text);
        text
    })
}

prop_compose! {
    fn any_row()(
        time_us in -10i64..2_000_000_000_000_000,
        client in prop_oneof![Just("192.0.2.7"), Just("2001:db8::7"), Just("p-aaaaaaaaaaaaaaaaaaaaaaaaaa")],
        segment in prop_oneof![Just(""), Just("pupils"), Just("staff")],
        serials in (0i64..3, 0i64..2),
        door in prop_oneof![Just("udp"), Just("tcp")],
        qname in name(),
        asked in any::<bool>(),
        numbers in any::<(u16, u16)>(),
        action in prop_oneof![Just("allow"), Just("deny"), Just("deny-revealed"), Just("rewrite"), Just("fail")],
        category in prop_oneof![Just(None), Just(Some("games")), Just(Some("social"))],
        rule in prop_oneof![Just(None), Just(Some("a-feed")), Just(Some("deny example.com"))],
        source in prop_oneof![Just("cache"), Just("nobody")],
        latency_us in 0u32..1_000_000,
        cname in proptest::option::of(name()),
        kind in 0..10,
    ) -> OwnedRow {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let upper = qname.to_ascii_uppercase();
        let full = OwnedRow {
            time_us, client: client.into(), segment: segment.into(), policy: "p".into(), policy_serial: serials.0,
            door: door.into(), qname_asked: Some(upper).filter(|upper| asked && *upper != qname), qname,
            qtype: numbers.0, rcode: numbers.1, action: action.into(), layer: "own-list".into(), category: own(category),
            rule: own(rule), snapshot_serial: serials.1, source: source.into(), latency_us, cname,
        };
        match kind {
            0 => OwnedRow { qname: WITHHELD.into(), qname_asked: None, cname: None, ..full },
            1 => OwnedRow { qname: String::new(), client: String::new(), qname_asked: None, cname: None, rule: None, ..full },
            _ => full,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rows_written_are_read_and_turned_into_parquet(rows in proptest::collection::vec(any_row(), 0..60)) {
        let scratch = Scratch::new();
        let path = wal(&scratch, 7, &rows);
        let (read, end) = read_all(&path);
        prop_assert_eq!(&read, &rows);
        prop_assert_eq!(end, std::fs::metadata(&path).unwrap().len());
        prop_assert_eq!(count_rows(&File::open(&path).unwrap()).unwrap(), rows.len() as u64);
        let days: std::collections::BTreeSet<i64> = rows.iter().map(|row| row.time_us.div_euclid(86_400_000_000)).collect();
        prop_assume!(days.len() <= 16);
        let converted = log_to_parquet(&path, &scratch.0.join("rows")).unwrap();
        prop_assert_eq!((converted.rows, converted.lost_octets, converted.files.len()), (rows.len() as u64, 0, days.len()));
        let columns: usize = converted.files.iter().map(|file| names_in(file).len()).sum();
        prop_assert_eq!(columns, rows.len());
    }
}

/// The names of a Parquet file, read by the library's own reader.
fn names_in(path: &std::path::Path) -> Vec<String> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let qname = |row: parquet::record::Row| {
        row.get_column_iter().find_map(|(name, field)| match field {
            Field::Str(text) if name == "qname" => Some(text.clone()),
            _ => None,
        })
    };
    rows.map(|row| qname(row.unwrap()).unwrap()).collect()
}

#[test]
fn a_file_cut_off_anywhere_gives_its_whole_frames_and_nothing_else() {
    let scratch = Scratch::new();
    // Serials differ, so each pair of rows has a frame and a legend of its own.
    let rows: Vec<_> = (0..6).map(|at| OwnedRow { policy_serial: at / 2, ..row(at, "www.example.com") }).collect();
    let path = wal(&scratch, 1, &rows);
    let octets = std::fs::read(&path).unwrap();
    let mut seen = Vec::new();
    for end in 0..=octets.len() {
        let mut reader = WalReader::new(&octets[..end], 0);
        let mut read = Vec::new();
        while reader
            .next(|row| {
                read.push(owned(row));
                Ok(())
            })
            .unwrap()
            .is_some()
        {}
        assert_eq!(read, rows[..read.len()], "cut off at {end}");
        assert!(read.len() % 2 == 0 && seen.last().is_none_or(|last| *last <= read.len()));
        assert_eq!(reader.at() + reader.left_octets().unwrap(), end as u64);
        seen.push(read.len());
    }
    assert_eq!(seen.last(), Some(&6));
}

#[test]
fn an_octet_changed_anywhere_is_noticed() {
    let scratch = Scratch::new();
    let rows: Vec<_> = (0..3).map(|at| row(at, "www.example.com")).collect();
    let octets = std::fs::read(wal(&scratch, 1, &rows)).unwrap();
    for at in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[at] ^= 0x10;
        let mut reader = WalReader::new(damaged.as_slice(), 0);
        let mut read = 0;
        while let Some(rows) = reader.next(|_| Ok(())).unwrap() {
            read += rows;
        }
        assert_eq!(read, 0, "octet {at}");
    }
}

#[test]
fn reading_goes_on_where_it_ended_while_the_file_grows() {
    let scratch = Scratch::new();
    let rows: Vec<_> = (0..9).map(|at| OwnedRow { policy_serial: at / 3, ..row(at, "www.example.com") }).collect();
    let path = wal(&scratch, 1, &rows);
    let octets = std::fs::read(&path).unwrap();
    let growing = scratch.0.join("ordinary-00000000000000000002.wal");
    let (mut at, mut read) = (0, Vec::new());
    for end in (0..=octets.len()).step_by(37).chain([octets.len()]) {
        std::fs::write(&growing, &octets[..end]).unwrap();
        at = log_read(&growing, at, 1, |row| read.push(owned(row))).unwrap();
    }
    while let next = log_read(&growing, at, 1, |row| read.push(owned(row))).unwrap()
        && next != at
    {
        at = next;
    }
    assert_eq!(read, rows);
}

#[test]
fn rows_of_two_days_go_to_two_files_and_doing_it_again_changes_nothing() {
    let scratch = Scratch::new();
    let midnight = 1_763_769_600_000_000;
    let path = wal(&scratch, 3, &[row(midnight - 1, "before.example"), row(midnight, "after.example")]);
    let converted = log_to_parquet(&path, &scratch.0.join("rows")).unwrap();
    let base = scratch.0.join("rows");
    assert_eq!(
        converted.files,
        [
            base.join("day=2025-11-21/class=ordinary/wal-00000000000000000003.parquet"),
            base.join("day=2025-11-22/class=ordinary/wal-00000000000000000003-1.parquet"),
        ]
    );
    let before: Vec<_> = converted.files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(log_to_parquet(&path, &base).unwrap(), converted);
    let after: Vec<_> = converted.files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(before, after);
    assert_eq!(names_in(&converted.files[1]), ["after.example"]);
}

#[test]
fn the_tail_that_is_lost_is_reported() {
    let scratch = Scratch::new();
    let path = wal(&scratch, 3, &[row(0, "a.example")]);
    let octets = std::fs::read(&path).unwrap();
    let cut = octets.len() as u64 - 1;
    File::options().write(true).open(&path).unwrap().set_len(cut).unwrap();
    let converted = log_to_parquet(&path, &scratch.0.join("rows")).unwrap();
    let (format, legend) = (38, read_head(&octets.as_slice(), 38).unwrap().unwrap().octets());
    assert_eq!((converted.rows, converted.lost_octets, converted.is_damaged), (0, cut - format - legend, false));
    assert_eq!(FRAME_HEAD_OCTETS, 16);
}

/// Where each frame of a file stands.
fn frames(octets: &[u8]) -> Vec<(u64, crate::frame::FrameHead)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(head) = read_head(&octets, at).unwrap() {
        found.push((at, head));
        at += head.octets();
    }
    found
}

#[test]
fn a_damaged_frame_of_a_closed_file_costs_its_own_rows_and_they_are_counted() {
    let scratch = Scratch::new();
    let rows: Vec<_> = (0..6).map(|at| OwnedRow { policy_serial: at / 2, ..row(at, "www.example.com") }).collect();
    let path = wal(&scratch, 1, &rows);
    let octets = std::fs::read(&path).unwrap();
    for (start, head) in frames(&octets) {
        let mut damaged = octets.clone();
        damaged[(start + head.octets()) as usize - 1] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let converted = log_to_parquet(&path, &scratch.0.join("rows")).unwrap();
        let lost = if head.kind == Kind::Rows { 2 } else { 0 };
        assert_eq!((converted.rows, converted.lost_rows), (6 - lost, lost), "frame at {start}");
        assert_eq!((converted.lost_octets, converted.is_damaged), (head.octets(), true));
    }
}

#[test]
fn a_closed_file_cut_off_anywhere_is_torn_and_not_damaged() {
    let scratch = Scratch::new();
    let rows: Vec<_> = (0..4).map(|at| OwnedRow { policy_serial: at / 2, ..row(at, "www.example.com") }).collect();
    let octets = std::fs::read(wal(&scratch, 1, &rows)).unwrap();
    for end in 0..=octets.len() {
        for zeros in [0, 100] {
            let torn = [&octets[..end], &vec![0; zeros]].concat();
            let whole: u64 = frames(&octets)
                .iter()
                .filter(|(at, head)| at + head.octets() <= end as u64)
                .map(|(_, head)| head.octets())
                .sum();
            if zeros > 0 && end as u64 != whole {
                continue;
            }
            let mut reader = WalReader::of_closed(torn.as_slice());
            while reader.next(|_| Ok(())).unwrap().is_some() {}
            let lost = reader.lost().unwrap();
            assert_eq!(
                (lost.octets, lost.rows, lost.is_damaged),
                (torn.len() as u64 - whole, 0, false),
                "cut off at {end}"
            );
        }
    }
}

#[test]
fn a_file_of_another_format_is_refused_whole() {
    let scratch = Scratch::new();
    let path = wal(&scratch, 1, &[row(0, "www.example.com")]);
    let octets = std::fs::read(&path).unwrap();
    let other = frame(Kind::Format, b"schoolgate query log 2");
    for bad in [[&other, &octets[other.len()..]].concat(), b"a head of sixteen octets or more".to_vec()] {
        std::fs::write(&path, bad).unwrap();
        let error = log_to_parquet(&path, &scratch.0.join("rows")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    }
}

#[test]
fn rows_with_words_nobody_knows_are_counted_as_lost() {
    let scratch = Scratch::new();
    let path = wal(&scratch, 1, &[row(0, "www.example.com"), row(1, "www.example.com")]);
    let octets = std::fs::read(&path).unwrap();
    let (at, head) = *frames(&octets).last().unwrap();
    // The frame says it has three rows, and is whole: a later version has put something there.
    let payload = &octets[at as usize + FRAME_HEAD_OCTETS..];
    let said = [&payload[..8], &3u32.to_le_bytes(), &payload[12..]].concat();
    assert_eq!(said.len(), head.payload_octets);
    std::fs::write(&path, [&octets[..at as usize], &frame(Kind::Rows, &said)].concat()).unwrap();
    let converted = log_to_parquet(&path, &scratch.0.join("rows")).unwrap();
    assert_eq!((converted.rows, converted.lost_rows, converted.is_damaged), (2, 1, true));
}

#[test]
fn what_no_server_would_write_is_refused() {
    let scratch = Scratch::new();
    let directory = scratch.0.join("wal");
    for bad in [
        OwnedRow { action: "shrug".into(), ..row(0, "a.example") },
        OwnedRow { client: "somebody".into(), ..row(0, "a.example") },
        row(0, "a..example"),
    ] {
        let error = write_sample(&directory, Class::Ordinary, 1, &[bad]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    assert!(!directory.exists());
}
