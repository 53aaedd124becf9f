//! Why a forwarder's reply cannot be used.

use crate::Rcode;
use std::fmt;

/// Why a forwarder's reply, or a set of local records, cannot become an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableReply {
    /// Not a well-formed DNS message, or a record in the chain is not.
    Malformed,
    /// A query, or a reply to something else than a query.
    NotAReply,
    /// The question is not the one that was asked.
    WrongQuestion,
    /// TC is set: ask again by TCP.
    Truncated,
    /// The forwarder could not or would not say (SERVFAIL, REFUSED, ...).
    Rcode(Rcode),
    /// No answer and no denial: the forwarder points at other servers instead of asking them (RFC 2308 section 2.2).
    Referral,
    /// Two CNAMEs at one name, a CNAME that its DNAME does not make, or NXDOMAIN for a name that is there.
    Contradiction,
    /// The chain comes back to a name it has passed.
    ChainLoop,
    /// The chain has more than 16 links.
    ChainTooLong,
    /// The answer does not fit a DNS message.
    TooLarge,
}

impl UnusableReply {
    /// The condition's name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotAReply => "not_a_reply",
            Self::WrongQuestion => "wrong_question",
            Self::Truncated => "truncated",
            Self::Rcode(_) => "rcode",
            Self::Referral => "referral",
            Self::Contradiction => "contradiction",
            Self::ChainLoop => "chain_loop",
            Self::ChainTooLong => "chain_too_long",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for UnusableReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rcode(rcode) => write!(f, "{rcode}"),
            other => f.write_str(other.as_str()),
        }
    }
}

impl std::error::Error for UnusableReply {}
