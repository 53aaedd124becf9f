//! What an HTTP request asks for, by its head alone (RFC 8484 section 4.1).

use data_encoding::{BASE64URL_NOPAD, Encoding};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use hyper::{Method, StatusCode, Uri};

/// The path of DNS over HTTPS.
pub const PATH: &str = "/dns-query";
/// The type of a DNS message.
pub const MEDIA_TYPE: &str = "application/dns-message";
/// The variable of the URI template.
const VARIABLE: &str = "dns=";
const ENCODING: Encoding = BASE64URL_NOPAD;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DohRequest {
    /// This message.
    Message(Vec<u8>),
    /// The message in its body.
    InBody,
}

/// Why a request is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is nothing at this path.
    NotFound,
    /// Neither GET nor POST.
    Method,
    /// No message in the URI, or one that is not base64url.
    NoMessage,
    /// The body is not said to be a DNS message.
    MediaType,
    /// The body is too long.
    BodyTooLong,
    /// The URI is too long.
    UriTooLong,
    /// The body did not come, or not in time.
    BodyMissing,
    /// It was a response, or shorter than a header.
    NoQuery,
    /// The plane says nothing to it: the client has asked too much.
    TooMany,
    /// No answer came in time.
    TooLate,
}

impl Refused {
    /// The status code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoMessage | Self::NoQuery => StatusCode::BAD_REQUEST,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::BodyMissing => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLate => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What to do about it.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here; DNS over HTTPS is at /dns-query.\n",
            Self::Method => "Use GET or POST (RFC 8484).\n",
            Self::NoMessage => "Send the query as ?dns= in base64url without padding (RFC 8484 section 4.1).\n",
            Self::MediaType => "Send a body of the type application/dns-message.\n",
            Self::BodyTooLong | Self::UriTooLong => "The query is too long; send one of at most 4096 octets.\n",
            Self::BodyMissing => "The body did not come in time; send it with the request.\n",
            Self::NoQuery => "This is no DNS query; send one with a header and one question.\n",
            Self::TooMany => "Too many queries; wait a second.\n",
            Self::TooLate => "No answer came in time; ask again.\n",
        }
    }
}

/// Reads the head of a request. A message in the URI takes at most `most_octets`, and so does a body.
///
/// # Errors
/// [`Refused`], with the status that says so.
pub fn read_head(method: &Method, uri: &Uri, headers: &HeaderMap, most_octets: usize) -> Result<DohRequest, Refused> {
    if uri.path() != PATH {
        return Err(Refused::NotFound);
    }
    match *method {
        Method::GET => read_query(uri.query().unwrap_or_default(), most_octets).map(DohRequest::Message),
        Method::POST => read_post(headers, most_octets).map(|()| DohRequest::InBody),
        _ => Err(Refused::Method),
    }
}

/// The message of `dns=`. iOS before 17 sends `?dns?dns=...`, so a question mark separates as `&` does.
fn read_query(query: &str, most_octets: usize) -> Result<Vec<u8>, Refused> {
    let text = query.split(['&', '?']).find_map(|part| part.strip_prefix(VARIABLE)).ok_or(Refused::NoMessage)?;
    let text = text.trim_end_matches('=');
    if text.len() > ENCODING.encode_len(most_octets) {
        return Err(Refused::UriTooLong);
    }
    ENCODING.decode(text.as_bytes()).map_err(|_| Refused::NoMessage)
}

fn read_post(headers: &HeaderMap, most_octets: usize) -> Result<(), Refused> {
    let of = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media_type = of(CONTENT_TYPE).and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(MEDIA_TYPE)) {
        return Err(Refused::MediaType);
    }
    let length = of(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > most_octets as u64) { Err(Refused::BodyTooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    fn get(uri: &str) -> Result<DohRequest, Refused> {
        read_head(&Method::GET, &uri.parse().unwrap(), &HeaderMap::new(), 32)
    }

    fn post(media_type: &'static str, length: &'static str) -> Result<DohRequest, Refused> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static(length));
        read_head(&Method::POST, &Uri::from_static(PATH), &headers, 32)
    }

    #[test]
    fn a_message_in_the_uri_is_read_and_the_habits_of_clients_are_borne() {
        let message = Ok(DohRequest::Message(b"\xff\xef\xbe".to_vec()));
        for uri in
            ["/dns-query?dns=_---", "/dns-query?ct=x&dns=_---", "/dns-query?dns?dns=_---", "/dns-query?dns=_---="]
        {
            assert_eq!(get(uri), message, "{uri}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_status() {
        let too_long = format!("/dns-query?dns={}", "A".repeat(44));
        let cases = [
            ("/", Refused::NotFound),
            ("/dns-query/", Refused::NotFound),
            ("/dns-query", Refused::NoMessage),
            ("/dns-query?dns", Refused::NoMessage),
            ("/dns-query?xdns=AAAA", Refused::NoMessage),
            ("/dns-query?dns=A", Refused::NoMessage),
            ("/dns-query?dns=+/+/", Refused::NoMessage),
            (&too_long, Refused::UriTooLong),
        ];
        for (uri, refused) in cases {
            assert_eq!(get(uri), Err(refused), "{uri}");
        }
    }

    #[test]
    fn a_body_is_a_dns_message_and_short_or_is_refused() {
        assert_eq!(post(MEDIA_TYPE, "32"), Ok(DohRequest::InBody));
        assert_eq!(post("Application/DNS-Message; charset=x", "32"), Ok(DohRequest::InBody));
        assert_eq!(post("application/json", "32"), Err(Refused::MediaType));
        assert_eq!(post(MEDIA_TYPE, "33"), Err(Refused::BodyTooLong));
        let no_type = read_head(&Method::POST, &Uri::from_static(PATH), &HeaderMap::new(), 32);
        assert_eq!(no_type, Err(Refused::MediaType));
    }

    proptest! {
        #[test]
        fn every_message_within_the_bound_is_read_as_it_was_sent(message in proptest::collection::vec(any::<u8>(), 0..=32)) {
            let uri = format!("/dns-query?dns={}", BASE64URL_NOPAD.encode(&message));
            prop_assert_eq!(get(&uri), Ok(DohRequest::Message(message)));
        }

        #[test]
        fn no_query_does_harm_or_leads_to_more_than_the_bound(query in "[ -~]{0,80}") {
            if let Ok(message) = read_query(&query, 32) {
                prop_assert!(message.len() <= 32);
            }
        }
    }

    #[test]
    fn other_methods_are_refused() {
        for method in [Method::PUT, Method::HEAD, Method::OPTIONS] {
            assert_eq!(read_head(&method, &Uri::from_static(PATH), &HeaderMap::new(), 32), Err(Refused::Method));
        }
    }
}
