//! Names that spell another name: `www-example-com.translate.goog` shows `www.example.com`.
//!
//! Translators, caches and gateways serve other people's sites from names of their own. Those of `lists/spelled-names.toml`
//! write the site's name into the label below their suffix, so that one certificate covers them all:
//!
//! ```text
//! `.` becomes `-`, and `-` becomes `--`          developers.google.com/search/docs/appearance/ad-network-and-translation,
//!                                                amp.dev (AMP cache URLs), specs.ipfs.tech (subdomain gateway)
//! `0-...` in front: an international name         Google Translate; the name is the rest, with xn-- before it
//! `1-...` in front: nothing                       Google Translate, where the name began with `0-` or `1-`
//! `0-...-0` around: a name whose label has `--` third and fourth      AMP
//! xn--...: the international name as one label    AMP
//! ```
//! What stands further down is the site's name as it is. A label that is only a hash of the name cannot be decoded.

use crate::listed_name::listed_name;
use schoolgate_wire::Name;

/// Names that one label may spell: what a prefix means is not in the name.
const MOST: usize = 4;

/// The names that `name` spells below `suffix`.
pub(crate) fn spelled(name: &Name, suffix: &Name) -> impl Iterator<Item = Name> {
    let mut found: [Option<Name>; MOST] = Default::default();
    let below = name.label_count().saturating_sub(suffix.label_count());
    if below > 0 && name.is_within(suffix) {
        let text = std::str::from_utf8(name.label(below - 1)).unwrap_or_default();
        let whole = if below > 1 { as_it_stands(name, below) } else { None };
        let google = text.strip_prefix("1-").and_then(decoded);
        let international = text.strip_prefix("0-").and_then(|rest| match rest.strip_suffix("-0") {
            Some(rest) => decoded(rest),
            None => listed_name(&format!("xn--{}", with_dots(rest))).ok(),
        });
        found = [whole, decoded(text), google, international];
    }
    found.into_iter().flatten()
}

/// The labels above the suffix, as a name of their own.
fn as_it_stands(name: &Name, below: usize) -> Option<Name> {
    let labels = (0..below).map(|at| std::str::from_utf8(name.label(at)));
    listed_name(&labels.collect::<Result<Vec<_>, _>>().ok()?.join(".")).ok()
}

/// The name of a label: single hyphens are dots, double ones hyphens.
fn decoded(label: &str) -> Option<Name> {
    let international = label.starts_with("xn--").then(|| idna::domain_to_unicode(label));
    let text = match &international {
        Some((text, Ok(()))) if text != label => text.as_str(),
        _ => label,
    };
    listed_name(&with_dots(text)).ok()
}

fn with_dots(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '-' if characters.next_if_eq(&'-').is_some() => name.push('-'),
            '-' => name.push('.'),
            other => name.push(other),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str, suffix: &str) -> Vec<String> {
        let name = |text| Name::from_text(text).expect("a name");
        spelled(&name(text), &name(suffix)).map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_label_spells_a_name_by_the_rules_its_publisher_documents() {
        for (text, suffix, names) in [
            ("www-example-com.translate.goog", "translate.goog", &["www.example.com"][..]),
            ("my--site-example-com.translate.goog", "translate.goog", &["my-site.example.com"]),
            ("1-1-example-com.translate.goog", "translate.goog", &["1.1.example.com", "1.example.com"]),
            ("0-bcher--kva-example.translate.goog", "translate.goog", &["xn--bcher-kva.example"]),
            ("example-com.cdn.ampproject.org", "cdn.ampproject.org", &["example.com"]),
            ("en-wikipedia--on--ipfs-org.ipns.dweb.link", "ipns.dweb.link", &["en.wikipedia-on-ipfs.org"]),
            ("www.example.com.ipns.dweb.link", "ipns.dweb.link", &["www.example.com"]),
            ("translate.goog", "translate.goog", &[]),
            ("fonts.translate.goog", "translate.goog", &[]),
            ("www-example-com.other.goog", "translate.goog", &[]),
        ] {
            let found = of(text, suffix);
            assert!(names.iter().all(|name| found.iter().any(|one| one == name)), "{text}: {found:?}");
            assert!(!names.is_empty() || found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn an_international_name_in_a_cache_is_the_name() {
        let label = idna::domain_to_ascii("b\u{fc}cher-example-com").expect("a label");
        assert_eq!(of(&format!("{label}.cdn.ampproject.org"), "cdn.ampproject.org"), ["xn--bcher-kva.example.com"]);
    }

    proptest! {
        #[test]
        fn what_a_publisher_encodes_is_decoded(labels in proptest::collection::vec("[a-z0-9]([a-z0-9]|-[a-z0-9]){0,6}", 2..5)) {
            let name = labels.join(".") + ".com";
            let label = name.replace('-', "--").replace('.', "-");
            prop_assume!(label.len() <= 63);
            let spelled = of(&format!("{label}.translate.goog"), "translate.goog");
            prop_assert!(spelled.contains(&name));
        }

        #[test]
        fn no_label_is_too_odd(label in "[a-z0-9_-]{1,63}") {
            let _ = of(&format!("{label}.translate.goog"), "translate.goog");
        }
    }
}
