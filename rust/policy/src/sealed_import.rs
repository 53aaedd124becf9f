//! From a supplier's list, in plain text, to a sealed list. The only place in schoolgate that ever sees an entry.
//!
//! A line is read, hashed and wiped before the next is read. Nothing of it leaves this file but keyed hashes and counts:
//! no error, no report and no example quotes an entry.
//!
//! DNS sees names. `example.com`, `*.example.com` and `https://example.com/` are names; an entry with a path, a query or
//! an unusual port speaks of a part of a site, and to deny the whole host for it would be for the supplier to say. Such entries
//! are counted and left.

use crate::hash::{SuffixHash, whole};
use crate::listed_name::{NameRejected, listed_name};
use crate::sealed_digest::{DIGESTS, Digest, SELF_TEST_NAME};
use crate::sealed_file::{self, MAX_SUPPLIER_OCTETS, Part, SealedFacts};
use crate::sealed_key::{Key, SealedCorrupt, SealedKeys};
use schoolgate_wire::Name;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// A longer line is not an entry; it is skipped whole.
const MAX_LINE_OCTETS: u64 = 1 << 20;
/// Lists of this kind have some ten thousand entries; a file with more than this is something else.
const MAX_ENTRIES: usize = 20_000_000;
/// A CSV record that runs over more lines has a quote too many.
const MAX_RECORD_LINES: usize = 64;
/// What the column is called when the import names none.
const USUAL_COLUMNS: [&str; 8] = ["domain", "hostname", "host", "fqdn", "name", "url", "hash", "sha256"];

/// How a supplier writes entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedFormat {
    /// One name or URL a line; `#` begins a comment.
    Plain,
    /// CSV with commas, semicolons or tabs; the column by its name or number, counted from 1.
    Csv(Option<String>),
    /// One digest a line in hexadecimal: MD5, SHA-1 or SHA-256 of the name.
    Hashes,
    /// Digests in a column of a CSV file.
    CsvHashes(String),
}

/// What to import.
pub struct SealRequest<'a> {
    /// The supplier's file.
    pub input: &'a Path,
    /// How it is written.
    pub format: SealedFormat,
    /// Where the sealed list goes.
    pub out: &'a Path,
    /// Who supplies it: lower-case letters, digits and hyphens.
    pub supplier: &'a str,
    /// The serial of this import.
    pub serial: u64,
    /// Now.
    pub created_unix_s: i64,
}

/// What was imported. Counts only.
#[derive(Debug, Serialize)]
pub struct SealReport {
    /// What the file says of itself.
    #[serde(flatten)]
    pub facts: SealedFacts,
    /// Entries that were read, enforced or not.
    pub entries: u64,
    /// Entries that are no name, by reason.
    pub skipped_by_reason: BTreeMap<&'static str, u64>,
}

/// Why nothing was imported. What was in force stays.
#[derive(Debug, thiserror::Error)]
pub enum SealFailed {
    /// The supplier's file cannot be read.
    #[error("{0}: cannot be read: {1}")]
    Input(PathBuf, io::Error),
    /// The CSV file has no such column.
    #[error(
        "{0}: its first line has {1} columns and none is called so; give --column the column's number, counted from 1"
    )]
    NoColumn(PathBuf, usize),
    /// There is nothing in it that DNS could enforce.
    #[error("{0}: has no entry that DNS can enforce ({1} of parts of sites, {2} that are no name); is --format right?")]
    Nothing(PathBuf, u64, u64),
    /// There is more in it than any such list has.
    #[error("{0}: has more than {MAX_ENTRIES} entries; is it the right file?")]
    TooMany(PathBuf),
    /// A supplier's name that cannot be a file's name.
    #[error("a supplier's name has 1 to {MAX_SUPPLIER_OCTETS} lower-case letters, digits and hyphens, such as \"iwf\"")]
    Supplier,
    /// The keys cannot be used or the sealed list cannot be written.
    #[error("{0}")]
    Sealed(#[from] SealedCorrupt),
}

