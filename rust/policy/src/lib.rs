//! What is denied to whom.
//!
//! Lists are compiled to a [`Snapshot`] (every listed name with the feeds and categories that list it), policies are
//! compiled to a [`PolicyTable`] (segments, policies, the school's own names). The two are bound together, off the hot
//! path, into a [`Rulebook`]; [`Rulebook::decide`] is the one place in schoolgate that says whether a name may be
//! answered, and [`Rulebook::explain`] is the same walk with a trace.
//!
//! Nothing here reads a clock, a socket or an environment variable, and nothing a decision touches is ever changed: a
//! new list or policy is a new value with a higher serial.
#![deny(unsafe_code)]

mod address;
mod address_guard;
mod address_rule;
mod address_table;
mod compile;
mod decide;
mod description;
mod device_groups;
mod dialect;
mod ech;
mod explain;
mod filter;
mod hash;
mod inspect;
mod layer;
mod list_difference;
mod list_guard;
mod list_statements;
mod listed_name;
mod local_zone;
pub mod memory;
mod name_table;
mod name_table_build;
mod pattern_scratch;
mod patterns;
mod policies;
mod provenance;
mod public_suffix;
mod registrable_domain;
mod rule;
mod rulebook;
mod sealed;
mod sealed_digest;
mod sealed_file;
mod sealed_import;
mod sealed_key;
mod segments;
mod snapshot;
mod spelled_name;
mod strictness;
mod table;
mod table_draft;
mod verdict;

pub use address::is_private;
pub use address_rule::AddressRule;
pub use compile::{Categories, CompileError, CompileReport, Input, InputReport, compile_snapshot};
pub use decide::{FixedAnswer, PRIVATE_ADDRESS, Tag};
pub use description::{Description, PolicyInvalid};
pub use device_groups::{DeviceGroups, DeviceGroupsInvalid, GroupExplained, GroupPolicies, GroupSaid, explain_groups};
pub use dialect::{
    Dialect, FeedError, FeedForm, FeedRead, Limits, LineReader, Place, Sink, SkipReason, Taken, UnknownDialect, detect,
    read_feed,
};
pub use ech::Ech;
pub use explain::{Explained, Explanation, Matched};
pub use hash::SuffixHashes;
pub use inspect::{Inspection, Skipped, SkippedByReason, inspect_list};
pub use layer::{Action, Effect, Layer, LogLevel};
pub use list_difference::{Difference, Differing, list_difference};
pub use list_guard::{Judged, ProtectedNames, Trust, judge};
pub use listed_name::{NameRejected, listed_name};
pub use local_zone::{LocalZone, ZoneKind, ZoneRecord};
pub use patterns::Patterns;
pub use policies::{Group, Rewrite};
pub use provenance::{Covering, ListedBy, list_rules_for, list_rules_for_address};
pub use registrable_domain::{registrable_domain, registrable_part};
pub use rule::{Rule, RuleKind};
pub use rulebook::Rulebook;
pub use sealed::SealedList;
pub use sealed_digest::SELF_TEST_NAME;
pub use sealed_file::SealedFacts;
pub use sealed_import::{SealFailed, SealReport, SealRequest, SealedFormat, seal_list};
pub use sealed_key::{SealedCorrupt, SealedKeys};
pub use segments::{Prefix, Selected, Selection};
pub use snapshot::{Snapshot, SnapshotCorrupt};
pub use table::PolicyTable;
pub use verdict::{Origin, Verdict};

#[doc(hidden)]
pub mod bench_support {
    //! The matcher alone, for the micro-benchmarks.
    pub use crate::hash::Seed;
    pub use crate::name_table::NameTable;
}
