//! One record: a fixed head, the name as it was asked, the first alias of the answer. The same octets go over the ring and
//! into the file, so that nothing is turned over twice.

use crate::words::{Action, Door, Source};
use std::net::{IpAddr, Ipv6Addr};

/// Octets of a record before its names.
pub(crate) const HEAD_OCTETS: usize = 48;
/// A name on the wire is at most this long (RFC 1035 section 2.3.4).
pub(crate) const MAX_NAME_OCTETS: usize = 255;
/// The longest record there can be.
pub(crate) const MAX_RECORD_OCTETS: usize = HEAD_OCTETS + 2 * MAX_NAME_OCTETS;
/// Where the client stands in a record, for the pseudonyms.
pub(crate) const CLIENT_AT: std::ops::Range<usize> = 8..24;
/// Where the latency stands, to be completed when the batch ends.
pub(crate) const LATENCY_AT: std::ops::Range<usize> = 24..28;
/// Where the flags stand.
pub(crate) const FLAGS_AT: usize = 44;
const NAME_LENGTH_AT: usize = 45;
const CNAME_LENGTH_AT: usize = 46;

const WITHHELD: u8 = 1;
pub(crate) const COUNTED: u8 = 2;
pub(crate) const PSEUDONYM: u8 = 4;

/// Stands for a client that no segment names.
const NO_SEGMENT: u16 = u16::MAX;
const MINUTE_US: i64 = 60_000_000;

/// Who said what was decided. Numbers index the legend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecidedBy {
    /// No rule in particular.
    #[default]
    Unspecified,
    /// A sealed list, which is all that may be said.
    Sealed,
    /// A feed listing a category.
    Source(u32),
    /// One of the school's own statements.
    Statement(u32),
    /// An address of a local network in the answer to a public name.
    PrivateAddress,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// An address.
    Address(IpAddr),
    /// An address under a key.
    Pseudonym([u8; 16]),
    /// Not kept.
    NotKept,
}

/// What is recorded of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was asked, microseconds since 1970, UTC.
    pub time_us: i64,
    /// From the packet to its answer, microseconds; on the ring, what had passed when the batch began.
    pub latency_us: u32,
    /// Who asked.
    pub client: Client,
    /// By which door.
    pub door: Door,
    /// The client's segment; `None` for a client that no segment names.
    pub segment: Option<u16>,
    /// The policy it was decided for.
    pub policy: u16,
    /// QTYPE.
    pub qtype: u16,
    /// Response code of the answer.
    pub rcode: u16,
    /// What was done.
    pub action: Action,
    /// Number of the layer that decided.
    pub layer: u8,
    /// Who said so.
    pub decided_by: DecidedBy,
    /// Where the answer came from.
    pub source: Source,
    /// The name is withheld: what decided is sealed.
    pub withheld: bool,
    /// The row only counts: no client, no name.
    pub counted: bool,
    /// The name on the wire, in the case it was asked in; empty where it is withheld or only counted.
    pub name: &'a [u8],
    /// The first alias of the answer, on the wire; empty where there is none.
    pub cname: &'a [u8],
}

impl<'a> Record<'a> {
    /// The same without the name: of a sealed verdict only that it happened, and to whom.
    #[must_use]
    pub fn withheld(self) -> Self {
        Self { withheld: true, name: &[], cname: &[], ..self }
    }

    /// The same as a mere count: no client, no name, no rule that could name one, the minute instead of the moment.
    #[must_use]
    pub fn counted(self) -> Self {
        let decided_by =
            if let DecidedBy::Source(_) = self.decided_by { self.decided_by } else { DecidedBy::Unspecified };
        let time_us = self.time_us - self.time_us.rem_euclid(MINUTE_US);
        Self { counted: true, client: Client::NotKept, time_us, decided_by, name: &[], cname: &[], ..self }
    }

