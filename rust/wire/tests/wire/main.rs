//! The crate from outside: octets in, octets out.
#![allow(clippy::unwrap_used, clippy::panic)]

mod compose;
mod image;
mod messages;
mod peek;
mod upstream;
