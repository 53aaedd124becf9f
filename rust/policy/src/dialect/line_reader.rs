//! Reads the lines of a list by its dialect, and a line in another shape by its own.

use super::kind::Dialect;
use super::reason::SkipReason;
use super::taken::Taken;
use super::text::BLANK;
use super::{adblock, csv, dnsmasq, domains, hosts, mixed, plain, rpz, unbound, wildcard};
use crate::rule::RuleKind;

/// Reads the lines of one list of a dialect that has lines.
pub struct LineReader {
    state: State,
    dialect: Dialect,
    /// Zones of unbound lines, also of those in a list of another dialect.
    zones: unbound::Zones,
    /// What a name without a mark means in this feed.
    unmarked: RuleKind,
}

enum State {
    /// Each line stands for itself.
    Alone(fn(&str, RuleKind, &mut Taken)),
    Unbound,
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
            Dialect::Unbound => State::Unbound,
            Dialect::Rpz => State::Rpz(rpz::Zone::default()),
            Dialect::Csv(column) => State::Csv(Box::new(csv::Table::new(column.clone()))),
        };
        Self { state, dialect: dialect.clone(), zones: unbound::Zones::default(), unmarked }
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
        let text = line.trim_matches(BLANK);
        match &mut self.state {
            State::Alone(read) => read(text, self.unmarked, taken),
            State::Unbound => self.zones.read(text, taken),
            State::Rpz(zone) => return zone.read(line, taken),
            State::Csv(table) => return table.read(text, self.unmarked, taken),
        }
        mixed::read(text, &self.dialect, self.unmarked, &mut self.zones, taken);
    }
}
