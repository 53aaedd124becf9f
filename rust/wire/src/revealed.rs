//! What an answer tells its client beyond the question: names and addresses that a policy judges before it is sent.

use crate::Name;
use crate::compose::QUESTION_POINTER;
use crate::cursor::Cursor;
use crate::image::{ANSWER_COUNT_AT, AnswerImage, address_of};
use crate::record::{ParsedData, spell_out};
use domain::base::name::ParsedName;
use domain::rdata::svcb::value::{Ipv4Hint, Ipv6Hint};
use domain::rdata::{AllRecordData, svcb::SvcParams};
use std::collections::HashSet;
use std::net::IpAddr;

/// So many addresses are compared with each other.
const FEW: usize = 16;

/// Something that an answer tells its client beyond the question: what a policy must judge before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one look at one answer; a box would cost an allocation a name"
)]
pub enum Revealed {
    /// A name: an alias's target, a later owner in the chain, the target of a service binding.
    Name(Name),
    /// An address: A, AAAA, or an address hint of a service binding.
    Address(IpAddr),
}

impl AnswerImage {
    /// Everything that the answer reveals beyond its question, each thing once, in the order of the message.
    #[must_use]
    pub fn revealed(&self) -> Vec<Revealed> {
        if let Some(revealed) = self.revealed_by_addresses() {
            return revealed;
        }
        // An image was made from records that could be read; one that cannot reveals nothing because it is never made.
        let (Ok(question), Ok((answers, _))) = (self.question(), self.records()) else {
            return Vec::new();
        };
        let mut revealed = Vec::new();
        for record in &answers {
            if record.owner != question {
                revealed.push(Revealed::Name(record.owner.clone()));
            }
            if let Ok(data) = record.parse_data() {
                reveal_data(&data, &mut revealed);
            }
        }
        let mut seen = HashSet::new();
        revealed.retain(|thing| seen.insert(thing.clone()));
        revealed
    }

    /// [`AnswerImage::revealed`] of an answer of a few addresses of the name that was asked, as most are: read off the image.
    fn revealed_by_addresses(&self) -> Option<Vec<Revealed>> {
        let message = self.octets();
        let mut cursor = Cursor::new(message.get(self.question_end()..)?);
        let mut revealed = Vec::new();
        for _ in 0..u16::from_be_bytes(*message.get(ANSWER_COUNT_AT..)?.first_chunk()?) {
            let owner = cursor.take(2)?;
            let rtype = cursor.u16()?;
            cursor.take(6)?;
            let data_octets = cursor.u16()?;
            let address = Revealed::Address(address_of(rtype, cursor.take(usize::from(data_octets))?)?);
            if owner != QUESTION_POINTER || revealed.len() == FEW {
                return None;
            }
            if !revealed.contains(&address) {
                revealed.push(address);
            }
        }
        Some(revealed)
    }
}

fn reveal_data(data: &ParsedData<'_>, revealed: &mut Vec<Revealed>) {
    match data {
        AllRecordData::A(a) => revealed.push(Revealed::Address(a.addr().into())),
        AllRecordData::Aaaa(aaaa) => revealed.push(Revealed::Address(aaaa.addr().into())),
        AllRecordData::Cname(cname) => reveal_name(cname.cname(), revealed),
        AllRecordData::Dname(dname) => reveal_name(dname.dname(), revealed),
        AllRecordData::Svcb(svcb) => reveal_service(svcb.target(), svcb.params(), revealed),
        AllRecordData::Https(https) => reveal_service(https.target(), https.params(), revealed),
        _ => {}
    }
}

/// A service binding's target (`.` stands for its owner: RFC 9460 section 2.5) and its address hints.
fn reveal_service(target: &ParsedName<&[u8]>, params: &SvcParams<&[u8]>, revealed: &mut Vec<Revealed>) {
    if !target.is_root() {
        reveal_name(target, revealed);
    }
    for hint in params.iter::<Ipv4Hint<&[u8]>>().flatten() {
        revealed.extend(hint.iter().map(|address| Revealed::Address(address.into())));
    }
    for hint in params.iter::<Ipv6Hint<&[u8]>>().flatten() {
        revealed.extend(hint.iter().map(|address| Revealed::Address(address.into())));
    }
}

fn reveal_name(name: &ParsedName<&[u8]>, revealed: &mut Vec<Revealed>) {
    if let Ok(name) = spell_out(name) {
        revealed.push(Revealed::Name(name));
    }
}
