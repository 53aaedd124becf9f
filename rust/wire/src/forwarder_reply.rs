//! What of a forwarder's reply may be believed: the chain that starts at the question, and nothing beside it. Where a reply
//! ends at an alias and says no more, its target is another question, and the reply to that goes on with the chain.
//!
//! A reply is checked strictly (RFC 5452 section 9 leaves ID, address and port to the holder of the socket). From it are
//! taken: the CNAME and DNAME chain from the question, the RRset at its end, and for a negative answer the SOA of a zone
//! that the last name lies in. Everything else a forwarder volunteers is dropped: that is how caches are poisoned.

use crate::record::{Record, spell_out};
use crate::{CLASS_IN, HEADER_OCTETS, Name, Rcode, UnusableReply, rtype};
use domain::base::name::ParsedName;
use domain::base::{Header, HeaderCounts, Message, ParsedRecord, Question};
use domain::dep::octseq::Parser;
use std::collections::HashSet;

/// Links of a CNAME chain that are followed: more make a resolver work for an attacker.
const MAX_CHAIN_LINKS: usize = 16;
/// So many records are compared with each other; hashes are for more.
const FEW: usize = 16;

/// What was taken from a reply, or from several.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) rcode: Rcode,
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    /// The chain ends at an alias of this name, of which nothing is said.
    pub(crate) open_at: Option<Name>,
}

impl Selection {
    /// Checks the replies and takes what belongs to them; DNSSEC records only if `dnssec`. The first reply is to `question`,
    /// each other to the name where the chain was open after the one before.
    pub(crate) fn from_replies<R: AsRef<[u8]>>(
        question: &Name,
        qtype: u16,
        dnssec: bool,
        replies: &[R],
    ) -> Result<Self, UnusableReply> {
        let mut chain = Chain { records: Vec::new(), passed: Vec::new(), last: question.clone(), is_complete: false };
        let (mut rcode, mut authority, mut is_open) = (Rcode::NOERROR, Vec::new(), true);
        for reply in replies {
            let asked = chain.last.clone();
            let sections = Sections::read(&asked, qtype, reply.as_ref())?;
            chain.follow(qtype, dnssec, &sections.answer)?;
            if chain.is_complete && sections.rcode == Rcode::NXDOMAIN {
                return Err(UnusableReply::Contradiction);
            }
            let says_nothing = !chain.is_complete && sections.rcode == Rcode::NOERROR && sections.soa(&chain).is_none();
            is_open = says_nothing && chain.last != asked;
            if says_nothing && !is_open && sections.is_referral() {
                return Err(UnusableReply::Referral);
            }
            rcode = sections.rcode;
            authority.extend(sections.denial(&chain, dnssec)?);
        }
        Ok(Self { rcode, answers: chain.records, authority, open_at: is_open.then_some(chain.last) })
    }
}

/// A record whose owner has been spelled out, and whose data has not been read yet.
struct Entry<'a> {
    owner: Name,
    rtype: u16,
    record: ParsedRecord<'a, [u8]>,
}

/// Reads a section of so many records; keeps those of class IN.
fn read_section<'a>(parser: &mut Parser<'a, [u8]>, count: u16) -> Result<Vec<Entry<'a>>, UnusableReply> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let record = ParsedRecord::parse(parser).map_err(|_| UnusableReply::Malformed)?;
        if record.class().to_int() == CLASS_IN {
            entries.push(Entry { owner: spell_out(&record.owner())?, rtype: record.rtype().to_int(), record });
        }
    }
    Ok(entries)
}

/// A reply to our question, its records not judged yet.
struct Sections<'a> {
    rcode: Rcode,
    /// AA: the server answers from its own zones.
    is_authoritative: bool,
    /// RA: the server recurses.
    recurses: bool,
    answer: Vec<Entry<'a>>,
    authority: Vec<Entry<'a>>,
}

impl<'a> Sections<'a> {
    fn read(question: &Name, qtype: u16, reply: &'a [u8]) -> Result<Self, UnusableReply> {
        let message = Message::from_slice(reply).map_err(|_| UnusableReply::Malformed)?;
        let (header, counts) = (message.header(), message.header_counts());
        if !header.qr() || header.opcode() != domain::base::iana::Opcode::QUERY {
            return Err(UnusableReply::NotAReply);
        }
        let mut parser = Parser::from_ref(reply);
        parser.advance(HEADER_OCTETS).map_err(|_| UnusableReply::Malformed)?;
        check_question(question, qtype, header, counts, &mut parser)?;
        if header.tc() {
            return Err(UnusableReply::Truncated);
        }
        let answer = read_section(&mut parser, counts.ancount())?;
        let authority = read_section(&mut parser, counts.nscount())?;
        read_section(&mut parser, counts.arcount())?;
        if parser.remaining() > 0 {
            return Err(UnusableReply::Malformed);
        }
        // With the bits in OPT: BADVERS looks like NOERROR without them.
        match Rcode(message.opt_rcode().to_int()) {
            rcode @ (Rcode::NOERROR | Rcode::NXDOMAIN) => {
                Ok(Self { rcode, is_authoritative: header.aa(), recurses: header.ra(), answer, authority })
            }
            rcode => Err(UnusableReply::Rcode(rcode)),
        }
    }

