"""The active file and the database compared: which policy is the last good one, and whether it may be changed.

Neither is believed alone where both are there. A database that is newer and continues the chain is published; one that
is older, empty, damaged or another installation's is refused, and the policy in force stays. Nothing here reads or
writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schoolgate.policy.active_file import PublishedPolicy
from schoolgate.policy.revision import Tail

# What a person runs to mend a database that is refused.
REPAIR = "schoolgate policy repair"


@dataclass(frozen=True)
class Unusable:
    """Why a file is not there to be used. "unreachable" may pass by itself: a lock, rights, a full disk."""

    kind: Literal["missing", "damaged", "foreign", "unreachable"]
    reason: str


@dataclass(frozen=True)
class StoreCheck:
    """What was found.

    "agree": both hold the same revision. "publish": the database's latest revision is the one to be in force, and the
    active file does not hold it (`published` is the earlier one that it holds, if any; `said`: what had happened to the
    file, where that was no ordinary change). "refused": `published` stays, `problem` says what is wrong with the
    database; `may_pass`: it may be well again without a change of the files. "first": there never was a policy. "lost":
    there was one, and neither file can be used.
    """

    kind: Literal["agree", "publish", "refused", "first", "lost"]
    published: PublishedPolicy | None = None
    tail: Tail | None = None
    problem: str | None = None
    said: str | None = None
    may_pass: bool = False


def compare(
    active: PublishedPolicy | Unusable, database: Tail | Unusable, known: str | None, *, has_served: bool
) -> StoreCheck:
    """`database` begins with the active file's revision or an earlier one. `known` is the identity of this
    installation, where it is written down; `has_served`: whether a policy was in force here before."""
    if isinstance(active, PublishedPolicy) and known not in (None, active.installation):
        active = Unusable("foreign", f"the active file holds revision {active.number} of another installation")
    if isinstance(active, PublishedPolicy):
        return _beside(active, database)
    if isinstance(database, Tail):
        database = _whole(database, known)
    if isinstance(database, Tail):
        # Made before there were active files, or killed in its first start: nothing is wrong.
        is_new = active.kind == "missing" and known is None
        return StoreCheck("publish", tail=database, said=None if is_new else active.reason)
    if active.kind == "missing" and database.kind == "missing" and not has_served:
        return StoreCheck("first")
    return StoreCheck("lost", problem=_lost(active, database), may_pass=True)


def _beside(active: PublishedPolicy, database: Tail | Unusable) -> StoreCheck:
    if isinstance(database, Tail):
        database = _continuing(active, _whole(database, active.installation))
    if isinstance(database, Unusable):
        may_pass = database.kind == "unreachable"
        return StoreCheck("refused", active, problem=_refused(active, database), may_pass=may_pass)
    if database.latest.number == active.number:
        return StoreCheck("agree", active, database)
    return StoreCheck("publish", active, database)


def _whole(database: Tail, installation: str | None) -> Tail | Unusable:
    """A database without identity is of a version that wrote none; its chain is what counts."""
    if installation is not None and database.installation not in (None, installation):
        return Unusable("foreign", "the policy database is of another installation")
    broken = database.first_broken()
    if broken is not None:
        return Unusable("damaged", f"the policy database is damaged: revision {broken} is not what was applied")
    return database


def _continuing(active: PublishedPolicy, database: Tail | Unusable) -> Tail | Unusable:
    """The database, if it holds the active file's revision and nothing else but what follows from it."""
    if isinstance(database, Unusable):
        return database
    latest = database.latest.number
    if latest < active.number:
        return Unusable(
            "damaged", f"the policy database is older than the policy in force: it ends at revision {latest}"
        )
    checksums = {one.number: one.checksum for one in database.revisions}
    checksums.setdefault(database.revisions[0].number - 1, database.before)
    if checksums.get(active.number) != active.revision.checksum:
        return Unusable("damaged", f"the policy database holds another revision {active.number} than was published")
    return database


def _refused(active: PublishedPolicy, database: Unusable) -> str:
    stays = f"revision {active.number} stays in force"
    if database.kind == "unreachable":
        return f"{database.reason}; {stays}"
    return f"{database.reason}; {stays}, changes are refused: run `{REPAIR}`"


def _lost(active: Unusable, database: Unusable) -> str:
    return (
        f"the policy is lost ({active.reason}; {database.reason}): every name is denied but those that are always open."
        f" Restore the state directory from a backup, or run `{REPAIR} --with FILE`"
    )
