//! Which lines of which lists speak of a name. A snapshot keeps feeds and categories, not lines: the lists are read again,
//! as a stream, with the same readers and guards, so the answer needs no index and cannot differ from what was compiled.

use crate::address_guard::AddressGuard;
use crate::address_rule::AddressRule;
use crate::compile::{CompileError, Input};
use crate::dialect::{Place, Sink, SkipReason, read_feed};
use crate::inspect::shown;
use crate::list_guard::{Judged, ProtectedNames, judge};
use crate::patterns::{self, Gate};
use crate::rule::Rule;
use schoolgate_wire::Name;
use serde::Serialize;
use std::net::IpAddr;
use std::path::PathBuf;

/// Lines quoted at most; a list may say the same name a million times.
const MOST: usize = 1000;

/// One line that speaks of the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedBy {
    /// The feed.
    pub feed: String,
    /// The category the line lists under; nothing where the feed maps its category to none of ours.
    pub category: Option<String>,
    /// The list.
    pub path: PathBuf,
    /// The file inside it, of an archive or folder.
    pub member: String,
    /// The line, from 1.
    pub line: u64,
    /// Its text.
    pub text: String,
    /// The name its rule speaks of: the name asked for, or one above it.
    pub rule: String,
    /// What it says of it.
    pub kind: &'static str,
    /// Why the rule is not in the snapshot, or stops above the name asked for.
    pub refused: Option<&'static str>,
}

/// All that the lists say of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Covering {
    /// The name.
    pub name: String,
    /// Lines read.
    pub lines_read: u64,
    /// The lines that speak of it.
    pub rules: Vec<ListedBy>,
}

/// Every rule of `inputs` that speaks of `name`.
pub fn list_rules_for(inputs: &[Input], name: &Name, protected: &ProtectedNames) -> Result<Covering, CompileError> {
    let mut covering = Covering { name: name.to_string(), ..Covering::default() };
    for input in inputs {
        let mut seeker = Seeker { input, name, protected, rules: &mut covering.rules };
        let read = read_feed(&input.path, &input.form(), &mut seeker);
        covering.lines_read += read.map_err(|error| CompileError::Input { path: input.path.clone(), error })?.lines;
    }
    Ok(covering)
}

/// Every rule of `inputs` that speaks of `address`.
pub fn list_rules_for_address(inputs: &[Input], address: IpAddr) -> Result<Covering, CompileError> {
    let mut covering = Covering { name: address.to_string(), ..Covering::default() };
    for input in inputs {
        let mut seeker = AddressSeeker {
            input,
            address,
            guard: AddressGuard::new(input.trust.reviewed),
            rules: &mut covering.rules,
        };
        let read = read_feed(&input.path, &input.form(), &mut seeker);
        covering.lines_read += read.map_err(|error| CompileError::Input { path: input.path.clone(), error })?.lines;
    }
    Ok(covering)
}

struct AddressSeeker<'a> {
    input: &'a Input,
    address: IpAddr,
    guard: AddressGuard,
    rules: &'a mut Vec<ListedBy>,
}

impl Sink for AddressSeeker<'_> {
    fn rule(&mut self, _: &Place<'_>, _: &Rule) {}

    fn address(&mut self, place: &Place<'_>, rule: &AddressRule) {
        let judged = self.guard.judge(rule);
        let meant = judged.as_ref().unwrap_or(rule).prefix;
        if !meant.holds(self.address) || self.rules.len() >= MOST {
            return;
        }
        let refused = judged.err().map(SkipReason::as_str);
        let kind = if rule.lists { "address" } else { "spared-address" };
        self.rules.push(listed_by(self.input, place, rule.prefix.to_string(), kind, refused));
    }

    fn skipped(&mut self, _: &Place<'_>, _: SkipReason) {}
}

fn listed_by(
    input: &Input,
    place: &Place<'_>,
    rule: String,
    kind: &'static str,
    refused: Option<&'static str>,
) -> ListedBy {
    let category = input.categories.of(place.category).map(str::to_owned);
    let unmapped = category.is_none().then_some(SkipReason::Unmapped.as_str());
    ListedBy {
        feed: input.feed.clone(),
        category,
        path: input.path.clone(),
        member: place.member.to_owned(),
        line: place.line,
        text: shown(place.text),
        rule,
        kind,
        refused: unmapped.or(refused),
    }
}

struct Seeker<'a> {
    input: &'a Input,
    name: &'a Name,
    protected: &'a ProtectedNames,
    rules: &'a mut Vec<ListedBy>,
}

impl Seeker<'_> {
    fn speaks(&self, rule: &Rule) -> bool {
        if self.name.label_count() == rule.name.label_count() {
            rule.kind.reaches_itself() && *self.name == rule.name
        } else {
            rule.kind.reaches_below() && self.name.is_within(&rule.name)
        }
    }

    fn refused(&self, rule: &Rule) -> Option<&'static str> {
        match judge(rule, self.protected, self.input.trust) {
            Judged::Refused(reason) => Some(reason.as_str()),
            Judged::Stands(below) => {
                let stops = |number: &u32| self.protected.name(*number).is_some_and(|name| self.name.is_within(name));
                below.iter().any(stops).then_some(SkipReason::Protected.as_str())
            }
        }
    }
}

impl Sink for Seeker<'_> {
    fn rule(&mut self, place: &Place<'_>, rule: &Rule) {
        if self.rules.len() < MOST && self.speaks(rule) {
            self.quote(place, rule.name.to_string(), rule.kind.as_str(), self.refused(rule));
        }
    }

    fn pattern(&mut self, place: &Place<'_>, pattern: &str) {
        if self.rules.len() < MOST && patterns::fits(pattern, self.name) {
            let spared = self.protected.covers(self.name).then_some(SkipReason::Protected);
            let refused = spared.or_else(|| Gate::default().admit(pattern, self.protected).err());
            let refused = refused.map(SkipReason::as_str);
            self.quote(place, format!("/{pattern}/"), "pattern", refused);
        }
    }

    fn skipped(&mut self, _: &Place<'_>, _: SkipReason) {}
}

impl Seeker<'_> {
    fn quote(&mut self, place: &Place<'_>, rule: String, kind: &'static str, refused: Option<&'static str>) {
        self.rules.push(listed_by(self.input, place, rule, kind, refused));
    }
}
