//! The names of write-ahead files: `<class>-<20 digits>.wal`. A number is never used twice, so that what has been read of a
//! file, and what has become of it, can be remembered by its name.

use crate::words::Class;
use std::io;
use std::path::{Path, PathBuf};

/// The file of a number.
pub(crate) fn path_of(directory: &Path, class: Class, number: u64) -> PathBuf {
    directory.join(format!("{}-{number:020}.wal", class.as_str()))
}

/// Class and number of a file by its name.
pub fn parse_wal_name(path: &Path) -> Option<(Class, u64)> {
    let (class, number) = path.file_name()?.to_str()?.strip_suffix(".wal")?.rsplit_once('-')?;
    let digits = number.len() == 20 && number.bytes().all(|digit| digit.is_ascii_digit());
    Some((Class::from_word(class)?, number.parse().ok().filter(|_| digits)?))
}

/// A write-ahead file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub class: Class,
    pub number: u64,
    pub path: PathBuf,
    pub octets: u64,
}

/// All write-ahead files, oldest first within a class.
pub(crate) fn scan(directory: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let Some((class, number)) = parse_wal_name(&path) else { continue };
        // The monitor may have taken it away meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        found.push(Found { class, number, path, octets: metadata.len() });
    }
    found.sort_by_key(|one| (one.class as u8, one.number));
    Ok(found)
}
