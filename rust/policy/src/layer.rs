//! The layers of a decision, in their order, and what a decision may say.

use serde::Deserialize;

/// Where a verdict comes from. The smaller layer wins, always; nothing below can open what a layer above has denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Layer {
    /// Sealed illegal-content lists. No allow, schedule, exception, role or setting lifts them.
    Sealed = 1,
    /// Names the platform needs: time, certificate checks, captive portals, our own names.
    Platform = 2,
    /// Denied by the trust and locked.
    TrustLocked = 3,
    /// Help lines, health education, exams: a wrong category cannot close them.
    Protected = 4,
    /// Approved exceptions with an end.
    Exception = 5,
    /// The school's own allow and deny lists.
    Own = 6,
    /// Malware, phishing, command and control.
    Threat = 7,
    /// Ways round the filter.
    Circumvention = 8,
    /// Categories and services of the policy now in force.
    Category = 9,
    /// The rule for names no list knows.
    Unknown = 10,
    /// Nothing objects.
    Allow = 11,
}

impl Layer {
    /// All layers, first to last.
    pub const ALL: [Layer; 11] = [
        Layer::Sealed,
        Layer::Platform,
        Layer::TrustLocked,
        Layer::Protected,
        Layer::Exception,
        Layer::Own,
        Layer::Threat,
        Layer::Circumvention,
        Layer::Category,
        Layer::Unknown,
        Layer::Allow,
    ];

    /// The layer of a number from 1 to 11.
    pub fn from_number(number: u8) -> Option<Layer> {
        Layer::ALL.into_iter().find(|layer| *layer as u8 == number)
    }

    /// The word people see in `explain` and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Sealed => "sealed",
            Layer::Platform => "platform",
            Layer::TrustLocked => "trust-locked",
            Layer::Protected => "protected",
            Layer::Exception => "exception",
            Layer::Own => "own-list",
            Layer::Threat => "threat",
            Layer::Circumvention => "circumvention",
            Layer::Category => "category",
            Layer::Unknown => "unknown",
            Layer::Allow => "allow",
        }
    }
}

/// How a denied question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// NXDOMAIN for every type.
    Nxdomain,
    /// NOERROR without records for every type.
    Nodata,
    /// 0.0.0.0 or ::; NODATA for the other types.
    Null,
    /// The addresses of the policy's block page; NODATA for the other types.
    BlockPage,
    /// REFUSED.
    Refused,
}

impl Action {
    /// The word people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Nxdomain => "nxdomain",
            Action::Nodata => "nodata",
            Action::Null => "null",
            Action::BlockPage => "block-page",
            Action::Refused => "refused",
        }
    }
}

/// How much the query log keeps of a segment's queries. What is sealed is always kept, without its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Every query.
    #[default]
    Full,
    /// Denied queries; the others are counted.
    DeniedOnly,
    /// Nothing but counts.
    CountsOnly,
}

/// Whether a rule opens or closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The name may be answered.
    Allow,
    /// The name is denied; the policy's [`Action`] says how.
    Deny,
}

impl Effect {
    /// The word people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        }
    }
}
