//! A snapshot: all lists compiled, with a serial. This is the file format and nothing else.
//!
//! ```text
//! header    magic, version, lengths, serial, seed, depths, entries, seven sections (offset, length, xxh3), xxh3 of the header
//! sections  filter · buckets · rules · set starts · set items · address ranges · meta (JSON: sources), each at a multiple
//!           of 64
//! ```
//! Filter: blocks of 32 octets, marks of listed names and of what stands above them (`filter.rs`). Buckets: 64 octets, eight
//! slots of fingerprint and rule (`name_table.rs`). Both are made with the hash of `hash.rs`; version 2 had another hash, and
//! a filter of listed names alone.
//!
//! All numbers are little-endian. The octets depend on the lists and the serial alone, so two machines that compile the same
//! lists can compare checksums.
//!
//! A snapshot is read whole into memory and checked before anything uses it. It is not mapped: a mapped file that
//! another process truncates kills the process that reads it, and a DNS filter must outlive its disk.

use crate::address_table::{AddressRange, AddressTable};
use crate::filter::Block;
use crate::hash::Seed;
use crate::memory::zeroed_table;
use crate::name_table::{Bucket, NameTable, NodeRule};
use crate::patterns::{PatternRules, Patterns};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: [u8; 8] = *b"SGLISTS\n";
const VERSION: u32 = 3;
const SECTIONS: usize = 7;
const ALIGN: u64 = 64;
/// A file that claims more than this is damaged: about 400 million names.
const MAX_FILE_OCTETS: u64 = 6 << 30;

/// Where a listed name comes from: one feed listing one category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The feed's id in the catalogue.
    pub feed: String,
    /// The category id the feed lists under.
    pub category: String,
    /// Rules read from it.
    pub rules: u64,
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The sources, in the order that statement numbers follow.
    pub sources: Vec<Source>,
    /// What lists names by their shape.
    #[serde(default, skip_serializing_if = "PatternRules::is_empty")]
    pub patterns: PatternRules,
}

/// All lists, compiled and checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    serial: u64,
    names: NameTable,
    sources: Vec<Source>,
    patterns: Option<Patterns>,
    addresses: AddressTable,
}

/// Why a file is not a snapshot that can be used. The one in force stays.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}; compile the lists again with `schoolgate lists build`")]
pub struct SnapshotCorrupt {
    path: PathBuf,
    problem: Problem,
}

/// Expressions that do not fit together, or that another version wrote.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the regular expressions of these lists are too large together; take one of the feeds that have many out")]
pub struct PatternsUnusable;

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is not a schoolgate snapshot")]
    Magic,
    #[error("has format version {0}, this schoolgate reads version {VERSION}")]
    Version(u32),
    #[error("is {actual} octets long and should be {claimed}")]
    Length { claimed: u64, actual: u64 },
    #[error("fails the checksum of its {0}")]
    Checksum(&'static str),
    #[error("is inconsistent: {0}")]
    Inconsistent(&'static str),
}

#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Section {
    offset: u64,
    length: u64,
    xxh3: u64,
}

#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    header_octets: u32,
    file_octets: u64,
    serial: u64,
    seed: [u64; 2],
    depths: [u64; 2],
    entries: u64,
    sections: [Section; SECTIONS],
    xxh3: u64,
}

#[cfg(target_endian = "big")]
compile_error!("snapshots are read in place: little-endian machines only");

impl Snapshot {
    /// A snapshot of what was just compiled.
    pub(crate) fn new(
        serial: u64,
        names: NameTable,
        addresses: AddressTable,
        meta: Meta,
    ) -> Result<Self, PatternsUnusable> {
        let patterns = Patterns::new(&meta.patterns).map_err(|_| PatternsUnusable)?;
        Ok(Self { serial, names, sources: meta.sources, patterns, addresses })
    }

    /// A snapshot with no list in it, for tests and for a server that is set to use none.
    pub fn empty() -> Self {
        let names = NameTable {
            seed: Seed(0, 0),
            depths: 0,
            entries: 0,
            filter: Vec::new(),
            buckets: Vec::new(),
            rules: Vec::new(),
            starts: vec![0, 0],
            items: Vec::new(),
        };
        Self { serial: 0, names, sources: Vec::new(), patterns: None, addresses: AddressTable::default() }
    }

