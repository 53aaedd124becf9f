//! Answers that are composed on the spot: refusals, the policy's own answers, bare response codes, truncation.
//!
//! Every function writes one whole message into the buffer it is given and returns its length. 0 means silence, or a
//! buffer too small even for header, question and OPT (512 octets always suffice). Nothing is allocated.

use crate::edns::{DNSSEC_OK, option};
use crate::{CLASS_IN, Ede, EdnsReply, HEADER_OCTETS, OUR_UDP_SIZE_OCTETS, Query, Rcode, Refusal, rtype};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A pointer to the question's name: every owner name in an answer of our own.
pub(crate) const QUESTION_POINTER: [u8; 2] = [0xc0, HEADER_OCTETS as u8];
/// MNAME of the SOA in a policy's negative answer. Under `.invalid`, so that no server can be asked about it (RFC 6761).
const SOA_MNAME: &[u8] = b"\x0aschoolgate\x07invalid\x00";
/// RNAME of that SOA.
const SOA_RNAME: &[u8] = b"\x06nobody\x07invalid\x00";
/// Serial, refresh, retry and expire of that SOA: it is never transferred.
const SOA_TIMERS: [u8; 16] = [0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 0x02, 0x58, 0, 1, 0x51, 0x80];
/// HINFO as RFC 8482 section 4.2 has it: CPU "RFC8482", OS empty.
const HINFO_RFC8482: &[u8] = b"\x07RFC8482\x00";

const QR_IN_FLAGS: u8 = 0x80;
pub(crate) const TC_IN_FLAGS: u8 = 0x02;
const RA_IN_FLAGS: u8 = 0x80;
const CD_IN_FLAGS: u8 = 0x10;

/// What a policy answers with its own mouth.
#[derive(Clone, Copy, Debug)]
pub struct PolicyAnswer<'a> {
    /// Response code.
    pub rcode: Rcode,
    /// Answer records, owned by the question's name.
    pub records: PolicyRecords<'a>,
    /// TTL of the records; also TTL and MINIMUM of the SOA, so that a negative answer is cached this long (RFC 2308).
    pub ttl_s: u32,
    /// Put an SOA, owned by the question's name, into the authority section: for NXDOMAIN and NODATA.
    pub soa: bool,
}

/// The answer records of a policy's answer.
#[derive(Clone, Copy, Debug)]
pub enum PolicyRecords<'a> {
    /// None.
    None,
    /// A records.
    V4(&'a [Ipv4Addr]),
    /// AAAA records.
    V6(&'a [Ipv6Addr]),
    /// The HINFO that RFC 8482 answers ANY with.
    Any,
}

impl PolicyAnswer<'_> {
    /// NXDOMAIN for `ttl_s`.
    #[must_use]
    pub const fn nxdomain(ttl_s: u32) -> Self {
        Self { rcode: Rcode::NXDOMAIN, records: PolicyRecords::None, ttl_s, soa: true }
    }

    /// NODATA for `ttl_s`.
    #[must_use]
    pub const fn nodata(ttl_s: u32) -> Self {
        Self { rcode: Rcode::NOERROR, records: PolicyRecords::None, ttl_s, soa: true }
    }

    /// The minimal answer to ANY (RFC 8482).
    #[must_use]
    pub const fn any(ttl_s: u32) -> Self {
        Self { rcode: Rcode::NOERROR, records: PolicyRecords::Any, ttl_s, soa: false }
    }
}

impl<'a> PolicyAnswer<'a> {
    /// These IPv4 addresses for `ttl_s`.
    #[must_use]
    pub const fn v4(addresses: &'a [Ipv4Addr], ttl_s: u32) -> Self {
        Self { rcode: Rcode::NOERROR, records: PolicyRecords::V4(addresses), ttl_s, soa: false }
    }

    /// These IPv6 addresses for `ttl_s`.
    #[must_use]
    pub const fn v6(addresses: &'a [Ipv6Addr], ttl_s: u32) -> Self {
        Self { rcode: Rcode::NOERROR, records: PolicyRecords::V6(addresses), ttl_s, soa: false }
    }
}

/// Writes the policy's own answer to `query`, which was peeked from `packet`. What does not fit is truncated.
pub fn policy_answer(
    out: &mut [u8],
    packet: &[u8],
    query: &Query,
    answer: &PolicyAnswer<'_>,
    reply: &EdnsReply<'_>,
) -> usize {
    let room = out.len().min(reply.limit_octets);
    let compose = |out: &mut [u8]| {
        let mut sheet = Sheet::new(out.get_mut(..room)?);
        sheet.header_and_question(packet, query, answer.rcode, 0)?;
        let answers = sheet.policy_records(&answer.records, answer.ttl_s)?;
        if answer.soa {
            sheet.policy_soa(answer.ttl_s)?;
        }
        sheet.counts(answers, u16::from(answer.soa))?;
        sheet.opt(query, answer.rcode, reply)
    };
    compose(out).unwrap_or_else(|| truncated(out, packet, query, reply))
}

