//! The parameters of a service binding (SVCB, HTTPS: RFC 9460 section 2.2), to take some of them out.
//!
//! ```text
//! priority (2)  target (a name)  then, keys rising:  key (2)  length (2)  value
//! ```
//! What stays, stays octet for octet. A key that is taken out is taken out of `mandatory` too, or the record would ask for
//! what it does not have (section 8).

use crate::UnusableReply;
use crate::cursor::Cursor;

/// The list of keys that a client must understand.
const MANDATORY: u16 = 0;

/// `ipv4hint`.
pub const IPV4HINT: u16 = 4;
/// `ech`: keys of Encrypted Client Hello.
pub const ECH: u16 = 5;
/// `ipv6hint`.
pub const IPV6HINT: u16 = 6;

/// The RDATA of a service binding without the parameters of these `keys`; `None` where it has none of them.
///
/// # Errors
/// [`UnusableReply::Malformed`] if it cannot be read to its end: nothing of it may be sent then.
pub fn without(data: &[u8], keys: &[u16]) -> Result<Option<Vec<u8>>, UnusableReply> {
    rewrite(data, keys).ok_or(UnusableReply::Malformed)
}

fn rewrite(data: &[u8], keys: &[u16]) -> Option<Option<Vec<u8>>> {
    let mut cursor = Cursor::new(data);
    cursor.u16()?;
    cursor.skip_name()?;
    let mut kept = data.get(..data.len() - cursor.rest().len())?.to_vec();
    let mut last = None;
    while !cursor.is_empty() {
        let key = cursor.u16()?;
        let octets = cursor.u16()?;
        let value = cursor.take(usize::from(octets))?;
        if last.replace(key).is_some_and(|last| last >= key) {
            return None;
        }
        if !is_whole(key, value) {
            return None;
        }
        match key {
            MANDATORY => put(&mut kept, key, &still_mandatory(value, keys)?),
            _ if !keys.contains(&key) => put(&mut kept, key, value),
            _ => {}
        }
    }
    Some((kept.len() < data.len()).then_some(kept))
}

/// Hints are lists of addresses, never empty (section 7.3): what has another length would be read by each client its own way,
/// and past the addresses that were judged.
fn is_whole(key: u16, value: &[u8]) -> bool {
    let octets = match key {
        IPV4HINT => 4,
        IPV6HINT => 16,
        _ => return true,
    };
    !value.is_empty() && value.len().is_multiple_of(octets)
}

/// The mandatory keys that are not taken out; with none left there is no list (section 8: it is never empty).
fn still_mandatory(value: &[u8], keys: &[u16]) -> Option<Vec<u8>> {
    let (pairs, rest) = value.as_chunks::<2>();
    let stays = |pair: &&[u8; 2]| !keys.contains(&u16::from_be_bytes(**pair));
    rest.is_empty().then(|| pairs.iter().filter(stays).flatten().copied().collect())
}

fn put(kept: &mut Vec<u8>, key: u16, value: &[u8]) {
    if key == MANDATORY && value.is_empty() {
        return;
    }
    kept.extend(key.to_be_bytes());
    kept.extend((value.len() as u16).to_be_bytes());
    kept.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const HEAD: &[u8] = b"\x00\x01\x03svc\x07example\x00";
    const HINTS: [u16; 3] = [IPV4HINT, ECH, IPV6HINT];

    fn binding(params: &[(u16, &[u8])]) -> Vec<u8> {
        let mut data = HEAD.to_vec();
        for (key, value) in params {
            data.extend(key.to_be_bytes());
            data.extend((value.len() as u16).to_be_bytes());
            data.extend(*value);
        }
        data
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        let whole = binding(&[(1, b"\x02h2"), (4, &[192, 0, 2, 1]), (5, b"keys"), (6, &[0; 16]), (7, b"/dns{?x}")]);
        let no_ech = binding(&[(1, b"\x02h2"), (4, &[192, 0, 2, 1]), (6, &[0; 16]), (7, b"/dns{?x}")]);
        assert_eq!(without(&whole, &[ECH]), Ok(Some(no_ech)));
        assert_eq!(without(&whole, &HINTS), Ok(Some(binding(&[(1, b"\x02h2"), (7, b"/dns{?x}")]))));
        assert_eq!(without(&binding(&[(1, b"\x02h2")]), &HINTS), Ok(None));
        assert_eq!(without(HEAD, &HINTS), Ok(None), "an alias has no parameters");
    }

    #[test]
    fn what_is_taken_out_is_mandatory_no_more() {
        let whole = binding(&[(0, &[0, 1, 0, 5]), (1, b"\x02h2"), (5, b"keys")]);
        assert_eq!(without(&whole, &[ECH]), Ok(Some(binding(&[(0, &[0, 1]), (1, b"\x02h2")]))));
        let only = binding(&[(0, &[0, 5]), (5, b"keys")]);
        assert_eq!(without(&only, &[ECH]), Ok(Some(HEAD.to_vec())));
    }

    #[test]
    fn what_cannot_be_read_is_not_rewritten() {
        let mut cut = binding(&[(5, b"keys")]);
        cut.pop();
        let falling = binding(&[(5, b"keys"), (4, &[192, 0, 2, 1])]);
        let odd = binding(&[(0, &[0, 5, 0])]);
        let hints = [(4, 0), (4, 3), (4, 5), (6, 0), (6, 4), (6, 17)];
        for (key, octets) in hints {
            let data = binding(&[(key, &[0u8; 20][..octets])]);
            assert_eq!(without(&data, &[ECH]), Err(UnusableReply::Malformed), "{key} with {octets}");
        }
        for data in [&cut[..], &falling, &odd, b"", b"\x00\x01", b"\x00\x01\x03svc"] {
            assert_eq!(without(data, &[ECH]), Err(UnusableReply::Malformed), "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn only_the_named_keys_go(
            params in proptest::collection::btree_map(1u16..12, proptest::collection::vec(any::<u8>(), 0..40), 0..8),
            mandatory in proptest::collection::btree_set(1u16..12, 0..4),
        ) {
            let list: Vec<u8> = mandatory.iter().flat_map(|key| key.to_be_bytes()).collect();
            let left: Vec<u8> = mandatory.iter().filter(|key| !HINTS.contains(key)).flat_map(|key| key.to_be_bytes()).collect();
            let mut params = params;
            params.iter_mut().filter(|(_, value)| value.is_empty()).for_each(|(_, value)| value.push(7));
            for (key, octets) in [(IPV4HINT, 4), (IPV6HINT, 16)] {
                params.entry(key).and_modify(|value| *value = value.repeat(octets));
            }
            let all = |list: Vec<u8>| {
                let mut all: BTreeMap<u16, Vec<u8>> = params.clone();
                if !list.is_empty() {
                    all.insert(0, list);
                }
                all
            };
            let spell = |all: BTreeMap<u16, Vec<u8>>| {
                binding(&all.iter().map(|(key, value)| (*key, value.as_slice())).collect::<Vec<_>>())
            };
            let whole = spell(all(list));
            let mut rest = all(left);
            rest.retain(|key, _| !HINTS.contains(key));
            let expected = spell(rest);
            prop_assert_eq!(without(&whole, &HINTS)?.unwrap_or_else(|| whole.clone()), expected);
        }

        #[test]
        fn any_octets_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some(kept)) = without(&data, &HINTS) {
                prop_assert_eq!(without(&kept, &HINTS), Ok(None));
            }
        }
    }
}
