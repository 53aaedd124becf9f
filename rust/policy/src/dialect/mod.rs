//! List dialects: how a line of a feed becomes rules. One file a dialect.
//!
//! A feed is read as a stream: [`read_feed`] opens the file, unpacks it, refuses what is no list at all
//! and hands each line to the dialect's reader. A line gives rules, or reasons why it gives none; it never
//! gives an error, so one bad line never spoils a list.

mod adblock;
mod adblock_options;
mod csv;
mod detect;
mod dnsmasq;
mod domains;
mod feed;
mod hosts;
mod json;
mod lines;
mod plain;
mod reason;
mod rpz;
mod unbound;
mod unpack;
mod ut1;
mod wildcard;

pub use detect::detect;
pub use feed::{FeedError, FeedForm, FeedRead, Limits, Place, Sink, read_feed};
pub use reason::SkipReason;

use crate::address_table::AddressRule;
use crate::listed_name::{NameRejected, listed_name};
use schoolgate_wire::Name;
use std::fmt;
use std::str::FromStr;

/// What a rule says of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// The name and all below it.
    Suffix,
    /// The name alone.
    Exact,
    /// This feed does not list the name, nor anything below it, whatever its other lines say.
    Exception,
    /// All below the name, not the name itself.
    Below,
    /// The name and all below it, and no exception of this feed lifts it.
    Important,
    /// What this feed says of names above stops here; what it says of this name and names below it stands.
    Spared,
    /// This feed does not list the name itself; for names below it nothing changes.
    SparedExact,
    /// What this feed says of this name and names above does not reach the names below it.
    SparedBelow,
}

impl RuleKind {
    /// How many kinds there are.
    pub(crate) const COUNT: u32 = 8;

    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Suffix => "suffix",
            RuleKind::Exact => "exact",
            RuleKind::Exception => "exception",
            RuleKind::Below => "below",
            RuleKind::Important => "important",
            RuleKind::Spared => "spared",
            RuleKind::SparedExact => "spared-exact",
            RuleKind::SparedBelow => "spared-below",
        }
    }

    /// Whether it lists names, rather than taking them out of the feed.
    pub fn lists(self) -> bool {
        matches!(self, RuleKind::Suffix | RuleKind::Exact | RuleKind::Below | RuleKind::Important)
    }

    /// Whether it speaks of names below its own.
    pub fn reaches_below(self) -> bool {
        !matches!(self, RuleKind::Exact | RuleKind::SparedExact)
    }

    /// Whether it speaks of its own name.
    pub fn reaches_itself(self) -> bool {
        !matches!(self, RuleKind::Below | RuleKind::SparedBelow)
    }
}

/// One rule of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name it speaks of.
    pub name: Name,
    /// What it says.
    pub kind: RuleKind,
}

/// The language a list is written in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Ours: `example.com`, `=example.com`, `!example.com`, `192.0.2.0/24`.
    Plain,
    /// `0.0.0.0 example.com`.
    Hosts,
    /// A name a line, with the odd `*.` or `.` in front.
    Domains,
    /// `*.example.com`.
    Wildcard,
    /// `||example.com^`.
    Adblock,
    /// `address=/example.com/`.
    Dnsmasq,
    /// `local-zone: "example.com" always_nxdomain`.
    Unbound,
    /// A response policy zone: `example.com CNAME .`.
    Rpz,
    /// Values of one column, by its title or its number from 1; without one it is found.
    Csv(Option<String>),
    /// Values of one key, wherever it stands; without one the usual keys, or a bare array of names.
    Json(Option<String>),
    /// `blacklists/<category>/{domains,urls,expressions,usage}`.
    Ut1,
}