/// Reads a supplier's list and writes it sealed.
pub fn seal_list(request: &SealRequest<'_>, keys: &SealedKeys) -> Result<SealReport, SealFailed> {
    let supplier = request.supplier;
    let well_named = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    if supplier.is_empty() || supplier.len() > MAX_SUPPLIER_OCTETS || !supplier.bytes().all(well_named) {
        return Err(SealFailed::Supplier);
    }
    let Some(key) = keys.newest() else { return Err(SealFailed::Supplier) };
    let failed = |error| SealFailed::Input(request.input.to_owned(), error);
    let mut lines = Lines::new(File::open(request.input).map_err(failed)?);
    let mut collected = Collected::new(key);
    read_entries(request, &mut lines, &mut collected)?;
    collected.skip("long-line", lines.too_long);
    let found = collected.names.len() + collected.digests.iter().map(Vec::len).sum::<usize>();
    if found == 0 {
        return Err(SealFailed::Nothing(request.input.to_owned(), collected.url_level, collected.skipped_total()));
    }
    let (part, skipped_by_reason, entries) = collected.finish(request);
    sealed_file::write(request.out, &part)?;
    Ok(SealReport { facts: part.facts, entries, skipped_by_reason })
}

fn read_entries(
    request: &SealRequest<'_>,
    lines: &mut Lines<impl Read>,
    collected: &mut Collected<'_>,
) -> Result<(), SealFailed> {
    let failed = |error| SealFailed::Input(request.input.to_owned(), error);
    let (is_csv, wanted) = match &request.format {
        SealedFormat::Csv(column) => (true, column.as_deref()),
        SealedFormat::CsvHashes(column) => (true, Some(column.as_str())),
        SealedFormat::Plain | SealedFormat::Hashes => (false, None),
    };
    let is_digest = matches!(request.format, SealedFormat::Hashes | SealedFormat::CsvHashes(_));
    let mut column: Option<Column> = None;
    while lines.next(is_csv).map_err(failed)? {
        let record = lines.record.as_slice();
        let Some(chosen) = &column else {
            if !is_csv {
                collected.take(plain_entry(record), is_digest);
            } else {
                let found = Column::find(record, wanted);
                let found = found.map_err(|columns| SealFailed::NoColumn(request.input.to_owned(), columns))?;
                if !found.is_named {
                    collected.take(&found.field(record), is_digest);
                }
                column = Some(found);
            }
            continue;
        };
        collected.take(&chosen.field(record), is_digest);
        if collected.entries as usize > MAX_ENTRIES {
            return Err(SealFailed::TooMany(request.input.to_owned()));
        }
    }
    if collected.entries as usize > MAX_ENTRIES {
        return Err(SealFailed::TooMany(request.input.to_owned()));
    }
    Ok(())
}

/// Keyed hashes and counts, nothing else.
struct Collected<'a> {
    key: &'a Key,
    depths: u128,
    names: Vec<(u128, SuffixHash)>,
    digests: [Vec<u128>; DIGESTS.len()],
    url_level: u64,
    skipped: BTreeMap<&'static str, u64>,
    entries: u64,
}

impl<'a> Collected<'a> {
    fn new(key: &'a Key) -> Self {
        let (depths, names, digests) = (0, Vec::new(), Default::default());
        Self { key, depths, names, digests, url_level: 0, skipped: BTreeMap::new(), entries: 0 }
    }

    fn take(&mut self, octets: &[u8], is_digest: bool) {
        if octets.is_empty() {
            return;
        }
        self.entries += 1;
        match std::str::from_utf8(octets) {
            Ok(text) if is_digest => self.take_digest(text),
            Ok(text) => match entry(text) {
                Ok(Some(name)) => self.take_name(&name),
                Ok(None) => self.url_level += 1,
                Err(rejected) => self.skip(rejected.as_str(), 1),
            },
            Err(_) => self.skip("not-utf-8", 1),
        }
    }

    fn take_name(&mut self, name: &Name) {
        self.depths |= 1 << (name.label_count().max(1) - 1);
        self.names.push((self.key.hash(name.as_wire()), whole(self.key.filter_seed(), name)));
    }

