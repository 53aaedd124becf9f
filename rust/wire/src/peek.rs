//! The strict look at a client's packet: header, one question, at most one OPT, nothing else (RFC 1035, RFC 9619).
//!
//! Everything after this trusts what it says, so it is strict where servers are often lenient: no compression pointers
//! in the question, no trailing octets, no other class than IN, no stray records. It allocates nothing and takes time
//! linear in the packet.

use crate::cursor::Cursor;
use crate::name_error::NameError;
use crate::{CLASS_IN, Cookie, Edns, HEADER_OCTETS, Name, Rcode, Reason, Refusal, rtype};

/// QR in the header's third octet.
const QR: u8 = 0x80;
const OPCODE: u8 = 0x78;
const RD: u8 = 0x01;
/// AD and CD in the header's fourth octet.
const AD: u8 = 0x20;
const CD: u8 = 0x10;
/// An OPT and a TSIG: more additional records no query has, and stepping over them is work.
const MAX_ADDITIONAL_RECORDS: u16 = 2;

/// A query as [`peek`] saw it. Made to be used again for packet after packet; its class is always IN.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The client's message ID.
    pub id: u16,
    /// RD: recursion desired.
    pub recursion_desired: bool,
    /// CD: checking disabled.
    pub checking_disabled: bool,
    /// AD: the client understands AD in answers (RFC 6840 section 5.7).
    pub authentic_data: bool,
    /// The type asked for.
    pub qtype: u16,
    /// The name asked for, folded. The packet's own octets, between [`HEADER_OCTETS`](crate::HEADER_OCTETS) and
    /// `question_end`, keep the client's case (0x20).
    pub name: Name,
    /// Where the question ends in the packet; 0 if no question could be read.
    pub question_end: usize,
    /// What OPT said, if there was one.
    pub edns: Option<Edns>,
}

impl Query {
    /// The client wants DNSSEC records.
    #[must_use]
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }
}

/// Reads the packet into `query`, or says why it is refused. After a refusal `query` holds what could be read until
/// then, which [`refusal_reply`](crate::refusal_reply) uses.
///
/// # Errors
/// A [`Refusal`] with its reason; the reasons are the rules.
#[inline]
pub fn peek(packet: &[u8], query: &mut Query) -> Result<(), Refusal> {
    query.question_end = 0;
    query.edns = None;
    let Some((header, body)) = packet.split_first_chunk::<HEADER_OCTETS>() else {
        return Err(Refusal::Silent(Reason::Short));
    };
    let additional_count = match read_header(header, query) {
        Err(refusal) if refusal.reason() == Reason::QuestionCount => {
            return Err(read_without_question(header, body, query));
        }
        read => read?,
    };
    let mut cursor = Cursor::new(body);
    let class = read_question(&mut cursor, query)?;
    query.question_end = packet.len() - cursor.rest().len();
    let signed = read_additional(&mut cursor, additional_count, query)?;
    if !cursor.is_empty() {
        return Err(Reason::TrailingOctets.formerr());
    }
    judge(query, class, signed)
}

/// Reads ID and flags; returns ARCOUNT.
#[inline]
fn read_header(header: &[u8; HEADER_OCTETS], query: &mut Query) -> Result<u16, Refusal> {
    let [id @ .., high, low, q0, q1, a0, a1, n0, n1, r0, r1] = *header;
    if high & QR != 0 {
        return Err(Refusal::Silent(Reason::Response));
    }
    query.id = u16::from_be_bytes(id);
    query.recursion_desired = high & RD != 0;
    query.checking_disabled = low & CD != 0;
    query.authentic_data = low & AD != 0;
    if high & OPCODE != 0 {
        return Err(Reason::Opcode.with(Rcode::NOTIMP));
    }
    if u16::from_be_bytes([q0, q1]) != 1 {
        return Err(Reason::QuestionCount.formerr());
    }
    let additional = u16::from_be_bytes([r0, r1]);
    if [a0, a1, n0, n1] != [0; 4] || additional > MAX_ADDITIONAL_RECORDS {
        return Err(Reason::RecordCount.formerr());
    }
    Ok(additional)
}

