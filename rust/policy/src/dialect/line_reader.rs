//! Reads the lines of a list by its dialect.

use super::kind::Dialect;
use super::reason::SkipReason;
use super::taken::Taken;
use super::text::BLANK;
use super::{adblock, csv, dnsmasq, domains, hosts, plain, rpz, unbound, wildcard};
use crate::rule::RuleKind;

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
            // A person's name in Latin-1 in a header is no damage.
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
