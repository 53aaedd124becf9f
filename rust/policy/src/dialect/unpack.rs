//! What feeds are packed in: gzip, tar (in gzip or not), zip; recognised by their first octets, never by their names.
//!
//! Everything unpacked is paid from one budget, so a bomb costs what the operator allows and no more. An archive inside
//! an archive is not opened.

use super::feed::Feed;
use super::feed_error::FeedError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const TAR_BLOCK: u64 = 512;
/// Where a tar header says what it is (POSIX.1-1988 ustar).
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// Opens a feed that is one file.
pub(super) fn open(path: &Path, feed: &mut Feed<'_>) -> Result<(), FeedError> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&file).take(ZIP.len() as u64).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if magic.starts_with(ZIP) {
        zip(file, feed)
    } else if magic.starts_with(GZIP) {
        let unpacked = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
        stream(feed.budget.charge(unpacked), &name, feed)
    } else {
        stream(feed.budget.charge(file), &name, feed)
    }
}

fn stream(mut input: impl Read, name: &str, feed: &mut Feed<'_>) -> Result<(), FeedError> {
    let mut head = Vec::new();
    input.by_ref().take(TAR_BLOCK).read_to_end(&mut head).map_err(|error| feed.failure(error))?;
    let is_tar = head.get(TAR_MAGIC) == Some(b"ustar");
    let whole = Cursor::new(head).chain(input);
    if is_tar { tar(whole, feed) } else { feed.list(&mut BufReader::with_capacity(1 << 16, whole), name, "") }
}

fn tar(input: impl Read, feed: &mut Feed<'_>) -> Result<(), FeedError> {
    let mut archive = tar::Archive::new(input);
    // Raw: a long name is held in memory by the reader that interprets it, and its length is the archive's to choose.
    let entries = archive.entries().map_err(|error| feed.failure(error))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|error| feed.failure(error))?;
        if entry.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            feed.member(&mut entry, &name)?;
        }
    }
    // What follows the archive's end is read too: the checksum of a gzip stands there.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| feed.failure(error))?;
    feed.archive_read()
}

fn zip(file: File, feed: &mut Feed<'_>) -> Result<(), FeedError> {
    let damaged = |error: zip::result::ZipError| FeedError::Damaged(error.to_string());
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    for at in 0..archive.len() {
        let member = archive.by_index(at).map_err(damaged)?;
        if member.is_file() {
            let name = String::from_utf8_lossy(member.name_raw()).into_owned();
            let mut charged = feed.budget.charge(member);
            feed.member(&mut charged, &name)?;
        }
    }
    feed.archive_read()
}
