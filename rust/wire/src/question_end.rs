//! Where the question of a message ends, found without reading the rest.

use crate::HEADER_OCTETS;

/// Where the first question of a message ends, if it has a whole one, uncompressed.
pub fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = HEADER_OCTETS;
    loop {
        match *message.get(at)? {
            0 => break,
            length if length < 64 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
    (at + 5 <= message.len()).then_some(at + 5)
}
