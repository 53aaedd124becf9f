//! Rules by shape: the regular expressions of adblock feeds, for names that are made up by the thousand.
//!
//! All expressions of a snapshot are one lazy automaton. A name is read once, in time proportional to its length whatever
//! the expressions are, and the states an automaton may keep are bounded: a feed can neither slow an answer nor fill the
//! memory with a clever expression. An expression is the clumsiest rule there is, so it is guarded more than a name: no
//! protected name, nothing below one, and nothing the same feed excepts is ever denied by it.

use crate::dialect::SkipReason;
use crate::list_guard::ProtectedNames;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};
use schoolgate_wire::Name;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// Expressions of one snapshot. Public feeds have tens; a feed of thousands should be a list of names.
pub(crate) const MAX_PATTERNS: usize = 1_000;
/// Feeds and categories that may have expressions: a tag holds one bit for each.
const MAX_SOURCES: usize = u64::BITS as usize;
/// Size of one expression once compiled: `(a{1,1000}){1,1000}` is short and asks for a million states.
const MAX_PATTERN_OCTETS: usize = 64 << 10;
/// Size of all of them together.
const MAX_ALL_OCTETS: usize = 16 << 20;
/// Memory in which one worker's automaton keeps the states it has met; full, it starts afresh.
const STATE_OCTETS: usize = 2 << 20;
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
    /// Expressions, each with the source that lists by it.
    rules: Vec<(u32, String)>,
    /// Names that a source excepts, with all below them.
    spared: Vec<(u32, String)>,
    /// Names that no source's expressions may reach, nor anything below them.
    protected: Vec<String>,
}

impl PatternRules {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The source of each.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u32> {
        self.rules.iter().map(|(source, _)| *source)
    }

