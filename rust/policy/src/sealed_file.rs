//! The file of one supplier's sealed list. This is the format and nothing else.
//!
//! ```text
//! header    magic, version, lengths, serial, when, supplier, key id, hash algorithm, nonce, depths, counts, checksum
//! names     SipHash-2-4-128 of each wire name, sorted: 16 octets each
//! filter    the cheap hash of each name in the same order, encrypted: 16 octets each
//! digests   SipHash-2-4-128 of each MD5, then SHA-1, then SHA-256 that the supplier sent, sorted: 16 octets each
//! ```
//! Version 1 differs in one thing: its filter is made with a cheap hash that this program has no more. No list can be made
//! again from its hashes, so such a file keeps its place, and its names are looked for without the filter.
//!
//! All numbers are little-endian. The checksum covers everything and is keyed: a file that was changed, and a file of
//! another installation, is not used. The key itself is never in the file.

use crate::hash::SuffixHash;
use crate::sealed_digest::{DIGESTS, SELF_TEST_NAME};
use crate::sealed_key::{Key, SealedCorrupt, SealedKeys, SealedProblem, key_id_text, write_private};
use schoolgate_wire::Name;
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const MAGIC: [u8; 8] = *b"SGSEALED";
const VERSION: u32 = 2;
const VERSION_OF_ANOTHER_FILTER: u32 = 1;
/// SipHash-2-4 with 128 bits of output.
const SIPHASH_2_4_128: u32 = 1;
/// A file that claims more than this is damaged: about sixty million names.
const MAX_FILE_OCTETS: u64 = 2 << 30;
/// Longest supplier name.
pub const MAX_SUPPLIER_OCTETS: usize = 32;

/// What a file says of itself. Counts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealedFacts {
    /// Who supplies the list.
    pub supplier: String,
    /// The serial of the import.
    pub serial: u64,
    /// When it was imported, in seconds of Unix time.
    pub created_unix_s: i64,
    /// Which key it is sealed under.
    pub key_id: String,
    /// Names that DNS enforces, the self-test name included.
    pub names: u64,
    /// Digests that the supplier sent instead of names: MD5, SHA-1, SHA-256.
    pub digests: [u64; DIGESTS.len()],
    /// Entries with a path, a query or a port, which DNS cannot see.
    pub url_level: u64,
    /// Entries that are no name at all.
    pub skipped: u64,
}

/// One supplier's list, read or about to be written.
pub(crate) struct Part {
    pub facts: SealedFacts,
    pub key: Key,
    pub depths: u128,
    pub names: Vec<u128>,
    /// None where some were made with another hash: a filter without them would let their names pass.
    pub filter_hashes: Option<Vec<SuffixHash>>,
    pub digests: [Vec<u128>; DIGESTS.len()],
}

impl Part {
    /// Takes in a list under the same key.
    pub fn join(&mut self, other: Part) {
        self.depths |= other.depths;
        self.names.extend(other.names);
        self.filter_hashes =
            self.filter_hashes.take().zip(other.filter_hashes).map(|(mine, theirs)| [mine, theirs].concat());
        for (mine, theirs) in self.digests.iter_mut().zip(other.digests) {
            mine.extend(theirs);
        }
    }
}

#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    header_octets: u32,
    file_octets: u64,
    serial: u64,
    created_unix_s: i64,
    supplier: [u8; MAX_SUPPLIER_OCTETS],
    key_id: [u8; 8],
    hash_algorithm: u32,
    reserved: u32,
    nonce: [u8; 16],
    depths: [u64; 2],
    names: u64,
    digests: [u64; DIGESTS.len()],
    url_level: u64,
    skipped: u64,
    checksum: [u8; 16],
}

/// Writes the file. Names and filter hashes stand in the same order, names sorted.
pub(crate) fn write(path: &Path, part: &Part) -> Result<(), SealedCorrupt> {
    let failed = |error| SealedCorrupt::new(path, SealedProblem::Io(error));
    let mut nonce = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut nonce)).map_err(failed)?;
    let stream = part.key.stream(&nonce);
    let encrypted = (0..).zip(part.filter_hashes.iter().flatten()).map(|(at, hash)| pack(*hash) ^ stream(at)).collect();
    let mut sections: Vec<&Vec<u128>> = vec![&part.names, &encrypted];
    sections.extend(&part.digests);
    let octets: u64 = sections.iter().map(|section| size_of_val(section.as_slice()) as u64).sum();
    let mut header = Header {
        magic: MAGIC,
        version: VERSION,
        header_octets: size_of::<Header>() as u32,
        file_octets: octets + size_of::<Header>() as u64,
        serial: part.facts.serial,
        created_unix_s: part.facts.created_unix_s,
        supplier: padded(&part.facts.supplier),
        key_id: part.key.id(),
        hash_algorithm: SIPHASH_2_4_128,
        nonce,
        depths: [part.depths as u64, (part.depths >> 64) as u64],
        names: part.names.len() as u64,
        digests: std::array::from_fn(|at| part.digests.get(at).map_or(0, |section| section.len() as u64)),
        url_level: part.facts.url_level,
        skipped: part.facts.skipped,
        ..Header::default()
    };
    header.checksum = checksum(&part.key, &header, sections.iter().map(|section| bytemuck::cast_slice(section)));
    write_private(path, |file| {
        file.write_all(bytemuck::bytes_of(&header))?;
        sections.iter().try_for_each(|section| file.write_all(bytemuck::cast_slice(section)))
    })
    .map_err(failed)
}

