//! EDNS (RFC 6891): what a query's OPT record asks for, and what an answer's will say.

use crate::cookie::Cookie;
use crate::cursor::Cursor;
use crate::{Reason, Refusal};

/// Option codes (IANA "DNS EDNS0 Option Codes").
pub(crate) mod option {
    pub(crate) const COOKIE: u16 = 10;
    pub(crate) const KEEPALIVE: u16 = 11;
    pub(crate) const PADDING: u16 = 12;
    pub(crate) const EDE: u16 = 15;
}

/// DO in the OPT record's TTL field (RFC 3225).
pub(crate) const DNSSEC_OK: u16 = 0x8000;

/// What a query's OPT record said. Options that are not here (NSID, client subnet, ...) are stepped over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    /// The UDP size that the client announced, as it stands in the packet.
    pub udp_size_octets: u16,
    /// EDNS version; a query that passed [`peek`](crate::peek) has 0.
    pub version: u8,
    /// DO: the client wants signatures.
    pub dnssec_ok: bool,
    /// The first COOKIE option.
    pub cookie: Cookie,
    /// A PADDING option is there: on encrypted doors the answer is padded (RFC 7830).
    pub has_padding: bool,
    /// A TCP keepalive option is there (RFC 7828); without meaning on UDP.
    pub has_keepalive: bool,
}

impl Edns {
    /// Reads an OPT record's class, TTL and options. The options of a version we do not know are left alone.
    ///
    /// Time is linear in the octets of the packet, whatever the number of options.
    pub(crate) fn parse(class: u16, ttl: u32, data: &[u8]) -> Result<Self, Refusal> {
        let [_, version, flags @ ..] = ttl.to_be_bytes();
        let mut edns = Self {
            udp_size_octets: class,
            version,
            dnssec_ok: u16::from_be_bytes(flags) & DNSSEC_OK != 0,
            ..Self::default()
        };
        if version == 0 {
            edns.parse_options(data)?;
        }
        Ok(edns)
    }

    fn parse_options(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let mut options = Cursor::new(data);
        while !options.is_empty() {
            let (code, data) = read_option(&mut options).ok_or(Reason::BadOpt.formerr())?;
            match code {
                option::COOKIE if self.cookie == Cookie::Absent => {
                    self.cookie = Cookie::parse(data).ok_or(Reason::BadCookieLength.formerr())?;
                }
                option::PADDING => self.has_padding = true,
                option::KEEPALIVE => self.has_keepalive = true,
                _ => {}
            }
        }
        Ok(())
    }
}

fn read_option<'a>(options: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    let code = options.u16()?;
    let length = options.u16()?;
    Some((code, options.take(usize::from(length))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(data: &[u8]) -> Result<Edns, Refusal> {
        Edns::parse(4096, 0x0000_8000, data)
    }

    #[test]
    fn size_and_do_come_from_class_and_ttl() {
        let edns = parse(&[]).unwrap();
        assert_eq!(edns.udp_size_octets, 4096);
        assert!(edns.dnssec_ok);
        assert_eq!(edns.cookie, Cookie::Absent);
    }

    #[test]
    fn known_options_are_seen_and_others_stepped_over() {
        let edns =
            parse(b"\x00\x08\x00\x04\x00\x01\x00\x00\x00\x0c\x00\x02\x00\x00\x00\x0b\x00\x00\x00\x0a\x00\x08abcdefgh")
                .unwrap();
        assert!(edns.has_padding && edns.has_keepalive);
        assert_eq!(edns.cookie, Cookie::Client(*b"abcdefgh"));
    }

    #[test]
    fn the_first_cookie_counts() {
        let edns = parse(b"\x00\x0a\x00\x08abcdefgh\x00\x0a\x00\x08ABCDEFGH").unwrap();
        assert_eq!(edns.cookie, Cookie::Client(*b"abcdefgh"));
    }

    #[test]
    fn lengths_that_do_not_fit_are_format_errors() {
        assert_eq!(parse(b"\x00"), Err(Reason::BadOpt.formerr()));
        assert_eq!(parse(b"\x00\x0c\x00"), Err(Reason::BadOpt.formerr()));
        assert_eq!(parse(b"\x00\x0c\x00\x02\x00"), Err(Reason::BadOpt.formerr()));
        assert_eq!(parse(b"\x00\x0a\x00\x07abcdefg"), Err(Reason::BadCookieLength.formerr()));
    }

    #[test]
    fn options_of_an_unknown_version_are_not_read() {
        let edns = Edns::parse(1232, 0x0001_0000, b"\xff").unwrap();
        assert_eq!(edns.version, 1);
    }
}
