"""Answers as the text of a policy, and a policy's text as answers. Only what an answer changes is written: rules,
schedules, comments and layout of the text stay."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Array

from schoolgate.errors import SchoolgateError
from schoolgate.policy.prefixes import parse_door, parse_network
from schoolgate.policy.templates import template_of, template_text
from schoolgate.setup.answers import OWN, SegmentAnswer, SetupAnswers

# This machine may always ask: `schoolgate query` and the checks do.
LOOPBACK = ("127.0.0.0/8", "::1/128")
# Lines of a template that are no longer true with the school's own networks in it.
_EXAMPLES = re.compile(r"^# The networks here are examples.*\n|^# Who may ask at all;.*\n", re.MULTILINE)


class NoPolicyToKeep(SchoolgateError):
    """The answers say `own`, and no policy is there."""


class PolicyAnswers:
    """What a policy's text answers."""

    def __init__(self, text: str, lists_dir: Path) -> None:
        raw = tomllib.loads(text)
        self.school = template_of(text, lists_dir) or OWN
        self.time_zone = str(raw.get("time_zone", "Europe/London"))
        self.segments = {name: _segment(one) for name, one in raw.get("segments", {}).items()}
        self.other_networks = _others(raw.get("allowed_clients", ()), self.segments)
        self.policies = tuple(raw.get("policies", {}))


def policies_offered(text: str) -> tuple[str, ...]:
    """The policies of a text that a segment can be given; what others extend and nothing uses is among them."""
    return tuple(tomllib.loads(text).get("policies", {}))


def base_of(answers_school: str, current: str | None, lists_dir: Path) -> str:
    """The text that the answers change: the policy that is there where it is of that kind, else the template's.

    Raises `NoPolicyToKeep`, `NoSuchTemplate`.
    """
    if current is not None and (answers_school == OWN or template_of(current, lists_dir) == answers_school):
        return current
    if answers_school == OWN:
        raise NoPolicyToKeep('there is no policy to keep yet; choose a kind of school, such as "secondary-school"')
    return _EXAMPLES.sub("", template_text(lists_dir, answers_school))


def policy_text(answers: SetupAnswers, current: str | None, lists_dir: Path) -> str:
    """The policy that these answers ask for. The same text where they change nothing."""
    base = base_of(answers.school, current, lists_dir)
    there = PolicyAnswers(base, lists_dir)
    document = tomlkit.parse(base)
    if answers.time_zone != there.time_zone:
        document["time_zone"] = answers.time_zone
    clients = (answers.segments, answers.other_networks)
    if clients != (there.segments, there.other_networks):
        document["allowed_clients"] = _lines(_allowed(*clients))
        _write_segments(document, answers.segments, there.segments)
    return tomlkit.dumps(document)


def _write_segments(
    document: tomlkit.TOMLDocument, wanted: Mapping[str, SegmentAnswer], there: Mapping[str, SegmentAnswer]
) -> None:
    if "segments" not in document:
        document["segments"] = tomlkit.table(is_super_table=True)
    tables: Any = document["segments"]
    for name in there.keys() - wanted.keys():
        del tables[name]
    for name, one in wanted.items():
        if there.get(name) == one:
            continue
        if name not in tables:
            tables[name] = tomlkit.table()
        _write_segment(tables[name], one)


def _write_segment(table: Any, one: SegmentAnswer) -> None:
    for key, values in (("prefixes", one.networks), ("asked", one.asked)):
        if values:
            table[key] = list(values)
        elif key in table:
            del table[key]
    table["policy"] = one.policy


def _allowed(segments: Mapping[str, SegmentAnswer], others: Iterable[str]) -> tuple[str, ...]:
    wide = [*LOOPBACK, *others]
    inner = [network for one in segments.values() for network in one.networks]
    return tuple(dict.fromkeys([*wide, *(one for one in inner if not any(_holds(outer, one) for outer in wide))]))


def _lines(values: Iterable[str]) -> Array:
    made = tomlkit.array()
    made.extend(list(values))
    return made.multiline(True)


def _holds(outer: str, inner: str) -> bool:
    one, other = ipaddress.ip_network(outer), ipaddress.ip_network(inner)
    return one.version == other.version and other.subnet_of(one)  # type: ignore[arg-type]


def _segment(raw: Mapping[str, Any]) -> SegmentAnswer:
    return SegmentAnswer(
        policy=raw.get("policy", ""),
        networks=tuple(dict.fromkeys(str(parse_network(one)) for one in raw.get("prefixes", ()))),
        asked=tuple(dict.fromkeys(str(parse_door(one)) for one in raw.get("asked", ()))),
    )


def _others(allowed: Iterable[str], segments: Mapping[str, SegmentAnswer]) -> tuple[str, ...]:
    """Networks that may ask and are no segment's."""
    inner = {network for one in segments.values() for network in one.networks}
    found = [str(parse_network(one)) for one in allowed]
    return tuple(dict.fromkeys(one for one in found if one not in inner and not _is_loopback(one)))


def _is_loopback(network: str) -> bool:
    return any(_holds(outer, network) for outer in LOOPBACK)
