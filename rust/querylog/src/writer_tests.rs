//! The log writer on a table: records in at one end, files out at the other, the clock in the test's hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::tests::{Scratch, owned};
use crate::wal_file::CLOSE_AFTER_MS;
use crate::wal_name::scan;
use crate::{
    Action, ByClass, Class, Client, DecidedBy, Door, Legend, LogCounts, LogOrders, LogSettings, LogStatus, LogWriter,
    OwnedRow, PseudonymKey, Record, Recorder, Source, WITHHELD, log_read, record_rings,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

const MINUTE_US: i64 = 60_000_000;
const NAME: &[u8] = b"\x03WwW\x07example\x03org\x00";

struct Table {
    scratch: Scratch,
    recorder: Recorder,
    writer: LogWriter,
    orders: Arc<LogOrders>,
    counts: Arc<LogCounts>,
    dropped: Arc<[std::sync::atomic::AtomicU64; 2]>,
    now_ms: u64,
}

/// A writer that starts on what is there already.
fn numbers_after_a_start(scratch: Scratch) -> Vec<(Class, u64)> {
    let mut table = Table::with(scratch, 1 << 20, 1 << 20, u64::MAX);
    table.turn(1);
    table.files()
}

#[test]
fn a_number_is_never_used_twice_also_when_the_directory_was_emptied() {
    let scratch = Scratch::new();
    let log = scratch.0.join("log");
    for (class, names) in [
        (
            "ordinary",
            &["wal-00000000000000000007-1.parquet", "hour-07-00000000000000000002-00000000000000000005.parquet"],
        ),
        (
            "safeguarding",
            &["day-00000000000000000001-00000000000000000003.parquet", "wal-00000000000000000009.parquet.damaged"],
        ),
    ] {
        let folder = log.join("rows/day=2026-11-17").join(format!("class={class}"));
        std::fs::create_dir_all(&folder).unwrap();
        for name in names {
            std::fs::write(folder.join(name), "").unwrap();
        }
    }
    std::fs::create_dir(log.join("wal")).unwrap();
    std::fs::write(log.join("wal/ordinary-00000000000000000011.wal.damaged"), "").unwrap();
    assert_eq!(numbers_after_a_start(scratch), [(Class::Ordinary, 12), (Class::Safeguarding, 10)]);
}

#[test]
fn a_number_that_only_a_rollup_remembers_is_not_used_again() {
    let scratch = Scratch::new();
    let rollups = scratch.0.join("log/rollups");
    std::fs::create_dir_all(&rollups).unwrap();
    let schema = Arc::new(parse_message_type("message rollup { required int64 rows; }").unwrap());
    let said =
        vec![KeyValue::new("ordinary".into(), "41".to_owned()), KeyValue::new("safeguarding".into(), "-1".to_owned())];
    let properties = Arc::new(WriterProperties::builder().set_key_value_metadata(Some(said)).build());
    let file = std::fs::File::create(rollups.join("day=2025-01-01.parquet")).unwrap();
    SerializedFileWriter::new(file, schema, properties).unwrap().close().unwrap();
    std::fs::write(rollups.join("day=2025-01-02.parquet"), "damaged").unwrap();
    assert_eq!(numbers_after_a_start(scratch), [(Class::Ordinary, 42), (Class::Safeguarding, 1)]);
}

impl Table {
    fn new() -> Self {
        Self::with(Scratch::new(), 1 << 20, 1 << 20, u64::MAX)
    }

    fn with(scratch: Scratch, ordinary: usize, safeguarding: usize, max_octets: u64) -> Self {
        let (recorder, reader) = record_rings(ordinary, safeguarding);
        let (orders, counts): (Arc<LogOrders>, Arc<LogCounts>) = (Arc::default(), Arc::default());
        let dropped = reader.dropped();
        let directory = scratch.0.join("log").join("wal");
        let settings = LogSettings { directory, max_octets };
        let writer = LogWriter::new(settings, orders.clone(), counts.clone(), vec![reader]);
        let table = Self { scratch, recorder, writer, orders, counts, dropped, now_ms: 1 };
        table.install(1, "pupils");
        table
    }

    fn install(&self, generation: u64, segment: &str) {
        self.orders.install(&Legend {
            generation,
            snapshot_serial: 40 + generation,
            policy_serial: generation,
            sealed_rule: "sealed list, serial 7".into(),
            layers: ["sealed", "platform", "trust-locked", "protected", "exception", "own-list"].map(Into::into).into(),
            segments: vec![segment.into()],
            policies: vec!["pupil".into()],
            sources: vec![("a-feed".into(), "self-harm".into())],
            statements: vec!["deny example.org".into()],
        });
    }

    fn wal(&self) -> PathBuf {
        self.scratch.0.join("log").join("wal")
    }

    fn turn(&mut self, pass_ms: u64) {
        self.now_ms += pass_ms;
        self.writer.turn(self.now_ms);
    }

    /// Every row on the disk, by class and in order.
    fn rows(&self, class: Class) -> Vec<OwnedRow> {
        let mut rows = Vec::new();
        for one in scan(&self.wal()).unwrap().into_iter().filter(|one| one.class == class) {
            log_read(&one.path, 0, usize::MAX, |row| rows.push(owned(row))).unwrap();
        }
        rows
    }

    fn files(&self) -> Vec<(Class, u64)> {
        scan(&self.wal()).unwrap().into_iter().map(|one| (one.class, one.number)).collect()
    }

    fn status(&self) -> LogStatus {
        self.counts.status(ByClass::of(&self.dropped), self.now_ms)
    }
}

fn record(time_us: i64) -> Record<'static> {
    Record {
        time_us,
        latency_us: 5,
        client: Client::Address([192, 0, 2, 1].into()),
        door: Door::Tcp,
        segment: Some(0),
        policy: 0,
        qtype: 28,
        rcode: 3,
        action: Action::Deny,
        layer: 6,
        decided_by: DecidedBy::Statement(0),
        source: Source::Policy,
        withheld: false,
        counted: false,
        name: NAME,
        cname: b"\x03Cdn\x07example\x03net\x00",
    }
}

