"""One policy as it was applied, chained to the one before: a changed or missing revision is found by its checksum."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

# What the first revision is chained to.
BEGINNING = "0" * 64


@dataclass(frozen=True)
class Revision:
    """One policy as it was applied; `at` is in UTC."""

    number: int
    at: dt.datetime
    who: str
    why: str
    text: str
    rolls_back_to: int | None
    checksum: str


@dataclass(frozen=True)
class Tail:
    """The last revisions of a store, oldest first, at least one; `before` is the checksum that the first is chained to.

    `installation` is None in a store that was made before there were such identities.
    """

    installation: str | None
    before: str
    revisions: tuple[Revision, ...]

    @property
    def latest(self) -> Revision:
        return self.revisions[-1]

    @property
    def parent(self) -> str:
        """What the latest revision is chained to."""
        return self.revisions[-2].checksum if len(self.revisions) > 1 else self.before

    def first_broken(self) -> int | None:
        """The number of the first revision that does not fit the chain."""
        before = self.before
        for revision in self.revisions:
            if revision.checksum != checksum_of(revision, before):
                return revision.number
            before = revision.checksum
        return None


def checksum_of(revision: Revision, before: str) -> str:
    """The checksum of a revision that is chained to `before`. Each field with its length in front, so that no two
    revisions have the same octets."""
    fields = (
        before,
        str(revision.number),
        revision.at.isoformat(),
        revision.who,
        revision.why,
        str(revision.rolls_back_to or 0),
        revision.text,
    )
    digest = hashlib.sha256()
    for octets in (value.encode("utf-8", "surrogatepass") for value in fields):
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()
