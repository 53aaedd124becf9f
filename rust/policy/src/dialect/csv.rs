//! One column of a table (RFC 4180), its separator `,`, `;` or a tab.
//!
//! The first line that is no comment may hold the titles; some publishers write them into the last comment instead
//! (`# id,dateadded,url`). Without a stated column the usual titles are looked for, then the first field that is a name.

use super::domains;
use super::reason::SkipReason;
use super::taken::Taken;
use crate::listed_name::listed_name;
use crate::rule::RuleKind;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

const USUAL: [&str; 7] = ["domain", "host", "hostname", "fqdn", "url", "domains", "dga"];
const MAX_FIELDS: usize = 256;

/// The table as far as it is known.
pub(super) struct Table {
    wanted: Option<String>,
    column: Option<usize>,
    reader: Option<Reader>,
    text: Vec<u8>,
    ends: [usize; MAX_FIELDS],
}

impl Table {
    pub(super) fn new(wanted: Option<String>) -> Self {
        let number = wanted.as_deref().and_then(|wanted| wanted.parse::<usize>().ok());
        let column = number.and_then(|number| number.checked_sub(1));
        Self { wanted, column, reader: None, text: Vec::new(), ends: [0; MAX_FIELDS] }
    }

    pub(super) fn read(&mut self, line: &str, unmarked: RuleKind, taken: &mut Taken) {
        if line.is_empty() {
            return;
        }
        let comment = line.strip_prefix('#').map(str::trim);
        let Some(fields) = self.split(comment.unwrap_or(line), comment.is_some()) else {
            return if comment.is_none() {
                taken.malformed()
            };
        };
        let column = match self.column {
            Some(column) => column,
            None => {
                let titled = self.titled(fields);
                self.column = titled.or_else(|| if comment.is_some() { None } else { self.guessed(fields) });
                if comment.is_none() && self.column.is_none() {
                    taken.skip(SkipReason::NoColumn);
                }
                match self.column {
                    Some(column) if titled.is_none() => column,
                    _ => return,
                }
            }
        };
        if comment.is_some() || self.is_title_line(column) {
            return;
        }
        match self.field(column, fields).filter(|text| !text.is_empty()) {
            Some(text) => domains::value(text, unmarked, taken),
            None => taken.skip(SkipReason::NoColumn),
        }
    }

    /// How many fields the line has; their text stays in `self`.
    fn split(&mut self, line: &str, comment: bool) -> Option<usize> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => ReaderBuilder::new().delimiter(separator(line)).build(),
        };
        self.text.resize(line.len() + 1, 0);
        reader.reset();
        let (first, _, written, ended) = reader.read_record(line.as_bytes(), &mut self.text, &mut self.ends);
        let rest = (self.text.get_mut(written..)?, self.ends.get_mut(ended..)?);
        let (last, _, _, more) = reader.read_record(&[], rest.0, rest.1);
        // The titles of a comment may be parted otherwise than prose above them: only a line of data fixes the separator.
        self.reader = (!comment).then_some(reader);
        let whole = first == ReadRecordResult::InputEmpty && last == ReadRecordResult::Record;
        whole.then_some(ended + more)
    }

    fn field(&self, at: usize, fields: usize) -> Option<&str> {
        let end = *self.ends.get(..fields)?.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before).copied()).unwrap_or(0);
        self.text.get(start..end).and_then(|field| std::str::from_utf8(field).ok()).map(str::trim)
    }

    fn titled(&self, fields: usize) -> Option<usize> {
        let is = |at: usize, title: &str| self.field(at, fields).is_some_and(|text| text.eq_ignore_ascii_case(title));
        let find = |title: &str| (0..fields).find(|at| is(*at, title));
        match &self.wanted {
            Some(wanted) => find(wanted),
            None => USUAL.iter().find_map(|title| find(title)),
        }
    }

    fn guessed(&self, fields: usize) -> Option<usize> {
        let is_name = |at: &usize| self.field(*at, fields).is_some_and(|text| listed_name(text).is_ok());
        if self.wanted.is_some() { None } else { (0..fields).find(is_name) }
    }

    /// The line of titles above a column that was stated by number.
    fn is_title_line(&self, column: usize) -> bool {
        self.field(column, MAX_FIELDS).is_some_and(is_title)
    }
}

/// A title that a column of names usually has.
pub(super) fn is_title(text: &str) -> bool {
    USUAL.iter().any(|title| text.eq_ignore_ascii_case(title))
}

fn separator(line: &str) -> u8 {
    let count = |separator: &u8| line.bytes().filter(|octet| octet == separator).count();
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}
