//! Any octets as a list, in any dialect: lines give names that print and read back, or reasons, and nothing else.
//!
//! The first octet of the input chooses the dialect and what a bare name means; the rest is the list.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schoolgate_policy::{Dialect, LineReader, RuleKind, Taken, detect, listed_name};

const WORDS: [&str; 10] =
    ["plain", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "csv", "csv:2"];

fuzz_target!(|input: &[u8]| {
    let Some((&choice, list)) = input.split_first() else {
        return;
    };
    let _ = detect(list, "list.txt");
    let word = WORDS[usize::from(choice >> 1) % WORDS.len()];
    let Ok(dialect) = word.parse::<Dialect>() else {
        panic!("{word} is a dialect");
    };
    assert_eq!(dialect.to_string(), word);
    let unmarked = if choice & 1 == 1 { RuleKind::Exact } else { RuleKind::Suffix };
    let mut reader = LineReader::new(&dialect, unmarked);
    let mut taken = Taken::default();
    for line in list.split(|octet| *octet == b'\n') {
        reader.read(line, &mut taken);
        for rule in &taken.rules {
            assert!(rule.name.label_count() > 1, "no rule closes a top-level domain");
            // Names that punycode cannot hold are refused, so what was taken is taken again.
            assert_eq!(listed_name(&rule.name.to_string()).as_ref(), Ok(&rule.name));
        }
    }
});
