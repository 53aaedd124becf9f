//! The guard between a list's networks and the snapshot: a hosting network closed by one mistake closes its
//! strangers, so no list may name a network as wide as a provider, and no feed may name many wide ones.
//!
//! What is judged is the network that is *meant*: IPv6 has several ways to write IPv4 (NAT64, 6to4 ...), and `::/32` holds
//! all of IPv4 without looking like it.

use crate::address_rule::AddressRule;
use crate::dialect::SkipReason;
use crate::segments::Prefix;

/// The widest networks a list may name, as prefix lengths of IPv4 and IPv6: wider ones hold half the internet's hosts.
const WIDEST_REVIEWED: (u8, u8) = (8, 16);
const WIDEST_FEED: (u8, u8) = (16, 32);
/// What one feed may close in all: 256 of the widest networks, or a feed gone mad closes the internet a network at a time.
const MOST_V4_OF_FEED: u128 = 1 << 24;
const MOST_V6_OF_FEED: u128 = 256 << 96;

/// Judges the networks of one list.
pub struct AddressGuard {
    reviewed: bool,
    room_v4: u128,
    room_v6: u128,
}

impl AddressGuard {
    /// `reviewed`: people of the school answer for the list.
    pub fn new(reviewed: bool) -> Self {
        Self { reviewed, room_v4: MOST_V4_OF_FEED, room_v6: MOST_V6_OF_FEED }
    }

    /// The rule that is meant, or why it is dropped.
    pub fn judge(&mut self, rule: &AddressRule) -> Result<AddressRule, SkipReason> {
        let prefix = rule.prefix.meant().ok_or(SkipReason::NetworkTooWide)?;
        let meant = AddressRule { prefix, ..*rule };
        let (v4, v6) = if self.reviewed { WIDEST_REVIEWED } else { WIDEST_FEED };
        match rule.lists {
            false => Ok(meant),
            true if !prefix.is_at_least(v4, v6) => Err(SkipReason::NetworkTooWide),
            true if !self.reviewed && !self.take_room(prefix) => Err(SkipReason::CoversTooMuch),
            true => Ok(meant),
        }
    }

    /// A network that is named twice counts twice: telling costs more memory than such a feed is worth.
    fn take_room(&mut self, prefix: Prefix) -> bool {
        let room = if prefix.is_v6() { &mut self.room_v6 } else { &mut self.room_v4 };
        let left = room.checked_sub(prefix.addresses());
        left.inspect(|left| *room = *left).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::V4_BASE;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv6Addr};

    fn judge(text: &str, reviewed: bool) -> Result<String, SkipReason> {
        let prefix = Prefix::parse(text).expect("a network");
        AddressGuard::new(reviewed).judge(&AddressRule { prefix, lists: true }).map(|rule| rule.prefix.to_string())
    }

    #[test]
    fn a_network_that_holds_all_of_ipv4_is_too_wide_for_every_list() {
        for wide in
            ["::/0", "::/16", "::/32", "::/64", "::/80", "::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b::/64"]
        {
            for reviewed in [false, true] {
                assert_eq!(judge(wide, reviewed), Err(SkipReason::NetworkTooWide), "{wide}");
            }
        }
        assert_eq!(judge("2002::/16", true), Err(SkipReason::NetworkTooWide));
        assert_eq!(
            judge("2001::/40", true),
            Err(SkipReason::NetworkTooWide),
            "Teredo has its clients in the last bits"
        );
    }

    #[test]
    fn spellings_of_ipv4_have_the_bounds_of_ipv4() {
        for (written, feed, reviewed) in [
            ("::ffff:192.0.0.0/104", None, Some("192.0.0.0/8")),
            ("::ffff:192.0.0.0/112", Some("192.0.0.0/16"), Some("192.0.0.0/16")),
            ("64:ff9b::192.0.2.0/120", Some("192.0.2.0/24"), Some("192.0.2.0/24")),
            ("::192.0.2.1", Some("192.0.2.1/32"), Some("192.0.2.1/32")),
            ("2002:c000::/24", None, Some("192.0.0.0/8")),
            ("2002:c000:201::/48", Some("192.0.2.1/32"), Some("192.0.2.1/32")),
            ("2002:c000:201:1::7", Some("192.0.2.1/32"), Some("192.0.2.1/32")),
            ("2001::3fff:fd00/120", Some("192.0.2.0/24"), Some("192.0.2.0/24")),
            ("::1", Some("::1/128"), Some("::1/128")),
            ("2001:db8::/32", Some("2001:db8::/32"), Some("2001:db8::/32")),
            ("2001::/16", None, Some("2001::/16")),
        ] {
            let too_wide = Err(SkipReason::NetworkTooWide);
            let said = |meant: Option<&str>| meant.map_or(too_wide.clone(), |meant| Ok(meant.to_owned()));
            assert_eq!(judge(written, false), said(feed), "{written}, a feed");
            assert_eq!(judge(written, true), said(reviewed), "{written}, reviewed");
        }
    }

    #[test]
    fn one_feed_closes_a_small_part_of_the_internet_a_reviewed_list_what_it_likes() {
        for (network, most) in [("v4", 256), ("v6", 256)] {
            let mut feed = AddressGuard::new(false);
            let mut ours = AddressGuard::new(true);
            let taken = (0..300).filter(|at| {
                let text = if network == "v4" {
                    format!("{}.{}.0.0/16", 20 + at / 256, at % 256)
                } else {
                    format!("2600:{at:x}::/32")
                };
                let rule = AddressRule { prefix: Prefix::parse(&text).expect("a network"), lists: true };
                assert!(ours.judge(&rule).is_ok());
                match feed.judge(&rule) {
                    Ok(_) => true,
                    Err(reason) => {
                        assert_eq!(reason, SkipReason::CoversTooMuch);
                        false
                    }
                }
            });
            assert_eq!(taken.count(), most, "{network}");
        }
    }

    proptest! {
        #[test]
        fn what_stands_is_narrow_and_holds_what_was_written(
            block in prop_oneof![
                Just(0u128), Just(V4_BASE), Just(0x0064_ff9b << 96), Just(0x2002 << 112), Just(0x2001 << 112), any::<u128>(),
            ],
            (low, keep) in (any::<u128>(), 0u32..=128),
            length in 0u8..=128,
            host in any::<u128>(),
        ) {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            let network = (block | low.checked_shr(keep).unwrap_or(0)) & mask;
            let prefix = Prefix::parse(&format!("{}/{length}", Ipv6Addr::from(network))).expect("a network");
            let Ok(meant) = AddressGuard::new(false).judge(&AddressRule { prefix, lists: true }) else { return Ok(()) };
            let (first, last) = (meant.prefix.first().max(V4_BASE), meant.prefix.last_on_line().min(V4_BASE | 0xffff_ffff));
            prop_assert!(first > last || last - first < 1 << 16, "{prefix} closes {} addresses of IPv4", last - first);
            let written = network | host & !mask;
            let holds = meant.prefix.holds(IpAddr::V6(Ipv6Addr::from(written)));
            prop_assert!(holds || written <= 1, "{prefix} became {}", meant.prefix);
        }
    }
}
