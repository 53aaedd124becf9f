//! The keys that sealed lists are hashed under: made at random on the machine that uses them, for it alone.
//!
//! ```text
//! 5f1d2c3b4a596877 00112233445566778899aabbccddeeff     key id, key; the first line is the key of the next import
//! ```
//! Older keys stay while a list made with them is in use. A key's id is a keyed hash of a fixed text, so it says which
//! key it was and nothing of the key. Everything else that is derived from a key is derived the same way.

use crate::hash::Seed;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::fs::{self, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// The owner alone; others may not even read.
const MODE: u32 = 0o600;
/// A change of keys needs two; far more are a mistake.
const MOST_KEYS: usize = 16;

/// Why a sealed list or its keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct SealedCorrupt {
    path: PathBuf,
    problem: SealedProblem,
}

impl SealedCorrupt {
    pub(crate) fn new(path: &Path, problem: impl Into<SealedProblem>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}

/// What is wrong, and what to do. No part of a list is ever in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealedProblem {
    #[error("cannot be read: {0}; restore it from a backup, or import the supplier's list again")]
    Io(#[from] io::Error),
    #[error("is not a sealed list; import the supplier's list again")]
    Magic,
    #[error("has format version {0}, this schoolgate reads versions 1 and 2; import the supplier's list again")]
    Version(u32),
    #[error("is cut short or damaged ({0}); import the supplier's list again")]
    Damaged(&'static str),
    #[error("was sealed under key {0}, which is not among this installation's keys; import the supplier's list again")]
    OtherKey(String),
    #[error("does not hold the self-test name; import the supplier's list again")]
    NoSelfTest,
    #[error("may be read by others (mode {0:o}); run `chmod 600` on it, and `schoolgate sealed rotate` if anyone did")]
    Mode(u32),
    #[error(
        "is not a file of keys ({0}); restore it from a backup, or remove it and import every supplier's list again"
    )]
    Keys(&'static str),
}

/// A secret of 128 bits, wiped when it goes.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 16]>);

impl Key {
    pub(crate) fn new(octets: [u8; 16]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// SipHash-2-4, 128 bits.
    pub(crate) fn hash(&self, octets: &[u8]) -> u128 {
        self.hash_two(octets, &[])
    }

    /// The same of two strings in a row.
    pub(crate) fn hash_two(&self, first: &[u8], second: &[u8]) -> u128 {
        let mut hasher = self.hasher();
        hasher.write(first);
        hasher.write(second);
        hasher.finish128().as_u128()
    }

    fn hasher(&self) -> SipHasher24 {
        SipHasher24::new_with_key(&self.0)
    }

    /// A key for another purpose. No name begins with an octet of 255, so no name's hash is ever a key.
    fn derive(&self, purpose: &[u8]) -> u128 {
        self.hash_two(&[0xff], purpose)
    }

    /// Which key it is; says nothing of the key.
    pub fn id(&self) -> [u8; 8] {
        (self.derive(b"id") as u64).to_be_bytes()
    }

    pub(crate) fn filter_seed(&self) -> Seed {
        let seed = self.derive(b"filter");
        Seed(seed as u64, (seed >> 64) as u64)
    }

    /// The key that a file's checksum is made with: who has not the key cannot change a file.
    pub(crate) fn checksum(&self) -> impl FnMut(Option<&[u8]>) -> u128 + use<> {
        let mut hasher = SipHasher24::new_with_key(&self.derive(b"checksum").to_le_bytes());
        move |part| {
            part.into_iter().for_each(|part| hasher.write(part));
            hasher.finish128().as_u128()
        }
    }

    /// The stream that the filter's hashes are encrypted with: SipHash in counter mode, never twice for one nonce.
    pub(crate) fn stream(&self, nonce: &[u8; 16]) -> impl Fn(u64) -> u128 + use<> {
        let key = Key::new(self.derive(b"stream").to_le_bytes());
        let nonce = *nonce;
        move |counter| key.hash_two(&nonce, &counter.to_le_bytes())
    }
}

/// A key's id in text.
pub fn key_id_text(id: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}

/// The keys of an installation, the one for the next import first.
pub struct SealedKeys {
    path: PathBuf,
    keys: Vec<Key>,
}

impl SealedKeys {
    /// Reads the file; refuses one that others may read.
    pub fn read(path: &Path) -> Result<Self, SealedCorrupt> {
        let read = || {
            let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                return Err(SealedProblem::Mode(mode));
            }
            let text = Zeroizing::new(fs::read_to_string(path)?);
            let keys = text.lines().map(key_of).collect::<Option<Vec<_>>>().ok_or(SealedProblem::Keys("a line"))?;
            if keys.is_empty() || keys.len() > MOST_KEYS {
                return Err(SealedProblem::Keys("how many there are"));
            }
            Ok(keys)
        };
        read().map(|keys| Self { path: path.to_owned(), keys }).map_err(|problem| SealedCorrupt::new(path, problem))
    }

    /// Reads the file, and makes it with a new key when there is none.
    pub fn read_or_make(path: &Path) -> Result<Self, SealedCorrupt> {
        if path.exists() {
            return Self::read(path);
        }
        let mut made = Self { path: path.to_owned(), keys: Vec::new() };
        made.add()?;
        Ok(made)
    }

    /// A new key at random, for the next import. Returns its id.
    pub fn add(&mut self) -> Result<String, SealedCorrupt> {
        let mut octets = [0; 16];
        let random = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut octets));
        random.map_err(|error| SealedCorrupt::new(&self.path, error))?;
        self.keys.insert(0, Key::new(octets));
        octets.zeroize();
        self.keys.truncate(MOST_KEYS);
        self.write()?;
        Ok(self.newest_id())
    }

    /// Forgets every key but the newest and those named: what was sealed under them is unreadable from then on.
    pub fn keep(&mut self, ids: &[String]) -> Result<(), SealedCorrupt> {
        let before = self.keys.len();
        let mut at = 0;
        self.keys.retain(|key| {
            at += 1;
            at == 1 || ids.contains(&key_id_text(key.id()))
        });
        if self.keys.len() == before { Ok(()) } else { self.write() }
    }

    /// The key for the next import; none only where none was ever made.
    pub(crate) fn newest(&self) -> Option<&Key> {
        self.keys.first()
    }

    /// The id of the key for the next import.
    pub fn newest_id(&self) -> String {
        self.newest().map(|key| key_id_text(key.id())).unwrap_or_default()
    }

    pub(crate) fn find(&self, id: [u8; 8]) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }

    fn write(&self) -> Result<(), SealedCorrupt> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            let octets = Zeroizing::new(format!("{:032x}", u128::from_be_bytes(*key.0)));
            text.push_str(&format!("{} {}\n", key_id_text(key.id()), octets.as_str()));
        }
        write_private(&self.path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| SealedCorrupt::new(&self.path, error))
    }
}

fn key_of(line: &str) -> Option<Key> {
    let (id, key) = line.split_once(' ')?;
    if key.len() != 32 || !key.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    let key = Key::new(u128::from_str_radix(key, 16).ok()?.to_be_bytes());
    (key_id_text(key.id()) == id).then_some(key)
}

/// Writes a file that only its owner may read: aside, synced, renamed, the folder synced. Whole or not at all.
pub(crate) fn write_private(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    // Never through a link or into a file that another process holds open.
    let _ = fs::remove_file(&aside);
    let result = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&aside).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    });
    if let Err(error) = result {
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
