//! Cache and masking against a naive oracle: whatever is asked, answered, installed, and however time passes, what a client
//! gets is what a look at question and revealed names under the policy in force says, and no TTL outlives its answer.

use super::bench::{Bench, Got, description, rule};
use super::wire::{Answer, Data, Line, ask, reply};
use crate::counters::Counter;
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;

const NAMES: [&str; 4] = ["a.example.com", "b.example.com", "c.example.net", "d.example.net"];

#[derive(Clone, Debug)]
enum Step {
    /// Client (pupil or staff, at one of two workers) asks for a name.
    Ask {
        name: usize,
        staff: bool,
        worker: usize,
    },
    /// The oldest question at the resolver is answered: an address, or an alias to another name.
    Reply {
        target: Option<usize>,
        ttl_s: u32,
    },
    Fail,
    Pass {
        ms: u64,
    },
    /// These names are denied to pupils from now on; the first may be locked for staff too.
    Install {
        denied: u8,
        locked: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..NAMES.len(), any::<bool>(), 0usize..2).prop_map(|(name, staff, worker)| Step::Ask { name, staff, worker }),
        4 => (proptest::option::of(0..NAMES.len()), prop_oneof![Just(0u32), Just(5), 1u32..400])
            .prop_map(|(target, ttl_s)| Step::Reply { target, ttl_s }),
        1 => Just(Step::Fail),
        3 => (0u64..60_000).prop_map(|ms| Step::Pass { ms }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(denied, locked)| Step::Install { denied, locked }),
    ]
}

/// What the model knows of an answer: where it leads, its TTL, when it came.
#[derive(Clone, Copy, Debug)]
struct Known {
    target: Option<usize>,
    ttl_s: u32,
    came_ms: u64,
}

struct Model {
    bench: Bench,
    known: HashMap<usize, Known>,
    denied: u8,
    locked: bool,
    asked: Vec<(usize, bool)>,
    next_id: u16,
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            bench: Bench::new(),
            known: HashMap::new(),
            denied: 0,
            locked: false,
            asked: Vec::new(),
            next_id: 0,
        };
        model.install(0, false);
        model
    }

    fn install(&mut self, denied: u8, locked: bool) {
        (self.denied, self.locked) = (denied, locked);
        let named = NAMES.iter().enumerate().filter(|(at, _)| denied & 1 << at != 0);
        let mut rules: Vec<_> = named.map(|(_, name)| rule(name, &["pupil"], 6, "deny")).collect();
        if locked {
            rules.push(rule(NAMES[0], &["pupil", "staff"], 3, "deny"));
        }
        self.bench.description = description();
        self.bench.description["names"] = json!(rules);
        self.bench.install();
    }

    fn is_denied(&self, name: usize, staff: bool) -> bool {
        (self.locked && name == 0) || (!staff && self.denied & 1 << name != 0)
    }

    /// An answer with records or NXDOMAIN is judged; SERVFAIL says nothing.
    fn check(&self, answer: &Answer) {
        let (name, staff) = self.asked[usize::from(answer.id)];
        if self.is_denied(name, staff) {
            assert_eq!((answer.rcode, answer.answer.len()), (3, 0), "{} is denied: {answer:?}", NAMES[name]);
            assert!(answer.ttl_s() <= Some(30));
            return;
        }
        if answer.rcode == 2 {
            return;
        }
        let known = self.known.get(&name).expect("an answer that came");
        if known.target.is_some_and(|target| self.is_denied(target, staff)) {
            assert_eq!(
                (answer.rcode, answer.answer.len()),
                (3, 0),
                "{} leads to what is denied: {answer:?}",
                NAMES[name]
            );
            return;
        }
        assert_eq!(answer.rcode, 0);
        assert_eq!(answer.answer.len(), 1 + usize::from(known.target.is_some()));
        let age_ms = self.bench.now.mono_ms - known.came_ms;
        let left_s = u64::from(known.ttl_s).saturating_sub(age_ms / 1000);
        let ttl_s = u64::from(answer.ttl_s().expect("a TTL"));
        if age_ms < u64::from(known.ttl_s) * 1000 || age_ms == 0 {
            assert!(ttl_s <= left_s, "{ttl_s} s of {left_s} s left");
        } else {
            assert!(ttl_s == 30 && age_ms < (u64::from(known.ttl_s) + 3600) * 1000, "stale");
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Ask { name, staff, worker } => {
                self.bench.at = *worker;
                self.asked.push((*name, *staff));
                let query = ask(NAMES[*name]).id(self.next_id).edns();
                self.next_id += 1;
                match self.bench.ask(&if *staff { query.staff() } else { query }) {
                    Got::Answer(answer) => self.check(&answer),
                    Got::Waiting => assert!(!self.is_denied(*name, *staff), "what is denied is denied at once"),
                    Got::Silence => panic!("silence"),
                }
            }
            Step::Reply { target, ttl_s } => {
                for miss in self.bench.hub.take_misses(1, self.bench.now) {
                    let name = NAMES.iter().position(|name| *name == miss.name()).expect("a name that was asked");
                    let target = target.filter(|target| *target != name);
                    let known = Known { target, ttl_s: *ttl_s, came_ms: self.bench.now.mono_ms };
                    self.known.insert(name, known);
                    let end = target.map_or(NAMES[name], |target| NAMES[target]);
                    let alias =
                        target.map(|target| -> Line<'_> { (NAMES[name], *ttl_s, Data::Cname(NAMES[target].into())) });
                    let lines: Vec<Line<'_>> = alias.into_iter().chain([(end, *ttl_s, Data::A(1))]).collect();
                    let octets = reply(&miss.query, 0, &lines, &[]);
                    let answers = self.bench.complete(&miss, Ok(&octets));
                    answers.iter().for_each(|answer| self.check(answer));
                    if *ttl_s == 0 {
                        self.known.remove(&name);
                    }
                }
            }
            Step::Fail => {
                for miss in self.bench.hub.take_misses(1, self.bench.now) {
                    let answers = self.bench.complete(&miss, Err(22));
                    answers.iter().for_each(|answer| self.check(answer));
                }
            }
            Step::Pass { ms } => {
                let answers = self.bench.pass_ms(*ms);
                answers.iter().for_each(|answer| self.check(answer));
            }
            Step::Install { denied, locked } => self.install(*denied, *locked),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn what_clients_hear_is_what_the_oracle_says(steps in proptest::collection::vec(step(), 1..120)) {
        let mut model = Model::new();
        for step in &steps {
            model.run(step);
        }
        model.bench.pass_ms(4_000);
        prop_assert_eq!(model.bench.count(Counter::Panics), 0);
        let waiting: usize = model.bench.workers.iter().map(|worker| worker.answerer.pending.waiting()).sum();
        prop_assert_eq!(waiting, 0, "no client waits for ever");
    }
}
