//! One resource record with everything spelled out: how answers are held between a reply (or a local zone) and the
//! stored image.

use crate::{Name, UnusableReply, rtype};
use domain::base::name::ParsedName;
use domain::base::rdata::{ComposeRecordData, ParseAnyRecordData};
use domain::base::{ParsedRecord, Rtype};
use domain::dep::octseq::Parser;
use domain::rdata::AllRecordData;

/// RDATA as `domain` reads it, borrowed from octets at hand.
pub(crate) type ParsedData<'a> = AllRecordData<&'a [u8], ParsedName<&'a [u8]>>;

/// A resource record of class IN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The name that owns it.
    pub owner: Name,
    /// Its type.
    pub rtype: u16,
    /// Time to live.
    pub ttl_s: u32,
    /// RDATA in wire form, names in it uncompressed.
    pub data: Vec<u8>,
}

impl Record {
    /// Spells out a record of a reply: names decompressed, a TTL with its top bit set taken as 0 (RFC 2181 section 8).
    pub(crate) fn read(record: &ParsedRecord<'_, [u8]>) -> Result<Self, UnusableReply> {
        let parsed: ParsedData<'_> = record.to_any_record().map_err(|_| UnusableReply::Malformed)?.into_data();
        let mut data = Vec::with_capacity(usize::from(record.rdlen()));
        parsed.compose_rdata(&mut data).map_err(|_| UnusableReply::Malformed)?;
        Ok(Self { owner: spell_out(&record.owner())?, rtype: record.rtype().to_int(), ttl_s: read_ttl_s(record), data })
    }

    /// Whether both say the same; their TTLs may differ.
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        self.rtype == other.rtype && self.data == other.data && self.owner == other.owner
    }

    /// The RDATA, read.
    pub(crate) fn parse_data(&self) -> Result<ParsedData<'_>, UnusableReply> {
        let mut parser = Parser::from_ref(self.data.as_slice());
        let data = ParsedData::parse_any_rdata(Rtype::from_int(self.rtype), &mut parser)
            .map_err(|_| UnusableReply::Malformed)?;
        if parser.remaining() == 0 { Ok(data) } else { Err(UnusableReply::Malformed) }
    }

    /// The target, if this is a CNAME or DNAME.
    pub(crate) fn target(&self) -> Result<Option<Name>, UnusableReply> {
        match self.rtype {
            rtype::CNAME | rtype::DNAME => Name::from_wire(&self.data).map(Some).map_err(|_| UnusableReply::Malformed),
            _ => Ok(None),
        }
    }

    /// The type that this signs, if it is an RRSIG: the first field of its data (RFC 4034 section 3.1).
    pub(crate) fn covered_type(&self) -> Option<u16> {
        let covered = self.data.first_chunk::<2>().filter(|_| self.rtype == rtype::RRSIG)?;
        Some(u16::from_be_bytes(*covered))
    }

    /// MINIMUM, if this is an SOA: its last field (RFC 1035 section 3.3.13).
    pub(crate) fn soa_minimum_s(&self) -> Option<u32> {
        let minimum = self.data.last_chunk::<4>().filter(|_| self.rtype == rtype::SOA)?;
        Some(u32::from_be_bytes(*minimum))
    }
}

/// The record's TTL; with its top bit set it counts as 0 (RFC 2181 section 8).
fn read_ttl_s(record: &ParsedRecord<'_, [u8]>) -> u32 {
    let ttl_s = record.ttl().as_secs();
    if ttl_s < 1 << 31 { ttl_s } else { 0 }
}

/// The name without compression, folded.
pub(crate) fn spell_out<Octs: AsRef<[u8]>>(name: &ParsedName<Octs>) -> Result<Name, UnusableReply> {
    Name::from_labels(name.iter().map(|label| label.as_slice()).filter(|label| !label.is_empty()))
        .map_err(|_| UnusableReply::Malformed)
}
