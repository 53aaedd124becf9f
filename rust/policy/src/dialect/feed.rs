//! One feed, from its file to its rules: unpack, refuse what is no list, find the dialect, read.

use super::budget::Budget;
use super::detect::{detect, refuse_no_list};
use super::feed_error::FeedError;
use super::kind::Dialect;
use super::line_reader::LineReader;
use super::lines::each_line;
use super::reason::SkipReason;
use super::taken::Taken;
use super::{domains, json, ut1, utf16};
use crate::address_rule::AddressRule;
use crate::rule::{Rule, RuleKind};
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// Octets that detection looks at.
const HEAD_OCTETS: u64 = 1 << 16;

/// How much a feed may cost, whatever it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all its files together, unpacked.
    pub unpacked_octets: u64,
    /// Files in an archive.
    pub members: u32,
}

impl Default for Limits {
    /// 1 GiB is about 40 million names.
    fn default() -> Self {
        Self { unpacked_octets: 1 << 30, members: 10_000 }
    }
}

/// What is known of a feed before it is read.
#[derive(Clone, Debug)]
pub struct FeedForm {
    /// Its dialect; `None`: detected.
    pub dialect: Option<Dialect>,
    /// What a name without a mark means, where the dialect leaves it open.
    pub unmarked: RuleKind,
    /// What it may cost.
    pub limits: Limits,
}

/// Where something stands in a feed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The file inside an archive or a folder; empty for a feed that is one file.
    pub member: &'a str,
    /// The category that an archive of categories gives it.
    pub category: Option<&'a str>,
    /// The line, from 1; 0 for the member as a whole.
    pub line: u64,
    /// The line's octets.
    pub text: &'a [u8],
}

