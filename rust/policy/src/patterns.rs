//! Rules by shape: the regular expressions of adblock feeds, for names that are made up by the thousand.
//!
//! The expressions of a snapshot are a few automata, worked out in full when the lists are compiled and bounded in size, so
//! a name is read once by each, an octet at a time: what a feed writes can neither slow an answer nor fill the memory. What
//! does not fit is refused and reported. An expression is the clumsiest rule there is, so it is guarded more than a name: no
//! protected name, nothing below one, and nothing the same feed excepts is ever denied by it.

use crate::dialect::SkipReason;
use crate::list_guard::ProtectedNames;
use crate::pattern_scratch::{Matching, PatternScratch};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};
use schoolgate_wire::Name;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// Expressions of one snapshot. Public feeds have tens; a feed of thousands should be a list of names.
const MAX_PATTERNS: usize = 500;
/// Expressions of one source, so that none of them takes the room of all.
const MAX_OF_A_SOURCE: usize = 200;
/// Feeds and categories that may have expressions: a tag holds one bit for each.
const MAX_SOURCES: usize = u64::BITS as usize;
/// Automata of one snapshot: each reads every name that is asked, at about a nanosecond an octet.
const MAX_AUTOMATA: usize = 8;
/// Size of one automaton. `[a-z].{200}q` is short and asks for a state for every way to be half-way through it.
const MAX_AUTOMATON_OCTETS: usize = 256 << 10;
/// What may be used to make one.
const MAX_MAKING_OCTETS: usize = 1 << 20;
/// Size of the expression before it is an automaton.
const MAX_NFA_OCTETS: usize = 64 << 10;
/// Expressions of one list that are looked at: each costs about a millisecond, and a feed may write a million.
const MAX_LOOKED_AT: usize = 5_000;
/// Names of no list. An expression that fits half of them would fit half of the internet.
const PROBES: [&str; 12] = [
    "example.com",
    "www.example.org",
    "q7.example.net",
    "school.example.sch.uk",
    "cdn-12.example.co.uk",
    "xn--bcher-kva.example",
    "a.b.c.d.example.io",
    "mail2.example.de",
    "images.example.museum",
    "x.example.cloud",
    "1234.example.info",
    "long-and-hyphenated-name.example.academy",
];
const TOO_MANY_PROBES: usize = PROBES.len() / 2;

/// The expressions of a snapshot, as they are kept in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternRules {
    /// By automaton: its expressions, each with the source that lists by it.
    automata: Vec<Vec<(u32, String)>>,
    /// Names that a source excepts, with all below them.
    spared: Vec<(u32, String)>,
    /// Names that no source's expressions may reach, nor anything below them.
    protected: Vec<String>,
}

impl PatternRules {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.automata.is_empty()
    }

    fn rules(&self) -> impl Iterator<Item = &(u32, String)> {
        self.automata.iter().flatten()
    }

    /// The source of each.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u32> {
        self.rules().map(|(source, _)| *source)
    }

    /// Whether there is room for one more of a source; to be asked before anything is worked out for it.
    pub(crate) fn has_room(&self, source: u32) -> bool {
        let known: HashSet<u32> = self.sources().collect();
        let of_this = self.sources().filter(|one| *one == source).count();
        self.rules().count() < MAX_PATTERNS && of_this < MAX_OF_A_SOURCE && (of_this > 0 || known.len() < MAX_SOURCES)
    }

    /// Takes an expression that was [admitted](Gate::admit) and for which there [is room](Self::has_room) by number; false
    /// where it does not fit into the automata.
    pub(crate) fn take(&mut self, source: u32, pattern: &str) -> bool {
        let rule = (source, pattern.to_owned());
        if let Some(last) = self.automata.last_mut() {
            last.push(rule);
            if automaton(last).is_ok() {
                return true;
            }
            let Some(rule) = last.pop() else { return false };
            return self.begin(rule);
        }
        self.begin(rule)
    }

    fn begin(&mut self, rule: (u32, String)) -> bool {
        let has_room = self.automata.len() < MAX_AUTOMATA;
        if has_room {
            self.automata.push(vec![rule]);
        }
        has_room
    }

    /// What the expressions must leave alone, once all lists are read.
    pub(crate) fn guard(&mut self, excepted: &[(u32, Name)], protected: &ProtectedNames) {
        if self.is_empty() {
            return;
        }
        let with_patterns: HashSet<u32> = self.sources().collect();
        let spared = excepted.iter().filter(|(source, _)| with_patterns.contains(source));
        self.spared = spared.map(|(source, name)| (*source, name.to_string())).collect();
        self.protected = protected.names().map(Name::to_string).collect();
    }
}

