//! EDNS (RFC 6891): what a query's OPT record asks for, and what an answer's will say.

use crate::cookie::Cookie;
use crate::cursor::Cursor;
use crate::{Ede, MAX_MESSAGE_OCTETS, Query, Reason, Refusal};

/// The UDP size that we announce and never exceed: fits every path that is not broken (DNS flag day 2020).
pub const OUR_UDP_SIZE_OCTETS: u16 = 1232;
/// What a client without EDNS can take by UDP (RFC 1035 section 4.2.1), and the least that EDNS may announce.
const CLASSIC_UDP_SIZE_OCTETS: u16 = 512;

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

/// How an answer is to be framed: how large it may be and what its OPT record says. An answer has OPT only if its query
/// had; then DO is echoed.
#[derive(Clone, Copy, Debug)]
pub struct EdnsReply<'a> {
    /// Most octets of the whole answer; above it the answer is truncated (TC).
    pub limit_octets: usize,
    /// Why the answer is what it is. Its text, then itself, gives way before the answer would be truncated.
    pub ede: Option<Ede<'a>>,
    /// Client and server cookie, from [`CookieSecrets::reply_cookie`](crate::CookieSecrets::reply_cookie).
    pub cookie: Option<[u8; 24]>,
    /// Pad to a multiple of this, if the query was padded: [`EdnsReply::ENCRYPTED_BLOCK_OCTETS`] on DoT and DoH, 0
    /// elsewhere.
    pub padding_block_octets: u16,
    /// How long an idle connection is kept, in units of 100 ms, if the client asked (RFC 7828): streams only.
    pub keepalive_100ms: Option<u16>,
}

impl EdnsReply<'static> {
    /// Block length for answers (RFC 8467 section 4.1).
    pub const ENCRYPTED_BLOCK_OCTETS: u16 = 468;

    /// An answer by UDP: 512 octets without EDNS, with it what the client announced, within 512 and 1232.
    #[must_use]
    pub fn datagram(query: &Query) -> Self {
        let announced = query.edns.map_or(0, |edns| edns.udp_size_octets);
        Self::with_limit(usize::from(announced.clamp(CLASSIC_UDP_SIZE_OCTETS, OUR_UDP_SIZE_OCTETS)))
    }

    /// An answer by TCP.
    #[must_use]
    pub const fn stream() -> Self {
        Self::with_limit(MAX_MESSAGE_OCTETS)
    }

    /// An answer by DoT or DoH: padded if the query was.
    #[must_use]
    pub const fn encrypted() -> Self {
        Self { padding_block_octets: Self::ENCRYPTED_BLOCK_OCTETS, ..Self::stream() }
    }

    const fn with_limit(limit_octets: usize) -> Self {
        Self { limit_octets, ede: None, cookie: None, padding_block_octets: 0, keepalive_100ms: None }
    }
}

impl<'a> EdnsReply<'a> {
    /// The same with this Extended DNS Error.
    #[must_use]
    pub const fn with_ede<'b>(self, ede: Ede<'b>) -> EdnsReply<'b>
    where
        'a: 'b,
    {
        EdnsReply { ede: Some(ede), ..self }
    }

    /// The same with this cookie.
    #[must_use]
    pub const fn with_cookie(self, cookie: Option<[u8; 24]>) -> Self {
        Self { cookie, ..self }
    }
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
