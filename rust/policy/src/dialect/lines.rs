//! Lines of a stream, with their numbers, none of them held beyond [`MAX_LINE_OCTETS`].

use super::reason::SkipReason;
use std::io::{self, BufRead};

/// No rule is longer; a longer line is a damaged or hostile feed and is skipped without being held in memory.
const MAX_LINE_OCTETS: usize = 1 << 20;

/// A line's octets without its end, or why it is not even looked at.
type Line<'a> = Result<&'a [u8], SkipReason>;

/// Calls `each` with every line and its number. Returns how many lines there were.
pub(super) fn each_line(input: &mut dyn BufRead, each: &mut dyn FnMut(u64, Line<'_>)) -> io::Result<u64> {
    let mut number = 0;
    let mut held: Vec<u8> = Vec::new();
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            break;
        }
        let mut rest = chunk;
        // Most lines stand whole in the buffer and are read where they stand.
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            number += 1;
            if held.is_empty() {
                each(number, Ok(line));
            } else {
                hold(&mut held, line);
                each(number, sized(&held));
                held.clear();
            }
            rest = after.get(1..).unwrap_or_default();
        }
        hold(&mut held, rest);
        let used = chunk.len();
        input.consume(used);
    }
    if !held.is_empty() {
        number += 1;
        each(number, sized(&held));
    }
    Ok(number)
}

/// One octet more than allowed is kept, and says that the line is too long.
fn hold(held: &mut Vec<u8>, part: &[u8]) {
    let room = (MAX_LINE_OCTETS + 1).saturating_sub(held.len());
    held.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
}

fn sized(held: &[u8]) -> Result<&[u8], SkipReason> {
    if held.len() > MAX_LINE_OCTETS { Err(SkipReason::LineTooLong) } else { Ok(held) }
}