/// Stands between the expressions of one list and a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    looked_at: usize,
}

impl Gate {
    /// Whether an expression may be used at all: understood, small, not for everything and not for a protected name.
    pub fn admit(&mut self, pattern: &str, protected: &ProtectedNames) -> Result<(), SkipReason> {
        self.looked_at += 1;
        if self.looked_at > MAX_LOOKED_AT {
            return Err(SkipReason::RegexTooLong);
        }
        let alone = Patterns::alone(pattern).map_err(|reason| match reason {
            Unusable::TooLarge => SkipReason::RegexTooLong,
            Unusable::Unreadable => SkipReason::Regex,
        })?;
        let mut scratch = PatternScratch::default();
        let mut fits = |name: &Name| alone.sources_of(name, &mut scratch) != 0;
        let probes = PROBES.iter().filter_map(|text| Name::from_text(text).ok());
        if probes.filter(|name| fits(name)).count() >= TOO_MANY_PROBES {
            return Err(SkipReason::RegexTooBroad);
        }
        if protected.names().any(&mut fits) { Err(SkipReason::Protected) } else { Ok(()) }
    }
}

/// Whether one expression fits one name; for those who ask why a name is listed.
pub(crate) fn fits(pattern: &str, name: &Name) -> bool {
    Patterns::alone(pattern).is_ok_and(|patterns| patterns.sources_of(name, &mut PatternScratch::default()) != 0)
}

/// Why expressions cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not in the syntax of the `regex` crate: no look-around, no back references.
    Unreadable,
    /// Over the size limit.
    TooLarge,
}

/// All expressions of a snapshot, ready to be matched.
#[derive(Debug)]
pub struct Patterns {
    rules: PatternRules,
    /// Each with the bit of the source of each of its expressions.
    automata: Vec<(dense::DFA<Vec<u32>>, Vec<u64>)>,
    /// By bit: the source.
    sources: Vec<u32>,
    /// By name on the wire: the bits that must leave it and all below it alone.
    spared: HashMap<Box<[u8]>, u64>,
    /// Tells a worker's scratch whether it belongs to these.
    id: u64,
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for Patterns {}

impl Patterns {
    /// Makes them ready; `None` where there is none.
    pub(crate) fn new(rules: &PatternRules) -> Result<Option<Self>, Unusable> {
        if rules.is_empty() { Ok(None) } else { Self::ready(rules).map(Some) }
    }

    fn alone(pattern: &str) -> Result<Self, Unusable> {
        Self::ready(&PatternRules { automata: vec![vec![(0, pattern.to_owned())]], ..PatternRules::default() })
    }