#[test]
fn what_a_worker_records_is_a_row_of_words() {
    let mut table = Table::new();
    table.recorder.note(Class::Ordinary, 1, &record(1_750_000_000_000_000));
    table.recorder.commit(20);
    table.turn(0);
    let row = OwnedRow {
        time_us: 1_750_000_000_000_000,
        client: "192.0.2.1".into(),
        segment: "pupils".into(),
        policy: "pupil".into(),
        policy_serial: 1,
        door: "tcp".into(),
        qname: "www.example.org".into(),
        qname_asked: Some("WwW.example.org".into()),
        qtype: 28,
        rcode: 3,
        action: "deny".into(),
        layer: "own-list".into(),
        category: None,
        rule: Some("deny example.org".into()),
        snapshot_serial: 41,
        source: "policy".into(),
        latency_us: 25,
        cname: Some("cdn.example.net".into()),
    };
    assert_eq!(table.rows(Class::Ordinary), [row]);
    assert_eq!(table.status().rows, ByClass { ordinary: 1, safeguarding: 0 });
}

#[test]
fn what_must_not_be_kept_is_not_in_the_file() {
    let mut table = Table::new();
    let sealed = Record { layer: 1, decided_by: DecidedBy::Sealed, ..record(1) };
    table.recorder.note(Class::Safeguarding, 1, &sealed.withheld());
    let listed = Record { decided_by: DecidedBy::Source(0), ..record(3 * MINUTE_US + 5) };
    table.recorder.note(Class::Ordinary, 1, &listed.counted());
    table.recorder.note(Class::Ordinary, 1, &record(3 * MINUTE_US + 5).counted());
    table.recorder.commit(0);
    table.turn(0);
    let withheld = table.rows(Class::Safeguarding).remove(0);
    assert_eq!((withheld.qname.as_str(), withheld.cname, withheld.qname_asked), (WITHHELD, None, None));
    assert_eq!((withheld.client.as_str(), withheld.rule.as_deref()), ("192.0.2.1", Some("sealed list, serial 7")));
    for (row, category) in table.rows(Class::Ordinary).into_iter().zip([Some("self-harm"), None]) {
        assert_eq!((row.client.as_str(), row.qname.as_str(), row.cname, row.rule), ("", "", None, None));
        assert_eq!((row.time_us, row.segment.as_str(), row.category.as_deref()), (3 * MINUTE_US, "pupils", category));
        assert_eq!((row.action.as_str(), row.layer.as_str(), row.rcode), ("deny", "own-list", 3));
    }
    for one in scan(&table.wal()).unwrap() {
        let octets = std::fs::read(one.path).unwrap().to_ascii_lowercase();
        let holds = |name: &[u8]| octets.windows(name.len()).any(|window| window == name);
        assert!(!holds(b"\x07example"), "{:?}", one.class);
        assert!(one.class == Class::Safeguarding || !holds(&[192, 0, 2, 1]));
    }
}