/// A query without a question asks for a server cookie, if it has a client's (RFC 7873 section 5.4).
#[cold]
fn read_without_question(header: &[u8; HEADER_OCTETS], body: &[u8], query: &mut Query) -> Refusal {
    let [.., q0, q1, a0, a1, n0, n1, r0, r1] = *header;
    let additional = u16::from_be_bytes([r0, r1]);
    let mut cursor = Cursor::new(body);
    let is_cookie = [q0, q1, a0, a1, n0, n1] == [0; 6]
        && additional <= MAX_ADDITIONAL_RECORDS
        && read_additional(&mut cursor, additional, query) == Ok(false)
        && cursor.is_empty()
        && query.edns.is_some_and(|edns| edns.version == 0 && edns.cookie != Cookie::Absent);
    if is_cookie { Refusal::Cookie } else { Reason::QuestionCount.formerr() }
}

/// Reads name and type; returns the class.
#[inline]
fn read_question(cursor: &mut Cursor<'_>, query: &mut Query) -> Result<u16, Refusal> {
    let length = query.name.read(cursor.rest()).map_err(|error| match error {
        NameError::Truncated => Reason::Truncated.formerr(),
        _ => Reason::QuestionName.formerr(),
    })?;
    let mut fields = || {
        cursor.take(length)?;
        Some((cursor.u16()?, cursor.u16()?))
    };
    let (qtype, class) = fields().ok_or(Reason::Truncated.formerr())?;
    query.qtype = qtype;
    Ok(class)
}

/// Reads the additional records; returns whether a TSIG is among them.
#[inline]
fn read_additional(cursor: &mut Cursor<'_>, count: u16, query: &mut Query) -> Result<bool, Refusal> {
    let mut signed = false;
    for _ in 0..count {
        let at_root = cursor.rest().first() == Some(&0);
        let record = read_record(cursor).ok_or(Reason::Truncated.formerr())?;
        match record.rtype {
            rtype::OPT if query.edns.is_some() => return Err(Reason::SeveralOpts.formerr()),
            rtype::OPT if !at_root => return Err(Reason::BadOpt.formerr()),
            rtype::OPT => query.edns = Some(Edns::parse(record.class, record.ttl, record.data)?),
            rtype::TSIG => signed = true,
            _ => return Err(Reason::AdditionalRecord.formerr()),
        }
    }
    Ok(signed)
}

struct RawRecord<'a> {
    rtype: u16,
    class: u16,
    ttl: u32,
    data: &'a [u8],
}

#[inline]
fn read_record<'a>(cursor: &mut Cursor<'a>) -> Option<RawRecord<'a>> {
    cursor.skip_name()?;
    let (rtype, class, ttl, length) = (cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u16()?);
    Some(RawRecord { rtype, class, ttl, data: cursor.take(usize::from(length))? })
}

/// What a well-formed query may not ask.
#[inline]
fn judge(query: &Query, class: u16, signed: bool) -> Result<(), Refusal> {
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Err(Reason::EdnsVersion.with(Rcode::BADVERS));
    }
    if signed {
        return Err(Reason::Tsig.with(Rcode::NOTAUTH));
    }
    if class != CLASS_IN {
        return Err(Reason::Class.with(Rcode::REFUSED));
    }
    match query.qtype {
        rtype::AXFR | rtype::IXFR => Err(Reason::ZoneTransfer.with(Rcode::REFUSED)),
        rtype::TKEY | rtype::MAILA | rtype::MAILB => Err(Reason::MetaType.with(Rcode::NOTIMP)),
        0 | rtype::OPT | rtype::FIRST_META..=rtype::TSIG => Err(Reason::MetaType.formerr()),
        _ => Ok(()),
    }
}
