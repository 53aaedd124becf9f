//! Compiling lists: files in, a snapshot file out.
//!
//! Runs in a process of its own (`schoolgate lists build`), so a compile never takes memory from the resolver. Lists are
//! streamed; one bad line never spoils a list, it is counted by reason with the first examples. The file appears under
//! its name only when it is whole and on disk.

use crate::address_guard::AddressGuard;
use crate::address_rule::AddressRule;
use crate::address_table::AddressTableBuilder;
use crate::dialect::{Dialect, FeedError, FeedForm, Limits, Place, Sink, SkipReason, read_feed};
use crate::inspect::{Skipped, SkippedByReason};
use crate::list_guard::{Judged, ProtectedNames, Trust, judge};
use crate::list_statements::{ListStatements, statement};
use crate::name_table_build::{BuildError, NameTableBuilder};
use crate::patterns::{Gate, PatternRules};
use crate::rule::{Rule, RuleKind};
use crate::snapshot::{Meta, PatternsUnusable, Snapshot, Source};
use schoolgate_wire::Name;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The categories of ours that a feed lists under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Categories {
    /// One for all of it.
    One(String),
    /// For an archive of categories: theirs to ours. What is not here, or is empty here, is left.
    Mapped(BTreeMap<String, String>),
}

impl Categories {
    /// Our category of a name that the feed lists under `theirs`.
    pub fn of(&self, theirs: Option<&str>) -> Option<&str> {
        match self {
            Categories::One(ours) => Some(ours),
            Categories::Mapped(ours) => {
                ours.get(theirs.unwrap_or_default()).map(String::as_str).filter(|one| !one.is_empty())
            }
        }
    }
}

/// One list to compile.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file, or the folder of an unpacked archive of categories.
    pub path: PathBuf,
    /// The feed it belongs to.
    pub feed: String,
    /// What it lists.
    pub categories: Categories,
    /// What a name without a mark means where the dialect leaves it open: `Suffix` or `Exact`.
    pub unmarked: RuleKind,
    /// Its dialect; `None`: detected.
    pub dialect: Option<Dialect>,
    /// What it may cost.
    pub limits: Limits,
    /// What it may do that a feed as such may not.
    pub trust: Trust,
}

impl Input {
    /// A list of our own or the school's, in the plain dialect.
    pub fn reviewed(path: PathBuf, feed: String, category: String, unmarked: RuleKind) -> Self {
        let dialect = Some(Dialect::Plain);
        let categories = Categories::One(category);
        Self {
            path,
            feed,
            categories,
            unmarked,
            dialect,
            limits: Limits::default(),
            trust: Trust { reviewed: true, ..Trust::default() },
        }
    }

    /// A feed of another publisher.
    pub fn feed(
        path: PathBuf,
        feed: String,
        categories: Categories,
        unmarked: RuleKind,
        dialect: Option<Dialect>,
    ) -> Self {
        Self { path, feed, categories, unmarked, dialect, limits: Limits::default(), trust: Trust::default() }
    }

    pub(crate) fn form(&self) -> FeedForm {
        FeedForm { dialect: self.dialect.clone(), unmarked: self.unmarked, limits: self.limits }
    }
}

/// What one input gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InputReport {
    /// The feed.
    pub feed: String,
    /// The list.
    pub path: PathBuf,
    /// The dialect stated or found.
    pub dialect: String,
    /// Lines read.
    pub lines: u64,
    /// Rules taken.
    pub rules: u64,
    /// Rules for a name above a protected one, stopped there.
    pub spared: Skipped,
    /// Lines that gave no rule, by reason.
    pub skipped: SkippedByReason,
}

/// What a compile did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CompileReport {
    /// The serial of the snapshot.
    pub serial: u64,
    /// Distinct names read.
    pub names: u64,
    /// Names kept: those that say something their ancestors do not.
    pub entries: u64,
    /// Size of the snapshot in memory.
    pub size_octets: u64,
    /// Rules read, by source.
    pub sources: Vec<Source>,
    /// Lines that gave no rule, by reason, of all inputs.
    pub skipped: SkippedByReason,
    /// What each input gave, in their order.
    pub inputs: Vec<InputReport>,
}

