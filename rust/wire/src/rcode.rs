//! Response codes (RFC 6895 section 2.3): four bits in the header, eight more in OPT.

use std::fmt;

/// A response code, with the extended ones of EDNS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rcode(pub u16);

impl Rcode {
    /// The question was understood and its name exists.
    pub const NOERROR: Self = Self(0);
    /// The packet is not a well-formed query.
    pub const FORMERR: Self = Self(1);
    /// The answer could not be had.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// This kind of query is not implemented.
    pub const NOTIMP: Self = Self(4);
    /// Not answered, by policy.
    pub const REFUSED: Self = Self(5);
    /// A DNAME would have made a name too long.
    pub const YXDOMAIN: Self = Self(6);
    /// Signed, and we hold no key.
    pub const NOTAUTH: Self = Self(9);
    /// EDNS version not known (extended: needs OPT).
    pub const BADVERS: Self = Self(16);
    /// Server cookie missing or bad (extended: needs OPT).
    pub const BADCOOKIE: Self = Self(23);

    /// The four bits that the header carries.
    #[must_use]
    pub const fn header_bits(self) -> u8 {
        (self.0 & 0x0f) as u8
    }

    /// The eight bits that OPT carries.
    #[must_use]
    pub const fn extended_bits(self) -> u8 {
        (self.0 >> 4) as u8
    }

    /// The mnemonic, where the code has one that we meet.
    #[must_use]
    pub const fn mnemonic(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            9 => "NOTAUTH",
            16 => "BADVERS",
            23 => "BADCOOKIE",
            _ => return None,
        })
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(word) => f.write_str(word),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_split_between_header_and_opt() {
        assert_eq!(Rcode::BADVERS.header_bits(), 0);
        assert_eq!(Rcode::BADVERS.extended_bits(), 1);
        assert_eq!(Rcode::BADCOOKIE.header_bits(), 7);
    }

    #[test]
    fn unknown_codes_print_as_numbers() {
        assert_eq!(Rcode(11).to_string(), "RCODE11");
        assert_eq!(Rcode::NXDOMAIN.to_string(), "NXDOMAIN");
    }
}
