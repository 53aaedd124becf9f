"""What a verification found: each kind of tampering by its name, and which entries it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

EXIT_SOUND, EXIT_TAMPERED, EXIT_UNANCHORED = 0, 1, 3


class Kind(StrEnum):
    """What was done to the log."""

    removal = "removal"
    insertion = "insertion"
    edit = "edit"
    reordering = "re-ordering"
    truncation = "truncation"
    fork = "fork"
    # A checkpoint that no key of this log signed, or that a replaced key signed.
    signature = "signature"
    # A file that is no export, or was cut short.
    export = "export"


@dataclass(frozen=True)
class Finding:
    """One problem. Entries `first` to `last` of an epoch, counted from 0."""

    kind: Kind
    sentence: str
    epoch: int = 0
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Verification:
    """The result. `anchors`: checkpoints from outside that the log agrees with."""

    entries: int
    epochs: int
    anchors: int
    problems: tuple[Finding, ...]
    notices: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0: sound, and anchored outside. 1: tampered with. 3: consistent with itself only."""
        if self.problems:
            return EXIT_TAMPERED
        return EXIT_SOUND if self.anchors else EXIT_UNANCHORED


def misnumbered(numbers: Sequence[int], size: int, epoch: int) -> list[Finding]:
    """What the numbers inside the entries, in the order in which the entries stand, say against a log of `size`."""
    if len(numbers) == size and all(number == at for at, number in enumerate(numbers)):
        return []
    found: list[Finding] = []
    first_at: dict[int, int] = {}
    surplus = []
    for at, number in enumerate(numbers):
        if number in first_at or not 0 <= number < size:
            surplus.append(at)
        else:
            first_at[number] = at
    # Never counted up to `size`: a hostile export states any.
    there = sorted(first_at)
    tail = there[-1] + 1 if there else 0
    for before, after in pairwise([-1, *there]):
        if after == before + 1:
            continue
        start, end = before + 1, after - 1
        found.append(Finding(Kind.removal, f"{entries(start, end)} removed", epoch, start, end))
    for start, end in runs(surplus):
        text = f"{entries(start, end, 'stands', 'stand')} where the log has no such entry"
        found.append(Finding(Kind.insertion, text, epoch, start, end))
    kept = list(first_at)
    if moved := [number for before, number in pairwise(kept) if number < before]:
        text = f"entry {moved[0]} does not stand in its place ({len(moved)} in all)"
        found.append(Finding(Kind.reordering, text, epoch, moved[0], moved[-1]))
    if tail < size:
        text = f"the log ends after {tail} entries; {entries(tail, size - 1)} cut off"
        found.append(Finding(Kind.truncation, text, epoch, tail, size - 1))
    return found


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    made: list[tuple[int, int]] = []
    for number in numbers:
        if made and made[-1][1] == number - 1:
            made[-1] = (made[-1][0], number)
        else:
            made.append((number, number))
    return made


def entries(first: int, last: int, one: str = "was", more: str = "were") -> str:
    """`entry 5 was`, `entries 5 to 9 were`."""
    return f"entry {first} {one}" if first == last else f"entries {first} to {last} {more}"