    /// Reads and checks the file at `path`.
    pub fn open(path: &Path) -> Result<Self, SnapshotCorrupt> {
        let result = File::open(path).map_err(Problem::from).and_then(read);
        result.map_err(|problem| SnapshotCorrupt { path: path.to_owned(), problem })
    }

    /// Writes the file; the caller gives it its name (`compile` renames it into place).
    pub(crate) fn write(&self, file: &mut impl Write) -> io::Result<()> {
        let patterns = self.patterns.as_ref().map(Patterns::rules).cloned().unwrap_or_default();
        let meta = serde_json::to_vec(&Meta { sources: self.sources.clone(), patterns })?;
        let names = &self.names;
        let parts: [&[u8]; SECTIONS] = [
            bytemuck::cast_slice(&names.filter),
            bytemuck::cast_slice(&names.buckets),
            bytemuck::cast_slice(&names.rules),
            bytemuck::cast_slice(&names.starts),
            bytemuck::cast_slice(&names.items),
            bytemuck::cast_slice(&self.addresses.ranges),
            &meta,
        ];
        let mut sections = [Section::default(); SECTIONS];
        let mut at = aligned(size_of::<Header>() as u64);
        for (section, part) in sections.iter_mut().zip(parts) {
            *section = Section { offset: at, length: part.len() as u64, xxh3: xxh3_64(part) };
            at = aligned(at + section.length);
        }
        let mut header = Header {
            magic: MAGIC,
            version: VERSION,
            header_octets: size_of::<Header>() as u32,
            file_octets: at,
            serial: self.serial,
            seed: [names.seed.0, names.seed.1],
            depths: [names.depths as u64, (names.depths >> 64) as u64],
            entries: names.entries,
            sections,
            xxh3: 0,
        };
        header.xxh3 = header_checksum(&header);
        write_padded(file, bytemuck::bytes_of(&header))?;
        parts.into_iter().try_for_each(|part| write_padded(file, part))
    }

    /// The serial it was published under.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The table of names.
    pub fn names(&self) -> &NameTable {
        &self.names
    }

    /// The table of addresses; its sets are numbered with those of the names.
    pub fn addresses(&self) -> &AddressTable {
        &self.addresses
    }

    /// What lists say of an address: category and feed of each.
    pub fn said_of_address(&self, address: IpAddr) -> impl Iterator<Item = &Source> {
        let set = self.names.set(self.addresses.find(address));
        set.iter().filter_map(|at| self.sources.get(*at as usize))
    }

    /// The sources of its statements.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What lists names by their shape, if anything does.
    #[inline]
    pub fn patterns(&self) -> Option<&Patterns> {
        self.patterns.as_ref()
    }

    /// Octets it occupies in memory.
    pub fn size_octets(&self) -> usize {
        self.names.size_octets() + self.addresses.size_octets()
    }
}

fn aligned(at: u64) -> u64 {
    at.next_multiple_of(ALIGN)
}

fn write_padded(file: &mut impl Write, part: &[u8]) -> io::Result<()> {
    file.write_all(part)?;
    let padding = aligned(part.len() as u64) as usize - part.len();
    file.write_all([0; ALIGN as usize].get(..padding).unwrap_or_default())
}

fn header_checksum(header: &Header) -> u64 {
    xxh3_64(bytemuck::bytes_of(&Header { xxh3: 0, ..*header }))
}

