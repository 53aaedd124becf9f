//! When the kernel is asked to begin writing a file to the disk. It is advice: the data is safe only after a sync. The only
//! unsafe code of this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::ops::Range;

/// Pages of so many octets are sent to the disk together. A second's worth at the next sync would hold up the thread
/// that shares the core, for milliseconds: the kernel does not give way while it sends them.
const TOGETHER_OCTETS: u64 = 64 << 10;

/// How far the kernel was asked to write one file.
#[derive(Debug, Default)]
pub(crate) struct Writeback {
    asked: u64,
}

impl Writeback {
    /// Whether there is enough, now that the file is so long.
    pub(crate) fn is_due(&self, octets: u64) -> bool {
        octets.saturating_sub(self.asked) >= TOGETHER_OCTETS
    }

    /// The file is so long now. Nothing waits for the disk, and an error is left to the next sync, which says what is wrong.
    pub(crate) fn begin(&mut self, file: &File, octets: u64) {
        if let Some(piece) = self.next(octets) {
            begin_writing(file, &piece);
        }
    }

    /// What the kernel is to begin with, if there is enough. Never an empty range: to the kernel that is the whole file.
    fn next(&mut self, octets: u64) -> Option<Range<u64>> {
        let piece = self.asked..octets;
        if !self.is_due(octets) {
            return None;
        }
        self.asked = octets;
        Some(piece)
    }
}

#[cfg(target_os = "linux")]
fn begin_writing(file: &File, piece: &Range<u64>) {
    use std::os::fd::AsRawFd;
    let (from, octets) = (piece.start.cast_signed(), (piece.end - piece.start).cast_signed());
    // SAFETY: an open descriptor and three numbers.
    unsafe { libc::sync_file_range(file.as_raw_fd(), from, octets, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
fn begin_writing(_: &File, _: &Range<u64>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_is_sent_once_in_pieces_of_some_size() {
        let mut writeback = Writeback::default();
        let lengths = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 500_000];
        let pieces: Vec<_> = lengths.into_iter().filter_map(|octets| writeback.next(octets)).collect();
        assert_eq!(pieces, [0..65_536, 65_536..131_072, 131_072..500_000]);
    }

    #[test]
    fn a_file_that_was_cut_back_goes_on_where_it_was() {
        let mut writeback = Writeback::default();
        writeback.next(100_000);
        assert_eq!((writeback.next(50_000), writeback.next(165_536)), (None, Some(100_000..165_536)));
    }
}
