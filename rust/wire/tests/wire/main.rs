//! The crate from outside: octets in, octets out.
#![allow(clippy::unwrap_used, clippy::panic)]

mod compose;
mod forwarder_reply;
mod image;
mod messages;
mod peek;
