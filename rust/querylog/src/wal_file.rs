//! The write-ahead file of one class that is being written: frames are appended, and the next file is begun before a minute
//! or 64 MiB are over. The highest number of a class is the file being written, lower ones are closed.
//!
//! After a failed write the file is cut back to its last whole frame, so that what comes later can still be read.

use crate::frame::{self, FORMAT, Kind};
use crate::highest::highest_number;
use crate::wal_name::{path_of, scan};
use crate::wal_reader::ROWS_HEAD_OCTETS;
use crate::words::Class;
use crate::writeback::Writeback;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Rows become searchable in bulk when their file is closed; readers that follow see them at once.
pub(crate) const CLOSE_AFTER_MS: u64 = 60_000;
/// A file larger than this is closed at once: what a reader has to take in one piece.
pub(crate) const CLOSE_AFTER_OCTETS: u64 = 64 << 20;
/// Rows are framed at this size at the latest.
const FRAME_OCTETS: usize = 256 << 10;

/// A legend, ready for files.
#[derive(Clone)]
pub(crate) struct LegendFrame {
    pub generation: u64,
    pub octets: Vec<u8>,
}

/// Rows that were lost, and why.
pub(crate) struct Lost {
    pub rows: u64,
    pub error: io::Error,
}

impl Lost {
    pub(crate) fn nothing(error: io::Error) -> Self {
        Self { rows: 0, error }
    }
}

/// The file of one class.
pub(crate) struct WalFile {
    class: Class,
    directory: PathBuf,
    next_number: u64,
    /// Whether what came before this process took part in `next_number`.
    knows_highest: bool,
    open: Option<Open>,
    /// The frame of rows being collected.
    pending: Vec<u8>,
    pending_rows: u32,
}

struct Open {
    file: File,
    /// Whole frames end here.
    octets: u64,
    writeback: Writeback,
    first_row_ms: Option<u64>,
    /// Legends it has, by generation, and where.
    legends: Vec<(u64, u64)>,
    unsynced_rows: u64,
}

impl WalFile {
    pub(crate) fn new(directory: &Path, class: Class) -> Self {
        let mut one = Self {
            class,
            directory: directory.to_owned(),
            next_number: 1,
            knows_highest: false,
            open: None,
            pending: Vec::with_capacity(2 * FRAME_OCTETS),
            pending_rows: 0,
        };
        one.begin_frame();
        one
    }