/// Reads and checks the file at `path`.
pub(crate) fn read(path: &Path, keys: &SealedKeys) -> Result<Part, SealedCorrupt> {
    File::open(path)
        .map_err(SealedProblem::from)
        .and_then(|file| read_checked(file, keys))
        .map_err(|problem| SealedCorrupt::new(path, problem))
}

fn read_checked(mut file: File, keys: &SealedKeys) -> Result<Part, SealedProblem> {
    let actual = file.metadata()?.len();
    let mut header = Header::default();
    if actual < size_of::<Header>() as u64 || actual > MAX_FILE_OCTETS {
        return Err(if actual < 8 { SealedProblem::Magic } else { SealedProblem::Damaged("its length") });
    }
    file.read_exact(bytemuck::bytes_of_mut(&mut header))?;
    check_header(&header, actual)?;
    let key = keys.find(header.key_id).ok_or_else(|| SealedProblem::OtherKey(key_id_text(header.key_id)))?;
    let mut section = |count: u64| {
        let mut hashes = vec![0u128; count as usize];
        file.read_exact(bytemuck::cast_slice_mut(&mut hashes)).map(|()| hashes)
    };
    let names = section(header.names)?;
    let encrypted = section(header.names)?;
    let digests = [section(header.digests[0])?, section(header.digests[1])?, section(header.digests[2])?];
    let all = [&names, &encrypted].into_iter().chain(&digests);
    if checksum(key, &header, all.map(|section| bytemuck::cast_slice(section))) != header.checksum {
        return Err(SealedProblem::Damaged("its checksum"));
    }
    let self_test = Name::from_text(SELF_TEST_NAME).map_err(|_| SealedProblem::NoSelfTest)?;
    if names.binary_search(&key.hash(self_test.as_wire())).is_err() {
        return Err(SealedProblem::NoSelfTest);
    }
    let stream = key.stream(&header.nonce);
    Ok(Part {
        facts: facts(&header)?,
        key: key.clone(),
        depths: u128::from(header.depths[0]) | u128::from(header.depths[1]) << 64,
        names,
        filter_hashes: (header.version == VERSION)
            .then(|| (0..).zip(encrypted).map(|(at, hash)| unpack(hash ^ stream(at))).collect()),
        digests,
    })
}

fn check_header(header: &Header, actual: u64) -> Result<(), SealedProblem> {
    if header.magic != MAGIC {
        return Err(SealedProblem::Magic);
    }
    if ![VERSION, VERSION_OF_ANOTHER_FILTER].contains(&header.version) {
        return Err(SealedProblem::Version(header.version));
    }
    let counts = header.digests.iter().chain([&header.names, &header.names]);
    let hashes = counts.fold(0u64, |sum, count| sum.saturating_add(*count));
    let should_be = hashes.saturating_mul(size_of::<u128>() as u64).saturating_add(size_of::<Header>() as u64);
    if header.header_octets as usize != size_of::<Header>() || header.file_octets != actual || should_be != actual {
        return Err(SealedProblem::Damaged("its length"));
    }
    if header.hash_algorithm != SIPHASH_2_4_128 {
        return Err(SealedProblem::Damaged("its hash algorithm"));
    }
    Ok(())
}

fn facts(header: &Header) -> Result<SealedFacts, SealedProblem> {
    let supplier = header.supplier.split(|octet| *octet == 0).next().unwrap_or_default();
    Ok(SealedFacts {
        supplier: String::from_utf8(supplier.to_vec()).map_err(|_| SealedProblem::Damaged("its supplier"))?,
        serial: header.serial,
        created_unix_s: header.created_unix_s,
        key_id: key_id_text(header.key_id),
        names: header.names,
        digests: header.digests,
        url_level: header.url_level,
        skipped: header.skipped,
    })
}

fn checksum<'a>(key: &Key, header: &Header, sections: impl Iterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut sum = key.checksum();
    sum(Some(bytemuck::bytes_of(&Header { checksum: [0; 16], ..*header })));
    sections.for_each(|section| {
        sum(Some(section));
    });
    sum(None).to_le_bytes()
}

fn padded(supplier: &str) -> [u8; MAX_SUPPLIER_OCTETS] {
    let mut out = [0; MAX_SUPPLIER_OCTETS];
    out.iter_mut().zip(supplier.bytes()).for_each(|(to, from)| *to = from);
    out
}

fn pack(hash: SuffixHash) -> u128 {
    u128::from(hash.a) | u128::from(hash.b) << 64
}

fn unpack(packed: u128) -> SuffixHash {
    SuffixHash { a: packed as u64, b: (packed >> 64) as u64 }
}
