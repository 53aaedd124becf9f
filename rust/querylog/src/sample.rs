//! Write-ahead files made of given rows, by the code that the server uses: for tests and benchmarks of those who read them.

use crate::frame::{Kind, frame};
use crate::legend::Legend;
use crate::name_text::parse_name;
use crate::pseudonym::parse_pseudonym;
use crate::record::{Client, DecidedBy, Record};
use crate::row::WITHHELD;
use crate::wal_file::{LegendFrame, WalFile};
use crate::words::{Action, Class, Door, Source};
use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A row with texts of its own; see [`crate::Row`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields of a row
pub struct OwnedRow {
    pub time_us: i64,
    pub client: String,
    pub segment: String,
    pub policy: String,
    pub policy_serial: i64,
    pub door: String,
    pub qname: String,
    pub qname_asked: Option<String>,
    pub qtype: u16,
    pub rcode: u16,
    pub action: String,
    pub layer: String,
    pub category: Option<String>,
    pub rule: Option<String>,
    pub snapshot_serial: i64,
    pub source: String,
    pub latency_us: u32,
    pub cname: Option<String>,
}

/// Writes the file of this number with these rows. A row that cannot be is an `InvalidInput`, and nothing is written.
pub fn write_sample(directory: &Path, class: Class, number: u64, rows: &[OwnedRow]) -> io::Result<()> {
    let mut file = WalFile::new(directory, class);
    let runs = rows.chunk_by(|a, b| (a.policy_serial, a.snapshot_serial) == (b.policy_serial, b.snapshot_serial));
    let drafts = (1..).zip(runs).map(|(generation, run)| draft(generation, run)).collect::<Option<Vec<_>>>();
    let drafts = drafts.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a row that no server would write"))?;
    file.open_number(number)?;
    for (legend, records) in drafts {
        for record in records {
            file.pending().extend_from_slice(&record);
            file.added(1);
            if file.is_frame_full() {
                file.flush(Some(&legend), 0).map_err(|lost| lost.error)?;
            }
        }
        file.flush(Some(&legend), 0).map_err(|lost| lost.error)?;
    }
    file.sync().map_err(|lost| lost.error)?;
    Ok(())
}

fn draft(generation: u64, rows: &[OwnedRow]) -> Option<(LegendFrame, Vec<Vec<u8>>)> {
    let mut words = Words::default();
    let records = rows.iter().map(|row| words.record(row)).collect::<Option<Vec<_>>>()?;
    let first = rows.first()?;
    let legend = Legend {
        generation,
        snapshot_serial: u64::try_from(first.snapshot_serial).ok()?,
        policy_serial: u64::try_from(first.policy_serial).ok()?,
        sealed_rule: String::new(),
        layers: words.layers.in_order(),
        segments: words.segments.in_order(),
        policies: words.policies.in_order(),
        sources: words.sources.in_order(),
        statements: words.statements.in_order(),
    };
    Some((LegendFrame { generation, octets: frame(Kind::Legend, &legend.encode()) }, records))
}

#[derive(Default)]
struct Words {
    layers: Numbered<String>,
    segments: Numbered<String>,
    policies: Numbered<String>,
    sources: Numbered<(String, String)>,
    statements: Numbered<String>,
}

impl Words {
    fn record(&mut self, row: &OwnedRow) -> Option<Vec<u8>> {
        let rule = row.rule.clone();
        let decided_by = match (&row.category, rule) {
            (Some(category), rule) => {
                DecidedBy::Source(self.sources.number(&(rule.unwrap_or_default(), category.clone())))
            }
            (None, Some(rule)) => DecidedBy::Statement(self.statements.number(&rule)),
            (None, None) => DecidedBy::Unspecified,
        };
        let (withheld, counted) = (row.qname == WITHHELD, row.qname.is_empty());
        let asked = row.qname_asked.as_ref().unwrap_or(&row.qname);
        let name = if withheld || counted { Vec::new() } else { parse_name(asked)? };
        let cname = row.cname.as_ref().map_or(Some(Vec::new()), |cname| parse_name(cname))?;
        let record = Record {
            time_us: row.time_us,
            latency_us: row.latency_us,
            client: client(&row.client)?,
            door: Door::from_word(&row.door)?,
            segment: if row.segment.is_empty() { None } else { Some(self.segments.number(&row.segment) as u16) },
            policy: self.policies.number(&row.policy) as u16,
            qtype: row.qtype,
            rcode: row.rcode,
            action: Action::from_word(&row.action)?,
            layer: self.layers.number(&row.layer) as u8 + 1,
            decided_by,
            source: Source::from_word(&row.source)?,
            withheld,
            counted,
            name: &name,
            cname: &cname,
        };
        let mut octets = Vec::new();
        record.append_to(&mut octets);
        Some(octets)
    }
}

fn client(text: &str) -> Option<Client> {
    if text.is_empty() {
        return Some(Client::NotKept);
    }
    parse_pseudonym(text).map(Client::Pseudonym).or_else(|| text.parse().ok().map(Client::Address))
}

/// Words, each with the number it got when it first came.
struct Numbered<T>(HashMap<T, u32>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn number(&mut self, word: &T) -> u32 {
        let next = self.0.len() as u32;
        if let Some(number) = self.0.get(word) {
            return *number;
        }
        self.0.insert(word.clone(), next);
        next
    }

    fn in_order(self) -> Vec<T> {
        let mut words: Vec<_> = self.0.into_iter().collect();
        words.sort_by_key(|(_, number)| *number);
        words.into_iter().map(|(word, _)| word).collect()
    }
}