    /// The frame being collected; rows are appended to it, and counted by [`WalFile::added`].
    pub(crate) fn pending(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    pub(crate) fn added(&mut self, rows: u32) {
        self.pending_rows += rows;
    }

    pub(crate) fn pending_rows(&self) -> u32 {
        self.pending_rows
    }

    pub(crate) fn is_frame_full(&self) -> bool {
        self.pending.len() >= FRAME_OCTETS
    }

    /// Opens the next file if none is open: the first number that this class never had.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        if self.open.is_none() {
            make_directory(&self.directory)?;
            if !self.knows_highest {
                self.next_number = self.next_number.max(highest_number(&self.directory, self.class)? + 1);
                self.knows_highest = true;
            }
            let of_class = scan(&self.directory)?.into_iter().filter(|one| one.class == self.class);
            let highest = of_class.map(|one| one.number).max().unwrap_or(0);
            self.open_number(self.next_number.max(highest + 1))?;
        }
        Ok(())
    }

    /// Opens the file of a number that there is not yet.
    pub(crate) fn open_number(&mut self, number: u64) -> io::Result<()> {
        make_directory(&self.directory)?;
        self.open = Some(self.create(number)?);
        self.next_number = number + 1;
        Ok(())
    }

    /// Writes the rows collected, of this legend; returns the octets written.
    pub(crate) fn flush(&mut self, legend: Option<&LegendFrame>, now_ms: u64) -> Result<u64, Lost> {
        let rows = std::mem::take(&mut self.pending_rows);
        if rows == 0 {
            return Ok(0);
        }
        let written = self.write_pending(legend, rows, now_ms);
        self.begin_frame();
        written.map_err(|error| {
            self.cut_back();
            Lost { rows: u64::from(rows), error }
        })
    }

    /// Whether so much was written that the kernel is to begin sending it to the disk.
    pub(crate) fn is_writeback_due(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.writeback.is_due(open.octets))
    }

    /// Tells the kernel to begin with what is due, if anything is.
    pub(crate) fn begin_writeback(&mut self) {
        if let Some(open) = &mut self.open {
            open.writeback.begin(&open.file, open.octets);
        }
    }

    /// Forces what was written to the disk. A file that was removed takes rows without complaint: that is a loss too.
    pub(crate) fn sync(&mut self) -> Result<bool, Lost> {
        let Some(open) = self.open.as_mut().filter(|open| open.unsynced_rows > 0) else { return Ok(false) };
        let synced = open.file.sync_data().and_then(|()| open.file.metadata());
        let error = match synced {
            Ok(metadata) if metadata.nlink() > 0 => {
                open.unsynced_rows = 0;
                return Ok(true);
            }
            Ok(_) => io::Error::new(ErrorKind::NotFound, "the file was removed while it was written"),
            Err(error) => error,
        };
        let rows = open.unsynced_rows;
        self.open = None;
        Err(Lost { rows, error })
    }

    /// Whether the file is old or large enough to be closed.
    pub(crate) fn is_due(&self, now_ms: u64) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let old = open.first_row_ms.is_some_and(|first| now_ms >= first.saturating_add(CLOSE_AFTER_MS));
            old || open.octets >= CLOSE_AFTER_OCTETS
        })
    }

    /// Closes the file and opens the next at once: readers know a closed file by a higher number.
    pub(crate) fn rotate(&mut self) -> Result<(), Lost> {
        self.sync()?;
        self.open = None;
        self.open().map_err(Lost::nothing)
    }

    fn begin_frame(&mut self) {
        frame::begin(&mut self.pending);
        self.pending.extend_from_slice(&[0; ROWS_HEAD_OCTETS]);
    }

    fn write_pending(&mut self, legend: Option<&LegendFrame>, rows: u32, now_ms: u64) -> io::Result<u64> {
        self.open()?;
        let Some(open) = &mut self.open else { return Ok(0) };
        let before = open.octets;
        let legend_at = open.legend_at(legend)?;
        if let Some(head) =
            self.pending.get_mut(frame::FRAME_HEAD_OCTETS..).and_then(|octets| octets.first_chunk_mut::<12>())
        {
            head[..8].copy_from_slice(&legend_at.to_le_bytes());
            head[8..].copy_from_slice(&rows.to_le_bytes());
        }
        frame::seal(&mut self.pending, Kind::Rows);
        open.append(&self.pending)?;
        open.first_row_ms.get_or_insert(now_ms);
        open.unsynced_rows += u64::from(rows);
        Ok(open.octets - before)
    }

    /// What a failed write left behind would hide what comes after it.
    fn cut_back(&mut self) {
        let keeps = self.open.as_ref().is_some_and(|open| {
            open.file.set_len(open.octets).is_ok() && open.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
        });
        if !keeps {
            self.open = None;
        }
    }

    fn create(&self, number: u64) -> io::Result<Open> {
        let path = path_of(&self.directory, self.class, number);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        let mut open = Open {
            file,
            octets: 0,
            writeback: Writeback::default(),
            first_row_ms: None,
            legends: Vec::new(),
            unsynced_rows: 0,
        };
        if let Err(error) = open.append(&frame::frame(Kind::Format, FORMAT)) {
            // An empty file a second is what a full disk would get otherwise.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        File::open(&self.directory)?.sync_all()?;
        Ok(open)
    }
}

impl Open {
    /// Where the legend stands, which is written first if the file has it not yet.
    fn legend_at(&mut self, legend: Option<&LegendFrame>) -> io::Result<u64> {
        // Rows without a legend are kept: their numbers and names are worth more than nothing.
        let Some(legend) = legend else { return Ok(0) };
        if let Some((_, at)) = self.legends.iter().find(|(generation, _)| *generation == legend.generation) {
            return Ok(*at);
        }
        let at = self.octets;
        self.append(&legend.octets)?;
        self.legends.push((legend.generation, at));
        Ok(at)
    }

    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all(frame)?;
        self.octets += frame.len() as u64;
        Ok(())
    }
}

/// Makes the directory and the one above it, for the service's user alone. The state directory itself is never made: where
/// it is gone, it must be missed.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    for one in [directory.parent(), Some(directory)].into_iter().flatten() {
        match DirBuilder::new().mode(0o700).create(one) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
