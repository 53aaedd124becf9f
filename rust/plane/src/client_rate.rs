//! What one client may ask: what its segment allows.

use crate::active_state::ActiveState;
use crate::rate_limit::Rate;
use schoolgate_policy::Selection;

/// Answers an outside client may get: enough to see REFUSED with dig, too little to be worth forging an address for.
pub const OUTSIDE_RATE: Rate = Rate { qps: 5, burst: 10, subnet: 1 };
/// What a client in no segment may ask: as much as a segment allows that does not say otherwise.
const UNPLACED_RATE: Rate = Rate { qps: 500, burst: 1000, subnet: 8 };

/// The rate of a client that was placed like this.
#[inline]
pub fn rate_of(active: &ActiveState, selection: Selection) -> Rate {
    let Selection::Served(selected) = selection else { return OUTSIDE_RATE };
    let segment = selected.segment.and_then(|at| active.rulebook.table().segments().get(usize::from(at)));
    segment.map_or(UNPLACED_RATE, |segment| Rate { qps: segment.qps, burst: segment.burst, subnet: segment.subnet })
}