/// Writes an answer without records: header, question, OPT. SERVFAIL, REFUSED, BADCOOKIE and their like.
pub fn rcode_answer(out: &mut [u8], packet: &[u8], query: &Query, rcode: Rcode, reply: &EdnsReply<'_>) -> usize {
    bare(out, packet, query, rcode, 0, reply).unwrap_or(0)
}

/// Writes an answer that says: ask again by TCP (TC).
pub fn truncated(out: &mut [u8], packet: &[u8], query: &Query, reply: &EdnsReply<'_>) -> usize {
    bare(out, packet, query, Rcode::NOERROR, TC_IN_FLAGS, reply).unwrap_or(0)
}

/// Writes the reply to a refused packet; 0 for no reply. `query` is as [`peek`](crate::peek) left it.
///
/// A format error is answered with a bare header: what could not be read is not echoed. Other errors echo the question,
/// and OPT if there was one. No refusal is longer than its packet.
pub fn refusal_reply(out: &mut [u8], packet: &[u8], query: &Query, refusal: &Refusal) -> usize {
    let Refusal::Answer { rcode, .. } = *refusal else {
        return 0;
    };
    if rcode != Rcode::FORMERR && query.question_end > 0 {
        return rcode_answer(out, packet, query, rcode, &EdnsReply::datagram(query));
    }
    bare_header(out, packet, rcode).unwrap_or(0)
}

/// Writes the answer to a query that has no question and asks for a server cookie: header and OPT (RFC 7873 section 5.4).
pub fn cookie_answer(out: &mut [u8], packet: &[u8], query: &Query, rcode: Rcode, reply: &EdnsReply<'_>) -> usize {
    let header = bare_header(out, packet, rcode);
    header.and_then(|at| Sheet::resume(out, at).opt(query, rcode, reply)).unwrap_or(0)
}

/// A header without sections; ID, opcode and RD are those of the packet.
fn bare_header(out: &mut [u8], packet: &[u8], rcode: Rcode) -> Option<usize> {
    let [id @ .., high, _] = *packet.first_chunk::<4>()?;
    let mut sheet = Sheet::new(out);
    sheet.put(&id)?;
    sheet.put(&[QR_IN_FLAGS | (high & 0x79), RA_IN_FLAGS | rcode.header_bits()])?;
    sheet.put(&[0; 8])?;
    Some(sheet.at)
}

fn bare(out: &mut [u8], packet: &[u8], query: &Query, rcode: Rcode, tc: u8, reply: &EdnsReply<'_>) -> Option<usize> {
    let room = out.len().min(reply.limit_octets);
    let mut sheet = Sheet::new(out.get_mut(..room)?);
    sheet.header_and_question(packet, query, rcode, tc)?;
    sheet.opt(query, rcode, reply)
}

/// ID and flags of an answer: QR, RA; RD and CD as asked; neither AA nor AD.
pub(crate) fn id_and_flags(query: &Query, rcode: Rcode, tc: u8) -> [u8; 4] {
    let [id_high, id_low] = query.id.to_be_bytes();
    let cd = if query.checking_disabled { CD_IN_FLAGS } else { 0 };
    [id_high, id_low, QR_IN_FLAGS | tc | u8::from(query.recursion_desired), RA_IN_FLAGS | cd | rcode.header_bits()]
}

