//! Reads a feed at a path: a file or a folder.

use super::feed::{Feed, FeedForm, FeedRead, Sink};
use super::feed_error::FeedError;
use super::{unpack, ut1_folder};
use std::path::Path;

/// Reads the feed at `path`: a file of any dialect, packed or not, or a folder in the shape of UT1.
pub fn read_feed(path: &Path, form: &FeedForm, sink: &mut dyn Sink) -> Result<FeedRead, FeedError> {
    let mut feed = Feed::new(form, sink);
    if path.is_dir() {
        ut1_folder::read_folder(path, &mut feed)?;
    } else {
        unpack::open(path, &mut feed)?;
    }
    Ok(feed.finish())
}