    /// Appends the record to a batch.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        let name = cut(self.name);
        let cname = cut(self.cname);
        let (client, pseudonym) = match self.client {
            Client::Address(IpAddr::V4(v4)) => (v4.to_ipv6_mapped().octets(), 0),
            Client::Address(IpAddr::V6(v6)) => (v6.octets(), 0),
            Client::Pseudonym(octets) => (octets, PSEUDONYM),
            Client::NotKept => ([0; 16], 0),
        };
        let (decided_by_kind, decided_by) = match self.decided_by {
            DecidedBy::Unspecified => (0, 0),
            DecidedBy::Sealed => (1, 0),
            DecidedBy::Source(at) => (2, at),
            DecidedBy::Statement(at) => (3, at),
            DecidedBy::PrivateAddress => (4, 0),
        };
        let flags = if self.withheld { WITHHELD } else { 0 } | if self.counted { COUNTED } else { 0 } | pseudonym;
        let mut head = [0; HEAD_OCTETS];
        head[0..8].copy_from_slice(&self.time_us.to_le_bytes());
        head[CLIENT_AT].copy_from_slice(&client);
        head[LATENCY_AT].copy_from_slice(&self.latency_us.to_le_bytes());
        head[28..32].copy_from_slice(&u32::to_le_bytes(decided_by));
        head[32..34].copy_from_slice(&self.segment.unwrap_or(NO_SEGMENT).to_le_bytes());
        head[34..36].copy_from_slice(&self.policy.to_le_bytes());
        head[36..38].copy_from_slice(&self.qtype.to_le_bytes());
        head[38..40].copy_from_slice(&self.rcode.to_le_bytes());
        head[40..44].copy_from_slice(&[self.action as u8, self.layer, decided_by_kind, self.source as u8]);
        head[FLAGS_AT] = flags;
        head[NAME_LENGTH_AT] = name.len() as u8;
        head[CNAME_LENGTH_AT] = cname.len() as u8;
        head[47] = self.door as u8;
        out.extend_from_slice(&head);
        out.extend_from_slice(name);
        out.extend_from_slice(cname);
    }

    /// Reads the record that these octets begin with, and the octets after it; `None` if they are not one.
    pub(crate) fn parse(octets: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (record, rest) = octets.split_at_checked(length_of(octets)?)?;
        let (head, names) = record.split_first_chunk::<HEAD_OCTETS>()?;
        let four = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let two = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let (name, cname) = names.split_at_checked(usize::from(head[NAME_LENGTH_AT]))?;
        let flags = head[FLAGS_AT];
        let counted = flags & COUNTED != 0;
        let decided_by = match (head[42], four(28)?) {
            (0, _) => DecidedBy::Unspecified,
            (1, _) => DecidedBy::Sealed,
            (2, at) => DecidedBy::Source(at),
            (3, at) => DecidedBy::Statement(at),
            (4, _) => DecidedBy::PrivateAddress,
            _ => return None,
        };
        let client = <[u8; 16]>::try_from(head.get(CLIENT_AT)?).ok()?;
        let record = Record {
            time_us: i64::from_le_bytes(head.get(0..8)?.try_into().ok()?),
            client: match () {
                () if counted => Client::NotKept,
                () if flags & PSEUDONYM != 0 => Client::Pseudonym(client),
                () => Client::Address(address(client)),
            },
            latency_us: four(LATENCY_AT.start)?,
            decided_by,
            segment: two(32).filter(|segment| *segment != NO_SEGMENT),
            policy: two(34)?,
            qtype: two(36)?,
            rcode: two(38)?,
            action: Action::from_number(head[40])?,
            layer: head[41],
            source: Source::from_number(head[43])?,
            withheld: flags & WITHHELD != 0,
            counted,
            door: Door::from_number(head[47])?,
            name,
            cname,
        };
        Some((record, rest))
    }
}

/// How long the record is that these octets begin with.
pub(crate) fn length_of(octets: &[u8]) -> Option<usize> {
    let head = octets.first_chunk::<HEAD_OCTETS>()?;
    Some(HEAD_OCTETS + usize::from(head[NAME_LENGTH_AT]) + usize::from(head[CNAME_LENGTH_AT]))
}

fn cut(name: &[u8]) -> &[u8] {
    name.get(..name.len().min(MAX_NAME_OCTETS)).unwrap_or_default()
}

pub(crate) fn address(octets: [u8; 16]) -> IpAddr {
    let v6 = Ipv6Addr::from(octets);
    v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
}

pub(crate) fn octets_of(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
