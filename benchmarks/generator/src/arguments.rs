//! `--name value` on the command line, and nothing else.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The arguments, each to be taken once.
pub struct Arguments {
    given: BTreeMap<String, String>,
    usage: &'static str,
}

impl Arguments {
    /// Reads the command line; ends the program with the usage where it is no sequence of `--name value`.
    pub fn read(usage: &'static str) -> Self {
        let mut given = BTreeMap::new();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match (word.strip_prefix("--"), words.next()) {
                (Some(name), Some(value)) => given.insert(name.to_owned(), value),
                _ => end(usage, &format!("{word:?} is no argument, or has no value")),
            };
        }
        Self { given, usage }
    }

    /// A value that may be absent.
    pub fn maybe<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.given.remove(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => end(self.usage, &format!("--{name}: {text:?} is not understood")),
        }
    }

    /// A value with a default.
    pub fn or<T: FromStr>(&mut self, name: &str, default: T) -> T {
        self.maybe(name).unwrap_or(default)
    }

    /// A value that must be there.
    pub fn need<T: FromStr>(&mut self, name: &str) -> T {
        let usage = self.usage;
        self.maybe(name).unwrap_or_else(|| end(usage, &format!("--{name} is needed")))
    }

    /// Ends the program if anything was given that nobody took.
    pub fn done(self) {
        if let Some(name) = self.given.keys().next() {
            end(self.usage, &format!("--{name} is not known"));
        }
    }
}

fn end(usage: &str, problem: &str) -> ! {
    eprintln!("{problem}\n{usage}");
    std::process::exit(2)
}
