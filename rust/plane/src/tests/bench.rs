//! Some answerers with a miss hub behind them, on a table: nothing moves by itself.

use super::wire::{Answer, Ask, Line, name, reply};
use crate::active_state::ActiveState;
use crate::answer::{Answerer, Outcome};
use crate::clock::Now;
use crate::counters::{Counter, Counters};
use crate::miss_hub::{self, Miss, MissHub};
use crate::rate_limit::RateTable;
use crate::requester::Requester;
use crate::settings::Settings;
use crate::socket::{Peer, Wake};
use crate::stored::Stored;
use crate::validation::AdTrust;
use crate::waiters::ReplySender;
use schoolgate_policy::{
    Input, PolicyTable, ProtectedNames, RuleKind, Rulebook, SealedList, Snapshot, compile_snapshot,
};
use schoolgate_querylog::Door;
use schoolgate_wire::{CookieSecrets, EdeCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub const SEALED_KEY: [u8; 16] = [1; 16];
/// When a bench begins, in both clocks.
pub const START: Now = Now::at(1_000_000, 1_750_000_000);

/// Pupils (192.0.2.0/24) may not see what is listed as `social` or denied by the school; staff (198.51.100.0/24) may see
/// all but what is locked; guests (203.0.113.0/24, in no segment) get the strictest policy.
pub fn description() -> Value {
    json!({
        "serial": 1, "strictest": "strict", "block_ttl_s": 30,
        "allowed_clients": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "127.0.0.0/8", "::1/128"],
        "policies": [
            {"id": "strict", "action": "nxdomain", "unknown": "deny"},
            {"id": "pupil", "action": "nxdomain", "unknown": "allow", "rewrites": ["safe"],
             "categories": {"social": {"layer": 9, "effect": "deny"}}},
            {"id": "staff", "action": "nxdomain", "unknown": "allow"},
        ],
        "names": [
            rule("denied.example.com", &["pupil"], 6, "deny"),
            rule("own.example.com", &["pupil"], 6, "allow"),
            rule("locked.example.com", &["pupil", "staff", "strict"], 3, "deny"),
        ],
        "rewrites": [{"id": "safe", "names": ["search.example.org"], "target": "safe.example.net"}],
        "segments": [
            {"id": "pupils", "prefixes": ["192.0.2.0/24"], "policy": "pupil"},
            {"id": "staff", "prefixes": ["198.51.100.0/24", "127.0.0.0/8", "::1/128"], "policy": "staff"},
        ],
        "zones": [],
    })
}

pub fn rule(name: &str, policies: &[&str], layer: u8, effect: &str) -> Value {
    json!({"name": name, "match": "suffix", "policies": policies, "layer": layer, "effect": effect, "rule": name})
}

pub fn settings() -> Settings {
    let listen: Vec<String> = Vec::new();
    serde_json::from_value(json!({"listen": listen, "cache_octets": 4 << 20, "stale_for_s": 3600})).expect("settings")
}

pub fn table(description: &Value) -> Arc<PolicyTable> {
    Arc::new(PolicyTable::compile(description.to_string().as_bytes()).expect("a table"))
}

/// Compiled lists: a category and its names for each.
pub fn snapshot(lists: &[(&str, &str)]) -> Arc<Snapshot> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory: PathBuf = std::env::temp_dir().join(format!("schoolgate-plane-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let input = |(at, (category, lines)): (usize, &(&str, &str))| {
        let path = directory.join(format!("{at}.txt"));
        std::fs::write(&path, lines).expect("a file");
        Input::reviewed(path, format!("{category}-feed"), (*category).into(), RuleKind::Suffix)
    };
    let inputs: Vec<Input> = lists.iter().enumerate().map(input).collect();
    let out = directory.join("lists.snapshot");
    compile_snapshot(&inputs, &out, 1, &ProtectedNames::default()).expect("a snapshot");
    let snapshot = Arc::new(Snapshot::open(&out).expect("a sound snapshot"));
    std::fs::remove_dir_all(&directory).expect("a directory");
    snapshot
}

pub fn sealed(names: &[&str]) -> Arc<SealedList> {
    let hashes = names.iter().map(|text| SealedList::hash(&SEALED_KEY, &name(text))).collect();
    Arc::new(SealedList::new(SEALED_KEY, 7, hashes))
}

