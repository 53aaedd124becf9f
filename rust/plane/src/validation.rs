//! What is known of an answer's signatures (RFC 4033 section 5). We validate nothing ourselves: a forwarder says that it has, by
//! the AD bit, and that counts only where an attacker on the path cannot have set it.

use schoolgate_wire::{Query, is_ad_set, set_ad};

/// What is known of an answer's signatures. Of several replies that make one answer the least counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Validation {
    /// The forwarder was not asked to say.
    NotAsked,
    /// What it said could have been changed on the way, or the client wants no validation (CD).
    Indeterminate,
    /// It did not say that the answer was validated: its zone is not signed, or the forwarder does not validate.
    Insecure,
    /// It has validated all of it.
    Secure,
}

/// Tells a client that its answer was validated, if it asked in a way that shows that it knows the bit (RFC 6840 section 5.8).
#[inline]
pub fn tell_authentic(query: &Query, out: &mut [u8]) {
    if query.authentic_data || query.dnssec_ok() {
        set_ad(out);
    }
}

/// What the AD bit of a forwarder's reply is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdTrust {
    /// It was not asked for.
    NotAsked,
    /// The way to the forwarder is open to others.
    Untrusted,
    /// The forwarder proved who it is, or is on this machine.
    Trusted,
}

impl AdTrust {
    /// Of a reply to `query`, by a forwarder whose word counts or not.
    pub fn of(query: &[u8], is_trusted: bool) -> Self {
        match (is_ad_set(query), is_trusted) {
            (false, _) => Self::NotAsked,
            (true, false) => Self::Untrusted,
            (true, true) => Self::Trusted,
        }
    }

    /// What follows from a reply that answers the question.
    pub fn validation(self, reply: &[u8], checking_disabled: bool) -> Validation {
        match self {
            Self::NotAsked => Validation::NotAsked,
            Self::Untrusted => Validation::Indeterminate,
            Self::Trusted if checking_disabled => Validation::Indeterminate,
            Self::Trusted if is_ad_set(reply) => Validation::Secure,
            Self::Trusted => Validation::Insecure,
        }
    }
}
