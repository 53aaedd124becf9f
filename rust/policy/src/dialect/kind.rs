//! The dialects there are, by name.

use std::fmt;
use std::str::FromStr;

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
