//! A legend: what the numbers in records mean. Each active state of the plane has one; a file holds the legends of its rows, so
//! that it can be read anywhere, by every program that may, without the server that wrote it.

use serde::{Deserialize, Serialize};

/// The words of one active state, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legend {
    /// The active state's generation: what a batch of records names.
    #[serde(skip)]
    pub generation: u64,
    /// Serial of the lists.
    pub snapshot_serial: u64,
    /// Serial of the policy.
    pub policy_serial: u64,
    /// How a sealed verdict is named: the list's serial and nothing else.
    pub sealed_rule: String,
    /// Layers of a decision; they are numbered from 1.
    pub layers: Vec<String>,
    /// Segments.
    pub segments: Vec<String>,
    /// Policies.
    pub policies: Vec<String>,
    /// Feeds, each with the category it lists.
    pub sources: Vec<(String, String)>,
    /// The school's own statements.
    pub statements: Vec<String>,
}

impl Legend {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok()
    }

    pub(crate) fn segment(&self, number: Option<u16>) -> &str {
        word(&self.segments, number.map_or(usize::MAX, usize::from))
    }

    pub(crate) fn policy(&self, number: u16) -> &str {
        word(&self.policies, usize::from(number))
    }

    pub(crate) fn layer(&self, number: u8) -> &str {
        word(&self.layers, usize::from(number).wrapping_sub(1))
    }
}

/// A number without a word is a defect somewhere; the row is kept without it.
fn word(words: &[String], at: usize) -> &str {
    words.get(at).map_or("", String::as_str)
}
