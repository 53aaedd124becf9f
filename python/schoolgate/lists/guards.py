"""What a fetched feed must be like before queries are decided by it.

A feed is text from outside. It may be a login page, the first half of itself, another list by mistake, or written by
an attacker who broke into its publisher. When it fails here, its last good version stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schoolgate.errors import SchoolgateError

_HEAD_OCTETS = 4096
_PAGE_BEGINS = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<script", b"<body")
# Left out on purpose, because DNS cannot do it or a list need not say it: no sign of damage.
_LEFT_ON_PURPOSE = frozenset({
    "address", "client-address", "dns-type", "expression", "forward", "local-name", "modifier", "name-server",
    "no-list", "other-directive", "outside-zone", "page-part", "path", "pattern", "protected", "public-suffix", "regex",
    "regex-too-broad", "regex-too-long", "response-address", "rewrite", "single-label", "tcp-only", "unmapped-category",
    "url",
})  # fmt: skip
_TOO_WIDE = ("public-suffix", "single-label")


@dataclass(frozen=True)
class Bounds:
    """How far a feed may be from what it was. Small lists move more: below `small` rules no share is judged."""

    least_parsed: float = 0.5
    # Of the last good: two fifths gone, or five times as much, is another list.
    least_left: float = 0.6
    most_grown: float = 5.0
    small: int = 50
    # Of the catalogue's word on a first fetch, which is an order of magnitude.
    least_of_announced: float = 0.05
    most_of_announced: float = 20.0
    # Rules for whole suffixes, and for protected names: a slip is left out, a flood is an attack.
    most_too_wide: int = 25
    most_protected: int = 10


class FeedUnfit(SchoolgateError):
    """A feed did not pass; its last good version stays."""


class FeedHeld(FeedUnfit):
    """A feed may be right and is unlike itself: a person must say so."""


@dataclass(frozen=True)
class Inspected:
    """What a list says once read: rules, and lines without a rule by reason, with the first of them as examples."""

    label: str
    rules: int
    skipped: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]


def refuse_pages(file: Path) -> None:
    """Refuses what is plainly no list. Raises `FeedUnfit`."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD_OCTETS)
    if not head.strip():
        raise FeedUnfit("it is empty")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_PAGE_BEGINS) or b"<html" in start or b"<!doctype html" in start:
        raise FeedUnfit("it is a web page, not a list: perhaps a login page of the network in between")
    if b"\x00" in head:
        raise FeedUnfit("it is not text")


def judge(
    found: Iterable[Inspected],
    before: Mapping[str, int] | None,
    announced: int | None,
    bounds: Bounds,
    *,
    accepted: bool,
) -> tuple[str, ...]:
    """Warnings of a feed that passes. `before`: rules of the last good, by label. Raises `FeedUnfit` or `FeedHeld`."""
    parts = tuple(found)
    rules = sum(one.rules for one in parts)
    _refuse_damage(parts, rules, bounds)
    if not accepted:
        _refuse_strangers(parts, rules, before, announced, bounds)
    return tuple(_warnings(parts))


def _refuse_damage(parts: tuple[Inspected, ...], rules: int, bounds: Bounds) -> None:
    junk = sum(lines for one in parts for reason, lines in one.skipped.items() if reason not in _LEFT_ON_PURPOSE)
    if rules == 0:
        raise FeedUnfit(f"it holds no name that can be used{_most(parts)}")
    if rules / (rules + junk) < bounds.least_parsed:
        raise FeedUnfit(f"{junk} of {rules + junk} lines cannot be read{_most(parts)}; is its dialect right?")
    wide = sum(one.skipped.get(reason, 0) for one in parts for reason in _TOO_WIDE)
    if wide > bounds.most_too_wide and wide > rules / 100:
        raise FeedUnfit(f"{wide} lines would close whole suffixes such as com or co.uk{_example(parts, _TOO_WIDE)}")
    protected = sum(one.skipped.get("protected", 0) for one in parts)
    if protected > bounds.most_protected:
        raise FeedUnfit(f"it would close {protected} protected names{_example(parts, ('protected',))}")


def _refuse_strangers(
    parts: tuple[Inspected, ...], rules: int, before: Mapping[str, int] | None, announced: int | None, bounds: Bounds
) -> None:
    if before is None:
        if announced is not None and announced > bounds.small:
            low, high = announced * bounds.least_of_announced, announced * bounds.most_of_announced
            if not low <= rules <= high:
                raise FeedHeld(f"it has {rules} names and should have about {announced}")
        return
    now = {one.label: one.rules for one in parts}
    for label, was in {"": sum(before.values()), **before}.items():
        there = rules if label == "" else now.get(label, 0)
        what = f"its part {label}" if label else "it"
        if was > bounds.small and there < was * bounds.least_left:
            raise FeedHeld(f"{what} shrank from {was} names to {there}")
        if there > max(was * bounds.most_grown, bounds.small * bounds.most_grown):
            raise FeedHeld(f"{what} grew from {was} names to {there}")


def _warnings(parts: tuple[Inspected, ...]) -> Iterable[str]:
    for reason, what in (
        ("protected", "protected names are left out"),
        ("public-suffix", "rules for whole suffixes are left out"),
        ("single-label", "single labels are left out"),
    ):
        lines = sum(one.skipped.get(reason, 0) for one in parts)
        if lines:
            yield f"{lines} {what}{_example(parts, (reason,))}"


def _example(parts: tuple[Inspected, ...], reasons: Iterable[str]) -> str:
    first = next((text for one in parts for reason in reasons for text in one.examples.get(reason, ())), None)
    return "" if first is None else f", such as {first}"


def _most(parts: tuple[Inspected, ...]) -> str:
    """The most frequent reason, with its first line."""
    counted: dict[str, int] = {}
    for one in parts:
        for reason, lines in one.skipped.items():
            counted[reason] = counted.get(reason, 0) + lines
    if not counted:
        return ""
    reason = max(counted, key=lambda name: (counted[name], name))
    return f" (mostly {reason}{_example(parts, (reason,))})"
