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
mod authenticity;
mod compose;
mod cookie;
mod cursor;
mod ede;
mod edns;
mod edns_reply;
mod forwarder_query;
mod forwarder_reply;
mod freshness;
mod image;
mod image_message;
mod limits;
mod name;
mod name_error;
mod peek;
mod question_end;
mod rcode;
mod record;
mod refusal;
mod revealed;
pub mod rtype;
pub mod service_params;
mod unusable_reply;

pub use alias::{Alias, first_alias};
pub use authenticity::{dnssec_error, is_ad_set, set_ad};
pub use compose::{PolicyAnswer, PolicyRecords, cookie_answer, policy_answer, rcode_answer, refusal_reply, truncated};
pub use cookie::{Cookie, CookieSecrets, CookieStanding};
pub use ede::{Ede, EdeCode};
pub use edns::Edns;
pub use edns_reply::EdnsReply;
pub use forwarder_query::{forwarder_query, pad_query, remove_opt};
pub use freshness::freshness_s;
pub use image::{AnswerImage, Reading, TtlRule};
pub use limits::{CLASS_IN, HEADER_OCTETS, MAX_DATAGRAM_OCTETS, MAX_MESSAGE_OCTETS, OUR_UDP_SIZE_OCTETS};
pub use name::{Labels, Name};
pub use name_error::NameError;
pub use peek::{Query, peek};
pub use question_end::question_end;
pub use rcode::Rcode;
pub use record::Record;
pub use refusal::{Reason, Refusal};
pub use revealed::Revealed;
pub use unusable_reply::UnusableReply;
