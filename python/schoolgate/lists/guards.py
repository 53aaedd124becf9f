"""What a fetched feed must be like before queries are decided by it.

A feed is text from outside. It may be a login page, the first half of itself, another list by mistake, or written by
an attacker who broke into its publisher. When it fails here, its last good version stays.
"""

from __future__ import annotations

import codecs
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
# All are in `feeds show`; a sentence names the first.
_NAMES_SAID = 5
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
    # Lines that no shape fits: a tenth of a list is a dialect misunderstood, unless the last good had as many.
    most_unread: float = 0.1
    few_unread: int = 10
    # Rules for whole suffixes: a slip is left out, a flood is an attack.
    most_too_wide: int = 25
    # Names that no feed may close are left out, however many. So many more than in the last good, or this share of a
    # first fetch, is no longer the list that a school chose.
    few_left_out: int = 10
    most_left_out: float = 0.25


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
    # Names that no feed may close, as this list has them.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOutNames:
    """What a feed lists of names that no feed may close: that is left out, and the rest goes on. All names are here."""

    lines: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        first = ", ".join(self.names[:_NAMES_SAID])
        more = f" and {len(self.names) - _NAMES_SAID} more" if len(self.names) > _NAMES_SAID else ""
        return f"{self.lines} lines for names that must stay open are left out: {first}{more}"


@dataclass(frozen=True)
class Unread:
    """Lines of a feed that no shape fits, by reason. `of`: those and what was read; lines that say on purpose what a
    list of names cannot say are in neither. `example` is a line of the most frequent reason."""

    lines: int
    of: int
    reasons: Mapping[str, int]
    example: str | None

    @property
    def share(self) -> float:
        return self.lines / self.of if self.of else 0.0

    def __str__(self) -> str:
        most = max(self.reasons, key=lambda reason: (self.reasons[reason], reason), default="")
        such_as = "" if self.example is None else f", such as {self.example}"
        return f"{self.lines} of {self.of} lines not read ({most}{such_as})"


@dataclass(frozen=True)
class Before:
    """The last good version of a feed. `rules` by label of its parts; `unread`: the share of its lines that were not
    read, None where an earlier version of schoolgate did not keep it."""

    rules: Mapping[str, int]
    unread: float | None = None
    # Lines that were left out; None likewise.
    left_out: int | None = None


def left_out(found: Iterable[Inspected]) -> LeftOutNames:
    """What is left out of a feed, of all its parts."""
    parts = tuple(found)
    lines = sum(one.skipped.get("protected", 0) for one in parts)
    return LeftOutNames(lines, tuple(sorted({name for one in parts for name in one.left_out})))


def unread(found: Iterable[Inspected]) -> Unread:
    """The lines of a feed that were not read, of all its parts."""
    parts = tuple(found)
    reasons: dict[str, int] = {}
    for one in parts:
        for reason, lines in one.skipped.items():
            if reason not in _LEFT_ON_PURPOSE:
                reasons[reason] = reasons.get(reason, 0) + lines
    lines = sum(reasons.values())
    most = max(reasons, key=lambda reason: (reasons[reason], reason), default="")
    example = next((text for one in parts for text in one.examples.get(most, ())), None)
    return Unread(lines, sum(one.rules for one in parts) + lines, reasons, example)


def refuse_pages(file: Path) -> None:
    """Refuses what is plainly no list. Raises `FeedUnfit`."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD_OCTETS)
    if not head.strip():
        raise FeedUnfit("it is empty")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", errors="replace").encode()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_PAGE_BEGINS) or b"<html" in start or b"<!doctype html" in start:
        raise FeedUnfit("it is a web page, not a list: perhaps a login page of the network in between")
    if b"\x00" in head:
        raise FeedUnfit("it is not text")


def judge(
    found: Iterable[Inspected],
    before: Before | None,
    announced: int | None,
    bounds: Bounds,
    *,
    accepted: bool,
) -> tuple[str, ...]:
    """Warnings of a feed that passes. Raises `FeedUnfit` or `FeedHeld`."""
    parts = tuple(found)
    rules = sum(one.rules for one in parts)
    missed, kept_open = unread(parts), left_out(parts)
    _refuse_damage(parts, rules, missed, bounds)
    if not accepted:
        _refuse_strangers(parts, rules, None if before is None else before.rules, announced, bounds)
        _hold_unread(missed, before, bounds)
        _hold_left_out(kept_open, rules, before, bounds)
    said = [str(one) for one in (missed, kept_open) if one.lines]
    return (*said, *_warnings(parts))


def _refuse_damage(parts: tuple[Inspected, ...], rules: int, missed: Unread, bounds: Bounds) -> None:
    # A list of which all is left out is a list all the same, and closes nothing.
    if rules == 0 and not left_out(parts).lines:
        raise FeedUnfit(f"it holds no name that can be used{_most(parts)}")
    if missed.share > 1 - bounds.least_parsed:
        raise FeedUnfit(f"{missed}; is its dialect right?")
    wide = sum(one.skipped.get(reason, 0) for one in parts for reason in _TOO_WIDE)
    if wide > bounds.most_too_wide and wide > rules / 100:
        raise FeedUnfit(f"{wide} lines would close whole suffixes such as com or co.uk{_example(parts, _TOO_WIDE)}")


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


def _hold_unread(missed: Unread, before: Before | None, bounds: Bounds) -> None:
    """Names that a list meant to close and that stay open: held until a person has seen it."""
    usual = before.unread if before is not None and before.unread is not None else 0.0
    if missed.lines > bounds.few_unread and missed.share > usual + bounds.most_unread:
        raise FeedHeld(f"{missed}")


def _hold_left_out(kept_open: LeftOutNames, rules: int, before: Before | None, bounds: Bounds) -> None:
    """A sudden jump: the publisher has changed, or an attacker writes for it."""
    if kept_open.lines <= bounds.few_left_out:
        return
    if before is not None and before.left_out is not None:
        if kept_open.lines > 2 * before.left_out + bounds.few_left_out:
            raise FeedHeld(f"{kept_open}; before it were {before.left_out}")
    elif kept_open.lines > bounds.most_left_out * (rules + kept_open.lines):
        raise FeedHeld(f"{kept_open}; that is much of its {rules + kept_open.lines} lines")


def _warnings(parts: tuple[Inspected, ...]) -> Iterable[str]:
    for reason, what in (
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
