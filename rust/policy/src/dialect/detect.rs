//! Which dialect a list is written in, from its first octets; and whether it is a list at all.
//!
//! Every line that is no comment votes by its shape, the majority wins. A login page of a captive portal, an error page or
//! an image under a list's address is no list, whatever the feed is said to be.

use super::feed_error::FeedError;
use super::hosts::is_address;
use super::kind::Dialect;
use super::mixed;
use super::text::BLANK;
use crate::listed_name::listed_name;

/// Lines that vote.
const VOTERS: usize = 400;
/// One line in so many must speak for a dialect.
const MINORITY: u32 = 10;

/// What the beginning of a file is written in; `None` where nothing speaks for any dialect.
pub fn detect(first: &[u8], file_name: &str) -> Option<Dialect> {
    let text = String::from_utf8_lossy(first);
    let text = text.trim_start_matches(BLANK);
    if is_json(text) {
        return Some(Dialect::Json(None));
    }
    let mut votes = Votes::default();
    for line in text.lines().take(VOTERS) {
        votes.line(line);
    }
    votes.winner().or_else(|| by_file_name(file_name))
}

/// Whether the octets are a list in any dialect: neither a web page nor binary.
pub(super) fn refuse_no_list(first: &[u8]) -> Result<(), FeedError> {
    let start = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let start = start.get(..start.len().min(64)).unwrap_or_default().to_ascii_lowercase();
    let pages: [&[u8]; 8] = [b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--", b"<script", b"<meta"];
    if pages.iter().any(|page| start.starts_with(page)) {
        return Err(FeedError::Html);
    }
    // Lists have no control characters; a stray one spoils a line, many are another kind of file.
    let control = |octet: &&u8| matches!(octet, 0..=8 | 14..=31 | 127);
    let controls = first.iter().filter(control).count();
    if controls * 50 > first.len() { Err(FeedError::Binary) } else { Ok(()) }
}

fn is_json(text: &str) -> bool {
    let mut characters = text.chars().filter(|character| !character.is_whitespace());
    let second_of = |first: char| match first {
        '{' => Some(['"', '}', '"', '"']),
        '[' => Some(['"', '{', '[', ']']),
        _ => None,
    };
    characters.next().and_then(second_of).zip(characters.next()).is_some_and(|(may, second)| may.contains(&second))
}

fn by_file_name(file_name: &str) -> Option<Dialect> {
    let name = file_name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit('.').next().unwrap_or_default() {
        "rpz" | "zone" => Some(Dialect::Rpz),
        "csv" | "tsv" => Some(Dialect::Csv(None)),
        "hosts" => Some(Dialect::Hosts),
        _ => None,
    }
}

#[derive(Default)]
struct Votes {
    /// Lines that are no comment.
    asked: u32,
    plain: u32,
    hosts: u32,
    domains: u32,
    wildcard: u32,
    adblock: u32,
    dnsmasq: u32,
    unbound: u32,
    rpz: u32,
    csv: u32,
}

impl Votes {
    fn line(&mut self, line: &str) {
        let text = line.trim_matches(BLANK);
        if text.starts_with("# category:") {
            // The first line of our own lists.
            self.plain += 1;
        } else if text.starts_with("[Adblock") {
            self.adblock += 2;
        } else if text.is_empty() || text.starts_with(['#', ';', '[']) || text.starts_with("! ") || text == "!" {
            // Comments say nothing: publishers write the same header into every dialect.
        } else {
            self.asked += 1;
            if let Some(vote) = self.of_shape(text) {
                *vote += 1;
            }
        }
    }

    fn of_shape(&mut self, text: &str) -> Option<&mut u32> {
        let bare = text.split('#').next().unwrap_or(text).trim_end();
        if ["||", "@@", "|http"].iter().any(|mark| text.starts_with(mark)) || text.contains("##") {
            return Some(&mut self.adblock);
        }
        if ["address=/", "server=/", "local=/"].iter().any(|mark| text.starts_with(mark)) {
            return Some(&mut self.dnsmasq);
        }
        if ["local-zone:", "local-data:", "server:"].iter().any(|mark| text.starts_with(mark)) {
            return Some(&mut self.unbound);
        }
        if text.starts_with('$') || is_record(text) {
            return Some(&mut self.rpz);
        }
        if mixed::is_expression(text) {
            return Some(&mut self.adblock);
        }
        if bare.split_ascii_whitespace().next().is_some_and(|word| is_address(word) && word.len() < bare.len()) {
            return Some(&mut self.hosts);
        }
        if bare.starts_with("*.") {
            return Some(&mut self.wildcard);
        }
        if bare.strip_prefix(['=', '!']).is_some_and(|name| listed_name(name).is_ok()) {
            return Some(&mut self.plain);
        }
        if listed_name(bare.strip_prefix('.').unwrap_or(bare)).is_ok()
            || bare.starts_with("http") && !bare.contains(',')
        {
            return Some(&mut self.domains);
        }
        is_row(text).then_some(&mut self.csv)
    }

    /// The most votes; where two have as many, the one with the more distinctive marks stands first.
    fn winner(&self) -> Option<Dialect> {
        let counted = [
            (self.rpz, Dialect::Rpz),
            (self.unbound, Dialect::Unbound),
            (self.dnsmasq, Dialect::Dnsmasq),
            (self.adblock, Dialect::Adblock),
            (self.hosts, Dialect::Hosts),
            (self.wildcard, Dialect::Wildcard),
            (self.csv, Dialect::Csv(None)),
            // A mark among names makes the list ours: no other dialect of names has marks.
            (if self.plain > 0 { self.plain + self.domains } else { 0 }, Dialect::Plain),
            (self.domains, Dialect::Domains),
        ];
        let most = counted.iter().map(|(votes, _)| *votes).max().filter(|votes| *votes > 0)?;
        // Prose that happens to name a site is no list.
        if most * MINORITY < self.asked {
            return None;
        }
        counted.into_iter().find(|(votes, _)| *votes == most).map(|(_, dialect)| dialect)
    }
}

fn is_record(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace().skip(1).take(4);
    words.any(|word| matches!(word, "CNAME" | "SOA" | "IN" | "NS"))
}

/// A line of a table in which some field is a name, a URL or the title of such a column.
fn is_row(text: &str) -> bool {
    let mut fields = text.split([',', ';', '\t']).map(|field| field.trim_matches(['"', ' ']));
    let is_value = |field: &str| super::csv::is_title(field) || field.contains("://") || listed_name(field).is_ok();
    text.contains([',', ';', '\t']) && fields.any(is_value)
}
