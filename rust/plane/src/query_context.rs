//! One query under way: what is known of it beside [`schoolgate_wire::Query`], and the limits on every TTL.

use crate::active_state::ActiveState;
use crate::cache::Held;
use crate::clock::Now;
use crate::requester::Requester;
use crate::settings::Settings;
use schoolgate_policy::{Ech, Selected};
use schoolgate_wire::{EdeCode, EdnsReply, TtlRule};

/// TTL of a stale answer (RFC 8767 section 4).
const STALE_TTL_S: u32 = 30;

/// What the answer may be made from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AnswerSource {
    /// The cache; a miss goes to a forwarder.
    Cache,
    /// The same, for a client that waited: an answer has just come.
    Arrived,
    /// The same, but a stale answer will do: a client that waited has waited long.
    Stale,
    /// Nothing better will come: stale, else SERVFAIL with this code.
    GiveUp(EdeCode),
}

impl AnswerSource {
    /// Whether an answer past its TTL may be given.
    #[inline]
    pub fn allows_stale(self) -> bool {
        matches!(self, AnswerSource::Stale | AnswerSource::GiveUp(_))
    }
}

/// One query under way.
#[derive(Clone, Copy)]
pub struct QueryContext<'a> {
    /// The active state.
    pub active: &'a ActiveState,
    /// The query, at least up to the end of its question.
    pub packet: &'a [u8],
    /// Who asked.
    pub requester: &'a Requester,
    /// The time.
    pub now: Now,
    /// When the query came, on the monotonic clock in microseconds: for a client that waited, before `now`.
    pub since_us: u64,
    /// Segment and policy.
    pub selected: Selected,
    /// What the answer may be made from.
    pub answer_source: AnswerSource,
    /// How the answer is framed.
    pub reply: EdnsReply<'static>,
}

impl QueryContext<'_> {
    /// Index of the policy that decides.
    #[inline]
    pub fn policy(&self) -> u16 {
        self.selected.policy
    }

    /// Whether the group of the device has tightened the policy of its network.
    #[inline]
    pub fn is_tightened(&self) -> bool {
        self.selected.policy != self.selected.network
    }

    /// What becomes of ECH keys in the answer.
    #[inline]
    pub fn ech(&self) -> Ech {
        self.active.rulebook.table().ech(self.selected.segment)
    }

    /// No client may keep an answer longer, seconds: to the next boundary of its segment's schedule, and not beyond what
    /// its policy allows, or a tightening would reach it too late.
    #[inline]
    pub fn longest_s(&self) -> u32 {
        let most_s = self.active.rulebook.policy(self.policy()).map_or(u32::MAX, |policy| policy.max_ttl_s);
        let longest_s = self.boundary_s().min(most_s);
        if self.is_tightened() { longest_s.min(self.longest_in_network_s()) } else { longest_s }
    }

    #[cold]
    #[inline(never)]
    fn longest_in_network_s(&self) -> u32 {
        self.active.rulebook.policy(self.selected.network).map_or(u32::MAX, |policy| policy.max_ttl_s)
    }

    /// Whole seconds to the next boundary of the segment's schedule.
    #[inline]
    fn boundary_s(&self) -> u32 {
        let ends_ms = self.selected.segment.and_then(|at| self.active.ends_ms.get(usize::from(at)).copied().flatten());
        ends_ms.map_or(u32::MAX, |ends_ms| whole_s(ends_ms.saturating_sub(self.now.mono_ms)))
    }

    /// How the TTLs of an answer within its time are written: as if they had been raised and capped when it came.
    #[inline]
    pub fn aged(&self, held: &Held, settings: &Settings) -> TtlRule {
        let elapsed_s = whole_s(self.now.mono_ms.saturating_sub(held.stored.received_ms));
        TtlRule::Aged {
            elapsed_s,
            floor_s: settings.min_ttl_s.saturating_sub(elapsed_s),
            cap_s: settings.most_ttl_s(held.is_negative()).saturating_sub(elapsed_s).min(self.longest_s()),
        }
    }

    /// How the TTLs of a stale answer are written.
    pub fn stale(&self) -> TtlRule {
        TtlRule::Fixed(STALE_TTL_S.min(self.longest_s()))
    }
}

#[inline]
fn whole_s(ms: u64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}
