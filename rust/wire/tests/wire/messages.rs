//! Packets for the tests: queries and replies spelled out, and answers read back with `domain`.

use domain::base::Message;
use domain::base::message::RecordSection;
use domain::base::name::ParsedName;
use domain::rdata::AllRecordData;
use schoolgate_wire::{Name, Query, Record, peek, rtype};

/// A query packet under way.
#[derive(Clone)]
pub struct Packet {
    pub octets: Vec<u8>,
}

pub fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// The wire form of a name, its case kept.
pub fn wire(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label.as_bytes());
    }
    octets.push(0);
    octets
}

/// A query with ID 0x1234 and RD, without EDNS.
pub fn query(qname: &str, qtype: u16) -> Packet {
    let mut octets = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    octets.extend(wire(qname));
    octets.extend(qtype.to_be_bytes());
    octets.extend([0, 1]);
    Packet { octets }
}

impl Packet {
    pub fn with(mut self, at: usize, octets: &[u8]) -> Self {
        self.octets[at..at + octets.len()].copy_from_slice(octets);
        self
    }

    pub fn push(mut self, octets: &[u8]) -> Self {
        self.octets.extend_from_slice(octets);
        self
    }

    /// Adds an additional record and counts it.
    pub fn additional(mut self, owner: &[u8], rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Self {
        self.octets[11] += 1;
        self.push(owner)
            .push(&rtype.to_be_bytes())
            .push(&class.to_be_bytes())
            .push(&ttl.to_be_bytes())
            .push(&(data.len() as u16).to_be_bytes())
            .push(data)
    }

    pub fn opt(self, udp_size: u16, ttl: u32, options: &[u8]) -> Self {
        self.additional(&[0], rtype::OPT, udp_size, ttl, options)
    }

    /// The packet, peeked.
    pub fn peeked(&self) -> Query {
        let mut query = Query::default();
        peek(&self.octets, &mut query).unwrap();
        query
    }
}

/// A reply under way; records go to the section that was begun last.
pub struct Reply {
    pub octets: Vec<u8>,
    /// Where the count of the section under way stands.
    pub section: usize,
}

/// A reply with QR, RD and RA to a question, without records.
pub fn reply(qname: &str, qtype: u16) -> Reply {
    let octets = query(qname, qtype).with(2, &[0x81, 0x80]).octets;
    Reply { octets, section: 6 }
}

impl Reply {
    pub fn rcode(mut self, rcode: u8) -> Self {
        self.octets[3] |= rcode;
        self
    }

    pub fn authority(mut self) -> Self {
        self.section = 8;
        self
    }

    pub fn additional(mut self) -> Self {
        self.section = 10;
        self
    }

    pub fn record(self, owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Self {
        self.owned(&wire(owner), rtype, ttl, data)
    }

    /// A record of the name in the question, by a pointer to it.
    pub fn pointed(self, rtype: u16, ttl: u32, data: &[u8]) -> Self {
        self.owned(&[0xc0, 12], rtype, ttl, data)
    }

    fn owned(mut self, owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) -> Self {
        let count = u16::from_be_bytes([self.octets[self.section], self.octets[self.section + 1]]) + 1;
        self.octets[self.section..self.section + 2].copy_from_slice(&count.to_be_bytes());
        self.octets.extend(owner);
        self.octets.extend(rtype.to_be_bytes());
        self.octets.extend([0, 1]);
        self.octets.extend(ttl.to_be_bytes());
        self.octets.extend((data.len() as u16).to_be_bytes());
        self.octets.extend(data);
        self
    }

    pub fn cname(self, owner: &str, ttl: u32, target: &str) -> Self {
        self.record(owner, rtype::CNAME, ttl, &wire(target))
    }

    pub fn a(self, owner: &str, ttl: u32, last: u8) -> Self {
        self.record(owner, rtype::A, ttl, &[192, 0, 2, last])
    }

    pub fn soa(self, owner: &str, ttl: u32, minimum: u32) -> Self {
        self.record(owner, rtype::SOA, ttl, &soa_data(minimum))
    }

    /// An RRSIG whose data is no more than its fixed part, a signer and eight octets.
    pub fn rrsig(self, owner: &str, ttl: u32, covered: u16) -> Self {
        self.record(owner, rtype::RRSIG, ttl, &rrsig_data(covered))
    }
}

pub fn soa_data(minimum: u32) -> Vec<u8> {
    let mut data = [wire("ns.example.com"), wire("admin.example.com"), vec![0; 16]].concat();
    data.extend(minimum.to_be_bytes());
    data
}

pub fn rrsig_data(covered: u16) -> Vec<u8> {
    let mut data = covered.to_be_bytes().to_vec();
    data.extend([13, 2, 0, 0, 1, 44, 0x70, 0, 0, 0, 0x60, 0, 0, 0, 0x30, 0x39]);
    data.extend(wire("example.com"));
    data.extend([7; 64]);
    data
}

pub fn record(owner: &str, rtype: u16, ttl_s: u32, data: &[u8]) -> Record {
    Record { owner: name(owner), rtype, ttl_s, data: data.to_vec() }
}

/// What `domain` reads in an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub rcode: u16,
    pub tc: bool,
    /// `owner ttl type`, in order.
    pub answer: Vec<String>,
    pub authority: Vec<String>,
    pub has_opt: bool,
}

/// Reads a whole message with `domain`; every record's data must be readable.
pub fn see(octets: &[u8]) -> Seen {
    let message = Message::from_octets(octets).unwrap();
    assert!(message.header().qr() && message.header().ra());
    assert!(!message.header().aa() && !message.header().ad());
    let (_, answer, authority, additional) = message.sections().unwrap();
    let list = |section: RecordSection<'_, &[u8]>| -> Vec<String> {
        section
            .into_records::<AllRecordData<&[u8], ParsedName<&[u8]>>>()
            .map(Result::unwrap)
            .map(|record| format!("{} {} {}", record.owner(), record.ttl().as_secs(), record.rtype()))
            .collect()
    };
    Seen {
        rcode: message.opt_rcode().to_int(),
        tc: message.header().tc(),
        answer: list(answer),
        authority: list(authority),
        has_opt: additional.count() == 1 && message.opt().is_some(),
    }
}