    fn take_digest(&mut self, text: &str) {
        let digest = octets_of(text).and_then(|octets| Some((Digest::of_length(octets.len())?, octets)));
        match digest {
            Some((digest, octets)) => {
                let sealed = digest.seal(self.key, &octets);
                self.digests.get_mut(digest as usize).into_iter().for_each(|all| all.push(sealed));
            }
            None => self.skip("no-digest", 1),
        }
    }

    fn skip(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }

    fn skipped_total(&self) -> u64 {
        self.skipped.values().sum()
    }

    fn finish(mut self, request: &SealRequest<'_>) -> (Part, BTreeMap<&'static str, u64>, u64) {
        if let Ok(self_test) = Name::from_text(SELF_TEST_NAME) {
            self.take_name(&self_test);
        }
        self.names.sort_unstable_by_key(|(hash, _)| *hash);
        self.names.dedup_by_key(|(hash, _)| *hash);
        for digests in &mut self.digests {
            digests.sort_unstable();
            digests.dedup();
        }
        let facts = SealedFacts {
            supplier: request.supplier.to_owned(),
            serial: request.serial,
            created_unix_s: request.created_unix_s,
            key_id: crate::sealed_key::key_id_text(self.key.id()),
            names: self.names.len() as u64,
            digests: std::array::from_fn(|at| self.digests.get(at).map_or(0, |one| one.len() as u64)),
            url_level: self.url_level,
            skipped: self.skipped_total(),
        };
        let (names, filter_hashes): (_, Vec<_>) = self.names.into_iter().unzip();
        let digests = self.digests;
        (
            Part {
                facts,
                key: self.key.clone(),
                depths: self.depths,
                names,
                filter_hashes: Some(filter_hashes),
                digests,
            },
            self.skipped,
            self.entries,
        )
    }
}

/// The name an entry means; `None` where it means a part of a site.
fn entry(text: &str) -> Result<Option<Name>, NameRejected> {
    let text = text.trim();
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = after_scheme.find(['/', '?', '#', '\\']).unwrap_or(after_scheme.len());
    let (authority, rest) = after_scheme.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit()) => (name, port),
        _ => (host, ""),
    };
    let host = host.strip_prefix("*.").or_else(|| host.strip_prefix('.')).unwrap_or(host);
    let name = listed_name(host.strip_suffix(':').unwrap_or(host))?;
    let is_whole_site = matches!(rest, "" | "/") && matches!(port, "" | "80" | "443");
    Ok(is_whole_site.then_some(name))
}

/// The entry on a line: without comment and blanks.
fn plain_entry(line: &[u8]) -> &[u8] {
    // `#` begins a comment at the start or after a blank; inside a URL it is part of it.
    let comment = (0..line.len())
        .find(|at| line.get(*at) == Some(&b'#') && (*at == 0 || line.get(at - 1).is_some_and(u8::is_ascii_whitespace)));
    line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim_ascii()
}

fn octets_of(hex: &str) -> Option<Vec<u8>> {
    let hex = hex.trim();
    if !hex.len().is_multiple_of(2) || hex.len() > 64 || !hex.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

/// Which field of a CSV record holds the entry.
struct Column {
    index: usize,
    delimiter: u8,
    /// The first record is a header.
    is_named: bool,
}

impl Column {
    /// Looks at the first record. The error is the number of its columns, never their content.
    fn find(record: &[u8], wanted: Option<&str>) -> Result<Self, usize> {
        let count = |delimiter: &u8| record.iter().filter(|octet| *octet == delimiter).count();
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',');
        let fields = fields(record, delimiter);
        let called = |name: &str| {
            let is_it = |field: &Zeroizing<Vec<u8>>| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
            fields.iter().position(is_it).map(|index| Self { index, delimiter, is_named: true })
        };
        let numbered = |index: usize| {
            (1..=fields.len()).contains(&index).then(|| Self { index: index - 1, delimiter, is_named: false })
        };
        let found = match wanted {
            Some(name) => called(name).or_else(|| name.parse().ok().and_then(numbered)),
            None => USUAL_COLUMNS.iter().find_map(|name| called(name)),
        };
        found.ok_or(fields.len())
    }

    fn field(&self, record: &[u8]) -> Zeroizing<Vec<u8>> {
        let field = fields(record, self.delimiter).into_iter().nth(self.index).unwrap_or_default();
        Zeroizing::new(field.trim_ascii().to_vec())
    }
}

