//! Tags of what an answer reveals, and the verdict that forbids an answer because of them.

use crate::active_state::ActiveState;
use crate::cache::PacketCache;
use crate::query_context::QueryContext;
use crate::question::QuestionRef;
use crate::stored::Stored;
use schoolgate_policy::{Effect, SuffixHashes, Tag, Verdict};
use schoolgate_wire::Name;

/// Tags of what an answer reveals, under the rulebook now in force.
pub fn tags(stored: &Stored, active: &ActiveState, hashes: &mut SuffixHashes) -> Box<[Tag]> {
    let question = stored.question();
    let asked = Name::from_wire(question.name).unwrap_or_default();
    let is_placed = question.rewrite.is_some();
    let names = stored.names().map(|name| active.rulebook.tag(&name, hashes));
    let addresses = stored.addresses().map(|address| {
        let tag = active.rulebook.tag_address(address, &asked);
        if is_placed { tag.placed() } else { tag }
    });
    let mut tags: Vec<Tag> = Vec::new();
    for tag in names.chain(addresses) {
        if !tag.says_nothing() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.into()
}

/// Tags of another generation are made again, and kept with the answer until the next one.
#[cold]
pub fn retag(cache: &mut PacketCache, hashes: &mut SuffixHashes, active: &ActiveState, question: QuestionRef<'_>) {
    let Some(stored) = cache.look_at(question).map(|held| held.stored.clone()) else { return };
    let tags = tags(&stored, active, hashes);
    cache.update(question, |held| (held.tags, held.generation) = (tags, active.generation));
}

/// The verdict of the policy of the network, for a device that its group tightens.
#[cold]
#[inline(never)]
pub fn network_verdict(context: &QueryContext<'_>, name: &Name, hashes: &mut SuffixHashes) -> Verdict {
    context.active.rulebook.decide(context.selected.network, name, hashes)
}

/// [`objection`] for a device that its group tightens: by its policy, or by that of its network.
#[cold]
#[inline(never)]
pub fn objection_of_either(
    context: &QueryContext<'_>,
    verdict: Verdict,
    tags: &[Tag],
    name: &Name,
    hashes: &mut SuffixHashes,
) -> Option<Verdict> {
    objection(context, verdict, tags).or_else(|| {
        let (network, of_network) = (context.selected.network, network_verdict(context, name, hashes));
        let judged = tags.iter().map(|tag| context.active.rulebook.judge_revealed(network, of_network, *tag));
        judged.filter(|judged| judged.effect == Effect::Deny).min_by_key(|judged| judged.layer)
    })
}

/// The verdict that forbids an answer because of what it reveals. Of several the first layer: where one target is sealed,
/// nothing of the chain may be shown.
#[inline]
pub fn objection(context: &QueryContext<'_>, verdict: Verdict, tags: &[Tag]) -> Option<Verdict> {
    let judged = tags.iter().map(|tag| context.active.rulebook.judge_revealed(context.policy(), verdict, *tag));
    judged.filter(|judged| judged.effect == Effect::Deny).min_by_key(|judged| judged.layer)
}
