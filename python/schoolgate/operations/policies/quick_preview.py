"""What `policy.block` and `policy.allow` would write, and for whom, before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from schoolgate.config import config_label
from schoolgate.operations.policies.quick_policy import QuickDraft, draft_of, refuse_endless, rule_of
from schoolgate.operations.registry import Personal, looks
from schoolgate.operations.work import Work
from schoolgate.policy import difference
from schoolgate.policy.active_policy import read_ground
from schoolgate.policy.inheritance import effective
from schoolgate.storage import state_dir


@dataclass(frozen=True)
class QuickPreview:
    """`policies` that would be written to, and `segments` that have one of them or one below, now or by schedule;
    `is_for_unknown`: also devices of no segment. `lines`: what changes, in the words of the policy; none where it is so
    already. `until`: ISO 8601 with the school's offset; None: for good. `old_answer_s`: a device may keep what it was
    answered before for so long. `text`: the whole policy as it would be."""

    rule: str
    effect: Literal["allow", "deny"]
    is_so_already: bool
    policies: tuple[str, ...]
    segments: tuple[str, ...]
    is_for_unknown: bool
    lines: tuple[str, ...]
    until: str | None
    old_answer_s: int
    revision: int
    text: str


@looks("policy.preview")
def preview(
    work: Work,
    name: str,
    effect: Literal["allow", "deny"],
    segments: tuple[str, ...] = (),
    until: str | None = None,
    lasts: str | None = None,
    reason: Annotated[str, Personal] = "",
) -> QuickPreview:
    """What a block or an opening would change. Raises what these raise."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    ground = read_ground(work.settings, config_label(work.config))
    if effect == "allow":
        refuse_endless(until, lasts)
    rule = rule_of(name)
    why = reason.strip() or "not said"
    draft = draft_of(work, ground, rule, segments, until, lasts, why, closes=effect == "deny")
    end = draft.wanted.until
    return QuickPreview(
        str(rule),
        effect,
        draft.after == draft.text,
        draft.scope.tops,
        _segments(draft),
        draft.is_for_unknown,
        difference(draft.text, draft.after),
        end.isoformat() if end is not None else None,
        _old_answer_s(work, draft),
        draft.before or 0,
        draft.after,
    )


def _segments(draft: QuickDraft) -> tuple[str, ...]:
    having = set(draft.scope.policies)
    found = draft.checked.document.segments.items()
    return tuple(name for name, one in found if having & one.every_policy)


def _old_answer_s(work: Work, draft: QuickDraft) -> int:
    """An open answer is kept as long as the policy, or the cache, lets it be; a closed one as long as blocks are."""
    found = [effective(draft.checked.document, draft.checked.lineages[one], work.now) for one in draft.scope.policies]
    if not draft.wanted.closes:
        return max((one.block_ttl_s for one in found), default=0)
    most = work.settings.cache.max_ttl_s
    return max((min(one.max_ttl_s or most, most) for one in found), default=0)
