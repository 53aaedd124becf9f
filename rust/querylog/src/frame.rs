//! Frames: what a write-ahead file is made of. Each says how long it is and proves that it is whole.
//!
//! ```text
//! length u32 · kind u8 · zero[3] · xxh3 u64 · payload
//! ```
//! Numbers are little-endian. The first frame names the format. A file is only ever appended to, so it is good up to the
//! first frame that is not whole: there the server is writing, or was when the power went.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Octets before the payload.
pub(crate) const FRAME_HEAD_OCTETS: usize = 16;
/// A frame that claims more is damaged. Rows come in frames of a quarter MiB; a legend of a large trust takes a few MiB.
const MAX_PAYLOAD_OCTETS: usize = 64 << 20;
/// The payload of the first frame.
pub(crate) const FORMAT: &[u8] = b"schoolgate query log 1";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The name of the format.
    Format = 1,
    /// The words that numbers of rows stand for.
    Legend = 2,
    /// Rows.
    Rows = 3,
}

impl Kind {
    fn from_number(number: u8) -> Option<Self> {
        [Self::Format, Self::Legend, Self::Rows].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A frame where it stands: its kind and where its payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub kind: Kind,
    pub payload_octets: usize,
    checksum: u64,
}

impl FrameHead {
    pub(crate) fn parse(head: &[u8; FRAME_HEAD_OCTETS]) -> Option<Self> {
        let [a, b, c, d, kind, 0, 0, 0, checksum @ ..] = *head else { return None };
        let payload_octets = u32::from_le_bytes([a, b, c, d]) as usize;
        let kind = Kind::from_number(kind)?;
        let checksum = u64::from_le_bytes(checksum);
        (payload_octets <= MAX_PAYLOAD_OCTETS).then_some(Self { kind, payload_octets, checksum })
    }

    fn is_of(&self, payload: &[u8]) -> bool {
        checksum(self.kind, payload) == self.checksum
    }

    /// Octets of the whole frame.
    pub(crate) fn octets(&self) -> u64 {
        (FRAME_HEAD_OCTETS + self.payload_octets) as u64
    }
}

fn checksum(kind: Kind, payload: &[u8]) -> u64 {
    // Kind and length take part, so that a frame cannot be taken for another.
    xxh3_64_with_seed(payload, (payload.len() as u64) << 8 | kind as u64)
}

/// Makes room for the head of a frame whose payload will be appended.
pub(crate) fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.resize(FRAME_HEAD_OCTETS, 0);
}

/// Writes the head in front of the payload that was appended.
pub(crate) fn seal(out: &mut [u8], kind: Kind) {
    let Some((head, payload)) = out.split_first_chunk_mut::<FRAME_HEAD_OCTETS>() else { return };
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4..8].copy_from_slice(&[kind as u8, 0, 0, 0]);
    head[8..].copy_from_slice(&checksum(kind, payload).to_le_bytes());
}

/// A whole frame.
pub(crate) fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_HEAD_OCTETS + payload.len());
    begin(&mut out);
    out.extend_from_slice(payload);
    seal(&mut out, kind);
    out
}

/// Octets that can be read at a place: a file, or memory in tests.
pub(crate) trait ReadAt {
    /// Fills `octets` from `at` on, or says `UnexpectedEof`.
    fn read_exact_at(&self, octets: &mut [u8], at: u64) -> io::Result<()>;
    /// How many there are.
    fn octets(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_exact_at(&self, octets: &mut [u8], at: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, octets, at)
    }

    fn octets(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, octets: &mut [u8], at: u64) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..at.checked_add(octets.len())?));
        octets.copy_from_slice(from.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn octets(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// Reads the frame at `at` into `payload`. `None` where no whole frame stands.
pub(crate) fn read_frame(from: &impl ReadAt, at: u64, payload: &mut Vec<u8>) -> io::Result<Option<FrameHead>> {
    let Some(head) = read_head(from, at)? else { return Ok(None) };
    // What a damaged head claims is not allocated unless the file has it.
    if at.saturating_add(head.octets()) > from.octets()? {
        return Ok(None);
    }
    payload.resize(head.payload_octets, 0);
    let is_there = there(from.read_exact_at(payload, at + FRAME_HEAD_OCTETS as u64))?;
    Ok((is_there && head.is_of(payload)).then_some(head))
}

/// The head of the frame at `at`, unproved.
pub(crate) fn read_head(from: &impl ReadAt, at: u64) -> io::Result<Option<FrameHead>> {
    let mut head = [0; FRAME_HEAD_OCTETS];
    let is_there = there(from.read_exact_at(&mut head, at))?;
    Ok(if is_there { FrameHead::parse(&head) } else { None })
}

/// The end of the file is no error.
fn there(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
