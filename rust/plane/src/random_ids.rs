//! Numbers that an attacker cannot guess, from the system's generator, drawn many at a time: query IDs (RFC 5452).

use std::fs::File;
use std::io::{self, Read};

/// Octets drawn at once: one system call for 2048 numbers.
const DRAWN_OCTETS: usize = 4096;

/// The system's generator.
pub struct RandomIds {
    source: File,
    drawn: Box<[u8; DRAWN_OCTETS]>,
    used: usize,
}

impl RandomIds {
    /// Opens it once, so that drawing needs no descriptor later.
    pub fn open() -> io::Result<Self> {
        Ok(Self { source: File::open("/dev/urandom")?, drawn: Box::new([0; DRAWN_OCTETS]), used: DRAWN_OCTETS })
    }

    /// A number of 16 bits.
    pub fn draw(&mut self) -> io::Result<u16> {
        if self.used >= DRAWN_OCTETS {
            self.source.read_exact(self.drawn.as_mut_slice())?;
            self.used = 0;
        }
        let pair = self.drawn.get(self.used..).and_then(<[u8]>::first_chunk::<2>).copied().unwrap_or_default();
        self.used += 2;
        Ok(u16::from_be_bytes(pair))
    }
}
