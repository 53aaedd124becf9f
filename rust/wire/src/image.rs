//! A stored answer: one message, made once from a forwarder's reply or from local records, written to many clients.
//!
//! The image holds header, question (folded), answer and authority, but no additional section and no OPT. Writing it is
//! a copy and a few patches: ID, flags, the client's own spelling of the question, each TTL, an OPT record at the end.

use crate::compose::{Sheet, id_and_flags, truncated};
use crate::cursor::Cursor;
use crate::forwarder_reply::Selection;
use crate::image_message::{compose, places, with_ttl_places};
use crate::record::Record;
use crate::service_params;
use crate::{EdnsReply, HEADER_OCTETS, Name, Query, Rcode, UnusableReply, rtype};
use domain::base::{Message, ParsedRecord};
use std::collections::HashSet;
use std::net::IpAddr;

/// QTYPE and QCLASS.
const QUESTION_FIELDS_OCTETS: usize = 4;
/// Where ANCOUNT stands.
pub(crate) const ANSWER_COUNT_AT: usize = 6;

/// An immutable stored answer, to be shared between threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerImage {
    /// The message, then where in it the TTL fields stand: one allocation, because there are very many images.
    octets: Box<[u8]>,
    message_octets: u16,
    question_end: u16,
    rcode: Rcode,
    ttl_s: Option<u32>,
    is_negative: bool,
}

/// What becomes of the TTLs when an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlRule {
    /// Each TTL less the time in store, but not under the floor nor over the cap (the cap wins).
    Aged {
        /// Seconds since the image was made.
        elapsed_s: u32,
        /// Least TTL to send.
        floor_s: u32,
        /// Greatest TTL to send.
        cap_s: u32,
    },
    /// This TTL for every record: a stale answer (RFC 8767 section 4 recommends 30).
    Fixed(u32),
}

impl TtlRule {
    #[inline]
    fn apply(self, ttl_s: u32) -> u32 {
        match self {
            Self::Aged { elapsed_s, floor_s, cap_s } => ttl_s.saturating_sub(elapsed_s).max(floor_s).min(cap_s),
            Self::Fixed(ttl_s) => ttl_s,
        }
    }
}

/// What replies to a question come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "lives for one look at one reply")]
pub enum Reading {
    /// An answer.
    Answer(AnswerImage),
    /// An alias whose target has to be asked for: the forwarder does not recurse.
    Alias(Name),
}

impl AnswerImage {
    /// The image of a forwarder's reply to `question`; DNSSEC records are kept only if `dnssec` (the query had DO).
    ///
    /// # Errors
    /// [`UnusableReply`] if the reply is not one to this question, is damaged, or carries a failure.
    pub fn from_reply(question: &Name, qtype: u16, dnssec: bool, reply: &[u8]) -> Result<Self, UnusableReply> {
        let taken = Selection::from_replies(question, qtype, dnssec, &[reply])?;
        Self::from_sections(question, qtype, taken.rcode, &taken.answers, taken.authority)
    }

    /// The image of a chain that several replies tell together: the first is to `question`, each other to the name that
    /// [`Reading::Alias`] named after the one before.
    ///
    /// # Errors
    /// [`UnusableReply`] if a reply is not one to its question, is damaged, or carries a failure; or if the chain is too long
    /// or comes back to where it was.
    pub fn from_replies<R: AsRef<[u8]>>(
        question: &Name,
        qtype: u16,
        dnssec: bool,
        replies: &[R],
    ) -> Result<Reading, UnusableReply> {
        let taken = Selection::from_replies(question, qtype, dnssec, replies)?;
        match taken.open_at {
            Some(target) => Ok(Reading::Alias(target)),
            None => {
                Self::from_sections(question, qtype, taken.rcode, &taken.answers, taken.authority).map(Reading::Answer)
            }
        }
    }

    /// The image of local records: `answers` in the order they are to be sent, and for a negative answer its zone's SOA.
    ///
    /// # Errors
    /// [`UnusableReply::Malformed`] if the data of a record is not of its type, [`UnusableReply::TooLarge`] if there are
    /// too many.
    pub fn from_records(
        question: &Name,
        qtype: u16,
        rcode: Rcode,
        answers: &[Record],
        soa: Option<&Record>,
    ) -> Result<Self, UnusableReply> {
        Self::from_sections(question, qtype, rcode, answers, soa.cloned().into_iter().collect())
    }

