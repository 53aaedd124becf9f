//! What is asked, as far as the answer depends on it: the key of cache, pending table and miss hub.
//!
//! Client subnet (ECS) and the client's own spelling do not take part: the first is never forwarded, the second is laid
//! over the answer when it is written. DO and CD do: they change what a forwarder says.

use hashbrown::Equivalent;
use schoolgate_wire::{Name, Query};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

const DNSSEC_OK: u8 = 1;
const CHECKING_DISABLED: u8 = 2;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Folded name, uncompressed.
    pub name: Box<[u8]>,
    /// QTYPE.
    pub qtype: u16,
    /// DO and CD.
    pub flags: u8,
    /// The rewrite that applies, by its target: the same name has another answer where SafeSearch is forced.
    pub rewrite: Option<Arc<Name>>,
}

/// A [`Question`] that borrows.
#[derive(Clone, Copy)]
pub struct QuestionRef<'a> {
    /// Folded name, uncompressed.
    pub name: &'a [u8],
    /// QTYPE.
    pub qtype: u16,
    /// DO and CD.
    pub flags: u8,
    /// Target of the rewrite.
    pub rewrite: Option<&'a Arc<Name>>,
}

impl Question {
    /// The question, borrowed.
    #[inline]
    pub fn borrow(&self) -> QuestionRef<'_> {
        QuestionRef { name: &self.name, qtype: self.qtype, flags: self.flags, rewrite: self.rewrite.as_ref() }
    }

    /// DO: signatures were asked for.
    pub fn dnssec_ok(&self) -> bool {
        self.flags & DNSSEC_OK != 0
    }

    /// CD: the client validates for itself.
    pub fn checking_disabled(&self) -> bool {
        self.flags & CHECKING_DISABLED != 0
    }
}

impl<'a> QuestionRef<'a> {
    /// The question of a query, answered through a rewrite or not.
    #[inline]
    pub fn of(query: &'a Query, rewrite: Option<&'a Arc<Name>>) -> Self {
        let flags = if query.dnssec_ok() { DNSSEC_OK } else { 0 };
        let flags = flags | if query.checking_disabled { CHECKING_DISABLED } else { 0 };
        Self { name: query.name.as_wire(), qtype: query.qtype, flags, rewrite }
    }

    /// The question, owned.
    pub fn to_owned(self) -> Question {
        let (name, rewrite) = (self.name.into(), self.rewrite.cloned());
        Question { name, qtype: self.qtype, flags: self.flags, rewrite }
    }

    /// Whether both ask the same.
    #[inline]
    pub fn is(&self, other: &QuestionRef<'_>) -> bool {
        self.qtype == other.qtype
            && self.flags == other.flags
            && self.name == other.name
            && self.rewrite.map(|target| target.as_wire()) == other.rewrite.map(|target| target.as_wire())
    }
}

impl Hash for QuestionRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.name);
        state.write_u32(u32::from(self.qtype) << 16 | u32::from(self.flags) << 8 | u32::from(self.rewrite.is_some()));
    }
}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrow().hash(state);
    }
}

impl Equivalent<Question> for QuestionRef<'_> {
    #[inline]
    fn equivalent(&self, key: &Question) -> bool {
        self.is(&key.borrow())
    }
}

impl Equivalent<Arc<Question>> for QuestionRef<'_> {
    fn equivalent(&self, key: &Arc<Question>) -> bool {
        self.is(&key.borrow())
    }
}
