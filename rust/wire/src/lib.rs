//! DNS on the wire, as a school's filter needs it (RFC 1035 and its heirs).
//!
//! A client's packet is peeked at ([`peek`]: strict, no copy but the folded name), and one of three things is written
//! back: a refusal ([`refusal_reply`]), the policy's own answer ([`policy_answer`], [`rcode_answer`], [`truncated`]), or
//! a stored answer ([`AnswerImage::write`]). A forwarder's reply becomes a stored answer only through
//! [`AnswerImage::from_reply`], which takes the chain that belongs to the question and drops the rest.
//!
//! Nothing in here looks at a clock, a socket or a policy, and no octets from outside can make it panic: the lints below
//! refuse indexing and unwrapping, and `rust/fuzz` tries what the lints cannot see. Peeking at a query and writing an
//! answer allocate nothing.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::string_slice)
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod alias;
mod compose;
mod cookie;
mod cursor;
mod ede;
mod edns;
mod forwarder_query;
mod image;
mod name;
mod peek;
mod rcode;
mod record;
mod refusal;
pub mod rtype;
pub mod service_params;
mod upstream;

pub use alias::{Alias, first_alias};
pub use compose::{PolicyAnswer, PolicyRecords, policy_answer, rcode_answer, refusal_reply, truncated};
pub use cookie::{Cookie, CookieSecrets, CookieStanding};
pub use ede::{Ede, EdeCode};
pub use edns::{Edns, EdnsReply, OUR_UDP_SIZE_OCTETS};
pub use forwarder_query::forwarder_query;
pub use image::{AnswerImage, Revealed, TtlRule};
pub use name::{Labels, Name, NameError};
pub use peek::{Query, peek};
pub use rcode::Rcode;
pub use record::Record;
pub use refusal::{Reason, Refusal};
pub use upstream::UnusableReply;

/// Octets of the fixed header that opens every DNS message (RFC 1035 section 4.1.1).
pub const HEADER_OCTETS: usize = 12;

/// The only class that is answered: the Internet (RFC 1035 section 3.2.4).
pub const CLASS_IN: u16 = 1;

/// An output buffer of this many octets holds every answer that may leave by UDP.
pub const MAX_DATAGRAM_OCTETS: usize = OUR_UDP_SIZE_OCTETS as usize;

/// An output buffer of this many octets holds every answer there can be (TCP, DoT, DoH).
pub const MAX_MESSAGE_OCTETS: usize = 65_535;
