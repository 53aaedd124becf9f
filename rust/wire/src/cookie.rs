//! DNS cookies (RFC 7873) with the interoperable server cookie of RFC 9018: a client that was answered once can show
//! that it really has its address, so its flood limits need not guess.
//!
//! The clock and the secrets are handed in; a secret outlives its successor by one change, so that a roll-over hurts
//! no client.

use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;
use std::net::IpAddr;

/// Octets of a server cookie of ours.
const SERVER_COOKIE_OCTETS: usize = 16;
/// Version of RFC 9018 section 4.1.
const VERSION: u8 = 1;
/// Age up to which a cookie of ours counts (RFC 9018 section 4.3).
const VALID_FOR_S: u32 = 3600;
/// Age from which a fresh one is sent (RFC 9018 section 4.3).
const RENEW_AFTER_S: u32 = 1800;
/// How far ahead of us the clock of another server behind the same address may be (RFC 9018 section 4.3).
const FUTURE_S: u32 = 300;

/// The COOKIE option of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cookie {
    /// The client sent none.
    #[default]
    Absent,
    /// A client cookie alone: the client has not met us yet.
    Client([u8; 8]),
    /// A client cookie and a server cookie of the shape that ours have; whether it *is* ours, [`CookieSecrets`] tells.
    Both([u8; 24]),
    /// A client cookie and a server cookie that cannot be ours.
    Foreign([u8; 8]),
}

impl Cookie {
    /// Reads the option's data; `None` if its length is not 8 or 16 to 40 octets (RFC 7873 section 4).
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        let (client, server) = data.split_first_chunk::<8>()?;
        match server.len() {
            0 => Some(Self::Client(*client)),
            SERVER_COOKIE_OCTETS => data.try_into().ok().map(Self::Both),
            8..=32 => Some(Self::Foreign(*client)),
            _ => None,
        }
    }

    /// The client's part.
    #[must_use]
    pub fn client(&self) -> Option<[u8; 8]> {
        match self {
            Self::Absent => None,
            Self::Client(client) | Self::Foreign(client) => Some(*client),
            Self::Both(both) => both.first_chunk::<8>().copied(),
        }
    }
}

/// What a query's cookie proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieStanding {
    /// No cookie was sent.
    Absent,
    /// The client has no server cookie yet.
    New,
    /// A server cookie that is not ours, too old, or given to another address.
    Bad,
    /// The client has shown that it receives at its address.
    Proven,
}

/// The secrets that server cookies are made with; all servers behind one address share them.
#[derive(Clone)]
pub struct CookieSecrets {
    current: [u8; 16],
    previous: Option<[u8; 16]>,
}

impl CookieSecrets {
    /// The secret in use, and the one before it, whose cookies still count.
    #[must_use]
    pub const fn new(current: [u8; 16], previous: Option<[u8; 16]>) -> Self {
        Self { current, previous }
    }

    /// The data of the COOKIE option to answer with: the client cookie and a fresh server cookie, or the pair that the
    /// client sent as long as that one is young (`None` if it sent no cookie). `now_s` is Unix time modulo 2^32.
    #[must_use]
    pub fn reply_cookie(&self, cookie: &Cookie, client: IpAddr, now_s: u32) -> Option<[u8; 24]> {
        if let Cookie::Both(both) = cookie
            && Self::is_made_with(&self.current, both, client)
            && age_s(both, now_s).is_some_and(|age| age < RENEW_AFTER_S)
        {
            return Some(*both);
        }
        Some(self.fresh(cookie.client()?, client, now_s))
    }

    fn fresh(&self, client_cookie: [u8; 8], client: IpAddr, now_s: u32) -> [u8; 24] {
        let mut both = [0; 24];
        both[..8].copy_from_slice(&client_cookie);
        both[8] = VERSION;
        both[12..16].copy_from_slice(&now_s.to_be_bytes());
        let hash = hash(&self.current, &both, client);
        both[16..].copy_from_slice(&hash);
        both
    }

    /// What the query's cookie proves about its sender's address.
    #[must_use]
    pub fn standing(&self, cookie: &Cookie, client: IpAddr, now_s: u32) -> CookieStanding {
        match cookie {
            Cookie::Absent => CookieStanding::Absent,
            Cookie::Client(_) => CookieStanding::New,
            Cookie::Foreign(_) => CookieStanding::Bad,
            Cookie::Both(both) => {
                let in_time = age_s(both, now_s).is_some_and(|age| age <= VALID_FOR_S);
                let ours = || {
                    Self::is_made_with(&self.current, both, client)
                        || self.previous.as_ref().is_some_and(|secret| Self::is_made_with(secret, both, client))
                };
                if in_time && ours() { CookieStanding::Proven } else { CookieStanding::Bad }
            }
        }
    }

    fn is_made_with(secret: &[u8; 16], both: &[u8; 24], client: IpAddr) -> bool {
        let [.., a, b, c, d, e, f, g, h] = *both;
        // Compared as one number, so the time taken tells a guesser nothing.
        let sent = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        both[8] == VERSION && sent == u64::from_le_bytes(hash(secret, both, client))
    }
}

