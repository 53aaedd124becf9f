//! Which part of a name its owner registered: one label below a public suffix. Names of one owner are counted together
//! by it.

use psl::Psl as _;

/// The registrable domain of a name in text, in lower case; `None` for a public suffix itself and for single labels.
pub fn registrable_domain(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let domain = psl::List.domain(name.as_bytes())?;
    std::str::from_utf8(domain.as_bytes()).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::registrable_domain;

    #[test]
    fn what_was_registered_is_found_below_any_public_suffix() {
        let known = [
            ("www.example.com", Some("example.com")),
            ("EXAMPLE.com.", Some("example.com")),
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("co.uk", None),
            ("com", None),
            ("localhost", None),
            (".", None),
            ("", None),
            ("me.github.io", Some("me.github.io")),
        ];
        for (name, domain) in known {
            assert_eq!(registrable_domain(name).as_deref(), domain, "{name}");
        }
    }
}
