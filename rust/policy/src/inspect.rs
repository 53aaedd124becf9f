//! Looking at one list without compiling it: what an update asks before it lets a feed near a snapshot.

use crate::address_guard::AddressGuard;
use crate::address_rule::AddressRule;
use crate::dialect::{FeedError, FeedForm, Place, Sink, SkipReason, read_feed};
use crate::list_guard::{Judged, ProtectedNames, Trust, judge};
use crate::patterns::Gate;
use crate::rule::Rule;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// Skipped lines quoted for each reason.
const EXAMPLES: usize = 3;
/// Characters of a skipped line that are quoted.
const EXAMPLE_CHARS: usize = 80;
/// Names shown of a list.
const SAMPLE: usize = 10;
/// Protected names that are listed: all, but for a list written to fill a report.
const PROTECTED: usize = 10_000;

/// Lines of one reason that gave no rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// How many.
    pub lines: u64,
    /// The first of them: `path:line: text`.
    pub examples: Vec<String>,
}

impl Skipped {
    /// Counts one more.
    pub(crate) fn count(&mut self, path: &Path, place: &Place<'_>) {
        self.lines += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(quoted(path, place));
        }
    }

    pub(crate) fn join(&mut self, other: &Skipped) {
        self.lines += other.lines;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.iter().take(room).cloned());
    }
}

/// Lines that gave no rule, by reason.
pub type SkippedByReason = BTreeMap<&'static str, Skipped>;

/// `path[!member]:line: text`.
fn quoted(path: &Path, place: &Place<'_>) -> String {
    let member = if place.member.is_empty() { String::new() } else { format!("!{}", place.member.escape_debug()) };
    format!("{}{member}:{}: {}", path.display(), place.line, shown(place.text))
}

/// The beginning of a line, fit for a terminal.
pub(crate) fn shown(line: &[u8]) -> String {
    let start = line.get(..line.len().min(4 * EXAMPLE_CHARS)).unwrap_or_default().trim_ascii();
    let text: String = String::from_utf8_lossy(start).chars().take(EXAMPLE_CHARS).collect();
    text.escape_debug().to_string()
}

/// What a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The dialect stated or found.
    pub dialect: String,
    /// Lines of all its files.
    pub lines: u64,
    /// Octets unpacked.
    pub octets: u64,
    /// Rules that would be compiled.
    pub rules: u64,
    /// Of these, rules that take names out of the list.
    pub exceptions: u64,
    /// Rules for a name above a protected one, which would stop there.
    pub spared: Skipped,
    /// Lines that gave no rule.
    pub skipped: SkippedByReason,
    /// The names of the rules that are left out because the name is protected, each once, in order.
    pub protected_names: BTreeSet<String>,
    /// Rules by category, of an archive of categories.
    pub categories: BTreeMap<String, u64>,
    /// The first names.
    pub sample: Vec<String>,
    /// A checksum of all rules in their order (xxh3-128), to tell whether anything has changed.
    pub rules_xxh3: String,
}

/// Reads the list at `path` and says what a compile would take from it.
pub fn inspect_list(
    path: &Path,
    form: &FeedForm,
    protected: &ProtectedNames,
    trust: Trust,
) -> Result<Inspection, FeedError> {
    let mut inspector = Inspector {
        path,
        protected,
        trust,
        gate: Gate::default(),
        address_guard: AddressGuard::new(trust.reviewed),
        checksum: Box::new(Xxh3::new()),
        found: Inspection::default(),
    };
    let read = read_feed(path, form, &mut inspector)?;
    Ok(Inspection {
        dialect: read.dialect.map(|dialect| dialect.to_string()).unwrap_or_default(),
        lines: read.lines,
        octets: read.octets,
        rules_xxh3: format!("{:032x}", inspector.checksum.digest128()),
        ..inspector.found
    })
}

struct Inspector<'a> {
    path: &'a Path,
    protected: &'a ProtectedNames,
    trust: Trust,
    gate: Gate,
    address_guard: AddressGuard,
    checksum: Box<Xxh3>,
    found: Inspection,
}

impl Sink for Inspector<'_> {
    fn rule(&mut self, place: &Place<'_>, rule: &Rule) {
        match judge(rule, self.protected, self.trust) {
            Judged::Refused(reason) => {
                if reason == SkipReason::Protected && self.found.protected_names.len() < PROTECTED {
                    self.found.protected_names.insert(rule.name.to_string());
                }
                return self.skipped(place, reason);
            }
            Judged::Stands([]) => {}
            Judged::Stands(_) => self.found.spared.count(self.path, place),
        }
        self.checksum.update(&[rule.kind as u8]);
        self.checksum.update(rule.name.as_wire());
        self.found.rules += 1;
        self.found.exceptions += u64::from(!rule.kind.lists());
        if let Some(category) = place.category {
            match self.found.categories.get_mut(category) {
                Some(rules) => *rules += 1,
                None => drop(self.found.categories.insert(category.to_owned(), 1)),
            }
        }
        if self.found.sample.len() < SAMPLE {
            self.found.sample.push(rule.name.to_string());
        }
    }

    fn pattern(&mut self, place: &Place<'_>, pattern: &str) {
        if let Err(reason) = self.gate.admit(pattern, self.protected) {
            return self.skipped(place, reason);
        }
        self.checksum.update(pattern.as_bytes());
        self.found.rules += 1;
    }

    fn address(&mut self, place: &Place<'_>, rule: &AddressRule) {
        let rule = match self.address_guard.judge(rule) {
            Ok(rule) => rule,
            Err(reason) => return self.skipped(place, reason),
        };
        let text = rule.prefix.to_string();
        self.checksum.update(&[u8::from(rule.lists)]);
        self.checksum.update(text.as_bytes());
        self.found.rules += 1;
        self.found.exceptions += u64::from(!rule.lists);
        if self.found.sample.len() < SAMPLE {
            self.found.sample.push(text);
        }
    }

    fn skipped(&mut self, place: &Place<'_>, reason: SkipReason) {
        self.found.skipped.entry(reason.as_str()).or_default().count(self.path, place);
    }
}
