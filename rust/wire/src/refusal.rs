//! Why a packet is not a query that we answer, and what its sender gets.

use crate::Rcode;
use std::fmt;

/// What becomes of a packet that [`peek`](crate::peek) does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Never answered: an answer could start a loop, or there is no address to send it to.
    Silent(Reason),
    /// No question, but a COOKIE option: answered with a server cookie (RFC 7873 section 5.4).
    Cookie,
    /// Answered with an error.
    Answer {
        /// The response code of the answer.
        rcode: Rcode,
        /// What was wrong.
        reason: Reason,
    },
}

impl Refusal {
    /// What was wrong.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Silent(reason) | Self::Answer { reason, .. } => reason,
            Self::Cookie => Reason::QuestionCount,
        }
    }
}

/// What was wrong with a packet; small and dense, so that counters can be an array of [`Reason::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Shorter than a header. Silence.
    Short,
    /// QR is set: a response. Silence, or two servers could talk for ever.
    Response,
    /// An opcode other than QUERY. NOTIMP.
    Opcode,
    /// Not exactly one question (RFC 9619). FORMERR.
    QuestionCount,
    /// Answer or authority records in a query, or more additional ones than OPT and TSIG. FORMERR.
    RecordCount,
    /// The question's name is cut off, too long, or compressed. FORMERR.
    QuestionName,
    /// The packet ends inside the question or a record. FORMERR.
    Truncated,
    /// Octets follow the last record. FORMERR.
    TrailingOctets,
    /// More than one OPT (RFC 6891 section 6.1.1). FORMERR.
    SeveralOpts,
    /// OPT not at the root, or its options do not fit its length. FORMERR.
    BadOpt,
    /// A COOKIE option of a length that RFC 7873 section 5.2.2 forbids. FORMERR.
    BadCookieLength,
    /// An additional record that is neither OPT nor TSIG. FORMERR.
    AdditionalRecord,
    /// A TSIG: we share no key with any client (RFC 8945 section 5.2.1). NOTAUTH, unsigned.
    Tsig,
    /// EDNS of a version above 0 (RFC 6891 section 6.1.3). BADVERS.
    EdnsVersion,
    /// A class other than IN, class ANY too. REFUSED.
    Class,
    /// AXFR or IXFR. REFUSED.
    ZoneTransfer,
    /// A type that cannot be asked for. FORMERR, or NOTIMP for TKEY, MAILA and MAILB.
    MetaType,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every reason, in the order of [`index`](Self::index).
    pub const ALL: [Self; 17] = [
        Self::Short,
        Self::Response,
        Self::Opcode,
        Self::QuestionCount,
        Self::RecordCount,
        Self::QuestionName,
        Self::Truncated,
        Self::TrailingOctets,
        Self::SeveralOpts,
        Self::BadOpt,
        Self::BadCookieLength,
        Self::AdditionalRecord,
        Self::Tsig,
        Self::EdnsVersion,
        Self::Class,
        Self::ZoneTransfer,
        Self::MetaType,
    ];

    /// The reason's place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Response => "response",
            Self::Opcode => "opcode",
            Self::QuestionCount => "question_count",
            Self::RecordCount => "record_count",
            Self::QuestionName => "question_name",
            Self::Truncated => "truncated",
            Self::TrailingOctets => "trailing_octets",
            Self::SeveralOpts => "several_opts",
            Self::BadOpt => "bad_opt",
            Self::BadCookieLength => "bad_cookie_length",
            Self::AdditionalRecord => "additional_record",
            Self::Tsig => "tsig",
            Self::EdnsVersion => "edns_version",
            Self::Class => "class",
            Self::ZoneTransfer => "zone_transfer",
            Self::MetaType => "meta_type",
        }
    }

    pub(crate) const fn formerr(self) -> Refusal {
        Refusal::Answer { rcode: Rcode::FORMERR, reason: self }
    }

    pub(crate) const fn with(self, rcode: Rcode) -> Refusal {
        Refusal::Answer { rcode, reason: self }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_list() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
    }
}
