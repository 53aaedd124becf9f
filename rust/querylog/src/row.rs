//! A row: a record with words in place of numbers, as people and reports see it.

use crate::legend::Legend;
use crate::name_text::write_name;
use crate::pseudonym::write_pseudonym;
use crate::record::{Client, DecidedBy, Record};
use std::fmt::Write as _;

/// What stands for a sealed name wherever a person may read.
pub const WITHHELD: &str = "(withheld)";

/// A row of the query log. Texts are borrowed from the legend and from [`RowTexts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Microseconds since 1970, UTC.
    pub time_us: i64,
    /// An address, a pseudonym, or empty.
    pub client: &'a str,
    /// The segment, or empty.
    pub segment: &'a str,
    /// The policy.
    pub policy: &'a str,
    /// Its serial.
    pub policy_serial: i64,
    /// udp or tcp.
    pub door: &'a str,
    /// The name, folded; withheld, or empty.
    pub qname: &'a str,
    /// The name as it was asked, where that is not the same.
    pub qname_asked: Option<&'a str>,
    /// QTYPE.
    pub qtype: i32,
    /// Response code.
    pub rcode: i32,
    /// What was done.
    pub action: &'a str,
    /// The layer that decided.
    pub layer: &'a str,
    /// The category it stands on.
    pub category: Option<&'a str>,
    /// The feed or the school's own rule it stands on.
    pub rule: Option<&'a str>,
    /// Serial of the lists.
    pub snapshot_serial: i64,
    /// Where the answer came from.
    pub source: &'a str,
    /// Microseconds.
    pub latency_us: i32,
    /// First alias of the answer.
    pub cname: Option<&'a str>,
}

/// Texts that a row borrows, made anew for each row in the same memory.
#[derive(Debug, Default)]
pub(crate) struct RowTexts {
    client: String,
    qname: String,
    qname_asked: String,
    cname: String,
}

impl RowTexts {
    /// The row of a record.
    pub(crate) fn row<'a>(&'a mut self, record: &Record<'_>, legend: &'a Legend) -> Row<'a> {
        self.write(record);
        let (category, rule) = reasons(record, legend);
        let this = &*self;
        Row {
            time_us: record.time_us,
            client: &this.client,
            segment: legend.segment(record.segment),
            policy: legend.policy(record.policy),
            policy_serial: legend.policy_serial as i64,
            door: record.door.as_str(),
            qname: if record.withheld { WITHHELD } else { &this.qname },
            qname_asked: Some(this.qname_asked.as_str()).filter(|asked| !asked.is_empty()),
            qtype: i32::from(record.qtype),
            rcode: i32::from(record.rcode),
            action: record.action.as_str(),
            layer: legend.layer(record.layer),
            category,
            rule: rule.filter(|_| !record.counted),
            snapshot_serial: legend.snapshot_serial as i64,
            source: record.source.as_str(),
            latency_us: i32::try_from(record.latency_us).unwrap_or(i32::MAX),
            cname: Some(this.cname.as_str()).filter(|cname| !cname.is_empty()),
        }
    }

    fn write(&mut self, record: &Record<'_>) {
        let Self { client, qname, qname_asked, cname } = self;
        [&mut *client, &mut *qname, &mut *qname_asked, &mut *cname].into_iter().for_each(String::clear);
        match record.client {
            Client::Address(address) => write!(client, "{address}").unwrap_or_default(),
            Client::Pseudonym(octets) => write_pseudonym(&octets, client),
            Client::NotKept => {}
        }
        write_name(record.name, true, qname);
        if record.name.iter().any(u8::is_ascii_uppercase) {
            write_name(record.name, false, qname_asked);
        }
        write_name(record.cname, true, cname);
    }
}

/// What stands for the rule against rebinding, as in `explain`.
const PRIVATE_ADDRESS: &str = "private address";

/// Category and rule of a verdict.
fn reasons<'a>(record: &Record<'_>, legend: &'a Legend) -> (Option<&'a str>, Option<&'a str>) {
    match record.decided_by {
        DecidedBy::Unspecified => (None, None),
        DecidedBy::Sealed => (None, Some(&legend.sealed_rule)),
        DecidedBy::Source(at) => legend.sources.get(at as usize).map_or((None, None), |(feed, category)| {
            (Some(category.as_str()), Some(feed.as_str()).filter(|feed| !feed.is_empty()))
        }),
        DecidedBy::Statement(at) => (None, legend.statements.get(at as usize).map(String::as_str)),
        DecidedBy::PrivateAddress => (None, Some(PRIVATE_ADDRESS)),
    }
}
