//! Queries and replies spelled out, and answers read back with `domain`.

use domain::base::Message;
use domain::base::message::RecordSection;
use domain::base::name::ParsedName;
use domain::base::opt::AllOptData;
use domain::rdata::AllRecordData;
use schoolgate_wire::{Name, rtype};
use std::net::IpAddr;

/// The wire form of a name, its case kept.
pub fn wire(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut octets: Vec<u8> = labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    octets.push(0);
    octets
}

/// A query under way: ID 7, RD, type A, no EDNS, from a pupil.
#[derive(Clone, Debug)]
pub struct Ask {
    pub name: String,
    pub qtype: u16,
    pub id: u16,
    pub flags: [u8; 2],
    pub class: u16,
    pub from: std::net::SocketAddr,
    pub opt: Option<(u16, bool, Vec<u8>)>,
    pub by_stream: bool,
}

pub fn ask(name: &str) -> Ask {
    let from = "192.0.2.10:40000".parse().expect("an address");
    Ask { name: name.into(), qtype: 1, id: 7, flags: [1, 0], class: 1, from, opt: None, by_stream: false }
}

impl Ask {
    pub fn of(self, qtype: u16) -> Self {
        Self { qtype, ..self }
    }

    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// From this address, or this address and port.
    pub fn from(self, from: &str) -> Self {
        let from = from.parse().or_else(|_| format!("{from}:40000").parse()).expect("an address");
        Self { from, ..self }
    }

    pub fn staff(self) -> Self {
        self.from("198.51.100.10")
    }

    pub fn no_rd(self) -> Self {
        Self { flags: [0, 0], ..self }
    }

    pub fn cd(self) -> Self {
        Self { flags: [1, 0x10], ..self }
    }

    pub fn ad(self) -> Self {
        Self { flags: [1, 0x20], ..self }
    }

    pub fn edns(self) -> Self {
        Self { opt: Some((1232, false, Vec::new())), ..self }
    }

    pub fn dnssec(self) -> Self {
        Self { opt: Some((1232, true, Vec::new())), ..self }
    }

    /// With a client subnet (ECS).
    pub fn subnet(self, octet: u8) -> Self {
        Self { opt: Some((1232, false, vec![0, 8, 0, 7, 0, 1, 24, 0, 192, 0, octet])), ..self }
    }

    pub fn stream(self) -> Self {
        Self { by_stream: true, ..self }
    }

    pub fn packet(&self) -> Vec<u8> {
        let mut packet = self.id.to_be_bytes().to_vec();
        packet.extend(self.flags);
        packet.extend([0, 1, 0, 0, 0, 0, 0, u8::from(self.opt.is_some())]);
        packet.extend(wire(&self.name));
        packet.extend(self.qtype.to_be_bytes());
        packet.extend(self.class.to_be_bytes());
        if let Some((size, dnssec, options)) = &self.opt {
            packet.extend([0, 0, 41]);
            packet.extend(size.to_be_bytes());
            packet.extend([0, 0, u8::from(*dnssec) << 7, 0]);
            packet.extend((options.len() as u16).to_be_bytes());
            packet.extend(options);
        }
        packet
    }
}

/// The data of a record in a forwarder's reply.
#[derive(Clone, Debug)]
pub enum Data {
    A(u8),
    Address(IpAddr),
    /// An HTTPS record of this RDATA.
    Binding(Vec<u8>),
    /// A signature over records of this type.
    Signature(u16),
    Cname(String),
    /// An SOA with this MINIMUM.
    Soa(u32),
    /// A service binding to this target.
    Https(String),
    Txt(usize),
}

impl Data {
    fn rtype(&self) -> u16 {
        match self {
            Data::A(_) | Data::Address(IpAddr::V4(_)) => rtype::A,
            Data::Address(IpAddr::V6(_)) => rtype::AAAA,
            Data::Binding(_) => rtype::HTTPS,
            Data::Signature(_) => rtype::RRSIG,
            Data::Cname(_) => rtype::CNAME,
            Data::Soa(_) => rtype::SOA,
            Data::Https(_) => rtype::HTTPS,
            Data::Txt(_) => rtype::TXT,
        }
    }

