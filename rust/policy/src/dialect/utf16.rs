//! A list in UTF-16, as some editors save it, read as UTF-8. Only one that begins with its byte order mark is known.

use std::io::{self, Read};

/// Octets that are read at a time.
const CHUNK: usize = 1 << 14;

/// How the two octets of a unit stand.
#[derive(Clone, Copy)]
pub(super) enum Order {
    BigEndian,
    LittleEndian,
}

/// The order that the mark at the beginning of a text gives.
pub(super) fn order(first: &[u8]) -> Option<Order> {
    match first {
        [0xfe, 0xff, ..] => Some(Order::BigEndian),
        [0xff, 0xfe, ..] => Some(Order::LittleEndian),
        _ => None,
    }
}

/// A text in UTF-16 as UTF-8, its mark included; what is no character becomes U+FFFD.
pub(super) struct ToUtf8<R> {
    input: R,
    order: Order,
    /// An octet whose other half has not come.
    odd: Option<u8>,
    /// The first half of a pair whose second has not come.
    high: Option<u16>,
    text: Vec<u8>,
    taken: usize,
}

impl<R: Read> ToUtf8<R> {
    pub fn new(input: R, order: Order) -> Self {
        Self { input, order, odd: None, high: None, text: Vec::new(), taken: 0 }
    }

    /// Reads and converts more. Returns whether there was more; without it what is left over is converted.
    fn refill(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.taken = 0;
        let mut octets = Vec::with_capacity(CHUNK);
        octets.extend(self.odd.take());
        let more = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut octets)? > 0;
        let mut pairs = octets.chunks_exact(2);
        let units: Vec<u16> = pairs
            .by_ref()
            .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
            .map(|pair| match self.order {
                Order::BigEndian => u16::from_be_bytes(pair),
                Order::LittleEndian => u16::from_le_bytes(pair),
            })
            .collect();
        self.odd = pairs.remainder().first().copied();
        let mut all: Vec<u16> = self.high.take().into_iter().chain(units).collect();
        if more && all.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            self.high = all.pop();
        }
        let mut utf8 = [0; 4];
        for unit in char::decode_utf16(all) {
            let character = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        }
        Ok(more)
    }
}

impl<R: Read> Read for ToUtf8<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() {
            if !self.refill()? && self.text.is_empty() {
                return Ok(0);
            }
        }
        let mut rest = self.text.get(self.taken..).unwrap_or_default();
        let count = rest.read(out)?;
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(text: &str, order: Order) -> Vec<u8> {
        let octets = |unit: u16| match order {
            Order::BigEndian => unit.to_be_bytes(),
            Order::LittleEndian => unit.to_le_bytes(),
        };
        text.encode_utf16().flat_map(octets).collect()
    }

    #[test]
    fn both_orders_give_the_text_across_chunks() {
        // A pair lies across the border of chunks.
        let text = format!("\u{feff}{}{}", "a".repeat(CHUNK / 2 - 2), "\u{1f600}b".repeat(CHUNK));
        for order in [Order::BigEndian, Order::LittleEndian] {
            let mut read = String::new();
            ToUtf8::new(octets(&text, order).as_slice(), order).read_to_string(&mut read).expect("UTF-8");
            assert_eq!(read, text);
        }
    }

    #[test]
    fn half_a_character_costs_itself_only() {
        let mut read = String::new();
        ToUtf8::new(&[0xfe, 0xff, 0xd8, 0x00, 0x00, b'a', 0xd8, 0x00, 0x00][..], Order::BigEndian)
            .read_to_string(&mut read)
            .expect("UTF-8");
        assert_eq!(read, "\u{feff}\u{fffd}a\u{fffd}");
    }
}
