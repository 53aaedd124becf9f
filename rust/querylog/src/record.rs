//! One record: a fixed head and the name as it was asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a record before its name.
pub(crate) const HEAD_OCTETS: usize = 64;
/// A name on the wire is at most this long (RFC 1035 section 2.3.4).
pub(crate) const MAX_NAME_OCTETS: usize = 255;

/// How a query came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Door {
    /// A datagram on port 53.
    #[default]
    Udp = 0,
    /// A TCP connection.
    Tcp = 1,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// The policy's own answer.
    #[default]
    Policy = 0,
    /// A local zone or another fixed answer.
    Local = 1,
    /// The packet cache, within its TTL.
    Cache = 2,
    /// The packet cache, past its TTL (RFC 8767).
    Stale = 3,
    /// A forwarder, for this client or one that asked the same.
    Forwarder = 4,
    /// Nobody: SERVFAIL, REFUSED or another error.
    Nobody = 5,
}

impl Door {
    /// The word people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Udp => "udp",
            Door::Tcp => "tcp",
        }
    }
}

impl Source {
    const ALL: [Source; 6] =
        [Source::Policy, Source::Local, Source::Cache, Source::Stale, Source::Forwarder, Source::Nobody];

    /// The word people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Policy => "policy",
            Source::Local => "local",
            Source::Cache => "cache",
            Source::Stale => "stale",
            Source::Forwarder => "forwarder",
            Source::Nobody => "nobody",
        }
    }
}

/// What is recorded of a query. Numbers name things of the snapshot and the policy table whose serials stand beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Microseconds since 1970, UTC.
    pub time_us: i64,
    /// From the packet's batch to its answer, microseconds; for an answer that was waited for, from the first packet.
    pub latency_us: u32,
    /// Who asked.
    pub client: IpAddr,
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
    /// Whether the question was denied.
    pub denied: bool,
    /// Number of the layer that decided.
    pub layer: u8,
    /// Source of the snapshot or statement of the policy that decided: 0 nobody, 1 sealed, 2 source, 3 statement.
    pub origin_kind: u8,
    /// Its index.
    pub origin: u32,
    /// Where the answer came from.
    pub source: Source,
    /// Serial of the lists in force.
    pub snapshot_serial: u64,
    /// Serial of the policy in force.
    pub policy_serial: u64,
    /// The name on the wire, in the case it was asked in.
    pub name: &'a [u8],
}

const NO_SEGMENT: u16 = u16::MAX;

impl<'a> Record<'a> {
    /// The head, ready for the ring. IPv4 clients are written as IPv4-mapped addresses.
    pub(crate) fn head(&self) -> [u8; HEAD_OCTETS] {
        let client = match self.client {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut head = [0; HEAD_OCTETS];
        let mut rest = head.as_mut_slice();
        let mut put = |octets: &[u8]| {
            if let Some((place, after)) = std::mem::take(&mut rest).split_at_mut_checked(octets.len()) {
                place.copy_from_slice(octets);
                rest = after;
            }
        };
        put(&self.time_us.to_le_bytes());
        put(&self.snapshot_serial.to_le_bytes());
        put(&self.policy_serial.to_le_bytes());
        put(&client.octets());
        put(&self.latency_us.to_le_bytes());
        put(&self.origin.to_le_bytes());
        put(&self.segment.unwrap_or(NO_SEGMENT).to_le_bytes());
        put(&self.policy.to_le_bytes());
        put(&self.qtype.to_le_bytes());
        put(&self.rcode.to_le_bytes());
        put(&[u8::from(self.denied), self.layer, self.origin_kind, self.source as u8, self.door as u8]);
        put(&[self.name.len().min(MAX_NAME_OCTETS) as u8]);
        head
    }

    /// Reads a record back; `None` if the octets are not one.
    pub(crate) fn parse(octets: &'a [u8]) -> Option<Record<'a>> {
        let (head, name) = octets.split_at_checked(HEAD_OCTETS)?;
        let eight = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let four = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let two = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let client: [u8; 16] = head.get(24..40)?.try_into().ok()?;
        let client = Ipv6Addr::from(client);
        let one = |at: usize| head.get(at).copied();
        Some(Record {
            time_us: eight(0)? as i64,
            snapshot_serial: eight(8)?,
            policy_serial: eight(16)?,
            client: client.to_ipv4_mapped().map_or(IpAddr::V6(client), |v4: Ipv4Addr| IpAddr::V4(v4)),
            latency_us: four(40)?,
            origin: four(44)?,
            segment: two(48).filter(|segment| *segment != NO_SEGMENT),
            policy: two(50)?,
            qtype: two(52)?,
            rcode: two(54)?,
            denied: one(56)? != 0,
            layer: one(57)?,
            origin_kind: one(58)?,
            source: *Source::ALL.get(usize::from(one(59)?))?,
            door: if one(60)? == 0 { Door::Udp } else { Door::Tcp },
            name: name.get(..usize::from(one(61)?))?,
        })
    }
}
