//! Record types by their numbers (IANA "Resource Record (RR) TYPEs"): those that this project treats specially.

/// IPv4 address.
pub const A: u16 = 1;
/// Name server.
pub const NS: u16 = 2;
/// Alias of one name.
pub const CNAME: u16 = 5;
/// Start of authority; carries the negative TTL (RFC 2308).
pub const SOA: u16 = 6;
/// Reverse pointer.
pub const PTR: u16 = 12;
/// Host information; RFC 8482 answers ANY with it.
pub const HINFO: u16 = 13;
/// Mail exchange.
pub const MX: u16 = 15;
/// Text.
pub const TXT: u16 = 16;
/// IPv6 address.
pub const AAAA: u16 = 28;
/// Service location.
pub const SRV: u16 = 33;
/// Alias of a subtree (RFC 6672).
pub const DNAME: u16 = 39;
/// EDNS pseudo-record (RFC 6891).
pub const OPT: u16 = 41;
/// Delegation signer: a digest of a zone's key, kept by its parent (RFC 4034 section 5).
pub const DS: u16 = 43;
/// DNSSEC signature.
pub const RRSIG: u16 = 46;
/// DNSSEC denial of existence.
pub const NSEC: u16 = 47;
/// DNSSEC hashed denial of existence.
pub const NSEC3: u16 = 50;
/// Service binding (RFC 9460).
pub const SVCB: u16 = 64;
/// Service binding for HTTPS (RFC 9460).
pub const HTTPS: u16 = 65;
/// First of the range that RFC 6895 keeps for question and meta types.
pub const FIRST_META: u16 = 128;
/// Transaction key (RFC 2930).
pub const TKEY: u16 = 249;
/// Transaction signature (RFC 8945).
pub const TSIG: u16 = 250;
/// Incremental zone transfer.
pub const IXFR: u16 = 251;
/// Zone transfer.
pub const AXFR: u16 = 252;
/// Obsolete mailbox question.
pub const MAILB: u16 = 253;
/// Obsolete mail agent question.
pub const MAILA: u16 = 254;
/// Every type (RFC 8482 says how little to answer).
pub const ANY: u16 = 255;
