//! Names inside JSON: the values of one key wherever it stands, or a bare array of names; also one document a line.
//!
//! Read as a stream: nothing but the string at hand is held in memory.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};

const USUAL: [&str; 8] = ["domain", "domains", "host", "hosts", "hostname", "fqdn", "url", "names"];
/// No name is longer; a longer string is a damaged or hostile feed.
const MAX_STRING_OCTETS: u64 = 1 << 20;

/// Calls `found` with the line and the text of every value of `key`. Ends at the first octet that is no JSON.
pub(super) fn read(
    input: &mut dyn BufRead,
    key: Option<&str>,
    found: &mut dyn FnMut(u64, &str),
) -> Result<(), serde_json::Error> {
    let line = Cell::new(1);
    let counted = Counted { input, line: &line, since_quote: 0 };
    let mut found = |text: &str| found(line.get(), text);
    let mut documents = Deserializer::from_reader(counted);
    // `end` answers "more is there" without taking it.
    while documents.end().is_err() {
        Walk { key, wanted: key.is_none(), found: &mut found }.deserialize(&mut documents)?;
    }
    Ok(())
}

/// Counts lines, and refuses a string without end before it fills the memory.
struct Counted<'a> {
    input: &'a mut dyn BufRead,
    line: &'a Cell<u64>,
    since_quote: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        for octet in out.iter().take(count) {
            match octet {
                b'"' => self.since_quote = 0,
                b'\n' => self.line.set(self.line.get() + 1),
                _ => self.since_quote += 1,
            }
        }
        if self.since_quote > MAX_STRING_OCTETS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a JSON value is longer than 1 MiB"));
        }
        Ok(count)
    }
}

struct Walk<'a> {
    key: Option<&'a str>,
    /// The value at hand stands under the key.
    wanted: bool,
    found: &'a mut dyn FnMut(&str),
}

impl Walk<'_> {
    fn inner(&mut self, wanted: bool) -> Walk<'_> {
        Walk { key: self.key, wanted, found: self.found }
    }

    fn is_key(&self, key: &str) -> bool {
        match self.key {
            Some(wanted) => key == wanted,
            None => USUAL.iter().any(|usual| key.eq_ignore_ascii_case(usual)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.wanted {
            (self.found)(text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let wanted = self.wanted;
        while items.next_element_seed(self.inner(wanted))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let wanted = self.is_key(&key);
            entries.next_value_seed(self.inner(wanted))?;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
