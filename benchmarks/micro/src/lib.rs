//! What the micro-benchmarks work on: names, compiled lists, a rulebook, packets, a warm answerer.
//!
//! Names come from the files that `SCHOOLGATE_BENCH_LISTED` and `SCHOOLGATE_BENCH_POPULAR` name, one a line, or are made up;
//! always the same for the same input. Nothing here is measured.

use schoolgate_plane::bench_support::{
    Answerer, Counters, MissRequest, Now, Outcome, PacketCache, Question, ReplySender, Requester, Stored,
};
use schoolgate_plane::{ActiveState, Settings};
use schoolgate_policy::{
    DeviceGroups, Input, PolicyTable, ProtectedNames, RuleKind, Rulebook, Selection, Snapshot, compile_snapshot,
};
use schoolgate_querylog::{LogOrders, LogSettings, LogWriter, record_rings};
use schoolgate_wire::{AnswerImage, CookieSecrets, Name, rtype};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

const WORDS: [&str; 48] = [
    "able", "acorn", "alpha", "amber", "atlas", "azure", "beam", "birch", "blue", "brook", "cedar", "cloud", "coral",
    "delta", "ember", "fern", "flint", "forge", "frost", "glade", "grove", "heron", "indigo", "ivy", "jade", "lark",
    "linden", "maple", "moss", "nova", "oak", "onyx", "orbit", "pearl", "pixel", "quartz", "raven", "ridge", "sage",
    "slate", "spark", "stone", "track", "velvet", "wave", "willow", "ads", "media",
];
const ENDS: [&str; 12] = ["com", "com", "com", "com", "com", "net", "org", "info", "de", "co.uk", "xyz", "online"];
const DEEP_LABELS: usize = 24;
/// Packets of a full batch (rust/plane/src/socket/mod.rs).
const BATCH: usize = 64;

/// Numbers that look random and are always the same (splitmix64).
pub struct SeededNumbers(pub u64);

impl SeededNumbers {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % bound as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// The same values in another order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        (1..values.len()).rev().for_each(|at| values.swap(at, self.below(at + 1)));
    }
}

/// `count` listed names: from the file, as far as it goes, then made up.
pub fn listed(count: usize) -> Vec<String> {
    let mut names = from_file("SCHOOLGATE_BENCH_LISTED", count);
    let mut numbers = SeededNumbers(1);
    let mut number = 0;
    while names.len() < count {
        number += 1;
        let name = format!("{}-{}{number}.{}", numbers.one(&WORDS), numbers.one(&WORDS), numbers.one(&ENDS));
        // One in nine real listed names lies below another.
        if numbers.below(9) == 0 && names.len() + 1 < count {
            names.push(format!("{}.{name}", numbers.one(&WORDS)));
        }
        names.push(name);
    }
    names
}

/// `count` popular names. Of real ones some stand below listed ones.
pub fn popular(count: usize) -> Vec<String> {
    let mut names = from_file("SCHOOLGATE_BENCH_POPULAR", count);
    let mut numbers = SeededNumbers(2);
    while names.len() < count {
        let plain = format!("{}{}.{}", numbers.one(&WORDS), names.len(), numbers.one(&ENDS));
        names.push(if numbers.below(3) == 0 { plain } else { format!("www.{plain}") });
    }
    names
}

fn from_file(variable: &str, most: usize) -> Vec<String> {
    let text = std::env::var_os(variable).map(|path| std::fs::read_to_string(path).expect("the names file"));
    text.unwrap_or_default().lines().take(most).map(str::to_owned).collect()
}

/// Names, as questions are.
pub fn names<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<Name> {
    texts.into_iter().filter_map(|text| Name::from_text(text).ok()).collect()
}

/// Sub-domains of popular names that were never asked before.
pub fn unique(popular: &[String], count: usize) -> Vec<String> {
    let mut numbers = SeededNumbers(3);
    (0..count).map(|_| format!("{:012x}.{}", numbers.below(1 << 48), popular[numbers.below(popular.len())])).collect()
}

