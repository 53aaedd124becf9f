//! Sizes and numbers that every part of a message shares (RFC 1035).

/// The UDP size that we announce and never exceed: fits every path that is not broken (DNS flag day 2020).
pub const OUR_UDP_SIZE_OCTETS: u16 = 1232;

/// Octets of the fixed header that opens every DNS message (RFC 1035 section 4.1.1).
pub const HEADER_OCTETS: usize = 12;

/// The only class that is answered: the Internet (RFC 1035 section 3.2.4).
pub const CLASS_IN: u16 = 1;

/// An output buffer of this many octets holds every answer that may leave by UDP.
pub const MAX_DATAGRAM_OCTETS: usize = OUR_UDP_SIZE_OCTETS as usize;

/// An output buffer of this many octets holds every answer there can be (TCP, DoT, DoH).
pub const MAX_MESSAGE_OCTETS: usize = 65_535;