    /// The image of a rewrite: a CNAME with `ttl_s` from `question` to the name that `target` answers for, then what
    /// `target` says, `elapsed_s` older than it is stored. Where the target has no such record, the answer is the CNAME
    /// and the target's SOA: a NODATA that stays within the rewrite.
    ///
    /// # Errors
    /// [`UnusableReply::WrongQuestion`] if `target` answers for another type, [`UnusableReply::ChainLoop`] if it leads
    /// back to `question`.
    pub fn rewritten(
        question: &Name,
        qtype: u16,
        target: &Self,
        elapsed_s: u32,
        ttl_s: u32,
    ) -> Result<Self, UnusableReply> {
        if target.qtype() != Some(qtype) {
            return Err(UnusableReply::WrongQuestion);
        }
        let target_name = target.question()?;
        let (answers, mut authority) = target.records()?;
        if target_name == *question || answers.iter().any(|record| record.owner == *question) {
            return Err(UnusableReply::ChainLoop);
        }
        let data = target_name.as_wire().to_vec();
        let mut chain = vec![Record { owner: question.clone(), rtype: rtype::CNAME, ttl_s, data }];
        if qtype == rtype::CNAME {
            return Self::from_sections(question, qtype, Rcode::NOERROR, &chain, Vec::new());
        }
        chain.extend(answers);
        chain.iter_mut().skip(1).chain(&mut authority).for_each(|record| {
            record.ttl_s = record.ttl_s.saturating_sub(elapsed_s);
        });
        Self::from_sections(question, qtype, target.rcode, &chain, authority)
    }

    /// Writes the image as the answer to `query`, which was peeked from `packet`; returns its length. An image that
    /// exceeds the reply's limit becomes a truncated answer. 0 if the image is not for this question, or if `out` cannot
    /// even hold the truncated answer. Allocates nothing.
    #[inline]
    pub fn write(
        &self,
        out: &mut [u8],
        packet: &[u8],
        query: &Query,
        ttl_rule: TtlRule,
        reply: &EdnsReply<'_>,
    ) -> usize {
        if query.question_end != usize::from(self.question_end) || !self.answers(query) {
            return 0;
        }
        let written = self.try_write(out, packet, query, ttl_rule, reply);
        written.unwrap_or_else(|| truncated(out, packet, query, reply))
    }

    #[inline]
    fn try_write(
        &self,
        out: &mut [u8],
        packet: &[u8],
        query: &Query,
        ttl_rule: TtlRule,
        reply: &EdnsReply<'_>,
    ) -> Option<usize> {
        let room = out.len().min(reply.limit_octets);
        let out = out.get_mut(..room)?;
        let (stored, ttl_places) = self.octets.split_at_checked(usize::from(self.message_octets))?;
        let message = out.get_mut(..stored.len())?;
        message.copy_from_slice(stored);
        *message.first_chunk_mut::<4>()? = id_and_flags(query, self.rcode, 0);
        let question = HEADER_OCTETS..usize::from(self.question_end);
        message.get_mut(question.clone())?.copy_from_slice(packet.get(question)?);
        for place in places(ttl_places) {
            let field = message.get_mut(place..)?.first_chunk_mut::<4>()?;
            *field = ttl_rule.apply(u32::from_be_bytes(*field)).to_be_bytes();
        }
        Sheet::resume(out, stored.len()).opt(query, self.rcode, reply)
    }

    /// The same answer without these parameters (by key, RFC 9460 section 14.3.2) in its service bindings, and without the
    /// signatures of what was changed; `None` where there is nothing to take out.
    ///
    /// # Errors
    /// [`UnusableReply::Malformed`] if a service binding cannot be read to its end.
    pub fn without_service_params(&self, keys: &[u16]) -> Result<Option<Self>, UnusableReply> {
        if !matches!(self.qtype(), Some(rtype::SVCB | rtype::HTTPS)) {
            return Ok(None);
        }
        let (mut answers, authority) = self.records()?;
        let mut changed = HashSet::new();
        for record in answers.iter_mut().filter(|record| matches!(record.rtype, rtype::SVCB | rtype::HTTPS)) {
            if let Some(data) = service_params::without(&record.data, keys)? {
                record.data = data;
                changed.insert((record.owner.clone(), record.rtype));
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        answers.retain(|record| {
            record.covered_type().is_none_or(|covered| !changed.contains(&(record.owner.clone(), covered)))
        });
        Self::from_sections(&self.question()?, self.qtype().unwrap_or(0), self.rcode, &answers, authority).map(Some)
    }

    /// The response code.
    #[must_use]
    pub const fn rcode(&self) -> Rcode {
        self.rcode
    }

    /// How long the image may be kept: the least TTL of its answer, for a negative one also of its SOA and that SOA's
    /// MINIMUM (RFC 2308 section 5). `None`: a negative answer without SOA, not to be kept.
    #[must_use]
    pub const fn ttl_s(&self) -> Option<u32> {
        self.ttl_s
    }

    /// The answer is NXDOMAIN or NODATA.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// The image answers this query's question: same name, same type.
    #[inline]
    #[must_use]
    pub fn answers(&self, query: &Query) -> bool {
        let question = self.octets.get(HEADER_OCTETS..usize::from(self.question_end)).unwrap_or(&[]);
        question.strip_prefix(query.name.as_wire()).is_some_and(|fields| fields.starts_with(&query.qtype.to_be_bytes()))
    }

    /// Header, question, answer and authority as they are stored.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.message_octets)).unwrap_or_default()
    }

    /// Octets that the image has on the heap.
    #[must_use]
    pub const fn heap_octets(&self) -> usize {
        self.octets.len()
    }

    /// The name that the image answers for, folded and uncompressed.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.octets.get(HEADER_OCTETS..usize::from(self.question_end) - QUESTION_FIELDS_OCTETS).unwrap_or_default()
    }