/// What takes the rules of a feed.
pub trait Sink {
    /// Whether the names of one category of an archive of categories are wanted.
    fn wants(&mut self, category: &str) -> bool {
        let _ = category;
        true
    }
    /// A rule.
    fn rule(&mut self, place: &Place<'_>, rule: &Rule);
    /// A rule by shape: a regular expression, not yet looked at.
    fn pattern(&mut self, place: &Place<'_>, pattern: &str) {
        let _ = (place, pattern);
    }
    /// A rule about an address in answers.
    fn address(&mut self, place: &Place<'_>, rule: &AddressRule) {
        let _ = (place, rule);
    }
    /// Something that gave no rule.
    fn skipped(&mut self, place: &Place<'_>, reason: SkipReason);
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedRead {
    /// The dialect stated or found; of an archive, that of its first list.
    pub dialect: Option<Dialect>,
    /// Lines of all its lists.
    pub lines: u64,
    /// Octets unpacked.
    pub octets: u64,
}

/// A feed while it is read.
pub(super) struct Feed<'a> {
    pub form: &'a FeedForm,
    sink: &'a mut dyn Sink,
    pub budget: Budget,
    read: FeedRead,
    members: u32,
    lists: u32,
}

impl<'a> Feed<'a> {
    /// A feed of which nothing has been read.
    pub fn new(form: &'a FeedForm, sink: &'a mut dyn Sink) -> Self {
        let budget = Budget::new(form.limits.unpacked_octets);
        Self { form, sink, budget, read: FeedRead::default(), members: 0, lists: 0 }
    }

    /// What was read.
    pub fn finish(mut self) -> FeedRead {
        self.read.octets = self.budget.used();
        self.read
    }

    /// One file that is not packed; `name` helps to tell its dialect.
    pub fn list(&mut self, input: &mut dyn BufRead, name: &str, member: &str) -> Result<(), FeedError> {
        let mut head = Vec::new();
        input.take(HEAD_OCTETS).read_to_end(&mut head).map_err(|error| self.failure(error))?;
        if let Some(order) = utf16::order(&head) {
            let mut text = BufReader::new(utf16::ToUtf8::new(Cursor::new(head).chain(input), order));
            return self.list(&mut text, name, member);
        }
        refuse_no_list(&head)?;
        let dialect = match &self.form.dialect {
            Some(Dialect::Ut1) => Dialect::Domains,
            Some(stated) => stated.clone(),
            None if head.is_empty() => return Err(FeedError::Empty),
            None => detect(&head, name).ok_or(FeedError::Unknown)?,
        };
        self.read.dialect.get_or_insert_with(|| dialect.clone());
        self.lists += 1;
        let place = Place { member, category: None, line: 0, text: &[] };
        self.rules(&mut Cursor::new(head).chain(input), &dialect, place)
    }

    /// One file of an archive.
    pub fn member(&mut self, input: &mut dyn Read, name: &str) -> Result<(), FeedError> {
        self.members += 1;
        if self.members > self.form.limits.members {
            return Err(FeedError::Damaged(format!("it holds more than {} files", self.form.limits.members)));
        }
        let mut input = BufReader::with_capacity(1 << 16, input);
        let ut1 = matches!(self.form.dialect, None | Some(Dialect::Ut1));
        if let Some((category, part)) = ut1::part(name).filter(|_| ut1) {
            return self.category(&mut input, name, category, part);
        }
        let result = if self.form.dialect == Some(Dialect::Ut1) {
            Err(FeedError::Unknown)
        } else {
            self.list(&mut input, name, name)
        };
        match result {
            // A licence, a picture: an archive may hold more than lists.
            Err(FeedError::Html | FeedError::Binary | FeedError::Empty | FeedError::Unknown) => {
                let place = Place { member: name, category: None, line: 0, text: &[] };
                self.sink.skipped(&place, SkipReason::NoList);
                Ok(())
            }
            other => other,
        }
    }

    /// An archive with no list in it is no feed.
    pub fn archive_read(&self) -> Result<(), FeedError> {
        if self.lists == 0 { Err(FeedError::NoList) } else { Ok(()) }
    }

    fn category(
        &mut self,
        input: &mut dyn BufRead,
        member: &str,
        category: &str,
        part: ut1::Part,
    ) -> Result<(), FeedError> {
        self.read.dialect = Some(Dialect::Ut1);
        self.lists += 1;
        let place = Place { member, category: Some(category), line: 0, text: category.as_bytes() };
        let reason = match part {
            ut1::Part::Usage => return Ok(()),
            ut1::Part::Domains if !self.sink.wants(category) => {
                self.sink.skipped(&place, SkipReason::Unmapped);
                return Ok(());
            }
            ut1::Part::Domains => return self.rules(input, &Dialect::Domains, place),
            ut1::Part::Urls => SkipReason::Url,
            ut1::Part::Expressions => SkipReason::Expression,
        };
        let sink = &mut *self.sink;
        let counted = each_line(input, &mut |line, text| {
            let text = text.unwrap_or_default();
            if !text.trim_ascii().is_empty() {
                sink.skipped(&Place { line, text, ..place }, reason);
            }
        });
        self.read.lines += counted.map_err(|error| self.failure(error))?;
        Ok(())
    }

    fn rules(&mut self, input: &mut dyn BufRead, dialect: &Dialect, place: Place<'_>) -> Result<(), FeedError> {
        let lines = match dialect {
            Dialect::Json(key) => self.json(input, key.as_deref(), place),
            _ => self.lines(input, dialect, place),
        };
        self.read.lines += lines.map_err(|error| self.failure(error))?;
        Ok(())
    }

    fn lines(&mut self, input: &mut dyn BufRead, dialect: &Dialect, place: Place<'_>) -> io::Result<u64> {
        let mut reader = LineReader::new(dialect, self.form.unmarked);
        let mut taken = Taken::default();
        let sink = &mut *self.sink;
        each_line(input, &mut |line, text| match text {
            Ok(text) => {
                reader.read(text, &mut taken);
                hand_over(sink, &Place { line, text, ..place }, &taken);
            }
            Err(reason) => sink.skipped(&Place { line, ..place }, reason),
        })
    }

    fn json(&mut self, input: &mut dyn BufRead, key: Option<&str>, place: Place<'_>) -> io::Result<u64> {
        let mut taken = Taken::default();
        let (sink, unmarked, mut last) = (&mut *self.sink, self.form.unmarked, 0);
        json::read(input, key, &mut |line, text| {
            taken.clear();
            domains::value(text.trim(), unmarked, &mut taken);
            hand_over(sink, &Place { line, text: text.as_bytes(), ..place }, &taken);
            last = line;
        })?;
        Ok(last)
    }

    /// What an error from below means for the feed.
    pub fn failure(&self, error: io::Error) -> FeedError {
        match error.kind() {
            _ if self.budget.is_spent() => FeedError::TooLarge(self.form.limits.unpacked_octets),
            io::ErrorKind::UnexpectedEof => FeedError::Cut,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                FeedError::Damaged(error.to_string())
            }
            _ => FeedError::Io(error),
        }
    }
}

fn hand_over(sink: &mut dyn Sink, place: &Place<'_>, taken: &Taken) {
    taken.rules.iter().for_each(|rule| sink.rule(place, rule));
    taken.patterns.iter().for_each(|pattern| sink.pattern(place, pattern));
    taken.addresses.iter().for_each(|rule| sink.address(place, rule));
    taken.skipped.iter().for_each(|reason| sink.skipped(place, *reason));
}