    /// Takes an expression that was [admitted](admit); false where there is no room for it.
    pub(crate) fn take(&mut self, source: u32, pattern: &str) -> bool {
        let mut known: Vec<u32> = self.sources().collect();
        known.sort_unstable();
        known.dedup();
        let has_room = self.rules.len() < MAX_PATTERNS && (known.contains(&source) || known.len() < MAX_SOURCES);
        if has_room {
            self.rules.push((source, pattern.to_owned()));
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

/// Whether an expression may be used at all: understood, small, not for everything and not for a protected name.
pub(crate) fn admit(pattern: &str, protected: &ProtectedNames) -> Result<(), SkipReason> {
    let alone = PatternRules { rules: vec![(0, pattern.to_owned())], ..PatternRules::default() };
    let alone = Patterns::within(&alone, MAX_PATTERN_OCTETS).map_err(|reason| match reason {
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

/// Whether one expression fits one name; for those who ask why a name is listed.
pub(crate) fn fits(pattern: &str, name: &Name) -> bool {
    let alone = PatternRules { rules: vec![(0, pattern.to_owned())], ..PatternRules::default() };
    let compiled = Patterns::within(&alone, MAX_PATTERN_OCTETS);
    compiled.is_ok_and(|patterns| patterns.sources_of(name, &mut PatternScratch::default()) != 0)
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
    automaton: DFA,
    /// By expression: the bit of its source.
    bits: Vec<u64>,
    /// By bit: the source.
    sources: Vec<u32>,
    /// By name on the wire: the bits that must leave it and all below it alone.
    spared: HashMap<Box<[u8]>, u64>,
    /// Tells a worker's scratch whether it belongs to these.
    id: u64,
}

/// What one worker keeps between look-ups.
#[derive(Clone, Default)]
pub struct PatternScratch(Option<Box<Matching>>);

#[derive(Clone)]
struct Matching {
    id: u64,
    states: Cache,
    found: PatternSet,
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
        if rules.is_empty() { Ok(None) } else { Self::within(rules, MAX_ALL_OCTETS).map(Some) }
    }

    fn within(rules: &PatternRules, most_octets: usize) -> Result<Self, Unusable> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let mut sources: Vec<u32> = rules.rules.iter().map(|(source, _)| *source).collect();
        sources.sort_unstable();
        sources.dedup();
        if sources.len() > MAX_SOURCES || rules.rules.len() > MAX_PATTERNS {
            return Err(Unusable::TooLarge);
        }
        let bit = |source: &u32| sources.binary_search(source).map_or(0, |at| 1 << at);
        let mut spared: HashMap<Box<[u8]>, u64> = HashMap::new();
        let excepted = rules.spared.iter().map(|(source, name)| (bit(source), name));
        for (bits, text) in excepted.chain(rules.protected.iter().map(|name| (u64::MAX, name))) {
            let name = Name::from_text(text).map_err(|_| Unusable::Unreadable)?;
            *spared.entry(name.as_wire().into()).or_default() |= bits;
        }
        Ok(Self {
            automaton: automaton(&rules.rules, most_octets)?,
            bits: rules.rules.iter().map(|(source, _)| bit(source)).collect(),
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
        matching.found.clear();
        let mut text = [0; 256];
        let length = write_text(name, &mut text);
        let input = Input::new(text.get(..length).unwrap_or_default());
        // It cannot give up: no octet makes it quit, and a full cache is started afresh.
        let _ = self.automaton.try_which_overlapping_matches(&mut matching.states, &input, &mut matching.found);
        if matching.found.is_empty() {
            return 0;
        }
        let fitting = matching.found.iter().filter_map(|pattern| self.bits.get(pattern.as_usize()));
        fitting.fold(0, |all, bit| all | bit) & !self.spared_bits(name)
    }

    fn spared_bits(&self, name: &Name) -> u64 {
        let suffixes = (0..name.label_count()).filter_map(|label| self.spared.get(name.suffix(label)));
        suffixes.fold(0, |all, bits| all | bits)
    }

    fn matching(&self) -> Matching {
        Matching {
            id: self.id,
            states: self.automaton.create_cache(),
            found: PatternSet::new(self.automaton.pattern_len()),
        }
    }
}

fn automaton(rules: &[(u32, String)], most_octets: usize) -> Result<DFA, Unusable> {
    let expressions: Vec<&str> = rules.iter().map(|(_, pattern)| pattern.as_str()).collect();
    let nfa = thompson::Compiler::new()
        // Names are folded ASCII; a publisher who wrote capitals meant the same.
        .syntax(syntax::Config::new().unicode(false).utf8(false).case_insensitive(true))
        .configure(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(most_octets))
                .which_captures(thompson::WhichCaptures::None),
        )
        .build_many(&expressions)
        .map_err(|error| if error.size_limit().is_some() { Unusable::TooLarge } else { Unusable::Unreadable })?;
    DFA::builder()
        .configure(
            DFA::config().match_kind(MatchKind::All).cache_capacity(STATE_OCTETS).skip_cache_capacity_check(true),
        )
        .build_from_nfa(nfa)
        .map_err(|_| Unusable::Unreadable)
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
        ] {
            assert_eq!(admit(pattern, &help), Err(reason), "{pattern}");
        }
        assert_eq!(admit(r"^ad[0-9]{1,3}[a-z]+\.", &help), Ok(()));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut rules = PatternRules::default();
        assert!((0..MAX_SOURCES as u32).all(|source| rules.take(source, "x")));
        assert!(!rules.take(999, "x"), "a source more");
        assert!((MAX_SOURCES..MAX_PATTERNS).all(|_| rules.take(5, "x")));
        assert!(!rules.take(5, "x"), "an expression more");
    }

    #[test]
    fn the_longest_name_is_read_to_its_end() {
        let long = format!("{0}.{0}.{0}.{1}.casino", "a".repeat(63), "b".repeat(54));
        let patterns = ready(&rules(&[(0, r"b\.casino$")]));
        assert_eq!(patterns.sources_of(&name(&long), &mut PatternScratch::default()), 1);
    }
}