    /// The addresses that the answer's own records hold; hints of service bindings are not among them.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let (message, ttl_places) = self.octets.split_at(usize::from(self.message_octets));
        let answers = message.get(ANSWER_COUNT_AT..).and_then(|count| count.first_chunk());
        let answers = usize::from(answers.map_or(0, |count| u16::from_be_bytes(*count)));
        places(ttl_places).take(answers).filter_map(|place| address_at(message, place))
    }

    /// The type that the image answers for.
    #[must_use]
    pub fn qtype(&self) -> Option<u16> {
        let fields = self.octets.get(..usize::from(self.question_end))?.last_chunk::<4>()?;
        let [high, low, ..] = *fields;
        Some(u16::from_be_bytes([high, low]))
    }

    /// Where the question ends.
    pub(crate) fn question_end(&self) -> usize {
        usize::from(self.question_end)
    }

    pub(crate) fn question(&self) -> Result<Name, UnusableReply> {
        let mut name = Name::ROOT;
        let question = self.octets.get(HEADER_OCTETS..).ok_or(UnusableReply::Malformed)?;
        name.read(question).map_err(|_| UnusableReply::Malformed)?;
        Ok(name)
    }

    /// Answer and authority, spelled out.
    pub(crate) fn records(&self) -> Result<(Vec<Record>, Vec<Record>), UnusableReply> {
        let message = Message::from_slice(self.octets()).map_err(|_| UnusableReply::Malformed)?;
        let read = |record: Result<ParsedRecord<'_, [u8]>, _>| {
            record.map_err(|_| UnusableReply::Malformed).and_then(|record| Record::read(&record))
        };
        let answer = message.answer().map_err(|_| UnusableReply::Malformed)?;
        let authority = message.authority().map_err(|_| UnusableReply::Malformed)?;
        Ok((answer.map(read).collect::<Result<_, _>>()?, authority.map(read).collect::<Result<_, _>>()?))
    }

    fn from_sections(
        question: &Name,
        qtype: u16,
        rcode: Rcode,
        answers: &[Record],
        mut authority: Vec<Record>,
    ) -> Result<Self, UnusableReply> {
        let is_negative = !answers.iter().any(|record| record.rtype == qtype || qtype == rtype::ANY);
        if is_negative {
            authority.iter_mut().for_each(level_soa);
        }
        let octets = compose(question, qtype, rcode, answers, &authority)?;
        let question_end = HEADER_OCTETS + question.as_wire().len() + QUESTION_FIELDS_OCTETS;
        Ok(Self {
            message_octets: u16::try_from(octets.len()).map_err(|_| UnusableReply::TooLarge)?,
            octets: with_ttl_places(octets, question_end).ok_or(UnusableReply::Malformed)?,
            question_end: u16::try_from(question_end).map_err(|_| UnusableReply::TooLarge)?,
            rcode,
            ttl_s: kept_for_s(is_negative, answers, &authority),
            is_negative,
        })
    }
}

/// The SOA of a negative answer is sent with the TTL that the denial has (RFC 2308 section 3).
fn level_soa(record: &mut Record) {
    if let Some(minimum_s) = record.soa_minimum_s() {
        record.ttl_s = record.ttl_s.min(minimum_s);
    }
}

fn kept_for_s(is_negative: bool, answers: &[Record], authority: &[Record]) -> Option<u32> {
    let answer_ttl_s = answers.iter().map(|record| record.ttl_s).min();
    if !is_negative {
        return answer_ttl_s;
    }
    let soa = authority.iter().find(|record| record.rtype == rtype::SOA)?;
    Some(answer_ttl_s.map_or(soa.ttl_s, |ttl_s| ttl_s.min(soa.ttl_s)))
}

/// The address of the record whose TTL field stands at `place`, if it is one of A or AAAA.
fn address_at(message: &[u8], place: usize) -> Option<IpAddr> {
    let mut cursor = Cursor::new(message.get(place.checked_sub(4)?..)?);
    let rtype = cursor.u16()?;
    cursor.take(6)?;
    let data_octets = cursor.u16()?;
    address_of(rtype, cursor.take(usize::from(data_octets))?)
}

pub(crate) fn address_of(rtype: u16, data: &[u8]) -> Option<IpAddr> {
    match rtype {
        rtype::A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        rtype::AAAA => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        _ => None,
    }
}
