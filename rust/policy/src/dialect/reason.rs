//! Why something in a list gave no rule. Comments and blank lines are not counted.

use crate::listed_name::NameRejected;

/// Why a line, or a part of it, gave no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// Its name cannot be listed.
    Name(NameRejected),
    /// Not UTF-8.
    NotText,
    /// Longer than any rule: 1 MiB.
    LineTooLong,
    /// `localhost` and its like, which every hosts file begins with.
    LocalName,
    /// It hides or closes a part of a page; DNS cannot.
    PagePart,
    /// It speaks of a path or port of a host; DNS knows hosts only.
    Path,
    /// It matches by a pattern inside a name.
    Pattern,
    /// A regular expression that cannot be used: a syntax we do not read, an exception, a modifier.
    Regex,
    /// A regular expression over a limit: its length, its size once compiled, their number.
    RegexTooLong,
    /// A regular expression that would fit half of the internet.
    RegexTooBroad,
    /// A modifier that changes the rule's meaning in a way a name list cannot carry.
    Modifier,
    /// It speaks of some record types only.
    DnsType,
    /// It answers with something of the publisher's rather than deny.
    Rewrite,
    /// It says where to ask, not what to deny.
    Forward,
    /// Another setting of the program the list was written for.
    OtherDirective,
    /// RPZ: triggered by an address in an answer that is no network.
    ResponseAddress,
    /// RPZ: triggered by the client.
    ClientAddress,
    /// RPZ: triggered by a name server.
    NameServer,
    /// RPZ: asks for TCP instead of denying.
    TcpOnly,
    /// RPZ: an owner outside the zone.
    OutsideZone,
    /// CSV: the line lacks the column, or the list has none of that title.
    NoColumn,
    /// UT1: a line of `urls`.
    Url,
    /// UT1: a line of `expressions`.
    Expression,
    /// A member of an archive that is no list.
    NoList,
    /// UT1: a category that the feed maps to none of ours.
    Unmapped,
    /// A rule for a public suffix (`co.uk`, `github.io`) would close thousands of strangers' sites.
    PublicSuffix,
    /// A rule for a protected name.
    Protected,
    /// A network so wide that a rule for it would close much of the internet.
    NetworkTooWide,
    /// With it the feed would close more of the internet than one feed may.
    CoversTooMuch,
    /// More networks than a snapshot holds.
    TooManyNetworks,
}

impl SkipReason {
    /// The word that counts and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::Name(rejected) => rejected.as_str(),
            SkipReason::NotText => "not-text",
            SkipReason::LineTooLong => "line-too-long",
            SkipReason::LocalName => "local-name",
            SkipReason::PagePart => "page-part",
            SkipReason::Path => "path",
            SkipReason::Pattern => "pattern",
            SkipReason::Regex => "regex",
            SkipReason::RegexTooLong => "regex-too-long",
            SkipReason::RegexTooBroad => "regex-too-broad",
            SkipReason::Modifier => "modifier",
            SkipReason::DnsType => "dns-type",
            SkipReason::Rewrite => "rewrite",
            SkipReason::Forward => "forward",
            SkipReason::OtherDirective => "other-directive",
            SkipReason::ResponseAddress => "response-address",
            SkipReason::ClientAddress => "client-address",
            SkipReason::NameServer => "name-server",
            SkipReason::TcpOnly => "tcp-only",
            SkipReason::OutsideZone => "outside-zone",
            SkipReason::NoColumn => "no-column",
            SkipReason::Url => "url",
            SkipReason::Expression => "expression",
            SkipReason::NoList => "no-list",
            SkipReason::Unmapped => "unmapped-category",
            SkipReason::PublicSuffix => "public-suffix",
            SkipReason::Protected => "protected",
            SkipReason::NetworkTooWide => "network-too-wide",
            SkipReason::CoversTooMuch => "covers-too-much",
            SkipReason::TooManyNetworks => "too-many-networks",
        }
    }
}
