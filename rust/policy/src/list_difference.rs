//! What two sets of lists say differently: the names that came and went between two snapshots.
//!
//! A snapshot keeps hashes, not names, so the lists both were made of are read again, as streams. Memory is a hash a name.

use crate::compile::{CompileError, Input};
use crate::dialect::{Place, Sink, SkipReason, read_feed};
use crate::list_guard::{Judged, ProtectedNames, judge};
use crate::patterns::Gate;
use crate::rule::Rule;
use serde::Serialize;
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_128;

/// A name that one side lists under a category and the other does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The name.
    pub name: String,
    /// The category.
    pub category: String,
    /// The first feed that lists it so.
    pub feed: String,
    /// How far its rule reaches.
    pub kind: &'static str,
}

/// Names that differ: all are counted, the first are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Listed after and not before.
    pub added: u64,
    /// Listed before and not after.
    pub removed: u64,
    /// The first of them, in the order of the lists.
    pub added_names: Vec<Differing>,
    /// The first of them, in the order of the lists.
    pub removed_names: Vec<Differing>,
}

/// Compares what `before` and `after` list, rule by rule; names that a list takes out again are not followed. At most
/// `most` names of each kind are named.
pub fn list_difference(
    before: &[Input],
    after: &[Input],
    protected: &ProtectedNames,
    most: usize,
) -> Result<Difference, CompileError> {
    let old = read(before, protected, None, 0)?.seen;
    let new = read(after, protected, Some(&old), most)?;
    let gone = read(before, protected, Some(&new.seen), most)?;
    Ok(Difference { added: new.differing, removed: gone.differing, added_names: new.named, removed_names: gone.named })
}

fn read<'a>(
    inputs: &'a [Input],
    protected: &'a ProtectedNames,
    other: Option<&'a HashSet<u128>>,
    most: usize,
) -> Result<Found, CompileError> {
    let mut found = Found::default();
    for input in inputs {
        let gate = Gate::default();
        let mut reader = Reader { input, protected, other, most, gate, found: &mut found };
        read_feed(&input.path, &input.form(), &mut reader)
            .map_err(|error| CompileError::Input { path: input.path.clone(), error })?;
    }
    Ok(found)
}

#[derive(Default)]
struct Found {
    seen: HashSet<u128>,
    differing: u64,
    named: Vec<Differing>,
}

struct Reader<'a> {
    input: &'a Input,
    protected: &'a ProtectedNames,
    other: Option<&'a HashSet<u128>>,
    most: usize,
    gate: Gate,
    found: &'a mut Found,
}

impl Reader<'_> {
    /// Notes a rule under the key by which the other side knows it.
    fn note(&mut self, category: &str, key: u128, name: impl FnOnce() -> String, kind: &'static str) {
        if !self.found.seen.insert(key) || self.other.is_none_or(|other| other.contains(&key)) {
            return;
        }
        self.found.differing += 1;
        if self.found.named.len() < self.most {
            let (category, feed) = (category.to_owned(), self.input.feed.clone());
            self.found.named.push(Differing { name: name(), category, feed, kind });
        }
    }
}

impl Sink for Reader<'_> {
    fn rule(&mut self, place: &Place<'_>, rule: &Rule) {
        let Some(category) = self.input.categories.of(place.category) else { return };
        let stands = matches!(judge(rule, self.protected, self.input.trust), Judged::Stands(_));
        if !rule.kind.lists() || !stands {
            return;
        }
        let key = xxh3_128(&[rule.name.as_wire(), category.as_bytes()].concat());
        self.note(category, key, || rule.name.to_string(), rule.kind.as_str());
    }

    fn pattern(&mut self, place: &Place<'_>, pattern: &str) {
        let Some(category) = self.input.categories.of(place.category) else { return };
        if self.gate.admit(pattern, self.protected).is_ok() {
            let key = xxh3_128(&[b"/", pattern.as_bytes(), category.as_bytes()].concat());
            self.note(category, key, || format!("/{pattern}/"), "pattern");
        }
    }

    fn skipped(&mut self, _: &Place<'_>, _: SkipReason) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleKind;
    use std::path::Path;

    fn list(folder: &Path, name: &str, text: &str) -> Input {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("room on the disk");
        Input::reviewed(path, name.to_owned(), "games".to_owned(), RuleKind::Suffix)
    }

    fn names(found: &[Differing]) -> Vec<&str> {
        found.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn names_that_moved_between_lists_are_no_difference() {
        let folder = std::env::temp_dir().join(format!("schoolgate-difference-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("room on the disk");
        let before = [list(&folder, "a", "a.example\nb.example\n"), list(&folder, "b", "c.example\n")];
        let after = [list(&folder, "c", "c.example\na.example\na.example\n"), list(&folder, "d", "d.example\n")];
        let found = list_difference(&before, &after, &ProtectedNames::default(), 10).expect("lists that can be read");
        std::fs::remove_dir_all(&folder).expect("the folder");
        assert_eq!((names(&found.added_names), found.added), (vec!["d.example"], 1));
        assert_eq!((names(&found.removed_names), found.removed), (vec!["b.example"], 1));
    }
}
