"""Mending the policy's files: the database from the active file, the active file from the database, or both anew.

What is damaged is kept beside the new file, never thrown away. Nothing here chooses a policy: what is in force stays,
unless neither file can be used and a person gives one.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import Settings
from schoolgate.policy.active_file import PublishedPolicy
from schoolgate.policy.active_policy import Ground, compile_active_policy, label, policy_files, read_policy
from schoolgate.policy.policy_change import PolicyStoreRefused
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.policy.revision import BEGINNING, Revision, checksum_of
from schoolgate.policy.revisions import RevisionsUnavailable
from schoolgate.policy.store_check import REPAIR, StoreCheck


@dataclass(frozen=True)
class Repaired:
    """What was mended. `what` is None where nothing was wrong; `history_from` is the first revision that the database
    holds now, `kept` the damaged files under their new names."""

    what: str | None
    number: int
    history_from: int
    kept: tuple[Path, ...] = ()


def repair(settings: Settings, ground: Ground, now: dt.datetime) -> Repaired:
    """Mends the one of the two files that is damaged from the other. Raises `PolicyStoreRefused` where both are, and
    where nothing can be mended or written."""
    files = policy_files(settings)
    with files.locked(), _disk_of(files):
        check = files.look(is_thorough=True)
        if check.kind == "refused" and check.published is not None and not check.may_pass:
            return _database(files, check.published)
        if check.kind == "publish":
            return _active_file(files, check, ground, now)
        if check.problem is not None:
            raise PolicyStoreRefused(f"nothing was changed: {check.problem}")
        number = check.published.number if check.published is not None else 0
        return Repaired(None, number, number)


def repair_with(
    settings: Settings, ground: Ground, text: str, file: str, *, who: str, why: str, now: dt.datetime
) -> Repaired:
    """Begins anew with a policy that a person gives, where neither file can be used. The installation gets another
    identity, so that what turns up of the old one is refused. Raises as `repair` does, and `PolicyRefused`."""
    files = policy_files(settings)
    checked = read_policy(text, file, ground)
    with files.locked(), _disk_of(files):
        check = files.look(is_thorough=True)
        if check.kind != "lost":
            raise PolicyStoreRefused(f"there is a good policy; run `{REPAIR}` alone, or `schoolgate policy apply`")
        active = compile_active_policy(checked, ground, 1, now)
        kept = files.keep_aside(*files.store.files(), files.active, files.installation)
        installation = secrets.token_hex(16)
        files.store.identify(installation)
        revision = files.store.apply(text, who=who, why=why, now=now)
        files.publish(PublishedPolicy(installation, revision, BEGINNING, active.compiled.description, now))
    return Repaired("database and active file, anew", revision.number, 1, kept)


@contextmanager
def _disk_of(files: PolicyFiles) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or files.state_dir
        raise PolicyStoreRefused(f"{where}: {error.strerror}; check rights and space, then run it again") from error


def _database(files: PolicyFiles, published: PublishedPolicy) -> Repaired:
    history = _history(_readable(files), published)
    revisions, before = [revision for revision, _ in history], history[0][1]
    kept: list[Path] = []
    files.store.rebuild(
        published.installation, before, revisions, lambda: kept.extend(files.keep_aside(*files.store.files()))
    )
    return Repaired("the database, from the active file", published.number, revisions[0].number, tuple(kept))


def _active_file(files: PolicyFiles, check: StoreCheck, ground: Ground, now: dt.datetime) -> Repaired:
    assert check.tail is not None
    revision = check.tail.latest
    active = compile_active_policy(read_policy(revision.text, label(revision), ground), ground, revision.number, now)
    installation = files.store.identify(files.new_installation(check.tail))
    files.publish(PublishedPolicy(installation, revision, check.tail.parent, active.compiled.description, now))
    return Repaired("the active file, from the database", revision.number, revision.number)


def _readable(files: PolicyFiles) -> Mapping[int, Revision]:
    """What a damaged database still gives."""
    try:
        return {one.number: one for one in files.store.log()}
    except RevisionsUnavailable:
        return {}


def _history(found: Mapping[int, Revision], published: PublishedPolicy) -> list[tuple[Revision, str]]:
    """The published revision and those before it that are proved by the chain, oldest first, each with the checksum it
    is chained to. Where the chain breaks, the history begins."""
    kept = [(published.revision, published.parent)]
    for one, before in _pairs(found, published.number):
        if one.checksum != kept[0][1] or checksum_of(one, before) != one.checksum:
            break
        kept.insert(0, (one, before))
    return kept


def _pairs(found: Mapping[int, Revision], number: int) -> Iterable[tuple[Revision, str]]:
    """The revisions before `number`, newest first, each with what it should be chained to."""
    for earlier in range(number - 1, 0, -1):
        if earlier not in found:
            return
        if earlier == 1:
            yield found[1], BEGINNING
        elif earlier - 1 in found:
            yield found[earlier], found[earlier - 1].checksum