#[test]
fn a_new_key_makes_new_pseudonyms_and_the_old_ones_belong_to_nobody() {
    let mut table = Table::new();
    let clients = [[1; 16], [2; 16]].map(|key| {
        table.orders.set_key(Some(key));
        table.recorder.note(Class::Ordinary, 1, &record(1));
        table.recorder.note(Class::Ordinary, 1, &record(1).counted());
        table.recorder.commit(0);
        table.turn(0);
        let rows = table.rows(Class::Ordinary);
        assert_eq!(rows.last().unwrap().client, "", "a client that is not kept has no pseudonym");
        let client = rows[rows.len() - 2].client.clone();
        assert_eq!(PseudonymKey::new(&key).client(&client), Some([192, 0, 2, 1].into()));
        client
    });
    assert_ne!(clients[0], clients[1]);
}

#[test]
fn rows_of_several_active_states_keep_their_own_words() {
    let mut table = Table::new();
    table.install(2, "staff");
    for generation in [1, 2, 1, 3] {
        table.recorder.note(Class::Ordinary, generation, &record(generation as i64));
    }
    table.recorder.commit(0);
    table.turn(0);
    let rows = table.rows(Class::Ordinary);
    let words: Vec<_> = rows.iter().map(|row| (row.segment.as_str(), row.policy_serial)).collect();
    // The words of the third are unknown; the row is kept all the same.
    assert_eq!(words, [("pupils", 1), ("staff", 2), ("pupils", 1), ("", 0)]);
    assert_eq!(rows[3].qname, "www.example.org");
}

#[test]
fn an_active_state_that_comes_during_a_turn_has_its_words() {
    let mut table = Table::new();
    table.turn(0);
    table.install(2, "staff");
    table.recorder.note(Class::Ordinary, 2, &record(1));
    table.recorder.commit(0);
    // What a turn does after it has taken its orders.
    assert!(table.writer.drain(table.now_ms, |_| ()));
    table.writer.flush(Class::Ordinary as usize, table.now_ms);
    assert_eq!(table.rows(Class::Ordinary)[0].segment, "staff");
}

#[test]
fn a_turn_is_done_in_short_pieces_and_ends_while_more_comes() {
    let mut table = Table::new();
    table.turn(0);
    for _ in 0..1000 {
        table.recorder.note(Class::Ordinary, 1, &record(1));
        table.recorder.commit(0);
    }
    let mut taken = Vec::new();
    for _ in 0..3 {
        let pieces = Cell::new(0);
        table.writer.drain(table.now_ms, |_| pieces.set(pieces.get() + 1));
        table.writer.flush(Class::Ordinary as usize, table.now_ms);
        taken.push((pieces.get(), table.rows(Class::Ordinary).len()));
    }
    assert_eq!(taken, [(32, 512), (30, 1000), (0, 1000)]);
}

#[test]
fn a_flood_of_ordinary_rows_costs_none_that_matter() {
    let mut table = Table::with(Scratch::new(), 8192, 8192, u64::MAX);
    for _ in 0..400 {
        for _ in 0..5 {
            table.recorder.note(Class::Ordinary, 1, &record(1));
        }
        table.recorder.commit(0);
    }
    for _ in 0..100 {
        table.recorder.note(Class::Safeguarding, 1, &record(2));
        table.recorder.commit(0);
        // The writer is late, but not by a whole ring.
        if table.writer.is_pressed() {
            table.turn(1);
        }
    }
    table.turn(1);
    let status = table.status();
    assert_eq!(table.rows(Class::Safeguarding).len(), 100);
    assert_eq!(status.dropped_ring.safeguarding, 0);
    assert!(status.dropped_ring.ordinary > 0);
    assert_eq!(status.dropped_ring.ordinary + table.rows(Class::Ordinary).len() as u64, 2000);
}

#[test]
fn safeguarding_rows_take_the_ordinary_way_before_any_is_lost() {
    let mut table = Table::with(Scratch::new(), 1 << 20, 600, u64::MAX);
    for _ in 0..50 {
        table.recorder.note(Class::Safeguarding, 1, &record(2));
        table.recorder.commit(0);
    }
    table.turn(1);
    assert_eq!((table.rows(Class::Safeguarding).len(), table.rows(Class::Ordinary).len()), (50, 0));
    assert_eq!(table.status().dropped_ring, ByClass::default());
}

