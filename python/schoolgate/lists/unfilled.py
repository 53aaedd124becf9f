"""Denied categories that hold a few starter names, or none: protection that a school believes it has.

Where the recommended feeds fill a category it is a problem until they do. Where no public list fills it, or none that
we recommend, it is said with the remedy wherever somebody looks, and raises no alarm: nothing would ever end that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schoolgate.config import Settings
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.lists.coverage import Coverage, category_coverage
from schoolgate.lists.feed_catalogue import read_published
from schoolgate.lists.recommended import ENABLE_RECOMMENDED, read_recommended

_THEN = "then schoolgate lists update"


@dataclass(frozen=True)
class Filling:
    """What fills the denied categories.

    `filled`: a feed, or a list of the school's own. `starter_only`: starter names, though a recommended feed has more.
    `empty`: no name at all, though a recommended feed (`empty`) or another public one (`empty_otherwise`) has some.
    `unlisted`: starter names or none, and no feed that we recommend.
    """

    filled: tuple[Coverage, ...] = ()
    starter_only: tuple[Coverage, ...] = ()
    empty: tuple[Coverage, ...] = ()
    empty_otherwise: tuple[Coverage, ...] = ()
    unlisted: tuple[Coverage, ...] = ()

    def problems(self) -> tuple[Diagnostic, ...]:
        """What stays a problem until it is changed."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[Diagnostic]:
        command = f"{ENABLE_RECOMMENDED}, {_THEN}"
        for one in self.empty:
            yield Diagnostic("category-empty", "warning", one.category, _empty(one), command)
        for one in self.empty_otherwise:
            yield Diagnostic("category-empty", "warning", one.category, _empty(one), _remedy(one))
        if self.starter_only:
            count = len(self.starter_only)
            what = "1 denied category holds" if count == 1 else f"{count} denied categories hold"
            listed = ", ".join(f"{one.category} ({one.starter_names})" for one in self.starter_only)
            sentence = f"{what} starter names only, so most sites of these kinds are open: {listed}"
            yield Diagnostic("categories-starter-only", "warning", "lists", sentence, command)

    def notices(self) -> tuple[Diagnostic, ...]:
        """What is said once, where somebody checks."""
        return tuple(
            Diagnostic("category-unlisted", "notice", one.category, _few(one), _remedy(one)) for one in self.unlisted
        )

    def whole(self) -> dict[str, object]:
        """As JSON values, for `status`."""
        empty = (*self.empty, *self.empty_otherwise)
        return {
            "denied": len(self.filled) + len(self.starter_only) + len(empty) + len(self.unlisted),
            "filled": [one.category for one in self.filled],
            "starter_only": [_row(one) for one in self.starter_only],
            "empty": [_row(one) for one in empty],
            "unlisted": [_row(one) | {"remedy": _remedy(one)} for one in self.unlisted],
        }


def filling(settings: Settings, denied: Collection[str]) -> Filling:
    """What fills the categories `denied`, in the order of categories.toml. Reads files. Raises `SchoolgateError`."""
    recommended = read_recommended(settings.lists.dir, read_published(settings.lists.dir))
    more = {one.feed.category for one in recommended.feeds}
    found: dict[str, list[Coverage]] = {}
    for one in category_coverage(settings):
        if one.category in denied:
            found.setdefault(_place(one, one.category in more), []).append(one)
    return Filling(**{place: tuple(rows) for place, rows in found.items()})


def _place(one: Coverage, is_recommended: bool) -> str:
    """The field of `Filling` that it belongs to."""
    if one.kind == "feed":
        return "filled"
    if is_recommended:
        return "empty" if one.kind == "none" else "starter_only"
    return "empty_otherwise" if one.kind == "none" and one.public_feeds else "unlisted"


def _empty(one: Coverage) -> str:
    named = one.category if one.category == one.name.lower() else f"{one.category} ({one.name})"
    return f"{named} is denied, and no list in use holds a name of it"


def _few(one: Coverage) -> str:
    names = f"{one.starter_names} reviewed names" if one.starter_names else "no name"
    return f"{one.category} ({one.name}) holds {names}, and no public list of it is recommended"


def _remedy(one: Coverage) -> str:
    """The file's own word without its full stop, or how to add a list."""
    return one.remedy.rstrip(".") or f"add a list that you have: schoolgate feeds add FILE --category {one.category}"


def _row(one: Coverage) -> dict[str, object]:
    return {"category": one.category, "name": one.name, "starter_names": one.starter_names}
