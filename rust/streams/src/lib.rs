//! Doors for clients that come by a connection: DNS over TCP (RFC 7766), over TLS (RFC 7858) and over HTTPS (RFC 8484); and
//! connections to forwarders that are asked by the same ([`carriers`]).
//!
//! A door frames, encrypts and bounds; it decides nothing. Every message goes to an answerer of the plane, which is the same
//! that answers datagrams, and what it says leaves by the connection that asked.
//!
//! [`Doors`] owns a few threads. Each runs a tokio runtime of its own, listens by sockets of its own (SO_REUSEPORT) and has an
//! answerer of its own ([`asker`]), so that no thread waits for another. A connection is let in by [`admission`], shakes hands
//! within seconds where it is encrypted ([`door_thread`]), and is served as frames ([`framed`]) or as HTTP/2 ([`https`]). The certificate is
//! swapped whole while connections stand ([`certificate`]).
//!
//! No client may hold a place by doing nothing, by sending slowly or by not reading; none may have more work done than it
//! waits for ([`limits`]).
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![deny(unsafe_code)] // one call in `asker`, with its reason

mod admission;
mod allowance;
mod asker;
mod carriers;
mod certificate;
mod doh_request;
mod door_counters;
mod door_error;
mod door_settings;
mod door_thread;
mod doors;
mod framed;
mod frames;
mod handshakes;
mod https;
mod limits;
mod listening;
mod unsent;
mod watched;

#[cfg(test)]
mod tests;

pub use carriers::{
    Carried, CarrierError, CarrierSettings, CarrierStatus, Carriers, SingleAnswer, SingleError, Transport, TrustError,
    ask_once,
};
pub use certificate::CertificateError;
pub use door_error::DoorError;
pub use door_settings::{DoorSettings, EncryptedSettings, TcpSettings};
pub use doors::{Doors, DoorsStatus};

#[doc(hidden)]
pub mod fuzz_support {
    //! What reads hostile octets, for the fuzzer.
    pub use crate::doh_request::{DohRequest, Refused, read_head};
    pub use crate::frames::{Frames, TooShort};
}

/// The path of DNS over HTTPS.
pub const DOH_PATH: &str = doh_request::PATH;
