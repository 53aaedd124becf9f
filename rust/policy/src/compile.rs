//! Compiling lists: files in, a snapshot file out.
//!
//! Runs in a process of its own (`schoolgate lists build`), so a compile never takes memory from the resolver. Lines are
//! streamed; one bad line never spoils a list, it is counted by reason with the first examples. The file appears under
//! its name only when it is whole and on disk.

use crate::dialect::{RuleKind, SkipReason, parse_line};
use crate::name_table_build::{BuildError, Inherit, NameTableBuilder};
use crate::snapshot::{Meta, Snapshot, Source};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// No rule is longer; a longer line is a damaged or hostile feed and is skipped without being held in memory.
const MAX_LINE_OCTETS: usize = 1 << 20;
/// Skipped lines quoted for each reason.
const EXAMPLES: usize = 3;
/// Characters of a skipped line that are quoted.
const EXAMPLE_CHARS: usize = 80;

/// One list file to compile.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The feed it belongs to.
    pub feed: String,
    /// The category it lists.
    pub category: String,
    /// What a name without a mark means: `Suffix` or `Exact`.
    pub unmarked: RuleKind,
}

/// Lines of one reason that gave no rule.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Skipped {
    /// How many.
    pub lines: u64,
    /// The first of them: `path:line: text`.
    pub examples: Vec<String>,
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
    /// Lines that gave no rule, by reason.
    pub skipped: BTreeMap<&'static str, Skipped>,
}

/// Why nothing was compiled; no file was touched.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A list cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Input {
        /// The list.
        path: PathBuf,
        /// Why.
        error: io::Error,
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
}

/// Compiles `inputs` into a snapshot file at `out`.
pub fn compile_snapshot(inputs: &[Input], out: &Path, serial: u64) -> Result<CompileReport, CompileError> {
    let mut compiler = Compiler::default();
    for input in inputs {
        compiler.read(input)?;
    }
    let names = compiler.builder.len() as u64;
    let table = compiler.builder.build(&ListRules, 0)?;
    let meta = Meta { sources: compiler.report.sources.clone() };
    let snapshot = Snapshot::new(serial, table, meta);
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
    report: CompileReport,
}

impl Compiler {
    fn read(&mut self, input: &Input) -> Result<(), CompileError> {
        let failed = |error| CompileError::Input { path: input.path.clone(), error };
        let source = self.source(input);
        let mut lines = Lines::new(BufReader::with_capacity(1 << 16, File::open(&input.path).map_err(failed)?));
        while let Some((number, line)) = lines.next().map_err(failed)? {
            match line.and_then(|line| parse_line(line, input.unmarked)) {
                Ok(Some(rule)) => {
                    self.builder.add(&rule.name, statement(source, rule.kind))?;
                    if let Some(source) = self.report.sources.get_mut(source as usize) {
                        source.rules += 1;
                    }
                }
                Ok(None) => {}
                Err(reason) => skip(&mut self.report, &input.path, number, reason, line.unwrap_or_default()),
            }
        }
        Ok(())
    }

    fn source(&mut self, input: &Input) -> u32 {
        let sources = &mut self.report.sources;
        let same = |source: &Source| source.feed == input.feed && source.category == input.category;
        let at = sources.iter().position(same).unwrap_or_else(|| {
            sources.push(Source { feed: input.feed.clone(), category: input.category.clone(), rules: 0 });
            sources.len() - 1
        });
        at as u32
    }
}

fn skip(report: &mut CompileReport, path: &Path, number: u64, reason: SkipReason, line: &[u8]) {
    let skipped = report.skipped.entry(reason.as_str()).or_default();
    skipped.lines += 1;
    if skipped.examples.len() < EXAMPLES {
        let start = line.get(..line.len().min(4 * EXAMPLE_CHARS)).unwrap_or_default();
        let text: String = String::from_utf8_lossy(start).chars().take(EXAMPLE_CHARS).collect();
        skipped.examples.push(format!("{}:{number}: {}", path.display(), text.escape_debug()));
    }
}

/// How list statements pass down: categories add up, an exception lifts its own feed from its name downwards.
struct ListRules;

const KINDS: u32 = 3;

fn statement(source: u32, kind: RuleKind) -> u32 {
    source * KINDS + kind as u32
}

impl Inherit for ListRules {
    fn pass(&self, handed: &[u32], own: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let all = || handed.iter().chain(own).copied();
        let is = |statement: u32, kind: RuleKind| statement % KINDS == kind as u32;
        let lifted =
            |statement: u32| all().any(|other| is(other, RuleKind::Exception) && other / KINDS == statement / KINDS);
        let tidy = |mut set: Vec<u32>| {
            set.sort_unstable();
            set.dedup();
            set
        };
        let here = all().filter(|one| !is(*one, RuleKind::Exception) && !lifted(*one)).collect();
        let below =
            all().filter(|one| is(*one, RuleKind::Exception) || is(*one, RuleKind::Suffix) && !lifted(*one)).collect();
        (tidy(here), tidy(below))
    }

    fn visible(&self, statement: u32) -> Option<u32> {
        (statement % KINDS != RuleKind::Exception as u32).then_some(statement / KINDS)
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

/// Lines of a stream, with their numbers, none of them held beyond [`MAX_LINE_OCTETS`].
struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0 }
    }

    #[allow(clippy::type_complexity)] // a line or why it is none, and whether there is one at all
    fn next(&mut self) -> io::Result<Option<(u64, Result<&[u8], SkipReason>)>> {
        self.line.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|octet| *octet == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            too_long |= self.line.len() + part.len() > MAX_LINE_OCTETS;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        let line = if too_long { Err(SkipReason::LineTooLong) } else { Ok(self.line.as_slice()) };
        Ok(any.then_some((self.number, line)))
    }
}
