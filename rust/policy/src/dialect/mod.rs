//! List dialects: how a line of a feed becomes rules. One file a dialect.
//!
//! A feed is read as a stream: [`read_feed`] opens the file, unpacks it, refuses what is no list at all
//! and hands each line to the dialect's reader. A line gives rules, or reasons why it gives none; it never
//! gives an error, so one bad line never spoils a list.

mod adblock;
mod adblock_options;
mod budget;
mod csv;
mod detect;
mod dnsmasq;
mod domains;
mod feed;
mod feed_error;
mod hosts;
mod json;
mod kind;
mod line_reader;
mod lines;
mod mixed;
mod plain;
mod read_feed;
mod reason;
mod rpz;
mod taken;
mod text;
mod unbound;
mod unpack;
mod ut1;
mod ut1_folder;
mod utf16;
mod wildcard;

pub use detect::detect;
pub use feed::{FeedForm, FeedRead, Limits, Place, Sink};
pub use feed_error::FeedError;
pub use kind::{Dialect, UnknownDialect};
pub use line_reader::LineReader;
pub use read_feed::read_feed;
pub use reason::SkipReason;
pub use taken::Taken;
