"""Which kinds of device were checked where and for whom, and which are due: a matrix with its holes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schoolgate.governance.check_fields import Check, CheckPlan, Result
from schoolgate.governance.record_store import Record

# The kinds of device that a person can hold; the server's own checks fill no cell.
PERSONAL_KINDS = ("owned", "personal", "guest")


@dataclass(frozen=True)
class Cell:
    """`row`: what was or was not checked. `number`: the record of its last check; None: a hole. `is_due`: it was not
    checked since the term, or the days of the plan, began."""

    device_kind: str
    place: str
    group: str
    line: str
    number: int | None
    at_us: int | None
    result: Result | None
    is_due: bool


@dataclass(frozen=True)
class Coverage:
    """`since_us`: checks from then on count; `due_us`: when all cells are due again."""

    cells: tuple[Cell, ...]
    since_us: int
    due_us: int

    @property
    def due(self) -> tuple[Cell, ...]:
        """What has to be checked now."""
        return tuple(one for one in self.cells if one.is_due)


def coverage(plan: CheckPlan, checks: Iterable[Record[Check]], since_us: int, due_us: int) -> Coverage:
    """The cells of a plan: each internet line first, then each group at each place on each kind of device."""
    newest = sorted((one for one in checks if not one.fields.is_automatic), key=lambda one: -one.fields.at_us)
    lines = [_cell("", "", "", line, newest, since_us) for line in plan.lines]
    cells = [
        _cell(kind, place, group, "", newest, since_us)
        for place in plan.places
        for group in plan.groups
        for kind in PERSONAL_KINDS
    ]
    return Coverage((*lines, *cells), since_us, due_us)


def _cell(kind: str, place: str, group: str, line: str, newest: Sequence[Record[Check]], since_us: int) -> Cell:
    for one in newest:
        checked = one.fields
        if line:
            is_it = _same(checked.line, line)
        else:
            is_it = checked.device_kind == kind and _same(checked.place, place) and _same(checked.group, group)
        if is_it:
            return Cell(kind, place, group, line, one.number, checked.at_us, checked.result, checked.at_us < since_us)
    return Cell(kind, place, group, line, None, None, None, True)


def _same(one: str, other: str) -> bool:
    """People write the same place in several ways."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
