//! The query log: what is recorded of a query, how it leaves the worker, and the files it is kept in.
//!
//! A worker collects records while it works through a batch and hands them over in one piece, to a ring that it never waits
//! for ([`Recorder`]). One thread takes them from there, puts pseudonyms in place of addresses, and appends them to
//! write-ahead files. Files hold numbers, and the legend that says what they mean; words are put in when rows are read, or
//! turned into Parquet.
//!
//! A record that finds no room, or no disk, is lost and counted. Nothing in here can hold up an answer.
#![deny(unsafe_code)]

mod frame;
mod highest;
mod legend;
mod lock;
mod log_status;
mod log_thread;
mod log_writer;
mod name_text;
mod parquet_file;
mod pseudonym;
mod record;
mod ring;
mod row;
mod sample;
mod wal_file;
mod wal_name;
mod wal_reader;
mod words;
mod writeback;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer_tests;

pub use legend::Legend;
pub use log_status::{ByClass, LogCounts, LogStatus};
pub use log_thread::LogThread;
pub use log_writer::{LogOrders, LogSettings, LogWriter};
pub use parquet_file::{Converted, log_to_parquet};
pub use pseudonym::PseudonymKey;
pub use record::{Client, DecidedBy, Record};
pub use ring::{Batch, RecordReader, Recorder, record_rings};
pub use row::{Row, WITHHELD};
pub use sample::{OwnedRow, write_sample};
pub use wal_name::parse_wal_name;
pub use words::{Action, Class, Door, Source};

use std::fs::File;
use std::io;
use std::path::Path;

/// Shows rows of a write-ahead file from octet `offset` on, whole frames, until about `most` were shown; returns where to go
/// on. The file may still be growing: at its end, or at a tail that is not whole, nothing is shown.
pub fn log_read(path: &Path, offset: u64, most: usize, mut show: impl FnMut(&Row<'_>)) -> io::Result<u64> {
    let mut reader = wal_reader::WalReader::new(File::open(path)?, offset);
    let mut shown = 0;
    while shown < most
        && let Some(rows) = reader.next(|row| {
            show(row);
            Ok(())
        })?
    {
        shown += rows;
    }
    Ok(reader.at())
}