    /// The SOA of a zone that the last name lies in.
    fn soa(&self, chain: &Chain) -> Option<&Entry<'a>> {
        self.authority.iter().find(|entry| entry.rtype == rtype::SOA && chain.last.is_within(&entry.owner))
    }

    /// Whether a reply without answer and SOA says no more than "ask elsewhere" (RFC 2308 section 2.2), as a server does that
    /// neither recurses nor has the zone.
    fn is_referral(&self) -> bool {
        let has_servers = self.authority.iter().any(|entry| entry.rtype == rtype::NS);
        !self.recurses && (has_servers || !self.is_authoritative)
    }

    /// The authority records that prove a negative answer, or (DNSSEC) that a wildcard was rightly used.
    fn denial(&self, chain: &Chain, dnssec: bool) -> Result<Vec<Record>, UnusableReply> {
        let mut records = Vec::new();
        if !chain.is_complete
            && let Some(soa) = self.soa(chain)
        {
            records.push(Record::read(&soa.record)?);
            if dnssec {
                records.extend(signatures(&self.authority, &soa.owner, rtype::SOA)?);
            }
        }
        if dnssec {
            records.extend(take(&self.authority, |entry| matches!(entry.rtype, rtype::NSEC | rtype::NSEC3))?);
            let proofs = take(&self.authority, |entry| entry.rtype == rtype::RRSIG)?;
            records
                .extend(proofs.into_iter().filter(|proof| covers(proof, rtype::NSEC) || covers(proof, rtype::NSEC3)));
        }
        Ok(records)
    }
}

/// The question must be the one that was asked. A server that could not even read ours may leave it out.
fn check_question(
    question: &Name,
    qtype: u16,
    header: Header,
    counts: HeaderCounts,
    parser: &mut Parser<'_, [u8]>,
) -> Result<(), UnusableReply> {
    let rcode = Rcode(u16::from(header.rcode().to_int()));
    if counts.qdcount() == 0 && rcode != Rcode::NOERROR && rcode != Rcode::NXDOMAIN {
        return Err(UnusableReply::Rcode(rcode));
    }
    if counts.qdcount() != 1 {
        return Err(UnusableReply::WrongQuestion);
    }
    let asked = Question::<ParsedName<&[u8]>>::parse(parser).map_err(|_| UnusableReply::Malformed)?;
    let is_ours = spell_out(asked.qname())? == *question
        && asked.qtype().to_int() == qtype
        && asked.qclass().to_int() == CLASS_IN;
    if is_ours { Ok(()) } else { Err(UnusableReply::WrongQuestion) }
}

/// The records from the question to the end of its chain.
struct Chain {
    records: Vec<Record>,
    /// The names before the last.
    passed: Vec<Name>,
    /// The name at the end.
    last: Name,
    /// The RRset that was asked for stands at the end.
    is_complete: bool,
}

