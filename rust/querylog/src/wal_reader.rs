//! Reading write-ahead files: rows from any frame on, while the file still grows or long after.
//!
//! Whatever stands in a file, reading ends; it never panics, and never takes more memory than the file has octets.

use crate::frame::{FORMAT, Kind, ReadAt, read_frame, read_head};
use crate::legend::Legend;
use crate::record::Record;
use crate::row::{Row, RowTexts};
use std::io;

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
        }
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
            let Some(head) = read_frame(&self.file, self.at, &mut self.payload)? else { return Ok(None) };
            if self.at == 0 && (head.kind != Kind::Format || self.payload != FORMAT) {
                return Ok(None);
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
        let Some((legend_at, _, _)) = rows_head(&self.payload) else { return Ok(0) };
        self.find_legend(legend_at)?;
        let mut rest = self.payload.get(ROWS_HEAD_OCTETS..).unwrap_or_default();
        let mut shown = 0;
        while let Some((record, after)) = Record::parse(rest) {
            show(&self.texts.row(&record, &self.legend))?;
            (rest, shown) = (after, shown + 1);
        }
        Ok(shown)
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
