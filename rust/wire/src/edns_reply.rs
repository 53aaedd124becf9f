//! How the OPT record of a response is framed (RFC 6891).

use crate::{Ede, MAX_MESSAGE_OCTETS, OUR_UDP_SIZE_OCTETS, Query};

/// What a client without EDNS can take by UDP (RFC 1035 section 4.2.1), and the least that EDNS may announce.
const CLASSIC_UDP_SIZE_OCTETS: u16 = 512;

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
