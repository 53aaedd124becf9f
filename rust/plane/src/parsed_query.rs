//! A query as far as it can be parsed and hashed before its turn comes.
//!
//! Lists of a million names do not fit into a processor's nearest cache, and a look-up that waits for memory takes longer than
//! everything else that is done for a query. So a worker looks at a packet while those before it are being answered:
//! what its look-up will read is on its way by then. The same goes for the packet cache.

use crate::active_state::ActiveState;
use crate::cache::PacketCache;
use crate::question::QuestionRef;
use schoolgate_policy::{Rulebook, SuffixHashes, Verdict};
use schoolgate_wire::{Query, Refusal, peek};

/// A parsed query, with what does not depend on the client. Reused for packet after packet.
#[derive(Default)]
pub struct ParsedQuery {
    /// The query.
    pub query: Query,
    /// The suffixes of its name, if they have been prepared.
    suffixes: SuffixHashes,
    is_prepared: bool,
    /// What the cache finds its question by, if it has been made.
    hash: Option<u32>,
    /// What [`peek`] said, if the packet was looked at ahead.
    peeked: Option<Result<(), Refusal>>,
}

impl ParsedQuery {
    /// Looks at a packet ahead of its turn.
    #[inline]
    pub fn look(&mut self, active: &ActiveState, cache: &PacketCache, packet: &[u8]) {
        #[cfg(test)]
        crate::tests::test_panic(packet);
        let peeked = self.peek(packet);
        if peeked.is_ok() {
            active.rulebook.prepare(&self.query.name, &mut self.suffixes);
            self.is_prepared = true;
            cache.prefetch_index(self.hash(cache));
        }
        self.peeked = Some(peeked);
    }

    /// Forgets what was looked at ahead.
    #[inline]
    pub fn forget(&mut self) {
        (self.is_prepared, self.hash, self.peeked) = (false, None, None);
    }

    /// What is next to be brought near, if it was looked at ahead.
    #[inline]
    pub fn hash_ahead(&self) -> Option<u32> {
        self.hash
    }

    /// What the cache finds its question by.
    #[inline]
    pub fn hash(&mut self, cache: &PacketCache) -> u32 {
        *self.hash.get_or_insert_with(|| cache.hash(QuestionRef::of(&self.query, None)))
    }

    /// What [`peek`] says of the packet, which was looked at ahead or is looked at now.
    #[inline]
    pub fn peeked(&mut self, packet: &[u8]) -> Result<(), Refusal> {
        match self.peeked.take() {
            Some(peeked) => peeked,
            None => self.peek(packet),
        }
    }

    /// Looks at a packet now.
    #[inline]
    pub fn peek(&mut self, packet: &[u8]) -> Result<(), Refusal> {
        self.forget();
        peek(packet, &mut self.query)
    }

    /// The verdict on its name. `hashes` is room to work in.
    #[inline]
    pub fn decide(&mut self, rulebook: &Rulebook, policy: u16, hashes: &mut SuffixHashes) -> Verdict {
        if !self.is_prepared {
            rulebook.prepare(&self.query.name, &mut self.suffixes);
            self.is_prepared = true;
        }
        rulebook.decide_prepared(policy, &self.query.name, &mut self.suffixes, hashes)
    }
}
