//! Reading write-ahead files: rows from any frame on, while the file still grows or long after.
//!
//! Whatever stands in a file, reading ends; it never panics, and never takes more memory than the file has octets. In a file
//! that still grows, the first frame that is not whole is the end. In a closed one it is damage: it is passed over where its
//! head says how long it is, and what is lost is counted.

use crate::frame::{FORMAT, FRAME_HEAD_OCTETS, FrameHead, Kind, ReadAt, read_frame, read_head};
use crate::legend::Legend;
use crate::record::{HEAD_OCTETS, Record};
use crate::row::{Row, RowTexts};
use std::io::{self, ErrorKind};

/// Octets in front of the rows of a frame: where its legend stands, how many rows there are.
pub(crate) const ROWS_HEAD_OCTETS: usize = 12;

/// Reads the rows of one file, frame by frame.
pub(crate) struct WalReader<F> {
    file: F,
    at: u64,
    payload: Vec<u8>,
    legend_payload: Vec<u8>,
    legend_at: Option<u64>,
    legend: Legend,
    texts: RowTexts,
    is_closed: bool,
    lost: LostRows,
}

/// What could not be read of a closed file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LostRows {
    /// Rows that frames said they had, and that could not be read.
    pub rows: u64,
    /// Octets of frames that are not whole.
    pub octets: u64,
    /// Whether more is lost than a last frame that was never whole: then the file is worth keeping.
    pub is_damaged: bool,
}

impl<F: ReadAt> WalReader<F> {
    /// Reads from `at` on: 0, or where an earlier reading ended.
    pub(crate) fn new(file: F, at: u64) -> Self {
        let (payload, legend_payload) = (Vec::new(), Vec::new());
        Self {
            file,
            at,
            payload,
            legend_payload,
            legend_at: None,
            legend: Legend::default(),
            texts: RowTexts::default(),
            is_closed: false,
            lost: LostRows::default(),
        }
    }

    /// Reads a file that is not written any more: over damaged frames to the good ones behind them.
    pub(crate) fn of_closed(file: F) -> Self {
        Self { is_closed: true, ..Self::new(file, 0) }
    }

    /// What could not be read, once reading has ended.
    pub(crate) fn lost(&self) -> io::Result<LostRows> {
        let left = self.left_octets()?;
        let is_damaged = self.lost.is_damaged || (left > 0 && !self.is_torn(left)?);
        Ok(LostRows { octets: self.lost.octets + left, is_damaged, ..self.lost })
    }

    /// Where the next frame stands.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Octets past the last good frame.
    pub(crate) fn left_octets(&self) -> io::Result<u64> {
        Ok(self.file.octets()?.saturating_sub(self.at))
    }

    /// Shows the rows of the next frame that has any; `None` at the end of what is whole. An error of `show` ends it.
    pub(crate) fn next(&mut self, mut show: impl FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<Option<usize>> {
        loop {
            let Some(head) = read_frame(&self.file, self.at, &mut self.payload)? else {
                if self.is_closed && self.pass_over()? {
                    continue;
                }
                return Ok(None);
            };
            if self.at == 0 && (head.kind != Kind::Format || self.payload != FORMAT) {
                return if self.is_closed { Err(unknown_format()) } else { Ok(None) };
            }
            let end = self.at + head.octets();
            if head.kind == Kind::Rows {
                let shown = self.show_rows(&mut show)?;
                self.at = end;
                return Ok(Some(shown));
            }
            self.at = end;
        }
    }

    fn show_rows(&mut self, show: &mut impl FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<usize> {
        let Some((legend_at, said, _)) = rows_head(&self.payload) else { return Ok(0) };
        self.find_legend(legend_at)?;
        let mut rest = self.payload.get(ROWS_HEAD_OCTETS..).unwrap_or_default();
        let mut shown = 0;
        while let Some((record, after)) = Record::parse(rest) {
            show(&self.texts.row(&record, &self.legend))?;
            (rest, shown) = (after, shown + 1);
        }
        // Words of a later version, or a defect: the frame itself is whole.
        let unshown = u64::from(said).saturating_sub(shown as u64);
        self.lost.rows += unshown;
        self.lost.is_damaged |= unshown > 0;
        Ok(shown)
    }

    /// Goes behind a frame that is not what its checksum says; false where its end cannot be known.
    fn pass_over(&mut self) -> io::Result<bool> {
        let (head, octets) = (read_head(&self.file, self.at)?, self.file.octets()?);
        let Some(head) = head.filter(|head| self.at + head.octets() <= octets) else {
            let is_named = self.at > 0 || octets < FRAME_HEAD_OCTETS as u64 || self.is_torn(octets)?;
            return if is_named { Ok(false) } else { Err(unknown_format()) };
        };
        if head.kind == Kind::Rows {
            // No frame has more rows than would fit into it, whatever its damaged head says.
            let most = head.payload_octets / HEAD_OCTETS;
            self.lost.rows += rows_head(&self.payload).map_or(0, |(_, rows, _)| u64::from(rows).min(most as u64));
        }
        self.lost.octets += head.octets();
        self.lost.is_damaged = true;
        self.at += head.octets();
        Ok(true)
    }

    /// Whether what is left was never whole: cut off before its end, or never more than zeros, as a power cut leaves it.
    fn is_torn(&self, left: u64) -> io::Result<bool> {
        let mut octets = [0; FRAME_HEAD_OCTETS];
        let Some(head) = octets.get_mut(..left.min(FRAME_HEAD_OCTETS as u64) as usize) else { return Ok(false) };
        self.file.read_exact_at(head, self.at)?;
        Ok(left < FRAME_HEAD_OCTETS as u64 || octets == [0; FRAME_HEAD_OCTETS] || FrameHead::parse(&octets).is_some())
    }

    /// A legend always stands before its rows.
    fn find_legend(&mut self, at: u64) -> io::Result<()> {
        if self.legend_at == Some(at) {
            return Ok(());
        }
        let head = if at < self.at { read_frame(&self.file, at, &mut self.legend_payload)? } else { None };
        let payload = head.filter(|head| head.kind == Kind::Legend).map(|_| self.legend_payload.as_slice());
        self.legend = payload.and_then(Legend::decode).unwrap_or_default();
        self.legend_at = Some(at);
        Ok(())
    }
}

fn unknown_format() -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        "is of no format that this version knows; keep it for the version that wrote it",
    )
}

/// Where the legend of a frame of rows stands, how many rows it says it has, and the records.
fn rows_head(payload: &[u8]) -> Option<(u64, u32, &[u8])> {
    let (legend_at, rest) = payload.split_first_chunk::<8>()?;
    let (rows, records) = rest.split_first_chunk::<4>()?;
    Some((u64::from_le_bytes(*legend_at), u32::from_le_bytes(*rows), records))
}

/// How many rows a file says it holds, without reading them.
pub(crate) fn count_rows(file: &impl ReadAt) -> io::Result<u64> {
    let (mut at, mut rows) = (0u64, 0u64);
    while let Some(head) = read_head(file, at)? {
        if head.kind == Kind::Rows {
            let mut octets = [0; ROWS_HEAD_OCTETS];
            if head.payload_octets < ROWS_HEAD_OCTETS || file.read_exact_at(&mut octets, at + 16).is_err() {
                break;
            }
            rows += rows_head(&octets).map_or(0, |(_, rows, _)| u64::from(rows));
        }
        at += head.octets();
    }
    Ok(rows)
}
