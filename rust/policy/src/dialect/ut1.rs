//! The shape of the UT1 lists, which others publish in too: a folder a category, in an archive or unpacked.
//!
//! ```text
//! blacklists/<category>/domains       names: rules
//! blacklists/<category>/urls          hosts with paths: counted and left
//! blacklists/<category>/expressions   patterns in URLs: counted and left
//! blacklists/<category>/usage         what the publisher thinks the category is good for: not ours to follow
//! ```
//! What a category is called in schoolgate is the feed's mapping; one without a mapping is reported and left.

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
