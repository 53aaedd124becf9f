//! The error of a cache that does not fit into memory.

/// The system has no room for the cache.
#[derive(Debug)]
pub struct NoRoom;
