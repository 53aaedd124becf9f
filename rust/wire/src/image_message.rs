//! The octets of a stored answer: its message, composed once, and where in it the TTL fields stand.

use crate::cursor::Cursor;
use crate::record::Record;
use crate::{CLASS_IN, MAX_MESSAGE_OCTETS, Name, Rcode, UnusableReply};
use domain::base::iana::Class;
use domain::base::message_builder::RecordSectionBuilder;
use domain::base::wire::Composer;
use domain::base::{HashCompressor, MessageBuilder, Rtype, StaticCompressor, Ttl};

/// So many records share a short list of names to point at.
const FEW: usize = 16;

/// Composes the stored message. Pointers may lead into the question: a name there keeps its length when a client's own
/// spelling is laid over it.
pub fn compose(
    question: &Name,
    qtype: u16,
    rcode: Rcode,
    answers: &[Record],
    authority: &[Record],
) -> Result<Vec<u8>, UnusableReply> {
    let buffer = Vec::with_capacity(512);
    // A table costs an allocation, and a list that ends costs a message that could have been compressed.
    let octets = match answers.len() + authority.len() {
        0..=FEW => compose_in(StaticCompressor::new(buffer), question, qtype, rcode, answers, authority)?.into_target(),
        _ => compose_in(HashCompressor::new(buffer), question, qtype, rcode, answers, authority)?.into_target(),
    };
    if octets.len() > MAX_MESSAGE_OCTETS {
        return Err(UnusableReply::TooLarge);
    }
    Ok(octets)
}

fn compose_in<T: Composer>(
    target: T,
    question: &Name,
    qtype: u16,
    rcode: Rcode,
    answers: &[Record],
    authority: &[Record],
) -> Result<T, UnusableReply> {
    let mut builder = MessageBuilder::from_target(target).map_err(|_| UnusableReply::TooLarge)?;
    builder.header_mut().set_qr(true);
    builder.header_mut().set_rcode(domain::base::iana::Rcode::masked_from_int(rcode.header_bits()));
    let mut builder = builder.question();
    let qname = wire_name(question)?;
    builder.push((qname, Rtype::from_int(qtype))).map_err(|_| UnusableReply::TooLarge)?;
    let mut builder = builder.answer();
    answers.iter().try_for_each(|record| push(&mut builder, record))?;
    let mut builder = builder.authority();
    authority.iter().try_for_each(|record| push(&mut builder, record))?;
    Ok(builder.finish())
}

fn wire_name(name: &Name) -> Result<domain::base::Name<&[u8]>, UnusableReply> {
    domain::base::Name::from_octets(name.as_wire()).map_err(|_| UnusableReply::Malformed)
}

fn push<T: Composer>(section: &mut impl RecordSectionBuilder<T>, record: &Record) -> Result<(), UnusableReply> {
    let owner = wire_name(&record.owner)?;
    section
        .push((owner, Class::from_int(CLASS_IN), Ttl::from_secs(record.ttl_s), record.parse_data()?))
        .map_err(|_| UnusableReply::TooLarge)
}

/// A message, and behind it where its TTL fields stand, all records after the question taken.
pub fn with_ttl_places(mut octets: Vec<u8>, question_end: usize) -> Option<Box<[u8]>> {
    let mut cursor = Cursor::new(octets.get(question_end..)?);
    let mut places = Vec::new();
    while !cursor.is_empty() {
        cursor.skip_name()?;
        cursor.take(4)?;
        places.extend(u16::try_from(octets.len() - cursor.rest().len()).ok()?.to_ne_bytes());
        cursor.u32()?;
        let data_octets = cursor.u16()?;
        cursor.take(usize::from(data_octets))?;
    }
    octets.extend(places);
    Some(octets.into_boxed_slice())
}

/// The places that [`with_ttl_places`] has written.
#[inline]
pub fn places(octets: &[u8]) -> impl Iterator<Item = usize> {
    octets.as_chunks().0.iter().map(|place| usize::from(u16::from_ne_bytes(*place)))
}
