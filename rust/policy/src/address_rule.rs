//! A rule of a list about addresses in answers.

use crate::segments::Prefix;

/// A network that a list names, or spares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule {
    /// The network; an address alone is its longest prefix.
    pub prefix: Prefix,
    /// It is listed; `false`: this feed says nothing of it, whatever it says of a wider network.
    pub lists: bool,
}
