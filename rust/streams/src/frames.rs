//! Messages with their length before them (RFC 1035 section 4.2.2, RFC 7766 section 8), from octets that come as they like.

/// Octets of a length.
pub const LENGTH_OCTETS: usize = 2;
/// A message is at least a header.
const HEADER_OCTETS: usize = 12;

/// A length that holds no message: where the next one begins is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct TooShort;

/// Octets that have come, as messages.
#[derive(Debug, Default)]
pub struct Frames {
    octets: Vec<u8>,
    /// Where the next message begins.
    at: usize,
}

impl Frames {
    /// Adds octets that have come.
    pub fn put(&mut self, octets: &[u8]) {
        self.octets.drain(..std::mem::take(&mut self.at));
        self.octets.extend_from_slice(octets);
    }

    /// The next whole message, without its length.
    ///
    /// # Errors
    /// [`TooShort`]; then nothing more can be taken.
    pub fn take(&mut self) -> Result<Option<&[u8]>, TooShort> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_OCTETS>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < HEADER_OCTETS {
            return Err(TooShort);
        }
        let message = rest.get(..length);
        if message.is_some() {
            self.at += LENGTH_OCTETS + length;
        }
        Ok(message)
    }

    /// Whether a part of a message has come.
    pub fn has_begun(&self) -> bool {
        self.at < self.octets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(octet: u8, length: usize) -> Vec<u8> {
        let mut framed = (length as u16).to_be_bytes().to_vec();
        framed.resize(LENGTH_OCTETS + length, octet);
        framed
    }

    #[test]
    fn messages_come_out_whole_however_they_came_in() {
        let sent = [message(1, 12), message(2, 65_535), message(3, 700)].concat();
        for step in [1, 2, 13, 4096, sent.len()] {
            let (mut frames, mut taken) = (Frames::default(), Vec::new());
            for octets in sent.chunks(step) {
                frames.put(octets);
                while let Some(message) = frames.take().unwrap() {
                    taken.push((message[0], message.len()));
                }
            }
            assert_eq!(taken, [(1, 12), (2, 65_535), (3, 700)]);
            assert!(!frames.has_begun());
        }
    }

    proptest! {
        #[test]
        fn messages_survive_any_cutting_and_being_taken_late(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 12..80), 0..8),
            step in 1_usize..30,
            late in 1_usize..6,
        ) {
            let framed = |one: &Vec<u8>| [&(one.len() as u16).to_be_bytes(), one.as_slice()].concat();
            let sent: Vec<u8> = messages.iter().flat_map(framed).collect();
            let (mut frames, mut taken) = (Frames::default(), Vec::new());
            for (number, piece) in sent.chunks(step).enumerate() {
                frames.put(piece);
                if number % late == 0 {
                    taken.extend(frames.take().unwrap().map(<[u8]>::to_vec));
                }
            }
            while let Some(message) = frames.take().unwrap() {
                taken.push(message.to_vec());
            }
            prop_assert_eq!(taken, messages);
            prop_assert!(!frames.has_begun());
        }

        #[test]
        fn whatever_comes_is_the_same_in_any_pieces(octets in proptest::collection::vec(any::<u8>(), 0..400), step in 1_usize..50) {
            let taken = |step: usize| {
                let (mut frames, mut taken) = (Frames::default(), Vec::new());
                for piece in octets.chunks(step) {
                    frames.put(piece);
                    loop {
                        match frames.take() {
                            Ok(Some(message)) => taken.push(message.to_vec()),
                            Ok(None) => break,
                            Err(TooShort) => return (taken, false),
                        }
                    }
                }
                (taken, true)
            };
            prop_assert_eq!(taken(step), taken(octets.len().max(1)));
        }
    }

    #[test]
    fn a_length_shorter_than_a_header_is_no_message() {
        let mut frames = Frames::default();
        frames.put(&[0, 11]);
        assert_eq!(frames.take(), Err(TooShort));
    }

    #[test]
    fn half_a_message_has_begun() {
        let mut frames = Frames::default();
        assert!(!frames.has_begun());
        frames.put(&[0]);
        assert_eq!(frames.take(), Ok(None));
        assert!(frames.has_begun());
    }
}