fn read(mut file: File) -> Result<Snapshot, Problem> {
    let actual = file.metadata()?.len();
    let mut header = Header::default();
    let mut octets = [0; aligned_header()];
    let first = octets.len().min(actual as usize);
    file.read_exact(octets.get_mut(..first).unwrap_or_default())?;
    if octets.get(..8) != Some(&MAGIC) {
        return Err(Problem::Magic);
    }
    bytemuck::bytes_of_mut(&mut header).copy_from_slice(octets.get(..size_of::<Header>()).unwrap_or_default());
    if header.version != VERSION {
        return Err(Problem::Version(header.version));
    }
    if header.xxh3 != header_checksum(&header) {
        return Err(Problem::Checksum("header"));
    }
    if header.file_octets != actual || actual > MAX_FILE_OCTETS {
        return Err(Problem::Length { claimed: header.file_octets, actual });
    }
    let [filter, buckets, rules, starts, items, ranges, meta] = header.sections;
    let mut at = aligned(size_of::<Header>() as u64);
    let names = NameTable {
        seed: Seed(header.seed[0], header.seed[1]),
        depths: u128::from(header.depths[0]) | u128::from(header.depths[1]) << 64,
        entries: header.entries,
        filter: section::<Block>(&mut file, (&mut at, actual), filter, "filter")?,
        buckets: section::<Bucket>(&mut file, (&mut at, actual), buckets, "trie")?,
        rules: section::<NodeRule>(&mut file, (&mut at, actual), rules, "rules")?,
        starts: section::<u32>(&mut file, (&mut at, actual), starts, "set starts")?,
        items: section::<u32>(&mut file, (&mut at, actual), items, "set items")?,
    };
    let ranges = section::<AddressRange>(&mut file, (&mut at, actual), ranges, "addresses")?;
    let addresses = AddressTable { ranges };
    let meta: Meta = serde_json::from_slice(&section::<u8>(&mut file, (&mut at, actual), meta, "meta")?)
        .map_err(|_| Problem::Inconsistent("its sources cannot be read"))?;
    check(&names, &meta)?;
    if !addresses.is_sound(names.set_count() as u64) {
        return Err(Problem::Inconsistent("its addresses do not line up"));
    }
    Snapshot::new(header.serial, names, addresses, meta)
        .map_err(|_| Problem::Inconsistent("its expressions cannot be read"))
}

const fn aligned_header() -> usize {
    size_of::<Header>().next_multiple_of(ALIGN as usize)
}

fn section<T: bytemuck::Pod>(
    file: &mut File,
    (at, end): (&mut u64, u64),
    section: Section,
    what: &'static str,
) -> Result<Vec<T>, Problem> {
    let size = size_of::<T>() as u64;
    // Before anything is allocated: a length of gigabytes in a file of a few octets is damage, or an attack.
    let fits = section.length <= end.saturating_sub(*at);
    if section.offset != *at || !section.length.is_multiple_of(size) || !fits {
        return Err(Problem::Inconsistent("its sections overlap or leave gaps"));
    }
    let mut items: Vec<T> = zeroed_table((section.length / size) as usize);
    let octets: &mut [u8] = bytemuck::cast_slice_mut(&mut items);
    file.read_exact(octets)?;
    if xxh3_64(octets) != section.xxh3 {
        return Err(Problem::Checksum(what));
    }
    let padding = aligned(section.length) - section.length;
    io::copy(&mut file.take(padding), &mut io::sink())?;
    *at = aligned(*at + section.length);
    Ok(items)
}

/// A checksum says that the file is what was written, not that a sane program wrote it.
fn check(names: &NameTable, meta: &Meta) -> Result<(), Problem> {
    let sets = names.set_count() as u32;
    let rising = names.starts.windows(2).all(|pair| pair.first() <= pair.last());
    let ends = names.starts.first() == Some(&0) && names.starts.last().copied() == Some(names.items.len() as u32);
    if !rising || !ends {
        return Err(Problem::Inconsistent("its sets do not line up"));
    }
    if names.rules.iter().any(|rule| rule.here >= sets || rule.below >= sets) {
        return Err(Problem::Inconsistent("a rule names a set that is not there"));
    }
    if names.items.iter().any(|source| *source as usize >= meta.sources.len()) {
        return Err(Problem::Inconsistent("a set names a source that is not there"));
    }
    if meta.patterns.sources().any(|source| source as usize >= meta.sources.len()) {
        return Err(Problem::Inconsistent("an expression names a source that is not there"));
    }
    if names.entries > 0 && (names.filter.is_empty() || names.buckets.is_empty()) {
        return Err(Problem::Inconsistent("it counts names and holds none"));
    }
    Ok(())
}
