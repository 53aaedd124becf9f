"""Whether the search engines' safe modes can still be locked: each target of lists/safesearch.toml has an address.

A target that is gone means that an engine is unlocked or unreachable for every pupil, which is first noticed by a
complaint. The forwarders are asked, not the service: a policy that denies a target says nothing of the target.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from schoolgate.checks.resolving import TIMEOUT_S, Resolved, resolve
from schoolgate.config import SocketAddress
from schoolgate.policy import Catalogue
from schoolgate.privacy.defang import defang

# A table with more rows than there are engines in the world is another file.
MOST_TARGETS = 500
# Each is asked in turn until one answers.
MOST_FORWARDERS = 4

Ask = Callable[[str, SocketAddress], Resolved]


@dataclass(frozen=True)
class Target:
    """The host of a safe mode, and the engines that are locked to it."""

    name: str
    engines: tuple[str, ...]


@dataclass(frozen=True)
class TargetState:
    """Whether a target answers; if not, what was said."""

    target: str
    engines: tuple[str, ...]
    is_well: bool
    said: str


@dataclass(frozen=True)
class SafeSearchCheck:
    """The result for all targets."""

    at: dt.datetime
    targets: tuple[TargetState, ...]
    problem: str | None = None

    @property
    def failed(self) -> tuple[TargetState, ...]:
        return tuple(one for one in self.targets if not one.is_well)

    def sentences(self) -> tuple[str, ...]:
        """What is wrong, in words for a person; none when all is well."""
        if self.problem is not None:
            return (f"SafeSearch could not be checked: {self.problem}",)
        if len(self.failed) == len(self.targets) > 1:
            return (
                f"none of the {len(self.targets)} SafeSearch hosts resolves ({self.failed[0].said});"
                " do the forwarders reach the internet? Look at `schoolgate check safesearch`",
            )
        return tuple(
            f"SafeSearch of {', '.join(one.engines)} is in doubt: {defang(one.target)} does not resolve ({one.said});"
            " pupils may get no answer from it. Look at `schoolgate check safesearch`"
            for one in self.failed
        )

    def whole(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "problem": self.problem,
            "failed": len(self.failed),
            "targets": [asdict(one) for one in self.targets],
            "sentences": list(self.sentences()),
        }


def targets_of(catalogue: Catalogue) -> tuple[Target, ...]:
    """Each target once, in order."""
    engines: dict[str, list[str]] = {}
    for one in catalogue.engines.values():
        engines.setdefault(one.target, []).append(one.id)
    return tuple(Target(name, tuple(sorted(ids))) for name, ids in sorted(engines.items()))[:MOST_TARGETS]


def check_safesearch(
    targets: Sequence[Target], servers: Sequence[SocketAddress], now: dt.datetime, *, ask: Ask | None = None
) -> SafeSearchCheck:
    """Asks for each target. Blocks: call it in a thread."""
    if not servers:
        return SafeSearchCheck(now, (), "there is no forwarder to ask; set forwarders.servers")
    asking = ask or (lambda name, server: resolve(name, server, timeout_s=TIMEOUT_S))
    return SafeSearchCheck(now, tuple(_state(one, servers[:MOST_FORWARDERS], asking) for one in targets))


def _state(target: Target, servers: Sequence[SocketAddress], ask: Ask) -> TargetState:
    said = ""
    for server in servers:
        found = ask(target.name, server)
        if found.outcome == "answered":
            return TargetState(target.name, target.engines, True, "answers")
        said = f"{server}: {found.said}"
    return TargetState(target.name, target.engines, False, said)