/// Names of many labels, as a tunnel or an attack asks them.
pub fn deep(count: usize) -> Vec<String> {
    let mut numbers = SeededNumbers(4);
    let labels = |numbers: &mut SeededNumbers| {
        (0..DEEP_LABELS).fold(String::new(), |mut text, _| {
            let _ = write!(text, "{:x}.", numbers.below(1 << 20));
            text
        })
    };
    (0..count).map(|at| format!("{}tunnel{}.net", labels(&mut numbers), at % 100)).collect()
}

/// Compiled lists, in a file of the temporary directory that is gone when they are read.
pub fn snapshot(listed: &[String]) -> Arc<Snapshot> {
    let directory = std::env::temp_dir().join(format!("schoolgate-micro-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let (list, out): (PathBuf, PathBuf) = (directory.join("list.txt"), directory.join("lists.snapshot"));
    std::fs::write(&list, listed.join("\n")).expect("a list");
    let input = Input::reviewed(list, "benchmark".into(), "gambling".into(), RuleKind::Suffix);
    compile_snapshot(&[input], &out, 1, &ProtectedNames::default()).expect("compiled lists");
    let snapshot = Arc::new(Snapshot::open(&out).expect("a sound snapshot"));
    std::fs::remove_dir_all(&directory).expect("an end of the directory");
    snapshot
}

/// A policy like a school's: one that denies the list, local zones, a few names of its own.
pub fn table() -> Arc<PolicyTable> {
    let description = serde_json::json!({
        "serial": 1,
        "policies": [{"id": "pupil", "action": "nxdomain", "unknown": "allow",
                      "categories": {"gambling": {"layer": 9, "effect": "deny"}}},
                     {"id": "tablet", "action": "nxdomain", "unknown": "allow",
                      "categories": {"gambling": {"layer": 9, "effect": "deny"}, "games": {"layer": 9, "effect": "deny"}}}],
        "groups": [{"id": "trolley", "policy": "tablet"}],
        "names": [
            {"name": "open.example.org", "match": "suffix", "policies": ["pupil"], "layer": 6, "effect": "allow",
             "rule": "allow[0]"},
            {"name": "shut.example.org", "match": "suffix", "policies": ["pupil", "tablet"], "layer": 6, "effect": "deny",
             "rule": "deny[0]"}],
        "segments": [{"id": "pupils", "prefixes": ["127.0.0.0/8"], "policy": "pupil"}],
        "strictest": "pupil", "allowed_clients": ["127.0.0.0/8"],
        "zones": [{"zone": "localhost", "kind": "static",
                   "records": [{"name": "localhost", "type": 1, "ttl_s": 3600, "rdata": "7f000001"}]}],
    });
    Arc::new(PolicyTable::compile(description.to_string().as_bytes()).expect("a policy"))
}

/// A query for A as a stub resolver sends it, with EDNS.
pub fn packet(name: &Name) -> Vec<u8> {
    let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    let opt = [0, 0, 0x29, 4, 0xd0, 0, 0, 0, 0, 0, 0];
    [header.as_slice(), name.as_wire(), &[0, 1, 0, 1], &opt].concat()
}

/// An answer to keep: one address, an hour.
pub fn image(name: &Name) -> AnswerImage {
    let header = [0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    let record = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1];
    let reply = [header.as_slice(), name.as_wire(), &[0, 1, 0, 1], &record].concat();
    AnswerImage::from_reply(name, rtype::A, false, &reply).expect("a usable reply")
}

/// The image as the plane stores it.
pub fn stored(name: &Name) -> Arc<Stored> {
    let question = Question { name: name.as_wire().into(), qtype: rtype::A, flags: 0, rewrite: None };
    Arc::new(Stored::answer(&question, image(name), None, 0).fresh_for_ms(3_600_000))
}

/// Of the active state, and of the tags of what is in the cache: answers are tagged when they come.
const GENERATION: u64 = 1;

/// A cache that holds answers for all `names`.
pub fn cache(names: &[Name]) -> PacketCache {
    let mut cache = PacketCache::new(256 << 20).expect("room");
    for name in names {
        let mut held = schoolgate_plane::bench_support::Held::new(stored(name));
        held.generation = GENERATION;
        cache.insert(held);
    }
    cache
}

/// The whole way of a packet, without a socket: an answerer whose cache is warm.
pub struct WarmAnswerer {
    answerer: Answerer,
    active: ActiveState,
    requester: Requester,
    out: Vec<u8>,
    /// Answers since the records were handed over.
    in_batch: usize,
    // The other end, which is never read: what is measured is answered on the spot.
    _misses: rtrb::Consumer<MissRequest>,
}

struct Nowhere;

impl ReplySender for Nowhere {
    fn send(&mut self, _: &Requester, _: &[u8]) {}
}

impl WarmAnswerer {
    /// An answerer that knows `warm`.
    pub fn new(snapshot: Arc<Snapshot>, warm: &[Name]) -> Self {
        let settings = serde_json::json!({"listen": ["127.0.0.1:0"], "cache_octets": 256 << 20});
        let settings: Settings = serde_json::from_value(settings).expect("settings");
        let (producer, consumer) = rtrb::RingBuffer::new(16);
        let cookies = Arc::new(CookieSecrets::new([7; 16], None));
        let mut answerer =
            Answerer::new(Arc::new(settings), Arc::new(Counters::default()), cookies, Arc::default(), producer)
                .expect("room");
        let active = ActiveState::new(Rulebook::new(snapshot, table(), None), GENERATION, Now::default());
        for name in warm {
            answerer.complete(&active, &stored(name), Now::default(), &mut Nowhere);
        }
        let (client, local) = (([127, 0, 0, 1], 40_000).into(), ([127, 0, 0, 1], 53).into());
        let (requester, out) = (Requester::Stream(1, client, local, schoolgate_querylog::Door::Tcp), vec![0; 65_535]);
        Self { answerer, active, requester, out, in_batch: 0, _misses: consumer }
    }

    /// The same for a device in a group that tightens its policy, among 50,000 devices.
    pub fn grouped(mut self) -> Self {
        let others = (0..50_000u32).map(|at| std::net::Ipv4Addr::from(0x0a00_0000 + at));
        let addresses = others.chain([[127, 0, 0, 1].into()]).map(|address| serde_json::json!([address, 0]));
        let description = serde_json::json!({"sets": [["trolley"]], "addresses": addresses.collect::<Vec<_>>()});
        let groups = DeviceGroups::read(description.to_string().as_bytes()).expect("groups");
        self.active = self.active.with_groups(Arc::new(groups));
        let selection = self.active.select(self.requester.client().ip(), self.requester.local());
        assert!(matches!(selection, Selection::Served(selected) if selected.policy != selected.network));
        self
    }

    /// The same with a query log, and the writer at its other end.
    pub fn recording(mut self) -> (Self, LogWriter) {
        let (recorder, reader) = record_rings(4 << 20, 4 << 20);
        self.answerer = self.answerer.recording_to(Some(recorder));
        let directory = std::env::temp_dir().join(format!("schoolgate-bench-log-{}", std::process::id())).join("wal");
        std::fs::create_dir_all(&directory).expect("a directory");
        let orders = Arc::new(LogOrders::default());
        orders.set_key(Some([3; 16]));
        let settings = LogSettings { directory, max_octets: u64::MAX };
        let mut writer = LogWriter::new(settings, orders, Arc::default(), vec![reader]);
        writer.turn(0);
        (self, writer)
    }

    /// [`WarmAnswerer::answer`], handing over records as a worker does: once for a full batch of packets.
    #[inline]
    pub fn answer_recorded(&mut self, packet: &[u8]) -> usize {
        self.in_batch += 1;
        if self.in_batch == BATCH {
            self.in_batch = 0;
            self.answerer.commit_records(|| 30);
        }
        self.answer(packet)
    }

    /// Octets of the answer to a packet, 0 where none comes at once.
    #[inline]
    pub fn answer(&mut self, packet: &[u8]) -> usize {
        match self.answerer.answer(&self.active, packet, &self.requester, Now::default(), &mut self.out) {
            Outcome::Answer(octets) => octets,
            _ => 0,
        }
    }
}
