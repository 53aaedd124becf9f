//! The query log's first half: what is recorded of a query, and how a record leaves the worker that made it.
//!
//! A worker writes each record into a ring of its own and never waits: a full ring drops the record and counts it. Records
//! that matter for safeguarding have a second ring, so a flood of ordinary ones cannot push them out.
#![forbid(unsafe_code)]

mod record;
mod ring;

pub use record::{Door, Record, Source};
pub use ring::{RecordReader, RecordRing, RecordWriter};
