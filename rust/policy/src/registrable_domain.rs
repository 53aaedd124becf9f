//! Which part of a name its owner registered: one label below a public suffix. Names of one owner are counted together
//! by it.

use crate::public_suffix::public_suffix;

/// The registrable domain of a name in text, in lower case; `None` for a public suffix itself and for single labels.
pub fn registrable_domain(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let suffix = public_suffix(&mut name.as_bytes().rsplit(|octet| *octet == b'.')).len;
    let above = name.get(..name.len().checked_sub(suffix + 1)?)?;
    let label = above.rsplit('.').next().filter(|label| !label.is_empty())?;
    name.get(name.len() - suffix - 1 - label.len()..).map(str::to_owned)
}

/// The registrable domain of a folded name in wire format, as its last octets; the whole name where it has none (a public
/// suffix, a single label). Nothing is allocated.
pub fn registrable_part(wire: &[u8]) -> &[u8] {
    // A name of 255 octets has at most 127 labels before the root.
    let mut starts = [0_u8; 127];
    let (mut count, mut at) = (0, 0);
    while let Some(&length) = wire.get(at).filter(|length| **length > 0) {
        let Some(start) = starts.get_mut(count) else { return wire };
        (*start, count, at) = (at as u8, count + 1, at + 1 + usize::from(length));
    }
    let labels = || starts.iter().take(count).rev();
    let label = |start: &u8| {
        let start = usize::from(*start);
        let length = wire.get(start).map_or(0, |length| usize::from(*length));
        wire.get(start + 1..start + 1 + length).unwrap_or_default()
    };
    // In text a label is as long as in wire format: a dot takes the place of its length octet.
    let suffix_octets = public_suffix(&mut labels().map(label)).len + 1;
    let below = labels().find(|start| at - usize::from(**start) > suffix_octets);
    wire.get(below.map_or(0, |start| usize::from(*start))..).unwrap_or(wire)
}

#[cfg(test)]
mod tests {
    use super::{registrable_domain, registrable_part};

    fn wire(name: &str) -> Vec<u8> {
        let labels = name.split('.').filter(|label| !label.is_empty());
        let mut wire: Vec<u8> = labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        wire.push(0);
        wire
    }

    #[test]
    fn both_ways_of_finding_it_agree() {
        for name in
            ["www.example.com", "a.b.example.co.uk", "me.github.io", "x.y.z.me.github.io", "a.www.ck", "a.b.kobe.jp"]
        {
            let domain = registrable_domain(name).expect("a registrable domain");
            assert_eq!(registrable_part(&wire(name)), wire(&domain), "{name}");
        }
        for name in ["com", "co.uk", "localhost", ""] {
            assert_eq!(registrable_part(&wire(name)), wire(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_does_no_harm() {
        for octets in [&b""[..], b"\x05abc", &[1; 300], &[63; 255]] {
            assert!(registrable_part(octets).len() <= octets.len());
        }
    }

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
