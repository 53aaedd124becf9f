//! A reading position in octets from outside: every step says whether the octets were there.

/// Reads big-endian fields off the front of a slice; never past its end.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[octet]| octet)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// Steps over a name that may end in a compression pointer, without following it.
    pub(crate) fn skip_name(&mut self) -> Option<()> {
        loop {
            let length = self.u8()?;
            match length {
                0 => return Some(()),
                1..=63 => self.take(usize::from(length)).map(drop)?,
                0xc0.. => return self.u8().map(drop),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_past_the_end_moves_nothing() {
        let mut cursor = Cursor::new(&[1]);
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.u8(), Some(1));
        assert!(cursor.is_empty());
    }

    #[test]
    fn names_are_stepped_over_with_and_without_a_pointer() {
        let mut cursor = Cursor::new(b"\x01a\x00\x01b\xc0\x0cX");
        assert_eq!(cursor.skip_name(), Some(()));
        assert_eq!(cursor.skip_name(), Some(()));
        assert_eq!(cursor.rest(), b"X");
        assert_eq!(Cursor::new(b"\x40a").skip_name(), None, "label types 01 and 10 are not in use");
        assert_eq!(Cursor::new(b"\x3fabc").skip_name(), None);
    }
}