/// Why nothing was compiled; no file was touched.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A list cannot be read, or is none.
    #[error("{path}: {error}")]
    Input {
        /// The list.
        path: PathBuf,
        /// Why.
        error: FeedError,
    },
    /// The snapshot cannot be written.
    #[error("{path}: cannot be written: {error}")]
    Output {
        /// The snapshot.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The names do not fit together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Nor do the expressions.
    #[error(transparent)]
    Patterns(#[from] PatternsUnusable),
}

/// Compiles `inputs` into a snapshot file at `out`. No feed denies a name of `protected`.
pub fn compile_snapshot(
    inputs: &[Input],
    out: &Path,
    serial: u64,
    protected: &ProtectedNames,
) -> Result<CompileReport, CompileError> {
    let mut compiler = Compiler::default();
    for input in inputs {
        compiler.read(input, protected)?;
    }
    let names = compiler.builder.len() as u64;
    let mut table = compiler.builder.build(&ListStatements, 0)?;
    let addresses = compiler.addresses.build(&mut table);
    compiler.patterns.guard(&compiler.excepted, protected);
    let meta = Meta { sources: compiler.report.sources.clone(), patterns: compiler.patterns };
    let snapshot = Snapshot::new(serial, table, addresses, meta)?;
    publish(&snapshot, out).map_err(|error| CompileError::Output { path: out.to_owned(), error })?;
    Ok(CompileReport {
        serial,
        names,
        entries: snapshot.names().entries(),
        size_octets: snapshot.size_octets() as u64,
        ..compiler.report
    })
}

#[derive(Default)]
struct Compiler {
    builder: NameTableBuilder,
    patterns: PatternRules,
    /// Names that a source takes out of itself: its expressions must leave them alone too.
    excepted: Vec<(u32, Name)>,
    addresses: AddressTableBuilder,
    report: CompileReport,
}

impl Compiler {
    fn read(&mut self, input: &Input, protected: &ProtectedNames) -> Result<(), CompileError> {
        let report = InputReport { feed: input.feed.clone(), path: input.path.clone(), ..InputReport::default() };
        if let Categories::One(category) = &input.categories {
            // A list that gives no rule still has its place in the report.
            source(&mut self.report.sources, &input.feed, category);
        }
        let mut taker = Taker {
            input,
            protected,
            builder: &mut self.builder,
            gate: Gate::default(),
            patterns: &mut self.patterns,
            excepted: &mut self.excepted,
            addresses: &mut self.addresses,
            address_guard: AddressGuard::new(input.trust.reviewed),
            sources: &mut self.report.sources,
            report,
            last: None,
            spared: HashSet::new(),
            failed: None,
        };
        let read = read_feed(&input.path, &input.form(), &mut taker)
            .map_err(|error| CompileError::Input { path: input.path.clone(), error })?;
        let Taker { mut report, failed, .. } = taker;
        if let Some(error) = failed {
            return Err(error.into());
        }
        report.lines = read.lines;
        report.dialect = read.dialect.map(|dialect| dialect.to_string()).unwrap_or_default();
        for (reason, skipped) in &report.skipped {
            self.report.skipped.entry(reason).or_default().join(skipped);
        }
        self.report.inputs.push(report);
        Ok(())
    }
}

/// The number of a source, new or not.
fn source(sources: &mut Vec<Source>, feed: &str, category: &str) -> u32 {
    let same = |source: &Source| source.feed == feed && source.category == category;
    let at = sources.iter().position(same).unwrap_or_else(|| {
        sources.push(Source { feed: feed.to_owned(), category: category.to_owned(), rules: 0 });
        sources.len() - 1
    });
    at as u32
}

/// Takes the rules of one input into the builder.
struct Taker<'a> {
    input: &'a Input,
    protected: &'a ProtectedNames,
    builder: &'a mut NameTableBuilder,
    gate: Gate,
    patterns: &'a mut PatternRules,
    excepted: &'a mut Vec<(u32, Name)>,
    addresses: &'a mut AddressTableBuilder,
    address_guard: AddressGuard,
    sources: &'a mut Vec<Source>,
    report: InputReport,
    /// The category of the last rule and its source: the next rule's is mostly the same.
    last: Option<(Option<String>, u32)>,
    /// Sources that stop at a protected name already.
    spared: HashSet<(u32, u32)>,
    failed: Option<BuildError>,
}

