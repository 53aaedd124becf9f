"""What explain says of the names of a request, in each of its networks: by the running service, else by its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schoolgate.checks.explaining import OnDisk, on_disk
from schoolgate.checks.following import Question
from schoolgate.config import SocketAddress
from schoolgate.config.own_address import own_address
from schoolgate.control import call_if_running
from schoolgate.errors import SchoolgateError
from schoolgate.governance.change_request import ChangeRequest, Verified
from schoolgate.operations.governance.request_drafting import rules_of
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.work import Work
from schoolgate.policy.model import Segment
from schoolgate.sealed.selftest import addresses_of

MOST_VERIFIED = 100
_TYPE_A = 1


@dataclass(frozen=True)
class _Place:
    """Where a client of a network asks from, and the address of ours that it asks."""

    segment: str
    client: str
    local: SocketAddress

    def question(self, name: str) -> Question:
        return Question(name, _TYPE_A, self.client, self.local)


def verify(work: Work, fields: ChangeRequest) -> tuple[Verified, ...]:
    """One row for each name and network, at most 100. None where no lists were built yet: the service never ran."""
    try:
        there = on_disk(work.settings, work.config, None)
    except SchoolgateError:
        return ()
    found: list[Verified] = []
    for place in _places(work, fields, there):
        for rule in rules_of(fields)[: MOST_VERIFIED - len(found)]:
            found.append(_verified(work, fields, there, place, rule.name))
    return tuple(found)


def _places(work: Work, fields: ChangeRequest, there: OnDisk) -> Iterator[_Place]:
    segments = policy_in_force(work).checked.document.segments
    for name in fields.segments or tuple(segments):
        place = _place(work, name, segments[name], there) if name in segments else None
        if place is not None:
            yield place


def _place(work: Work, name: str, segment: Segment, there: OnDisk) -> _Place | None:
    """An address that the engine takes for one of the network; None where narrower networks have them all."""
    networks = {"prefixes": list(map(str, segment.prefixes)), "asked": list(map(str, segment.asked))}
    for client, host, port in addresses_of(networks, own_address(work.settings)):
        place = _Place(name, client, SocketAddress(host, port))
        if there.explain(place.question("example.org"))["segment"] == name:
            return place
    return None


def _verified(work: Work, fields: ChangeRequest, there: OnDisk, place: _Place, name: str) -> Verified:
    live = _live(work, place, name)
    said: dict[str, Any] = there.explain(place.question(name)) if live is None else live
    decision = said["decision"]
    verdict = "refused" if decision is None else "denied" if decision["effect"] == "deny" else "allowed"
    return Verified(
        name=name,
        segment=place.segment,
        verdict=verdict,
        layer="" if decision is None else decision["layer"],
        revision=int(said["policy_revision"]),
        by="the running service" if live is not None else "the files on the disk",
        is_as_wanted=verdict == ("denied" if fields.action == "close" else "allowed"),
    )


def _live(work: Work, place: _Place, name: str) -> dict[str, Any] | None:
    local = place.local
    try:
        return call_if_running(
            work.settings.server.control_socket, "explain", name=name, type=_TYPE_A, client=place.client,
            local=local.host, local_port=local.port,
        )  # fmt: skip
    except SchoolgateError:
        return None