/// What an [`Ask`] got at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Answer(Box<Answer>),
    Silence,
    Waiting,
}

impl Got {
    pub fn answer(self) -> Answer {
        match self {
            Got::Answer(answer) => *answer,
            other => panic!("an answer, not {other:?}"),
        }
    }
}

/// An answerer and its ends of the rings.
pub struct Worker {
    pub answerer: Answerer,
    pub answers: rtrb::Consumer<Arc<Stored>>,
    pub counters: Arc<Counters>,
}

pub struct Bench {
    pub workers: Vec<Worker>,
    pub hub: MissHub,
    pub hub_counters: Arc<Counters>,
    pub description: Value,
    pub lists: Arc<Snapshot>,
    pub sealed: Option<Arc<SealedList>>,
    pub active: ActiveState,
    pub now: Now,
    /// What the AD bit of replies is worth.
    pub trust: AdTrust,
    /// Which worker is asked.
    pub at: usize,
    tickets: u64,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(description())
    }

    pub fn with(description: Value) -> Self {
        Self::with_settings(description, settings(), 2)
    }

    pub fn with_settings(description: Value, settings: Settings, workers: usize) -> Self {
        let settings = Arc::new(settings);
        let cookies = Arc::new(CookieSecrets::new([5; 16], None));
        let rates = Arc::new(RateTable::default());
        let (mut channels, mut made) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (misses_in, misses) = rtrb::RingBuffer::new(miss_hub::MISS_RING);
            let (answers_in, answers) = rtrb::RingBuffer::new(miss_hub::ANSWER_RING);
            let counters = Arc::new(Counters::default());
            let answerer = Answerer::new(settings.clone(), counters.clone(), cookies.clone(), rates.clone(), misses_in)
                .expect("room");
            made.push(Worker { answerer, answers, counters });
            let wake = Arc::new(Wake::new().expect("an eventfd"));
            channels.push(miss_hub::WorkerChannel { misses, answers: answers_in, wake, least_octets: 0 });
        }
        let hub_counters = Arc::new(Counters::default());
        let rulebook = Rulebook::new(Arc::new(Snapshot::empty()), table(&description), None);
        Self {
            workers: made,
            hub: MissHub::new(settings, hub_counters.clone(), channels),
            hub_counters,
            description,
            lists: Arc::new(Snapshot::empty()),
            sealed: None,
            active: ActiveState::new(rulebook, 1, START),
            now: START,
            trust: AdTrust::NotAsked,
            at: 0,
            tickets: 0,
        }
    }

    /// Puts in force what description, lists and sealed list say now.
    pub fn install(&mut self) {
        let rulebook = Rulebook::new(self.lists.clone(), table(&self.description), self.sealed.clone());
        self.active = ActiveState::new(rulebook, self.active.generation + 1, self.now);
    }

    pub fn with_lists(mut self, lists: &[(&str, &str)]) -> Self {
        self.lists = snapshot(lists);
        self.install();
        self
    }

    pub fn with_sealed(mut self, names: &[&str]) -> Self {
        self.sealed = Some(sealed(names));
        self.install();
        self
    }

    pub fn ask(&mut self, ask: &Ask) -> Got {
        self.send(&ask.packet(), ask.from, ask.by_stream)
    }

    pub fn send(&mut self, packet: &[u8], from: std::net::SocketAddr, by_stream: bool) -> Got {
        let local = "192.0.2.1:53".parse().expect("an address");
        self.tickets += 1;
        let requester = if by_stream {
            Requester::Stream(self.tickets, from, local, Door::Tcp)
        } else {
            Requester::Datagram(0, Peer::new(from, local))
        };
        let mut out = vec![0; if by_stream { 65535 } else { 1280 }];
        let worker = &mut self.workers[self.at];
        match worker.answerer.answer(&self.active, packet, &requester, self.now, &mut out) {
            Outcome::Answer(length) => {
                let answer = Answer::read(&out[..length]);
                assert!(!answer.authentic || self.trust == AdTrust::Trusted, "AD only where a forwarder is trusted");
                Got::Answer(Box::new(answer))
            }
            Outcome::Silence => Got::Silence,
            Outcome::Waiting => Got::Waiting,
        }
    }

    /// The questions that reach the resolver.
    pub fn misses(&mut self) -> Vec<Miss> {
        self.hub.take_misses(usize::MAX, self.now)
    }

    /// The one question that reaches the resolver.
    pub fn miss(&mut self) -> Miss {
        let mut misses = self.misses();
        assert_eq!(misses.len(), 1, "one question at the resolver: {misses:?}");
        misses.remove(0)
    }

    /// The resolver's outcome, given to every worker; what the clients that waited get, worker by worker.
    pub fn complete(&mut self, miss: &Miss, outcome: Result<&[u8], u16>) -> Vec<Answer> {
        self.hub.complete(miss.token, outcome.map_err(EdeCode), self.trust, self.now);
        self.deliver()
    }

    /// The next question is answered like this.
    pub fn resolve(&mut self, answer: &[Line<'_>]) -> Vec<Answer> {
        self.resolve_as(0, answer, &[])
    }

    pub fn resolve_as(&mut self, rcode: u8, answer: &[Line<'_>], authority: &[Line<'_>]) -> Vec<Answer> {
        let miss = self.miss();
        let octets = reply(&miss.query, rcode, answer, authority);
        self.complete(&miss, Ok(&octets))
    }

    /// The next question fails with this EDE code.
    pub fn fail(&mut self, code: u16) -> Vec<Answer> {
        let miss = self.miss();
        self.complete(&miss, Err(code))
    }

    /// Gives every worker what has come for it.
    pub fn deliver(&mut self) -> Vec<Answer> {
        (0..self.workers.len()).flat_map(|at| self.deliver_to(at)).collect()
    }

    /// Gives one worker what has come for it.
    pub fn deliver_to(&mut self, at: usize) -> Vec<Answer> {
        let mut late = Late::default();
        let worker = &mut self.workers[at];
        while let Ok(stored) = worker.answers.pop() {
            worker.answerer.complete(&self.active, &stored, self.now, &mut late);
        }
        late.0
    }

    /// Time passes; what the clients that waited get because of it.
    pub fn pass_ms(&mut self, ms: u64) -> Vec<Answer> {
        let mono_ms = self.now.mono_ms + ms;
        let past_us = (mono_ms - START.mono_ms) as i64 * 1000;
        let (unix_s, unix_us) = (START.unix_s + past_us / 1_000_000, START.unix_us + past_us);
        self.now = Now { mono_ms, unix_s, mono_us: mono_ms * 1000, unix_us };
        let mut late = Late::default();
        for worker in &mut self.workers {
            while worker.answerer.next_due_ms().is_some_and(|due_ms| due_ms <= self.now.mono_ms) {
                worker.answerer.expire(&self.active, self.now, &mut late);
            }
        }
        late.0
    }

    pub fn pass_s(&mut self, s: u64) -> Vec<Answer> {
        self.pass_ms(s * 1000)
    }

    /// Asked, resolved with this answer and answered.
    pub fn fill(&mut self, ask: &Ask, answer: &[Line<'_>]) -> Answer {
        assert_eq!(self.ask(ask), Got::Waiting);
        let mut answers = self.resolve(answer);
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    /// A counter, all workers and the miss hub added up.
    pub fn count(&self, counter: Counter) -> u64 {
        self.hub_counters.get(counter) + self.workers.iter().map(|worker| worker.counters.get(counter)).sum::<u64>()
    }

    /// Every query has left in exactly one way, or waits.
    pub fn balance(&self) {
        use Counter::*;
        let exits = [
            Silent,
            Refusals,
            Outside,
            RateTruncated,
            RateDropped,
            Denied,
            DeniedRevealed,
            DeniedPrivate,
            Local,
            CacheHits,
            Resolved,
            Stale,
            Failures,
            PendingFull,
            NoRecursion,
            Repeated,
            Panics,
            Abandoned,
            Unwritable,
        ];
        let left: u64 = exits.into_iter().map(|exit| self.count(exit)).sum();
        let waiting: usize = self.workers.iter().map(|worker| worker.answerer.pending.waiting()).sum();
        assert_eq!(self.count(Queries), left + waiting as u64, "queries are exits and those who wait");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.balance();
        }
    }
}

/// Late answers, in the order in which they were sent.
#[derive(Default)]
pub struct Late(pub Vec<Answer>);

impl ReplySender for Late {
    fn send(&mut self, _: &Requester, answer: &[u8]) {
        self.0.push(Answer::read(answer));
    }
}