/// The fields of a record (RFC 4180).
fn fields(record: &[u8], delimiter: u8) -> Vec<Zeroizing<Vec<u8>>> {
    let mut fields = vec![Zeroizing::new(Vec::new())];
    let mut is_quoted = false;
    let mut octets = record.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        let Some(field) = fields.last_mut() else { break };
        match octet {
            b'"' if is_quoted && octets.peek() == Some(&b'"') => {
                octets.next();
                field.push(b'"');
            }
            b'"' if is_quoted || field.trim_ascii().is_empty() => is_quoted = !is_quoted,
            octet if octet == delimiter && !is_quoted => fields.push(Zeroizing::new(Vec::new())),
            octet => field.push(octet),
        }
    }
    fields
}

/// Lines of a file, one at a time in one buffer that is wiped.
struct Lines<R> {
    input: BufReader<R>,
    record: Zeroizing<Vec<u8>>,
    too_long: u64,
    is_first: bool,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Self {
        Self { input: BufReader::new(input), record: Zeroizing::new(Vec::new()), too_long: 0, is_first: true }
    }

    /// The next line, or with `is_csv` the next record, whose quotes may hold line ends; false at the end.
    fn next(&mut self, is_csv: bool) -> io::Result<bool> {
        self.record.zeroize();
        for _ in 0..MAX_RECORD_LINES {
            let before = self.record.len();
            let limit = MAX_LINE_OCTETS.saturating_sub(before as u64);
            self.input.by_ref().take(limit).read_until(b'\n', &mut self.record)?;
            if self.record.len() == before {
                return Ok(before > 0);
            }
            if self.record.len() as u64 >= MAX_LINE_OCTETS {
                self.too_long += 1;
                self.record.zeroize();
                self.input.skip_until(b'\n')?;
                return Ok(true);
            }
            if std::mem::take(&mut self.is_first) && self.record.starts_with(b"\xef\xbb\xbf") {
                self.record.drain(..3);
            }
            if !is_csv || self.record.iter().filter(|octet| **octet == b'"').count().is_multiple_of(2) {
                break;
            }
        }
        while self.record.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
            self.record.pop();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> Result<Option<String>, NameRejected> {
        entry(text).map(|name| name.map(|name| name.to_string()))
    }

    #[test]
    fn what_names_a_whole_site_is_a_name() {
        for text in [
            "bad.example",
            "BAD.example.",
            "*.bad.example",
            ".bad.example",
            "http://bad.example",
            "https://bad.example/",
            "https://user:secret@bad.example:443/",
            "bad.example:80",
        ] {
            assert_eq!(meaning(text), Ok(Some("bad.example".to_owned())), "{text}");
        }
    }

    #[test]
    fn what_names_a_part_of_a_site_is_counted_apart() {
        for text in ["bad.example/x", "http://bad.example/?x", "bad.example?x", "bad.example#x", "bad.example:8080"] {
            assert_eq!(meaning(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, why) in [
            ("192.0.2.1", NameRejected::Address),
            ("http://192.0.2.1/x", NameRejected::Address),
            ("http://[2001:db8::1]/", NameRejected::Malformed),
            ("com", NameRejected::SingleLabel),
            ("two words.example", NameRejected::Malformed),
        ] {
            assert_eq!(meaning(text), Err(why), "{text}");
        }
    }

    #[test]
    fn comments_end_a_line_and_fragments_do_not() {
        assert_eq!(plain_entry(b"# all of it"), b"");
        assert_eq!(plain_entry(b"  bad.example  # why"), b"bad.example");
        assert_eq!(plain_entry(b"bad.example/#part"), b"bad.example/#part");
    }

    #[test]
    fn a_record_is_split_as_rfc_4180_says() {
        let texts = |record: &[u8], delimiter| {
            let split = fields(record, delimiter);
            split.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(texts(br#"1,"a, ""b""",bad.example"#, b','), ["1", "a, \"b\"", "bad.example"]);
        assert_eq!(texts(b"1;;x", b';'), ["1", "", "x"]);
    }
}