/// A message under way. Each step is `None` when it does not fit.
pub(crate) struct Sheet<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Sheet<'a> {
    fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    /// Goes on with a message whose first `at` octets stand already.
    #[inline]
    pub(crate) fn resume(out: &'a mut [u8], at: usize) -> Self {
        Self { out, at }
    }

    #[inline]
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let place = self.out.get_mut(self.at..)?.get_mut(..octets.len())?;
        place.copy_from_slice(octets);
        self.at += octets.len();
        Some(())
    }

    fn put_u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    /// The question is copied octet for octet, so the client finds its own case again (0x20).
    fn header_and_question(&mut self, packet: &[u8], query: &Query, rcode: Rcode, tc: u8) -> Option<()> {
        self.put(&id_and_flags(query, rcode, tc))?;
        self.put(&[0, 1, 0, 0, 0, 0, 0, 0])?;
        self.put(packet.get(HEADER_OCTETS..query.question_end)?)
    }

    fn counts(&mut self, answers: u16, authorities: u16) -> Option<()> {
        let [a, b] = answers.to_be_bytes();
        let [c, d] = authorities.to_be_bytes();
        self.out.get_mut(6..10)?.copy_from_slice(&[a, b, c, d]);
        Some(())
    }

    fn policy_records(&mut self, records: &PolicyRecords<'_>, ttl_s: u32) -> Option<u16> {
        match records {
            PolicyRecords::None => Some(0),
            PolicyRecords::V4(addresses) => {
                addresses.iter().try_for_each(|address| self.record(rtype::A, ttl_s, &address.octets()))?;
                u16::try_from(addresses.len()).ok()
            }
            PolicyRecords::V6(addresses) => {
                addresses.iter().try_for_each(|address| self.record(rtype::AAAA, ttl_s, &address.octets()))?;
                u16::try_from(addresses.len()).ok()
            }
            PolicyRecords::Any => self.record(rtype::HINFO, ttl_s, HINFO_RFC8482).map(|()| 1),
        }
    }

    fn record(&mut self, rtype: u16, ttl_s: u32, data: &[u8]) -> Option<()> {
        self.record_head(rtype, ttl_s, data.len())?;
        self.put(data)
    }

    fn record_head(&mut self, rtype: u16, ttl_s: u32, data_octets: usize) -> Option<()> {
        self.put(&QUESTION_POINTER)?;
        self.put_u16(rtype)?;
        self.put_u16(CLASS_IN)?;
        self.put(&ttl_s.to_be_bytes())?;
        self.put_u16(u16::try_from(data_octets).ok()?)
    }

    fn policy_soa(&mut self, ttl_s: u32) -> Option<()> {
        self.record_head(rtype::SOA, ttl_s, SOA_MNAME.len() + SOA_RNAME.len() + SOA_TIMERS.len() + 4)?;
        self.put(SOA_MNAME)?;
        self.put(SOA_RNAME)?;
        self.put(&SOA_TIMERS)?;
        self.put(&ttl_s.to_be_bytes())
    }

    /// Ends the message: with OPT if the query had one. Where the full OPT does not fit, first the text of the Extended
    /// DNS Error gives way, then the error itself. Returns the message's length.
    #[inline]
    pub(crate) fn opt(mut self, query: &Query, rcode: Rcode, reply: &EdnsReply<'_>) -> Option<usize> {
        let Some(edns) = &query.edns else {
            return Some(self.at);
        };
        let without_text = reply.ede.map(|ede| Ede::new(ede.code));
        let room = self.out.len().checked_sub(self.at)?;
        let fits = |ede: &Option<Ede<'_>>| OPT_HEAD_OCTETS + options_octets(reply, ede) <= room;
        let ede = [reply.ede, without_text, None].into_iter().find(fits)?;
        let mut data_octets = options_octets(reply, &ede);
        let padding =
            if edns.has_padding { padding_octets(self.at + OPT_HEAD_OCTETS + data_octets, reply) } else { None };
        let padding = padding.filter(|padding| OPT_HEAD_OCTETS + data_octets + 4 + padding <= room);
        data_octets += padding.map_or(0, |padding| 4 + padding);

        self.put(&[0])?;
        self.put_u16(rtype::OPT)?;
        self.put_u16(OUR_UDP_SIZE_OCTETS)?;
        self.put(&[rcode.extended_bits(), 0])?;
        self.put_u16(if edns.dnssec_ok { DNSSEC_OK } else { 0 })?;
        self.put_u16(u16::try_from(data_octets).ok()?)?;
        self.options(reply, &ede)?;
        if let Some(padding) = padding {
            self.option_head(option::PADDING, padding)?;
            self.out.get_mut(self.at..)?.get_mut(..padding)?.fill(0);
            self.at += padding;
        }
        // ARCOUNT
        self.out.get_mut(10..12)?.copy_from_slice(&[0, 1]);
        Some(self.at)
    }

    fn options(&mut self, reply: &EdnsReply<'_>, ede: &Option<Ede<'_>>) -> Option<()> {
        if let Some(cookie) = &reply.cookie {
            self.option_head(option::COOKIE, cookie.len())?;
            self.put(cookie)?;
        }
        if let Some(keepalive) = reply.keepalive_100ms {
            self.option_head(option::KEEPALIVE, 2)?;
            self.put_u16(keepalive)?;
        }
        if let Some(ede) = ede {
            let text = ede.sent_text().as_bytes();
            self.option_head(option::EDE, 2 + text.len())?;
            self.put_u16(ede.code.0)?;
            self.put(text)?;
        }
        Some(())
    }

    fn option_head(&mut self, code: u16, data_octets: usize) -> Option<()> {
        self.put_u16(code)?;
        self.put_u16(u16::try_from(data_octets).ok()?)
    }
}

/// An OPT record without options.
const OPT_HEAD_OCTETS: usize = 11;

/// The octets of the options, before padding.
fn options_octets(reply: &EdnsReply<'_>, ede: &Option<Ede<'_>>) -> usize {
    reply.cookie.map_or(0, |cookie| 4 + cookie.len())
        + reply.keepalive_100ms.map_or(0, |_| 4 + 2)
        + ede.map_or(0, |ede| 4 + 2 + ede.sent_text().len())
}

/// The padding that brings a message of so many octets, and the padding option's own four, to a whole block.
fn padding_octets(message_octets: usize, reply: &EdnsReply<'_>) -> Option<usize> {
    let block = usize::from(reply.padding_block_octets);
    let over = (message_octets + 4).checked_rem(block)?;
    Some(if over == 0 { 0 } else { block - over })
}
