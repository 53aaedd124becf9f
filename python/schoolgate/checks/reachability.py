"""Over-blocking as a rate: of all decisions that must be open, how many are closed, for whom, and by whose word.

What is closed on purpose is told apart and not counted: a sealed list, a threat, a school's own rule about a name that
is guarded from lists only. A number that hides over-blocking must never come out of here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from schoolgate.checks.deciding import Decided, Judge, Policy
from schoolgate.checks.needed import Needed
from schoolgate.checks.resolving import Resolved
from schoolgate.privacy.defang import defang

# Of each kind, in --json and in what is kept: a policy that closes the internet shows enough with these.
MOST_TOLD = 1000
# Layers whose deny an answer's target imposes on a name whatever vouches for the name (docs/architecture/query.md).
_IMPOSED = frozenset({"sealed", "trust-locked"})
_VOUCHES = frozenset({"exception", "own-list"})
# What must be open vouches for where it leads, but not for what is compromised.
_ALWAYS_OPEN = ("platform", "protected")
_BELOW_THREATS = ("circumvention", "category")
# What asks the service says nothing of another policy; its own denial is listed under this name.
ASKED_HERE = "as asked from this machine"
# Instead of a name that a sealed list closes: what such a list holds is written nowhere.
WITHHELD = "(withheld)"


@dataclass(frozen=True)
class Closed:
    """A needed name that is closed under a policy. `via`: what its answer leads to, where that is what is closed."""

    name: str
    kind: str
    policy: str
    layer: str
    category: str | None
    by: str | None
    via: str | None = None

    def __str__(self) -> str:
        way = f" (its answer leads to {self.via})" if self.via else ""
        by = f" by {self.by}" if self.by else ""
        as_ = f" as {self.category}" if self.category else ""
        return f"{self.name}{way} is closed under {self.policy}: {self.layer}{by}{as_}"

    def defang(self) -> Closed:
        """For a message: no name in it is a link."""
        # A feed, which has no dot, or a rule, which may be a name.
        by = None if self.by is None else self.by.replace(".", "[.]")
        return replace(self, name=defang(self.name), via=self.via and defang(self.via), by=by)


@dataclass(frozen=True)
class Reachability:
    """The result. `decisions`: names times policies; `over_blocked` of them are closed and should not be."""

    at: dt.datetime
    policy_revision: int
    lists_serial: int
    names: int
    policies: tuple[str, ...]
    decisions: int
    over_blocked: tuple[Closed, ...]
    on_purpose: tuple[Closed, ...]
    # None: no service ran, so nothing was asked.
    asked: int | None = None
    unresolvable: tuple[Resolved, ...] = ()
    refused: int = 0
    without_address: tuple[str, ...] = field(default=())

    @property
    def rate(self) -> float:
        """Over-blocked decisions of all decisions, 0 to 1."""
        return len(self.over_blocked) / self.decisions if self.decisions else 0.0

    def summary(self) -> dict[str, Any]:
        """The numbers alone, for the history: no names."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "policy_revision": self.policy_revision,
            "lists_serial": self.lists_serial,
            "names": self.names,
            "policies": len(self.policies),
            "decisions": self.decisions,
            "over_blocked": len(self.over_blocked),
            "over_blocked_names": len({one.name for one in self.over_blocked}),
            "rate": round(self.rate, 6),
            "on_purpose": len(self.on_purpose),
            "asked": self.asked,
            "unresolvable": len(self.unresolvable) if self.asked is not None else None,
        }

    def whole(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return self.summary() | {
            "policies": list(self.policies),
            "closed": [asdict(one) for one in self.over_blocked[:MOST_TOLD]],
            "closed_on_purpose": [asdict(one) for one in self.on_purpose[:MOST_TOLD]],
            "unresolvable_names": [{"name": one.name, "said": one.said} for one in self.unresolvable[:MOST_TOLD]],
            "without_address": list(self.without_address[:MOST_TOLD]),
            "refused": self.refused,
        }


class Check:
    """One check: decide first, then look where the answers lead. `roles`: the role of each category."""

    def __init__(self, judge: Judge, needed: Sequence[Needed], roles: Mapping[str, str]) -> None:
        self._judge, self._needed, self._roles = judge, needed, roles
        self._decided: dict[tuple[Policy, str], Decided] = {}
        self.over_blocked: list[Closed] = []
        self.on_purpose: list[Closed] = []
        self._closed: set[str] = set()
        self.decisions = 0

    def decide(self, done: Callable[[int], None] = lambda _: None) -> None:
        """Every name for every policy; `done` hears how many names are."""
        for number, needed in enumerate(self._needed, start=1):
            for policy in self._policies(needed):
                self.decisions += 1
                decided = self._decide(policy, needed.name)
                if not decided.is_open:
                    self._close(needed, policy, decided, None)
            done(number)

    def follow(self, resolved: Sequence[Resolved]) -> None:
        """What the answers lead to, for every policy that has the name itself open."""
        answers = {one.name: one for one in resolved}
        for needed in self._needed:
            answer = answers.get(needed.name)
            if answer is None:
                continue
            closed_before = len(self.over_blocked) + len(self.on_purpose)
            for policy in self._policies(needed):
                self._follow(needed, policy, answer.targets)
            if answer.outcome == "denied" and closed_before == len(self.over_blocked) + len(self.on_purpose):
                self._denied_here(needed, answer)

    def _policies(self, needed: Needed) -> Iterator[Policy]:
        # What is guarded from lists is not promised to an allow list.
        return (one for one in self._judge.policies if needed.is_always_open or not one.is_allow_list_only)

    def _decide(self, policy: Policy, name: str) -> Decided:
        key = (policy, name)
        if key not in self._decided:
            self._decided[key] = self._judge.decide(policy, name)
        return self._decided[key]

    def _follow(self, needed: Needed, policy: Policy, targets: Sequence[str]) -> None:
        own = self._decide(policy, needed.name)
        for target in targets if own.is_open else ():
            decided = self._decide(policy, target)
            # The rule for unknown names speaks of what is asked; a target need not be on an allow list.
            if decided.is_open or decided.layer == "unknown":
                continue
            if own.layer in _ALWAYS_OPEN and decided.layer in _BELOW_THREATS:
                continue
            if decided.layer in _IMPOSED or own.layer not in _VOUCHES:
                self._close(needed, policy, decided, target)
                return

    def _denied_here(self, needed: Needed, answer: Resolved) -> None:
        """Decided open, answered denied: an address it has is listed, or what the service knows is newer."""
        if needed.name in self._closed:
            return
        self.over_blocked.append(Closed(needed.name, needed.kind, ASKED_HERE, "answer", None, answer.said))

    def _close(self, needed: Needed, policy: Policy, decided: Decided, via: str | None) -> None:
        meant = is_meant(needed, decided, self._roles) if via is None else is_imposed(decided, self._roles)
        self._closed.add(needed.name)
        by, name = decided.feed or decided.rule, needed.name
        if decided.layer == "sealed":
            by = decided.feed
            name, via = (WITHHELD, None) if via is None else (name, WITHHELD)
        closed = Closed(name, needed.kind, str(policy), decided.layer, decided.category, by, via)
        (self.on_purpose if meant else self.over_blocked).append(closed)


def is_imposed(decided: Decided, roles: Mapping[str, str]) -> bool:
    """Sealed lists and threats close what is compromised, also a site that is needed."""
    return decided.layer in ("sealed", "threat") or roles.get(decided.category or "") == "threat"


def is_meant(needed: Needed, decided: Decided, roles: Mapping[str, str]) -> bool:
    """Whether the school decided that this name be closed, and was free to."""
    if is_imposed(decided, roles):
        return True
    is_choice = decided.feed is None or (decided.category or "").startswith("service:")
    return not needed.is_always_open and is_choice