/// SipHash-2-4 of client cookie, version, reserved, timestamp and client address (RFC 9018 section 4.4).
fn hash(secret: &[u8; 16], both: &[u8; 24], client: IpAddr) -> [u8; 8] {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(&both[..16]);
    match client.to_canonical() {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.finish().to_le_bytes()
}

/// How old the server cookie says it is, by serial number arithmetic; 0 if slightly ahead, `None` if too far ahead.
fn age_s(both: &[u8; 24], now_s: u32) -> Option<u32> {
    let made_s = u32::from_be_bytes([both[12], both[13], both[14], both[15]]);
    let age = now_s.wrapping_sub(made_s);
    if age < 1 << 31 { Some(age) } else { (age.wrapping_neg() <= FUTURE_S).then_some(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        let octets: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        octets.try_into().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const CLIENT: &str = "2464c4abcf10c957";

    /// RFC 9018 appendix A.
    fn secrets() -> CookieSecrets {
        CookieSecrets::new(octets("e5e973e5a6b2a43f48e7dc849e37bfcf"), None)
    }

    #[test]
    fn a_new_client_gets_the_cookie_of_rfc_9018_a_1() {
        let cookie = Cookie::Client(octets(CLIENT));
        let reply = secrets().reply_cookie(&cookie, address("198.51.100.100"), 1_559_731_985);
        assert_eq!(reply, Some(octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480")));
        assert_eq!(secrets().standing(&cookie, address("198.51.100.100"), 1_559_731_985), CookieStanding::New);
    }

    #[test]
    fn an_old_enough_cookie_is_proven_and_renewed_as_in_rfc_9018_a_2() {
        let both = Cookie::Both(octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
        let client = address("198.51.100.100");
        assert_eq!(secrets().standing(&both, client, 1_559_734_385), CookieStanding::Proven);
        let reply = secrets().reply_cookie(&both, client, 1_559_734_385);
        assert_eq!(reply, Some(octets("2464c4abcf10c957010000005cf7a871d4a564a1442aca77")));
    }

    #[test]
    fn reserved_octets_of_another_server_are_hashed_not_judged_as_in_rfc_9018_a_3() {
        let both = Cookie::Both(octets("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"));
        assert_eq!(secrets().standing(&both, address("203.0.113.203"), 1_559_727_985), CookieStanding::Proven);
    }

    #[test]
    fn the_previous_secret_still_counts_and_is_replaced_as_in_rfc_9018_a_4() {
        let both = Cookie::Both(octets("22681ab97d52c298010000005cf7c57926556bd0934c72f8"));
        let client = address("2001:db8:220:1:59de:d0f4:8769:82b8");
        let rolled = CookieSecrets::new(
            octets("445536bcd2513298075a5d379663c962"),
            Some(octets("dd3bdf9344b678b185a6f5cb60fca715")),
        );
        assert_eq!(rolled.standing(&both, client, 1_559_741_961), CookieStanding::Proven);
        let reply = rolled.reply_cookie(&both, client, 1_559_741_961);
        assert_eq!(reply, Some(octets("22681ab97d52c298010000005cf7c609a6bb79d16625507a")));
    }

    #[test]
    fn a_young_cookie_is_sent_back_as_it_is() {
        let both = octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        let reply = secrets().reply_cookie(&Cookie::Both(both), address("198.51.100.100"), 1_559_731_985 + 60);
        assert_eq!(reply, Some(both));
    }

    #[test]
    fn other_addresses_old_cookies_and_future_cookies_are_bad() {
        let both = Cookie::Both(octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
        let made = 1_559_731_985;
        let client = address("198.51.100.100");
        let standing = |client, now| secrets().standing(&both, client, now);
        assert_eq!(standing(address("198.51.100.101"), made), CookieStanding::Bad);
        assert_eq!(standing(client, made + 3600), CookieStanding::Proven);
        assert_eq!(standing(client, made + 3601), CookieStanding::Bad);
        assert_eq!(standing(client, made - 300), CookieStanding::Proven);
        assert_eq!(standing(client, made - 301), CookieStanding::Bad);
        assert_eq!(standing(address("::ffff:198.51.100.100"), made), CookieStanding::Proven);
        assert_eq!(secrets().standing(&Cookie::Foreign([0; 8]), client, made), CookieStanding::Bad);
    }

    #[test]
    fn a_cookie_of_another_version_is_bad_even_if_its_hash_is_right() {
        let client = address("192.0.2.1");
        let mut both = secrets().fresh([1; 8], client, 1000);
        assert_eq!(secrets().standing(&Cookie::Both(both), client, 1000), CookieStanding::Proven);
        both[8] = 2;
        let hash = hash(&secrets().current, &both, client);
        both[16..].copy_from_slice(&hash);
        assert_eq!(secrets().standing(&Cookie::Both(both), client, 1000), CookieStanding::Bad);
    }

    #[test]
    fn lengths_follow_rfc_7873() {
        let data = [7; 64];
        for length in 0..=64 {
            let expected = length == 8 || (16..=40).contains(&length);
            assert_eq!(Cookie::parse(&data[..length]).is_some(), expected, "{length}");
        }
        assert_eq!(Cookie::parse(&data[..24]), Some(Cookie::Both([7; 24])));
        assert_eq!(Cookie::parse(&data[..25]).unwrap().client(), Some([7; 8]));
    }
}
