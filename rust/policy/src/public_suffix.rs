//! The public suffix list, compiled in. One function asks it: the list is code, and each kind of question would be a copy of it.

use psl::Psl as _;

/// The public suffix of a name, given its labels from the last to the first.
#[inline(never)]
pub(crate) fn public_suffix(labels: &mut dyn Iterator<Item = &[u8]>) -> psl::Info {
    psl::List.find(labels)
}
