//! Reads UT1 lists from an unpacked folder.

use super::feed::Feed;
use super::feed_error::FeedError;
use super::ut1::part;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Reads `<folder>/[blacklists/]<category>/<part>`, in the order of names, following no link.
pub(super) fn read_folder(folder: &Path, feed: &mut Feed<'_>) -> Result<(), FeedError> {
    let inner = folder.join("blacklists");
    let root = if inner.is_dir() { inner } else { folder.to_owned() };
    for category in entries(&root)?.into_iter().filter(|path| is(path, fs::FileType::is_dir)) {
        for file in entries(&category)?.into_iter().filter(|path| is(path, fs::FileType::is_file)) {
            let name = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().into_owned();
            if part(&name).is_some() {
                let mut charged = feed.budget.charge(File::open(&file)?);
                feed.member(&mut charged, &name)?;
            }
        }
    }
    feed.archive_read()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FeedError> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, FeedError>>()?;
    paths.sort();
    Ok(paths)
}

fn is(path: &Path, what: fn(&fs::FileType) -> bool) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| what(&metadata.file_type()))
}