/// Not a dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no list dialect: write plain, hosts, domains, wildcard, adblock, dnsmasq, unbound, rpz, csv, csv:COLUMN, \
     json, json:KEY or ut1, or leave it out to have it detected"
)]
pub struct UnknownDialect(String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(word: &str) -> Result<Self, UnknownDialect> {
        let (bare, field) = word.split_once(':').map_or((word, None), |(bare, field)| (bare, Some(field.to_owned())));
        Ok(match (bare, field) {
            ("plain", None) => Dialect::Plain,
            ("hosts", None) => Dialect::Hosts,
            ("domains", None) => Dialect::Domains,
            ("wildcard", None) => Dialect::Wildcard,
            ("adblock", None) => Dialect::Adblock,
            ("dnsmasq", None) => Dialect::Dnsmasq,
            ("unbound", None) => Dialect::Unbound,
            ("rpz", None) => Dialect::Rpz,
            ("ut1", None) => Dialect::Ut1,
            ("csv", column) => Dialect::Csv(column),
            ("json", key) => Dialect::Json(key),
            _ => return Err(UnknownDialect(word.to_owned())),
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dialect::Plain => f.write_str("plain"),
            Dialect::Hosts => f.write_str("hosts"),
            Dialect::Domains => f.write_str("domains"),
            Dialect::Wildcard => f.write_str("wildcard"),
            Dialect::Adblock => f.write_str("adblock"),
            Dialect::Dnsmasq => f.write_str("dnsmasq"),
            Dialect::Unbound => f.write_str("unbound"),
            Dialect::Rpz => f.write_str("rpz"),
            Dialect::Ut1 => f.write_str("ut1"),
            Dialect::Csv(None) => f.write_str("csv"),
            Dialect::Csv(Some(column)) => write!(f, "csv:{column}"),
            Dialect::Json(None) => f.write_str("json"),
            Dialect::Json(Some(key)) => write!(f, "json:{key}"),
        }
    }
}

/// What one line gave: rules, and reasons for what gave none.
#[derive(Debug, Default)]
pub struct Taken {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Regular expressions that names are listed by.
    pub patterns: Vec<String>,
    /// Rules about addresses in answers.
    pub addresses: Vec<AddressRule>,
    /// Why other parts of the line gave none.
    pub skipped: Vec<SkipReason>,
}

impl Taken {
    fn clear(&mut self) {
        self.rules.clear();
        self.patterns.clear();
        self.addresses.clear();
        self.skipped.clear();
    }

    /// A name as somebody wrote it.
    fn take(&mut self, text: &str, kind: RuleKind) {
        match listed_name(text) {
            Ok(name) => self.rules.push(Rule { name, kind }),
            Err(rejected) => self.skip(SkipReason::Name(rejected)),
        }
    }

    fn skip(&mut self, reason: SkipReason) {
        self.skipped.push(reason);
    }

    fn malformed(&mut self) {
        self.skip(SkipReason::Name(NameRejected::Malformed));
    }
}

/// Reads the lines of one list of a dialect that has lines.
pub struct LineReader {
    state: State,
    /// What a name without a mark means in this feed.
    unmarked: RuleKind,
}

enum State {
    /// Each line stands for itself.
    Alone(fn(&str, RuleKind, &mut Taken)),
    Unbound(unbound::Zones),
    Rpz(rpz::Zone),
    Csv(Box<csv::Table>),
}

impl LineReader {
    /// A reader for `dialect`; `Json` and `Ut1` have no lines and are read as what stands inside them, names.
    pub fn new(dialect: &Dialect, unmarked: RuleKind) -> Self {
        let state = match dialect {
            Dialect::Plain => State::Alone(plain::read),
            Dialect::Hosts => State::Alone(hosts::read),
            Dialect::Domains | Dialect::Json(_) | Dialect::Ut1 => State::Alone(domains::read),
            Dialect::Wildcard => State::Alone(wildcard::read),
            Dialect::Adblock => State::Alone(adblock::read),
            Dialect::Dnsmasq => State::Alone(dnsmasq::read),
            Dialect::Unbound => State::Unbound(unbound::Zones::default()),
            Dialect::Rpz => State::Rpz(rpz::Zone::default()),
            Dialect::Csv(column) => State::Csv(Box::new(csv::Table::new(column.clone()))),
        };
        Self { state, unmarked }
    }

    /// Reads one line, without its line end, into `taken`.
    pub fn read(&mut self, line: &[u8], taken: &mut Taken) {
        taken.clear();
        let Ok(line) = std::str::from_utf8(line) else {
            // Somebody's name in Latin-1 in a header is no damage.
            if !matches!(line.trim_ascii_start().first(), Some(b'#' | b'!' | b';')) {
                taken.skip(SkipReason::NotText);
            }
            return;
        };
        match &mut self.state {
            State::Alone(read) => read(line.trim_matches(BLANK), self.unmarked, taken),
            State::Unbound(zones) => zones.read(line.trim_matches(BLANK), taken),
            State::Rpz(zone) => zone.read(line, taken),
            State::Csv(table) => table.read(line.trim_matches(BLANK), self.unmarked, taken),
        }
    }
}

/// What may stand around a line and means nothing.
const BLANK: [char; 4] = ['\u{feff}', ' ', '\t', '\r'];

/// The line up to its comment.
fn before(line: &str, comment: char) -> &str {
    match memchr::memchr(comment as u8, line.as_bytes()) {
        Some(at) => line.get(..at).unwrap_or_default().trim_end_matches(BLANK),
        None => line,
    }
}

/// The host of a URL that means the whole host. DNS cannot divide a host, so a URL with a path or a port is left.
fn whole_host(text: &str) -> Result<&str, SkipReason> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let divided = |octet: u8| matches!(octet, b'/' | b'?' | b':' | b'@');
    if rest.bytes().any(divided) { Err(SkipReason::Path) } else { Ok(rest) }
}

/// Whether a list that answers with this address means "denied". Other addresses are redirections (a safe search engine, a
/// publisher's page) and are not ours to turn into a denial.
fn is_null_address(text: &str) -> bool {
    use std::net::IpAddr;
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_unspecified() || address.is_loopback(),
        Ok(IpAddr::V6(address)) => address.is_unspecified() || address.is_loopback(),
        Err(_) => text == "0",
    }
}
