//! Why a feed cannot be used.

use std::io;

/// Why a feed is no list. A caller that keeps the last good copy goes on with that.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A login page, an error page.
    #[error("is a web page, not a list: open the feed's address in a browser and see what it answers")]
    Html,
    /// An image, a program, UTF-16 without its mark.
    #[error("is binary, not a list: check the feed's address; a list in UTF-16 begins with a byte order mark")]
    Binary,
    /// Nothing in it.
    #[error("is empty: check the feed's address")]
    Empty,
    /// No line looks like any dialect.
    #[error("is in no known list dialect: state the feed's dialect")]
    Unknown,
    /// It unpacks to more than it may.
    #[error("unpacks to more than {0} octets: check the feed, or raise its limit")]
    TooLarge(u64),
    /// It ends too early.
    #[error("is cut short: fetch it again")]
    Cut,
    /// Its archive or its JSON is broken.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// An archive without a list in it.
    #[error("is an archive without a list in it: check the feed's address")]
    NoList,
}