#[test]
fn files_are_closed_after_a_minute_and_numbers_are_never_used_again() {
    let mut table = Table::new();
    table.turn(0);
    assert_eq!(table.files(), [(Class::Ordinary, 1), (Class::Safeguarding, 1)]);
    table.recorder.note(Class::Ordinary, 1, &record(1));
    table.recorder.commit(0);
    table.turn(1);
    table.turn(CLOSE_AFTER_MS);
    assert_eq!(table.files(), [(Class::Ordinary, 1), (Class::Ordinary, 2), (Class::Safeguarding, 1)]);
    let Table { scratch, writer, .. } = table;
    drop(writer);
    let mut next = Table::with(scratch, 4096, 4096, u64::MAX);
    next.turn(0);
    assert_eq!(next.files().len(), 5);
    assert_eq!(next.files()[4], (Class::Safeguarding, 2), "every start begins files of its own");
}

#[test]
fn a_directory_that_is_removed_costs_rows_that_are_counted_and_comes_back() {
    let mut table = Table::new();
    table.turn(0);
    std::fs::remove_dir_all(table.scratch.0.join("log")).unwrap();
    table.recorder.note(Class::Ordinary, 1, &record(1));
    table.recorder.commit(0);
    table.turn(10);
    table.turn(1000);
    assert_eq!(table.status().rows.ordinary, 0, "written to a file that cannot be opened");
    assert_eq!(table.status().dropped_disk.ordinary, 1);
    table.recorder.note(Class::Ordinary, 1, &record(1));
    table.recorder.commit(0);
    table.turn(1000);
    assert_eq!((table.rows(Class::Ordinary).len(), table.status().problem), (1, None));
}

#[test]
fn a_directory_that_cannot_be_made_is_reported_and_tried_again() {
    let mut table = Table::new();
    let log = table.scratch.0.join("log");
    std::fs::write(&log, "in the way").unwrap();
    table.turn(0);
    for class in [Class::Ordinary, Class::Safeguarding] {
        table.recorder.note(class, 1, &record(1));
    }
    table.recorder.commit(0);
    table.turn(10);
    let status = table.status();
    assert_eq!(status.dropped_disk, ByClass { ordinary: 1, safeguarding: 1 });
    assert!(status.problem.unwrap().contains("wal: "));
    std::fs::remove_file(&log).unwrap();
    table.turn(1000);
    table.recorder.note(Class::Ordinary, 1, &record(1));
    table.recorder.commit(0);
    table.turn(10);
    assert_eq!((table.rows(Class::Ordinary).len(), table.status().problem), (1, None));
}

#[test]
fn beyond_its_bound_the_oldest_closed_files_go_ordinary_ones_first() {
    let mut table = Table::with(Scratch::new(), 1 << 20, 1 << 20, 2_000);
    for _ in 0..4 {
        for class in [Class::Ordinary, Class::Safeguarding] {
            table.recorder.note(class, 1, &record(1));
        }
        table.recorder.commit(0);
        table.turn(1);
        table.turn(CLOSE_AFTER_MS);
    }
    let files = table.files();
    let open = [(Class::Ordinary, 5), (Class::Safeguarding, 5)];
    assert!(open.iter().all(|one| files.contains(one)));
    assert_eq!(files.iter().filter(|(class, _)| *class == Class::Ordinary).count(), 1, "{files:?}");
    assert!(files.iter().filter(|(class, _)| *class == Class::Safeguarding).count() > 1, "{files:?}");
    assert_eq!(table.status().dropped_disk, ByClass { ordinary: 4, safeguarding: 4 - kept(&files) });
    assert!(table.status().problem.unwrap().contains("max_wal_mib"));
}

fn kept(files: &[(Class, u64)]) -> u64 {
    files.iter().filter(|(class, number)| *class == Class::Safeguarding && *number < 5).count() as u64
}

#[test]
fn what_was_recorded_before_the_end_is_written_and_only_the_owner_reads_it() {
    let mut table = Table::new();
    for at in 0..3000 {
        table.recorder.note(Class::Ordinary, 1, &record(at));
    }
    table.recorder.commit(0);
    table.writer.finish(5);
    assert_eq!(table.rows(Class::Ordinary).len(), 3000);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&table.wal()), mode(table.wal().parent().unwrap())), (0o700, 0o700));
    assert!(scan(&table.wal()).unwrap().iter().all(|one| mode(&one.path) == 0o600));
    assert!(table.status().last_fsync_age_ms.is_some());
}
