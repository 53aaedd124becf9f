//! The highest number that a class ever gave to a write-ahead file, as far as the disk knows: a number is never used twice,
//! also when the directory of write-ahead files was emptied.
//!
//! Rows in Parquet carry their numbers in their names; rollups, which outlive them, say how far they have counted.

use crate::wal_name::scan;
use crate::words::Class;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::{File, read_dir};
use std::io;
use std::path::{Path, PathBuf};

/// Octets of a number in a name.
const DIGITS: usize = 20;

/// The highest number of a class, 0 where there never was one. What cannot be read names none: rows must be kept anyway.
pub(crate) fn highest_number(wal: &Path, class: Class) -> io::Result<u64> {
    let waiting = scan(wal)?.into_iter().filter(|one| one.class == class).map(|one| one.number).max();
    let Some(log) = wal.parent() else { return Ok(waiting.unwrap_or(0)) };
    let aside = inside(wal).filter(|path| name_of(path).starts_with(class.as_str())).map(|path| in_name(&path));
    let days = inside(&log.join("rows")).flat_map(|day| inside(&day.join(format!("class={}", class.as_str()))));
    let named = days.map(|path| in_name(&path)).chain(aside).chain(waiting);
    // A footer is read for each day: only where nothing waits to tell a number.
    let rollups = waiting.is_none().then(|| inside(&log.join("rollups"))).into_iter().flatten();
    Ok(named.chain(rollups.map(|path| counted(&path, class).unwrap_or(0))).max().unwrap_or(0))
}

fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The highest number in a name like `wal-<number>-1.parquet`, `hour-07-<first>-<last>.parquet`,
/// `ordinary-<number>.wal.damaged`.
fn in_name(path: &Path) -> u64 {
    let stem = name_of(path).split('.').next().unwrap_or_default();
    stem.split('-').filter(|part| part.len() == DIGITS).filter_map(|part| part.parse().ok()).max().unwrap_or(0)
}

/// How far a rollup has counted a class.
fn counted(rollup: &Path, class: Class) -> Option<u64> {
    let reader = SerializedFileReader::new(File::open(rollup).ok()?).ok()?;
    let said = reader.metadata().file_metadata().key_value_metadata()?;
    said.iter().find(|one| one.key == class.as_str())?.value.as_ref()?.parse().ok()
}