    fn ready(rules: &PatternRules) -> Result<Self, Unusable> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let mut sources: Vec<u32> = rules.sources().collect();
        sources.sort_unstable();
        sources.dedup();
        if sources.len() > MAX_SOURCES || rules.automata.len() > MAX_AUTOMATA || rules.rules().count() > MAX_PATTERNS {
            return Err(Unusable::TooLarge);
        }
        let bit = |source: &u32| sources.binary_search(source).map_or(0, |at| 1 << at);
        let mut spared: HashMap<Box<[u8]>, u64> = HashMap::new();
        let excepted = rules.spared.iter().map(|(source, name)| (bit(source), name));
        for (bits, text) in excepted.chain(rules.protected.iter().map(|name| (u64::MAX, name))) {
            let name = Name::from_text(text).map_err(|_| Unusable::Unreadable)?;
            *spared.entry(name.as_wire().into()).or_default() |= bits;
        }
        let bits = |of: &[(u32, String)]| of.iter().map(|(source, _)| bit(source)).collect();
        let automata = rules.automata.iter().map(|of| Ok((automaton(of)?, bits(of))));
        Ok(Self {
            automata: automata.collect::<Result<_, Unusable>>()?,
            sources,
            spared,
            rules: rules.clone(),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// The rules they were made of.
    pub(crate) fn rules(&self) -> &PatternRules {
        &self.rules
    }

    /// The sources that have expressions; the position of one is its bit.
    pub(crate) fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// Bit by source: whose expressions fit a name.
    pub(crate) fn sources_of(&self, name: &Name, scratch: &mut PatternScratch) -> u64 {
        let matching = match &mut scratch.0 {
            Some(matching) if matching.id == self.id => matching,
            other => other.insert(Box::new(self.matching())),
        };
        let mut text = [0; 256];
        let length = write_text(name, &mut text);
        let input = Input::new(text.get(..length).unwrap_or_default());
        let mut fitting = 0;
        for ((automaton, bits), found) in self.automata.iter().zip(&mut matching.found) {
            found.clear();
            // It cannot give up: no octet makes it quit.
            let _ = automaton.try_which_overlapping_matches(&input, found);
            let of_these = found.iter().filter_map(|pattern| bits.get(pattern.as_usize()));
            fitting = of_these.fold(fitting, |all, bit| all | bit);
        }
        if fitting == 0 { 0 } else { fitting & !self.spared_bits(name) }
    }

    fn spared_bits(&self, name: &Name) -> u64 {
        let suffixes = (0..name.label_count()).filter_map(|label| self.spared.get(name.suffix(label)));
        suffixes.fold(0, |all, bits| all | bits)
    }

    fn matching(&self) -> Matching {
        let found = self.automata.iter().map(|(automaton, _)| PatternSet::new(automaton.pattern_len()));
        Matching { id: self.id, found: found.collect() }
    }
}

fn automaton(rules: &[(u32, String)]) -> Result<dense::DFA<Vec<u32>>, Unusable> {
    let expressions: Vec<&str> = rules.iter().map(|(_, pattern)| pattern.as_str()).collect();
    let nfa = thompson::Compiler::new()
        // Names are folded ASCII; a publisher who wrote capitals meant the same.
        .syntax(syntax::Config::new().unicode(false).utf8(false).case_insensitive(true))
        .configure(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(MAX_NFA_OCTETS * rules.len().min(8)))
                .which_captures(thompson::WhichCaptures::None),
        )
        .build_many(&expressions)
        .map_err(|error| if error.size_limit().is_some() { Unusable::TooLarge } else { Unusable::Unreadable })?;
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(regex_automata::dfa::StartKind::Unanchored)
                .accelerate(false)
                .dfa_size_limit(Some(MAX_AUTOMATON_OCTETS))
                .determinize_size_limit(Some(MAX_MAKING_OCTETS)),
        )
        .build_from_nfa(&nfa)
        .map_err(|error| if error.is_size_limit_exceeded() { Unusable::TooLarge } else { Unusable::Unreadable })
}

/// The name as expressions see it: folded, labels joined by dots, none at the end. A dot inside a label is a backslash,
/// so that `a\.b.example` is not taken for a name it is not.
fn write_text(name: &Name, text: &mut [u8; 256]) -> usize {
    let mut at = 0;
    for label in 0..name.label_count() {
        if label > 0 {
            put(text, &mut at, b'.');
        }
        name.label(label).iter().for_each(|octet| put(text, &mut at, if *octet == b'.' { b'\\' } else { *octet }));
    }
    at
}

fn put(text: &mut [u8; 256], at: &mut usize, octet: u8) {
    if let Some(place) = text.get_mut(*at) {
        *place = octet;
        *at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).expect("a valid name")
    }

    fn protected(names: &[&str]) -> ProtectedNames {
        ProtectedNames::new(names.iter().map(|text| name(text)))
    }

    fn rules(patterns: &[(u32, &str)]) -> PatternRules {
        let mut rules = PatternRules::default();
        patterns.iter().for_each(|(source, pattern)| assert!(rules.take(*source, pattern), "{pattern}"));
        rules
    }

    fn ready(rules: &PatternRules) -> Patterns {
        Patterns::new(rules).expect("expressions that can be used").expect("there are some")
    }

    #[test]
    fn a_name_has_the_sources_whose_expressions_fit() {
        let patterns = ready(&rules(&[(7, r"^ads?[0-9]+\."), (7, r"tracker"), (3, r"\.Casino$")]));
        assert_eq!(patterns.sources(), [3, 7]);
        let mut scratch = PatternScratch::default();
        for (text, bits) in [
            ("ad12.example.com", 0b10),
            ("AD12.example.com", 0b10),
            ("ad.example.com", 0),
            ("my-tracker.ads1.casino", 0b11),
            ("casino", 0),
            ("example.casino", 0b01),
            (r"x\.casino", 0),
        ] {
            assert_eq!(patterns.sources_of(&name(text), &mut scratch), bits, "{text}");
        }
    }

