//! The shape of the UT1 lists, which others publish in too: a folder a category, in an archive or unpacked.
//!
//! ```text
//! blacklists/<category>/domains       names: rules
//! blacklists/<category>/urls          hosts with paths: counted and left
//! blacklists/<category>/expressions   patterns in URLs: counted and left
//! blacklists/<category>/usage         what the publisher thinks the category is good for: not ours to follow
//! ```
//! What a category is called in schoolgate is the feed's mapping; one without a mapping is reported and left.

use super::feed::{Feed, FeedError};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What a file of a category holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Domains,
    Urls,
    Expressions,
    Usage,
}

/// The category and the part that a path names.
pub(super) fn part(path: &str) -> Option<(&str, Part)> {
    let (folders, file) = path.rsplit_once('/')?;
    let category = folders.rsplit('/').next().filter(|category| !category.is_empty())?;
    let part = match file {
        "domains" => Part::Domains,
        "urls" => Part::Urls,
        "expressions" => Part::Expressions,
        "usage" => Part::Usage,
        _ => return None,
    };
    Some((category, part))
}

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