impl Taker<'_> {
    fn source(&mut self, theirs: Option<&str>) -> Option<u32> {
        if let Some((last, source)) = &self.last
            && last.as_deref() == theirs
        {
            return Some(*source);
        }
        let source = source(self.sources, &self.input.feed, self.input.categories.of(theirs)?);
        self.last = Some((theirs.map(str::to_owned), source));
        Some(source)
    }

    fn count(&mut self, source: u32) {
        self.report.rules += 1;
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.rules += 1;
        }
    }

    fn add(&mut self, rule: &Rule, source: u32, spared: &[u32]) -> Result<(), BuildError> {
        for number in spared {
            let name = self.protected.name(*number).filter(|_| self.spared.insert((source, *number)));
            if let Some(name) = name {
                self.builder.add(name, statement(source, RuleKind::Spared))?;
            }
        }
        self.builder.add(&rule.name, statement(source, rule.kind))
    }
}

impl Sink for Taker<'_> {
    fn wants(&mut self, category: &str) -> bool {
        self.input.categories.of(Some(category)).is_some()
    }

    fn rule(&mut self, place: &Place<'_>, rule: &Rule) {
        let spared = match judge(rule, self.protected, self.input.trust) {
            Judged::Refused(reason) => return self.skipped(place, reason),
            Judged::Stands(spared) => spared,
        };
        let Some(source) = self.source(place.category) else {
            return self.skipped(place, SkipReason::Unmapped);
        };
        if !spared.is_empty() {
            self.report.spared.count(&self.input.path, place);
        }
        if let Err(error) = self.add(rule, source, spared) {
            self.failed.get_or_insert(error);
            return;
        }
        if rule.kind.lists() {
            self.count(source);
        } else {
            // A rule of the list, and no name of its source.
            self.report.rules += 1;
            self.excepted.push((source, rule.name.clone()));
        }
    }

    fn pattern(&mut self, place: &Place<'_>, pattern: &str) {
        let Some(source) = self.source(place.category) else {
            return self.skipped(place, SkipReason::Unmapped);
        };
        if !self.patterns.has_room(source) {
            return self.skipped(place, SkipReason::RegexTooLong);
        }
        if let Err(reason) = self.gate.admit(pattern, self.protected) {
            return self.skipped(place, reason);
        }
        if !self.patterns.take(source, pattern) {
            return self.skipped(place, SkipReason::RegexTooLong);
        }
        self.count(source);
    }

    fn address(&mut self, place: &Place<'_>, rule: &AddressRule) {
        let Some(source) = self.source(place.category) else {
            return self.skipped(place, SkipReason::Unmapped);
        };
        let rule = match self.address_guard.judge(rule) {
            Ok(rule) => rule,
            Err(reason) => return self.skipped(place, reason),
        };
        if !self.addresses.add(rule, source) {
            return self.skipped(place, SkipReason::TooManyNetworks);
        }
        self.count(source);
    }

    fn skipped(&mut self, place: &Place<'_>, reason: SkipReason) {
        self.report.skipped.entry(reason.as_str()).or_default().count(&self.input.path, place);
    }
}

/// Whole and on disk under a temporary name, then renamed: a reader sees the old snapshot or the new one.
fn publish(snapshot: &Snapshot, out: &Path) -> io::Result<()> {
    let directory = out.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = out.with_extension(format!("{}.partial", std::process::id()));
    let written = write_whole(snapshot, &temporary).and_then(|()| fs::rename(&temporary, out));
    if written.is_err() {
        // Nothing more can be done about a file that cannot be removed; the error that matters is the first.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| File::open(directory)?.sync_all())
}

fn write_whole(snapshot: &Snapshot, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    snapshot.write(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}
