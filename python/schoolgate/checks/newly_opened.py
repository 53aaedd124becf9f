"""What a new policy would open that the one in force closes: for each network, by the engine, now and when the next
exception, lesson or exam mode of either begins or ends.

It rather says too much than too little: a rule that opens a name with all below it opens something wherever no rule
did so before, and times of a schedule that depend on dates are compared as if each came at any time.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from schoolgate._core import Plane, Snapshot
from schoolgate.checks.deciding import UNHEARD, Judge
from schoolgate.checks.draft import lists_to_decide_by
from schoolgate.checks.strictest import Against, Comparison, differences, own_rules
from schoolgate.config import Settings, SocketAddress
from schoolgate.lists.services import read_services
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import ActivePolicy, Ground, compile_active_policy
from schoolgate.policy.model import Document, Segment
from schoolgate.policy.schedule import next_boundary, policy_at
from schoolgate.sealed.selftest import addresses_of

# Each is a whole comparison.
MOST_INSTANTS: Final = 40
# A schedule without dates comes again after a week; a day more for the hour that a clock jumps.
_WEEK: Final = dt.timedelta(days=8)
_TYPE_A: Final = 1
_ANY_NAME: Final = "schoolgate-compares.example"
# Names of a document that take precedence over lists and are no lock (policy/compiled_names.py).
_OWN_LAYERS: Final = frozenset({5, 6})
_ELSEWHERE: Final = SocketAddress("127.0.0.1", 53)

# Policies before and after that the same client may have.
Pair = tuple[str, str]


def newly_opened(
    settings: Settings, ground: Ground, before: CheckedPolicy, after: CheckedPolicy, now: dt.datetime
) -> tuple[str, ...]:
    """A sentence for each thing that would open, each once. Raises `SchoolgateError`."""
    if before.document == after.document:
        return ()
    snapshot = lists_to_decide_by(settings)
    services = {one.id: one for one in read_services(settings.lists.dir / "services")}
    instants = _instants(before.document, after.document, now)
    shared = _shared_segments(before, after, ground, snapshot, now)
    pairs = _pairs(before.document, after.document, shared, ground, now, instants)
    said: dict[str, None] = {}
    for instant in instants[:MOST_INSTANTS]:
        old, new = (compile_active_policy(one, ground, 1, instant) for one in (before, after))
        there = Against(orjson.loads(old.compiled.description), Judge(old.compiled.description, snapshot, None))
        judge = Judge(new.compiled.description, snapshot, None)
        document = orjson.loads(new.compiled.description)
        for was, will_be in sorted(pairs | _in_force(there.document, document, shared)):
            compared = Comparison(new, judge, ground.catalogue, services, will_be, there)
            when = "" if instant == now else f" from {instant:%Y-%m-%d %H:%M} UTC on"
            said |= dict.fromkeys(f"{one}{when}" for one in opened(compared, document, was) if one not in said)
    if len(instants) > MOST_INSTANTS:
        said[f"{len(instants) - MOST_INSTANTS} more beginnings and ends that were not looked at"] = None
    return tuple(said)


def opened(compared: Comparison, document: dict[str, Any], was: str) -> Iterator[str]:
    """What the subject opens, and the policy `was` of the other document closes."""
    there, will_be = compared.against, compared.strictest
    if there is None:
        return
    who = f"policy {will_be}" if was == will_be else f"policy {will_be}, where {was} was"
    said = set()
    for _, subject, clause, _ in differences(compared, was):
        said.add(subject)
        yield f"{who}: {clause} by the policy in force"
    for rule in own_rules(document, "allow", will_be):
        if rule["layer"] in _OWN_LAYERS and rule["name"] not in said and not _is_allowed(there.document, was, rule):
            yield f"{who}: {rule['name']}{' with all below it' if rule['match'] == 'suffix' else ''} would be allowed"
    for rule in own_rules(there.document, "deny", was):
        below = f"schoolgate-compares.{rule['name']}"
        is_open = rule["match"] == "suffix" and compared.decide(will_be, below).is_open
        if rule["name"] not in said and is_open and not compared.decide_other(was, below).is_open:
            yield f"{who}: what is below {rule['name']} is denied by the policy in force"
    yield from _allowed_kinds(compared, document, there.document, was, who)


def _is_allowed(document: dict[str, Any], policy: str, rule: dict[str, Any]) -> bool:
    """Whether a rule of the same policy has opened as much already, as firmly."""
    return any(
        one["layer"] <= rule["layer"]
        and (
            (one["match"] == rule["match"] and one["name"] == rule["name"])
            or (one["match"] == "suffix" and f".{rule['name']}".endswith(f".{one['name']}"))
        )
        for one in own_rules(document, "allow", policy)
    )


def _allowed_kinds(
    compared: Comparison, document: dict[str, Any], there: dict[str, Any], was: str, who: str
) -> Iterator[str]:
    """Where all that is not allowed is closed, each kind that is allowed opens something."""
    old = next(one for one in there["policies"] if one["id"] == was)
    new = next(one for one in document["policies"] if one["id"] == compared.strictest)
    for category, rule in new["categories"].items() if old["unknown"] == "deny" else ():
        if rule["effect"] == "allow" and old["categories"].get(category, {"effect": None})["effect"] is None:
            yield f"{who}: {category} would be allowed"


def _in_force(old: dict[str, Any], new: dict[str, Any], shared: frozenset[tuple[str | None, str | None]]) -> set[Pair]:
    """What the engine has at that instant, where a lesson opens something in one of them."""
    policies = [{one["id"]: str(one["policy"]) for one in document["segments"]} for document in (old, new)]
    found = {
        (
            policies[0][was] if was is not None else str(old["strictest"]),
            policies[1][will_be] if will_be is not None else str(new["strictest"]),
        )
        for was, will_be in shared
    }
    written = [{segment["id"] for segment in document["policies"]} for document in (old, new)]
    return {(was, will_be) for was, will_be in found if was in written[0] and will_be in written[1]}


def _instants(old: Document, new: Document, now: dt.datetime) -> list[dt.datetime]:
    """Now, and each moment to come that only one of them knows."""
    return [now, *sorted(one for one in _moments(old) ^ _moments(new) if one > now)]


def _moments(document: Document) -> frozenset[dt.datetime]:
    found: set[dt.datetime] = set()
    for policy in document.policies.values():
        found |= {one.until for one in policy.exceptions} | {one.until for one in policy.temporary_deny}
    for segment in document.segments.values():
        found |= {edge for one in segment.exams for edge in (one.from_, one.until)}
        found |= {edge for one in segment.lessons for edge in (one.from_, one.until)}
    return frozenset(one.astimezone(dt.UTC) for one in found)


def _pairs(
    old: Document, new: Document, shared: frozenset[tuple[str | None, str | None]], ground: Ground, now: dt.datetime,
    instants: list[dt.datetime],
) -> set[Pair]:  # fmt: skip
    """Policies that the same client has, before and after, at some time."""
    found: set[Pair] = set()
    for was, will_be in shared:
        there = old.segments[was] if was is not None else Segment(policy=old.strictest)
        here = new.segments[will_be] if will_be is not None else Segment(policy=new.strictest)
        is_same = there.schedule == here.schedule and old.time_zone == new.time_zone
        found |= {(one.policy, one.policy) for one in here.exams if one in there.exams}
        if is_same:
            found |= {(there.policy, here.policy), *((one.policy, one.policy) for one in here.schedule)}
        if is_same and there.exams == here.exams:
            continue
        if any(_has_dates(one) for one in (there, here)) and not is_same:
            found |= {(one, other) for one in there.usual_policies for other in here.usual_policies}
        else:
            for begin in instants[:MOST_INSTANTS]:
                found |= _of_a_week(old, new, there, here, ground, begin)
    return found


def _has_dates(segment: Segment) -> bool:
    return any(one.during is not None or one.dates.only is not None or one.dates.except_ for one in segment.schedule)


def _of_a_week(
    old: Document, new: Document, there: Segment, here: Segment, ground: Ground, begin: dt.datetime
) -> set[Pair]:
    zones = ZoneInfo(old.time_zone), ZoneInfo(new.time_zone)
    found, instant = set(), begin
    while instant < begin + _WEEK:
        found.add(
            (
                policy_at(there, instant, zones[0], ground.calendar),
                policy_at(here, instant, zones[1], ground.calendar),
            )
        )
        edges = (
            next_boundary(there, instant, zones[0], ground.calendar),
            next_boundary(here, instant, zones[1], ground.calendar),
        )
        instant = min((one for one in edges if one is not None), default=begin + _WEEK)
    return found


@dataclass(frozen=True)
class _Places:
    """Which segment a client is in."""

    plane: Plane

    @classmethod
    def of(cls, active: ActivePolicy, snapshot: Snapshot) -> _Places:
        return cls(Plane(orjson.dumps(UNHEARD), snapshot, active.table, None))

    def segment(self, client: str, host: str, port: int) -> str | None:
        found: str | None = orjson.loads(self.plane.explain(_ANY_NAME, _TYPE_A, client, host, port))["segment"]
        return found


def _shared_segments(
    before: CheckedPolicy, after: CheckedPolicy, ground: Ground, snapshot: Snapshot, now: dt.datetime
) -> frozenset[tuple[str | None, str | None]]:
    """Segments, before and after, that have a client in common; None is no segment, for which the strictest counts."""
    if _networks(before.document) == _networks(after.document):
        return frozenset({(None, None), *((one, one) for one in after.document.segments)})
    old, new = (_Places.of(compile_active_policy(one, ground, 1, now), snapshot) for one in (before, after))
    asked = {one for document in (before.document, after.document) for one in _asked(document)}
    found: set[tuple[str | None, str | None]] = {(None, None)}
    for client in _edges(before.document, after.document):
        for host, port in asked:
            found.add((old.segment(client, host, port), new.segment(client, host, port)))
    return frozenset(found)


def _networks(document: Document) -> dict[str, tuple[list[str], list[str]]]:
    return {
        name: (sorted(map(str, one.prefixes)), sorted(map(str, one.asked))) for name, one in document.segments.items()
    }


def _asked(document: Document) -> Iterator[tuple[str, int]]:
    yield _ELSEWHERE.host, _ELSEWHERE.port
    for _, asked in _networks(document).values():
        for _, host, port in addresses_of({"prefixes": [], "asked": asked}, _ELSEWHERE):
            yield host, port


def _edges(*documents: Document) -> Iterator[str]:
    """An address of each stretch in which all addresses are in the same networks of all documents."""
    found: set[ipaddress.IPv4Address | ipaddress.IPv6Address] = set()
    for document in documents:
        every = [prefix for one in document.segments.values() for prefix in one.prefixes]
        for network in map(ipaddress.ip_network, map(str, (*every, *document.allowed_clients))):
            found.add(network[0])
            if int(network[-1]) < 2**network.max_prefixlen - 1:
                found.add(network[-1] + 1)
    return map(str, sorted(found, key=lambda one: (one.version, int(one))))