    #[test]
    fn a_scratch_follows_the_expressions_it_is_used_with() {
        let (old, new) = (ready(&rules(&[(0, "^a")])), ready(&rules(&[(0, "^b"), (1, "^c")])));
        let mut scratch = PatternScratch::default();
        assert_eq!(old.sources_of(&name("a.example"), &mut scratch), 1);
        assert_eq!(new.sources_of(&name("a.example"), &mut scratch), 0);
        assert_eq!(new.sources_of(&name("c.example"), &mut scratch), 0b10);
        assert_eq!(old.sources_of(&name("a.example"), &mut scratch), 1);
    }

    #[test]
    fn what_a_feed_excepts_and_what_is_protected_is_left_alone() {
        let mut rules = rules(&[(0, "shop"), (1, "shop")]);
        rules.guard(&[(0, name("shop.example")), (9, name("x.example"))], &protected(&["shop.example.org"]));
        let patterns = ready(&rules);
        let mut scratch = PatternScratch::default();
        let mut bits = |text: &str| patterns.sources_of(&name(text), &mut scratch);
        assert_eq!(bits("shop.example"), 0b10, "only the feed that excepts it");
        assert_eq!(bits("deep.shop.example"), 0b10);
        assert_eq!(bits("www.shop.example.org"), 0, "no feed below a protected name");
        assert_eq!(bits("workshop.example.net"), 0b11);
    }

    #[test]
    fn expressions_that_cost_or_close_too_much_are_refused() {
        let help = protected(&["helpline.example.org"]);
        for (pattern, reason) in [
            (".*", SkipReason::RegexTooBroad),
            ("example", SkipReason::RegexTooBroad),
            (r"\.", SkipReason::RegexTooBroad),
            ("^help", SkipReason::Protected),
            ("(", SkipReason::Regex),
            (r"(?=ads)x", SkipReason::Regex),
            (r"(a)\1", SkipReason::Regex),
            ("(a{1,1000}){1,1000}", SkipReason::RegexTooLong),
            ("[a-z].{200}q", SkipReason::RegexTooLong),
        ] {
            assert_eq!(Gate::default().admit(pattern, &help), Err(reason), "{pattern}");
        }
        let mut gate = Gate::default();
        assert_eq!(gate.admit(r"^ad[0-9]{1,3}[a-z]+\.", &help), Ok(()));
        let last = (0..MAX_LOOKED_AT).map(|_| gate.admit("(", &help)).last();
        assert_eq!(last, Some(Err(SkipReason::RegexTooLong)), "a million lines are not looked at");
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut rules = PatternRules::default();
        let mut take = |source: u32, pattern: &str| rules.has_room(source) && rules.take(source, pattern);
        assert!((0..MAX_SOURCES as u32).all(|source| take(source, "x")));
        assert!(!take(999, "x"), "a source more");
        let mut of_five = 1;
        while take(5, "x") {
            of_five += 1;
        }
        assert_eq!(of_five, MAX_OF_A_SOURCE);
        let mut others = 0;
        while take(6 + others % 8, "y") {
            others += 1;
        }
        assert_eq!(rules.rules().count(), MAX_PATTERNS);
    }

    #[test]
    fn what_does_not_fit_into_one_automaton_goes_to_the_next_and_there_are_few() {
        let mut rules = PatternRules::default();
        // Each needs a state for every set of places where its end may be.
        let costly = |at: usize| format!("a.{{10}}q{at}$");
        let taken = (0..30).filter(|at| rules.take(0, &costly(*at))).count();
        assert!((MAX_AUTOMATA..30).contains(&taken), "{taken}");
        assert_eq!(rules.automata.len(), MAX_AUTOMATA);
        let patterns = ready(&rules);
        let octets: usize = patterns.automata.iter().map(|(automaton, _)| automaton.memory_usage()).sum();
        assert!(octets <= MAX_AUTOMATA * MAX_AUTOMATON_OCTETS, "{octets}");
        let name = name("xa1234567890q0");
        assert_eq!(patterns.sources_of(&name, &mut PatternScratch::default()), 1);
    }

    #[test]
    fn the_longest_name_is_read_to_its_end() {
        let long = format!("{0}.{0}.{0}.{1}.casino", "a".repeat(63), "b".repeat(54));
        let patterns = ready(&rules(&[(0, r"b\.casino$")]));
        assert_eq!(patterns.sources_of(&name(&long), &mut PatternScratch::default()), 1);
    }
}