impl Chain {
    /// Goes on from the last name as far as an answer section leads.
    fn follow(&mut self, qtype: u16, dnssec: bool, answer: &[Entry<'_>]) -> Result<(), UnusableReply> {
        while self.passed.len() <= MAX_CHAIN_LINKS {
            let end = asked_rrset(answer, &self.last, qtype, dnssec)?;
            if !end.is_empty() {
                self.records.extend(end);
                self.is_complete = true;
                return Ok(());
            }
            let Some(next) = self.link(answer, dnssec)? else {
                return Ok(());
            };
            self.passed.push(std::mem::replace(&mut self.last, next));
            if self.passed.contains(&self.last) {
                return Err(UnusableReply::ChainLoop);
            }
        }
        Err(UnusableReply::ChainTooLong)
    }

    /// Takes the alias at the last name and returns where it points.
    fn link(&mut self, answer: &[Entry<'_>], dnssec: bool) -> Result<Option<Name>, UnusableReply> {
        let here = self.last.clone();
        let by_subtree = self.subtree_alias(answer, dnssec)?;
        let aliases = rrset(answer, &here, rtype::CNAME)?;
        let [alias] = aliases.as_slice() else {
            if !aliases.is_empty() {
                return Err(UnusableReply::Contradiction);
            }
            // RFC 6672 section 3.1: the CNAME is made from the DNAME, here if the forwarder left it to us.
            return Ok(by_subtree.map(|(target, ttl_s)| {
                let data = target.as_wire().to_vec();
                self.records.push(Record { owner: here, rtype: rtype::CNAME, ttl_s, data });
                target
            }));
        };
        let target = alias.target()?.ok_or(UnusableReply::Malformed)?;
        if by_subtree.is_some_and(|(made, _)| made != target) {
            return Err(UnusableReply::Contradiction);
        }
        self.records.extend(aliases);
        if dnssec {
            self.records.extend(signatures(answer, &here, rtype::CNAME)?);
        }
        Ok(Some(target))
    }

    /// Takes the DNAME above the last name, if there is one, and returns what it makes of that name, and its TTL.
    fn subtree_alias(&mut self, answer: &[Entry<'_>], dnssec: bool) -> Result<Option<(Name, u32)>, UnusableReply> {
        let above = answer
            .iter()
            .filter(|entry| {
                entry.rtype == rtype::DNAME && entry.owner != self.last && self.last.is_within(&entry.owner)
            })
            .max_by_key(|entry| entry.owner.label_count());
        let Some(above) = above else { return Ok(None) };
        let aliases = rrset(answer, &above.owner, rtype::DNAME)?;
        let [alias] = aliases.as_slice() else {
            return Err(UnusableReply::Contradiction);
        };
        let (ttl_s, target) = (alias.ttl_s, alias.target()?.ok_or(UnusableReply::Malformed)?);
        let kept = self.last.label_count() - above.owner.label_count();
        // Longer than a name may be: the forwarder should have said YXDOMAIN.
        let made = Name::from_labels(self.last.labels().take(kept).chain(target.labels()))
            .map_err(|_| UnusableReply::Contradiction)?;
        if !self.records.contains(alias) {
            self.records.extend(aliases);
            if dnssec {
                self.records.extend(signatures(answer, &above.owner, rtype::DNAME)?);
            }
        }
        Ok(Some((made, ttl_s)))
    }
}

/// The RRset of the type that was asked for at this name, with its signatures if wanted.
fn asked_rrset(answer: &[Entry<'_>], owner: &Name, qtype: u16, dnssec: bool) -> Result<Vec<Record>, UnusableReply> {
    if qtype == rtype::ANY {
        let is_wanted = |rtype| dnssec || !matches!(rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3);
        return take(answer, |entry| entry.owner == *owner && is_wanted(entry.rtype));
    }
    let mut records = rrset(answer, owner, qtype)?;
    if dnssec && !records.is_empty() && qtype != rtype::RRSIG {
        records.extend(signatures(answer, owner, qtype)?);
    }
    Ok(records)
}

/// The RRset of this owner and type; its TTLs are made equal, downwards (RFC 2181 section 5.2).
fn rrset(entries: &[Entry<'_>], owner: &Name, rtype: u16) -> Result<Vec<Record>, UnusableReply> {
    let mut records = take(entries, |entry| entry.rtype == rtype && entry.owner == *owner)?;
    let ttl_s = records.iter().map(|record| record.ttl_s).min().unwrap_or(0);
    records.iter_mut().for_each(|record| record.ttl_s = ttl_s);
    Ok(records)
}

/// The RRSIGs of this owner that cover this type.
fn signatures(entries: &[Entry<'_>], owner: &Name, covered: u16) -> Result<Vec<Record>, UnusableReply> {
    let mut records = take(entries, |entry| entry.rtype == rtype::RRSIG && entry.owner == *owner)?;
    records.retain(|record| covers(record, covered));
    Ok(records)
}

fn covers(signature: &Record, covered: u16) -> bool {
    signature.covered_type() == Some(covered)
}

/// The entries that match, read, each once.
fn take(entries: &[Entry<'_>], matches: impl Fn(&Entry<'_>) -> bool) -> Result<Vec<Record>, UnusableReply> {
    let mut records: Vec<Record> = Vec::new();
    for entry in entries.iter().filter(|entry| matches(entry)) {
        records.push(Record::read(&entry.record)?);
    }
    if records.len() > FEW {
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert((record.owner.clone(), record.rtype, record.data.clone())));
        return Ok(records);
    }
    let mut at = 0;
    while let Some((before, [record, ..])) = records.split_at_checked(at) {
        let is_new = !before.iter().any(|other| other.is_copy_of(record));
        if is_new { at += 1 } else { drop(records.remove(at)) }
    }
    Ok(records)
}
