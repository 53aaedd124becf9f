"""A policy at an instant, flattened to what the engine reads: no inheritance, no clock, no choice left.

The same policy, lists and instant give the same octets, so that two nodes can be compared by a checksum.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from schoolgate.config.problems import Problem, path_of
from schoolgate.policy.catalogue import Catalogue
from schoolgate.policy.check import CheckedPolicy
from schoolgate.policy.compiled_names import answered_for, own_names, zone_names
from schoolgate.policy.inheritance import Effective, Exemption, effective
from schoolgate.policy.model import DEFAULT_BLOCK_TTL_S, Document, Segment
from schoolgate.policy.safesearch import Level, rewrite_of
from schoolgate.policy.schedule import next_boundary, policy_at
from schoolgate.policy.school_calendar import NO_CALENDAR, SchoolCalendar
from schoolgate.policy.segments import group_key, segment_warnings
from schoolgate.policy.switched import opened_names, opened_services
from schoolgate.policy.zones import Zone, described

# The layers of a decision that policies speak in (docs/architecture/query.md).
PLATFORM, LOCKED, PROTECTED, THREATS, CIRCUMVENTION, CATEGORIES = 2, 3, 4, 7, 8, 9
_ALWAYS_OPEN = {"platform": PLATFORM, "protected": PROTECTED}
_DENIES = {"threat": THREATS, "circumvention": CIRCUMVENTION}
# No policy of a document has it in its name.
LESSON_MARK = "+"
# Within the layer of categories: a service's own switch, then denies, then allows.
_SERVICE_ORDER, _DENY_ORDER, _ALLOW_ORDER = 0, 1, 2


@dataclass(frozen=True)
class Compiled:
    """`description` is JSON for the engine; compile again at `next_boundary` (UTC), if there is one."""

    description: bytes
    warnings: tuple[Problem, ...]
    next_boundary: dt.datetime | None


def compile_policy(
    checked: CheckedPolicy,
    catalogue: Catalogue,
    zones: Iterable[Zone],
    *,
    serial: int,
    now: dt.datetime,
    forwarded: Iterable[str] = (),
    calendar: SchoolCalendar = NO_CALENDAR,
) -> Compiled:
    """The description of the policy in force at `now`; `serial` is the number of its revision, `forwarded` are zones
    that other servers of the school answer for, `calendar` says which days are holidays."""
    document = checked.document
    zones = tuple(zones)
    policies = {identity: effective(document, lineage, now) for identity, lineage in sorted(checked.lineages.items())}
    policies |= _of_lessons(checked, now, calendar)
    segments = [_segment(document, identity, policies, now, calendar) for identity in sorted(document.segments)]
    description = {
        "serial": serial,
        "block_ttl_s": DEFAULT_BLOCK_TTL_S,
        "policies": [_policy(identity, one, catalogue) for identity, one in policies.items()],
        "names": own_names(policies, {key: tuple(opened_names(one, catalogue)) for key, one in policies.items()})
        + zone_names(zones, policies),
        "rewrites": _rewrites(catalogue),
        "segments": segments,
        "strictest": document.strictest,
        "allowed_clients": sorted(map(str, document.allowed_clients)),
        "zones": [_zone(zone, policies) for zone in sorted(zones, key=lambda zone: zone.name)],
        "private_addresses": sorted({*document.private_addresses, *forwarded}),
        "spelled": list(catalogue.spelled),
        "safeguarded": sorted(row.id for row in catalogue.categories.values() if row.alert != "none"),
    }
    if document.groups:
        groups = sorted((group_key(name), one.policy) for name, one in document.groups.items())
        description["groups"] = [{"id": name, "policy": policy} for name, policy in groups]
    boundaries = [segment["ends_at_unix_s"] for segment in segments]
    boundaries += [_seconds(one) for policy in policies.values() for one in policy.ends]
    ends = min((moment for moment in boundaries if moment is not None), default=None)
    return Compiled(
        orjson.dumps(description, option=orjson.OPT_SORT_KEYS),
        tuple(_warnings(checked, policies, now, calendar)),
        None if ends is None else dt.datetime.fromtimestamp(ends, dt.UTC),
    )


def _of_lessons(checked: CheckedPolicy, now: dt.datetime, calendar: SchoolCalendar) -> dict[str, Effective]:
    """For each segment with a lesson that opens something its policy with these names, as exceptions of its own."""
    document, found = checked.document, dict[str, Effective]()
    for name, segment in sorted(document.segments.items()):
        lessons = segment.open_lessons(now)
        if not lessons:
            continue
        base = policy_at(segment, now, ZoneInfo(document.time_zone), calendar)
        lineage = checked.lineages[base]
        one = found[lesson_policy(base, name)] = effective(document, lineage, now)
        for index, lesson in lessons:
            path = path_of(("segments", name, "lessons", index))
            one.exemptions += [Exemption(rule, lesson.until, path, len(lineage)) for rule in lesson.names]
            one.ends.append(lesson.until)
    return found


def lesson_policy(policy: str, segment: str) -> str:
    """What the engine calls a policy with what the lessons of a segment open."""
    return f"{policy}{LESSON_MARK}{segment}"


def written_policy(identity: str) -> str:
    """The policy as the document names it, of one that the engine names."""
    return identity.partition(LESSON_MARK)[0]


def _seconds(moment: dt.datetime) -> int:
    return int(moment.timestamp())


def _policy(identity: str, one: Effective, catalogue: Catalogue) -> dict[str, Any]:
    rewrites = (
        rewrite_of(engine, level, catalogue.engines)
        for engine, level in one.safesearch.items()
        if level is not Level.OFF
    )
    return {
        "id": identity,
        "action": one.action,
        "block_ttl_s": one.block_ttl_s,
        "max_ttl_s": one.max_ttl_s,
        "block_addresses": list(one.block_page),
        "unknown": one.unknown,
        "on_request": one.on_request,
        "categories": _categories(one, catalogue),
        "rewrites": sorted(rewrite for rewrite in rewrites if rewrite is not None),
    }


def _categories(one: Effective, catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    rules = {
        row.id: {"layer": _ALWAYS_OPEN[row.role], "order": 0, "effect": "allow"}
        for row in catalogue.categories.values()
        if row.role in _ALWAYS_OPEN
    }
    for category, effect in one.categories.items():
        row = catalogue.categories.get(category)
        role = row.role if row is not None else "content"
        if role in _ALWAYS_OPEN:
            continue
        layer, order = _place(category, role, effect, category in one.locked_categories)
        rules[category] = {"layer": layer, "order": order, "effect": effect}
    for service in opened_services(one, catalogue):
        rules[service] = {"layer": CATEGORIES, "order": _SERVICE_ORDER, "effect": "allow"}
    return rules


def _place(category: str, role: str, effect: str, locked: bool) -> tuple[int, int]:
    if locked:
        return LOCKED, 0
    if effect == "deny" and role in _DENIES:
        return _DENIES[role], _DENY_ORDER if role == "circumvention" else 0
    # An allow of, say, remote access opens that category; in a layer of its own it would open names that other
    # categories deny. So every allow stands below the denies of the last layer.
    if category.startswith("service:"):
        # A switch that opens a service speaks before every list of ways round a filter: those name VPNs as a kind.
        return (CATEGORIES, _SERVICE_ORDER) if effect == "deny" else (CIRCUMVENTION, _SERVICE_ORDER)
    return CATEGORIES, _DENY_ORDER if effect == "deny" else _ALLOW_ORDER


def _zone(zone: Zone, policies: Mapping[str, Effective]) -> dict[str, Any]:
    answering = answered_for(zone, policies)
    return described(zone) | ({} if len(answering) == len(policies) else {"policies": answering})


def _rewrites(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {"id": engine.id, "names": sorted(set(engine.names)), "target": engine.target}
        for _, engine in sorted(catalogue.engines.items())
    ]


def _segment(
    document: Document, identity: str, policies: Mapping[str, Effective], now: dt.datetime, calendar: SchoolCalendar
) -> dict[str, Any]:
    segment = document.segments[identity]
    zone = ZoneInfo(document.time_zone)
    in_force = policy_at(segment, now, zone, calendar)
    if segment.open_lessons(now):
        in_force = lesson_policy(in_force, identity)
    limit = segment.rate_limit
    return {
        "id": identity,
        "prefixes": sorted(map(str, segment.prefixes)),
        "asked": sorted(map(str, segment.asked)),
        "policy": in_force,
        "qps": limit.qps * limit.devices,
        "burst": limit.burst * limit.devices,
        "subnet": limit.subnet,
        "devices": limit.devices,
        "ech": segment.ech,
        "ends_at_unix_s": _ends_at(segment, policies[in_force], now, next_boundary(segment, now, zone, calendar)),
        "log": segment.log,
    }


def _ends_at(segment: Segment, in_force: Effective, now: dt.datetime, boundary: dt.datetime | None) -> int | None:
    ends = in_force.ends + ([boundary] if boundary is not None else [])
    ends += [edge for one in segment.lessons for edge in (one.from_, one.until) if edge > now]
    return _seconds(min(ends)) if ends else None


def _warnings(
    checked: CheckedPolicy, policies: Mapping[str, Effective], now: dt.datetime, calendar: SchoolCalendar
) -> Iterator[Problem]:
    document, file = checked.document, checked.file
    yield from segment_warnings(document, file)
    yield from _unused(checked)
    if not calendar.stretches:
        yield from _without_calendar(checked)
    for identity, policy in document.policies.items():
        ending = [("exceptions", index, one.name, one.until) for index, one in enumerate(policy.exceptions)]
        ending += [("temporary_deny", index, one.name, one.until) for index, one in enumerate(policy.temporary_deny)]
        for key, index, rule, until in ending:
            if until <= now:
                path = path_of(("policies", identity, key, index))
                yield Problem(file, path, f"{rule} ended at {until.isoformat()}", "remove it, or ask anew")


def _without_calendar(checked: CheckedPolicy) -> Iterator[Problem]:
    for name, segment in checked.document.segments.items():
        for index, one in enumerate(segment.schedule):
            if one.during is not None:
                path = path_of(("segments", name, "schedule", index, "during"))
                said = "every day" if one.during == "term" else "no day"
                remedy = "write terms and holidays: schoolgate calendar import, or the School calendar of the console"
                yield Problem(checked.file, path, f"there is no school calendar, so this counts on {said}", remedy)


def _unused(checked: CheckedPolicy) -> Iterator[Problem]:
    document = checked.document
    named = {document.strictest}
    for segment in document.segments.values():
        named |= segment.every_policy
    named |= document.group_policies
    used = {ancestor for identity in named for ancestor in checked.lineages[identity]}
    for identity in document.policies:
        if identity not in used and identity not in document.exam_policies:
            yield Problem(checked.file, path_of(("policies", identity)), "nobody uses this policy", "remove it")
