//! What a client is told of our encrypted doors when it asks by plain DNS: Discovery of Designated Resolvers (RFC 9462).
//!
//! A client that has only our address asks `_dns.resolver.arpa` for SVCB, connects to what it is shown, and believes it only
//! if the certificate there names the address it asked first. So an address that the certificate does not name is told of
//! no door: what a client would not believe only costs it time. The question is never forwarded.

use schoolgate_wire::{AnswerImage, Name, Query, Rcode, Record, rtype};
use std::net::{IpAddr, SocketAddr};

/// `_dns.resolver.arpa`, folded, on the wire.
const SPECIAL_NAME: &[u8] = b"\x04_dns\x08resolver\x04arpa\x00";
const TTL_S: u32 = 300;
/// Keys of a service binding (RFC 9460 section 14.3.2, RFC 9461 section 5).
const ALPN: u16 = 1;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;

/// What is said of our encrypted doors, by the address that a client has asked.
#[derive(Debug, Default)]
pub struct Designations(Vec<(IpAddr, AnswerImage)>);

/// Our encrypted doors as a certificate names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Designated {
    /// A name of the certificate, by which clients connect.
    pub name: Name,
    /// The addresses that the certificate names.
    pub addresses: Vec<IpAddr>,
    /// Where DNS over TLS is answered.
    pub dot: Vec<SocketAddr>,
    /// Where DNS over HTTPS is answered.
    pub doh: Vec<SocketAddr>,
    /// The URI template of DNS over HTTPS, without scheme and host.
    pub path: String,
}

impl Designations {
    /// Makes ready what is said of each address that the certificate names and a door answers on.
    pub fn new(designated: &Designated) -> Self {
        let images = designated.addresses.iter().filter_map(|address| Some((*address, image(designated, *address)?)));
        Self(images.collect())
    }

    /// Whether this is the question of RFC 9462.
    #[inline]
    pub fn are_asked_for(query: &Query) -> bool {
        query.qtype == rtype::SVCB && query.name.as_wire() == SPECIAL_NAME
    }

    /// What a client is told that has asked `address`.
    pub fn of(&self, address: IpAddr) -> Option<&AnswerImage> {
        self.0.iter().find(|(named, _)| *named == address.to_canonical()).map(|(_, image)| image)
    }
}

fn image(designated: &Designated, address: IpAddr) -> Option<AnswerImage> {
    let question = Name::from_wire(SPECIAL_NAME).ok()?;
    let dot = port_at(&designated.dot, address).map(|port| (port, b"\x03dot".as_slice(), None));
    let doh = port_at(&designated.doh, address).map(|port| (port, b"\x02h2".as_slice(), Some(&*designated.path)));
    let record = |(at, (port, alpn, path))| Record {
        owner: question.clone(),
        rtype: rtype::SVCB,
        ttl_s: TTL_S,
        data: binding(at, &designated.name, alpn, port, address, path),
    };
    let records: Vec<Record> = (1..).zip(dot.into_iter().chain(doh)).map(record).collect();
    if records.is_empty() || designated.name.is_root() {
        return None;
    }
    AnswerImage::from_records(&question, rtype::SVCB, Rcode::NOERROR, &records, None).ok()
}

/// The port of the door that answers on this address, or on every one.
fn port_at(doors: &[SocketAddr], address: IpAddr) -> Option<u16> {
    let is_at =
        |door: &&SocketAddr| door.ip() == address || door.ip().is_unspecified() && door.is_ipv4() == address.is_ipv4();
    doors.iter().find(is_at).map(SocketAddr::port)
}

/// RDATA of one service binding: keys rise (RFC 9460 section 2.2).
fn binding(priority: u16, target: &Name, alpn: &[u8], port: u16, address: IpAddr, path: Option<&str>) -> Vec<u8> {
    let mut data = priority.to_be_bytes().to_vec();
    data.extend_from_slice(target.as_wire());
    let mut put = |key: u16, value: &[u8]| {
        data.extend_from_slice(&key.to_be_bytes());
        data.extend_from_slice(&(value.len() as u16).to_be_bytes());
        data.extend_from_slice(value);
    };
    put(ALPN, alpn);
    put(PORT, &port.to_be_bytes());
    match address {
        IpAddr::V4(v4) => put(IPV4HINT, &v4.octets()),
        IpAddr::V6(v6) => put(IPV6HINT, &v6.octets()),
    }
    if let Some(path) = path {
        put(DOHPATH, path.as_bytes());
    }
    data
}