    fn octets(&self) -> Vec<u8> {
        match self {
            Data::A(last) => vec![203, 0, 113, *last],
            Data::Address(IpAddr::V4(address)) => address.octets().to_vec(),
            Data::Address(IpAddr::V6(address)) => address.octets().to_vec(),
            Data::Binding(data) => data.clone(),
            Data::Signature(covered) => {
                [&covered.to_be_bytes(), &[13, 3][..], &[0; 14], &wire("example.com"), &[7; 64]].concat()
            }
            Data::Cname(target) => wire(target),
            Data::Soa(minimum) => {
                [&wire("ns.example"), &wire("hostmaster.example"), &[0; 16][..], &minimum.to_be_bytes()].concat()
            }
            Data::Https(target) => [&[0, 1], wire(target).as_slice()].concat(),
            Data::Txt(octets) => {
                std::iter::repeat_n(b"\x63".iter().copied().chain([b'x'; 99]), octets / 100).flatten().collect()
            }
        }
    }
}

/// A record of a reply: owner, TTL, data.
pub type Line<'a> = (&'a str, u32, Data);

/// A reply to `query`, which is a forwarder query of ours.
pub fn reply(query: &[u8], rcode: u8, answer: &[Line<'_>], authority: &[Line<'_>]) -> Vec<u8> {
    let end = query.len() - 11;
    let mut message = query.get(..end).expect("a question").to_vec();
    message[2..12].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, answer.len() as u8, 0, authority.len() as u8, 0, 0]);
    message[6..8].copy_from_slice(&(answer.len() as u16).to_be_bytes());
    for (owner, ttl_s, data) in answer.iter().chain(authority) {
        message.extend(wire(owner));
        message.extend(data.rtype().to_be_bytes());
        message.extend([0, 1]);
        message.extend(ttl_s.to_be_bytes());
        let data = data.octets();
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
    }
    message
}

/// An answer, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub id: u16,
    pub rcode: u16,
    pub truncated: bool,
    /// AD: all of it was validated.
    pub authentic: bool,
    /// The question's name as it came back, case kept.
    pub question: String,
    /// Owner, type, TTL, data as text.
    pub answer: Vec<(String, u16, u32, String)>,
    pub authority: Vec<(String, u16, u32, String)>,
    pub has_opt: bool,
    /// Extended DNS Error: code and text.
    pub ede: Option<(u16, String)>,
    pub size_octets: usize,
}

impl Answer {
    pub fn read(octets: &[u8]) -> Self {
        let message = Message::from_slice(octets).expect("an answer");
        let header = message.header();
        assert!(header.qr() && header.ra() && !header.aa());
        let question = message.first_question().map(|question| format!("{}", question.qname())).unwrap_or_default();
        let opt = message.opt();
        let ede = opt.as_ref().and_then(|opt| {
            opt.opt().iter::<AllOptData<_, domain::base::Name<_>>>().find_map(|option| {
                match option.expect("an option") {
                    AllOptData::ExtendedError(ede) => {
                        let text = ede.text().map(|text| match text {
                            Ok(text) => text.to_string(),
                            Err(_) => panic!("EDE text is UTF-8"),
                        });
                        Some((ede.code().to_int(), text.unwrap_or_default()))
                    }
                    _ => None,
                }
            })
        });
        Self {
            id: header.id(),
            rcode: message.opt_rcode().to_int(),
            truncated: header.tc(),
            authentic: header.ad(),
            question,
            answer: records(message.answer().expect("an answer section")),
            authority: records(message.authority().expect("an authority section")),
            has_opt: opt.is_some(),
            ede,
            size_octets: octets.len(),
        }
    }

    /// The data of all answer records.
    pub fn data(&self) -> Vec<&str> {
        self.answer.iter().map(|(.., data)| data.as_str()).collect()
    }

    /// The greatest TTL in it.
    pub fn ttl_s(&self) -> Option<u32> {
        self.answer.iter().chain(&self.authority).map(|(_, _, ttl_s, _)| *ttl_s).max()
    }

    pub fn ede_code(&self) -> Option<u16> {
        self.ede.as_ref().map(|(code, _)| *code)
    }
}

fn records(section: RecordSection<'_, [u8]>) -> Vec<(String, u16, u32, String)> {
    let read = |record: domain::base::ParsedRecord<'_, [u8]>| {
        let data = record.to_any_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>().expect("readable data");
        let text = data.data().to_string().trim_end_matches('.').to_owned();
        (record.owner().to_string(), record.rtype().to_int(), record.ttl().as_secs(), text)
    };
    section.map(|record| read(record.expect("a record"))).collect()
}

pub fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}
