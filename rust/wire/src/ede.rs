//! Extended DNS Errors (RFC 8914): why an answer is what it is, for the person who looks with `dig`.

/// An EDE info-code (IANA "Extended DNS Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EdeCode(pub u16);

impl EdeCode {
    /// 0: anything else.
    pub const OTHER: Self = Self(0);
    /// 3: a stale answer, forwarders being out of reach (RFC 8767).
    pub const STALE_ANSWER: Self = Self(3);
    /// 4: the answer is not what its owner published (rewrites, block pages).
    pub const FORGED_ANSWER: Self = Self(4);
    /// 6: DNSSEC validation failed.
    pub const DNSSEC_BOGUS: Self = Self(6);
    /// 14: not ready yet.
    pub const NOT_READY: Self = Self(14);
    /// 15: blocked by the operator's own choice.
    pub const BLOCKED: Self = Self(15);
    /// 16: blocked by someone outside whom the operator must obey.
    pub const CENSORED: Self = Self(16);
    /// 17: blocked because the client asked for it.
    pub const FILTERED: Self = Self(17);
    /// 18: this client may not ask.
    pub const PROHIBITED: Self = Self(18);
    /// 19: a stale NXDOMAIN.
    pub const STALE_NXDOMAIN_ANSWER: Self = Self(19);
    /// 22: no forwarder answered.
    pub const NO_REACHABLE_AUTHORITY: Self = Self(22);
    /// 23: an error on the way to a forwarder.
    pub const NETWORK_ERROR: Self = Self(23);
    /// 24: a forwarder's reply was of no use.
    pub const INVALID_DATA: Self = Self(24);
}

impl EdeCode {
    /// Whether it says that validation failed: 6 bogus, 7 to 12 the reasons for it.
    #[must_use]
    pub const fn is_bogus(self) -> bool {
        matches!(self.0, 6..=12)
    }

    /// Whether it speaks of DNSSEC: beside those, 1 and 2 algorithms that the validator does not know, 5 indeterminate.
    #[must_use]
    pub const fn is_about_dnssec(self) -> bool {
        self.is_bogus() || matches!(self.0, 1 | 2 | 5)
    }
}

/// One Extended DNS Error to send with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ede<'a> {
    /// The info-code.
    pub code: EdeCode,
    /// EXTRA-TEXT, may be empty; more than [`Ede::MAX_TEXT_OCTETS`] are cut.
    pub text: &'a str,
}

impl<'a> Ede<'a> {
    /// More text than this only helps an amplifier.
    pub const MAX_TEXT_OCTETS: usize = 96;

    /// An error without text.
    #[must_use]
    pub const fn new(code: EdeCode) -> Self {
        Self { code, text: "" }
    }

    /// The text as it will be sent: at most [`Ede::MAX_TEXT_OCTETS`] octets, cut between characters.
    #[must_use]
    pub fn sent_text(&self) -> &'a str {
        if self.text.len() <= Self::MAX_TEXT_OCTETS {
            return self.text;
        }
        let end = (0..=Self::MAX_TEXT_OCTETS).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0);
        self.text.get(..end).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "é".repeat(100);
        let sent = Ede { code: EdeCode::BLOCKED, text: &text }.sent_text();
        assert_eq!(sent.len(), Ede::MAX_TEXT_OCTETS);
        assert!(sent.chars().all(|c| c == 'é'));
    }
}
