"""Which policy the server puts in force: at its start, and each time files have changed under it.

The active file is what counts. A revision that the database has and the file has not is published first; a database
that is refused changes nothing. While the server runs, what it has in force is the last good policy: a file that is
older, gone or damaged is written anew from it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, replace

from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.policy.active_file import PublishedPolicy
from schoolgate.policy.active_policy import (
    FIRST_WHO,
    ActivePolicy,
    Ground,
    compile_active_policy,
    first_policy,
    label,
    policy_files,
    read_policy,
)
from schoolgate.policy.compiled_form import from_compiled_form
from schoolgate.policy.emergency import emergency_revision
from schoolgate.policy.policy_files import PolicyFiles, Signature
from schoolgate.policy.revision import Revision, Tail
from schoolgate.policy.store_check import StoreCheck, Unusable, compare


@dataclass(frozen=True)
class LoadedPolicy:
    """A revision and what was compiled of it.

    `published` is None where the policy is lost. `problems` say what is wrong with the files, `mended` what was and is
    not any more; `seen` is how the files were, None where they have to be looked at again.
    """

    revision: Revision
    active: ActivePolicy
    published: PublishedPolicy | None
    problems: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    seen: Signature | None = None


def load_at_start(settings: Settings, ground: Ground, now: dt.datetime) -> LoadedPolicy:
    """What to start with; the first start makes the first revision, of a text that was checked before. Reads only the
    end of the database: `load_again` reads it all, when names are answered. Raises a `SchoolgateError`."""
    files = policy_files(settings)
    check = files.look()
    if check.kind == "first":
        path, text = first_policy(settings)
        read_policy(text, str(path), ground)
        files.store.start_with(text, who=FIRST_WHO, why=f"first start, from {path}", now=now)
        check = files.look()
    return _taken(files, check, ground, now, may_stand_in=True)


def load_again(settings: Settings, ground: Ground, old: LoadedPolicy, now: dt.datetime) -> LoadedPolicy:
    """What is to be in force from now on, compiled for `now`. Raises a `SchoolgateError` when a new revision cannot be
    used; then the old one stays."""
    files = policy_files(settings)
    seen = files.signature()
    trusted, known = files.read_active(), files.known_installation()
    mending = _Mending()
    if old.published is not None:
        known = old.published.installation
        trusted = _newest(files, trusted, old.published, mending)
    since = trusted.number if isinstance(trusted, PublishedPolicy) else None
    check = compare(trusted, files.read_database(since, is_thorough=True), known, has_served=True)
    # While a policy that can be read is in force, it is the better one.
    loaded = _taken(files, check, ground, now, may_stand_in=old.active.checked is None)
    problems = (*mending.problems, *loaded.problems)
    is_as_seen = not check.may_pass and files.signature() == seen
    return replace(
        loaded,
        problems=problems,
        mended=tuple(dict.fromkeys((*old.mended, *mending.done, *loaded.mended))),
        seen=seen if is_as_seen else None,
    )


def is_unchanged(settings: Settings, old: LoadedPolicy) -> bool:
    """Whether no file of the policy has changed since `old` was loaded."""
    return old.seen is not None and old.seen == policy_files(settings).signature()


@dataclass
class _Mending:
    """What happened to an active file that does not hold what is in force."""

    done: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def _newest(
    files: PolicyFiles, found: PublishedPolicy | Unusable, memory: PublishedPolicy, mending: _Mending
) -> PublishedPolicy:
    """The file's revision where it is the one in force or follows it; else the one in force, which the file is made to
    hold again."""
    if isinstance(found, PublishedPolicy) and found.installation == memory.installation:
        if found.revision.checksum == memory.revision.checksum:
            return found
        follows = found.number > memory.number + 1 or found.parent == memory.revision.checksum
        if found.number > memory.number and follows:
            return found
    reason = found.reason if isinstance(found, Unusable) else _unfit(files, found, memory)
    try:
        with files.locked(is_waiting=False) as is_ours:
            # What was published meanwhile is looked at the next time.
            if is_ours and files.read_active() == found:
                if isinstance(found, PublishedPolicy):
                    files.keep_aside(files.active)
                files.publish(memory)
                mending.done = (f"{reason}; written anew from revision {memory.number}, which is in force",)
    except (OSError, SchoolgateError) as error:
        why = f"{files.active}: {error.strerror}" if isinstance(error, OSError) else error
        mending.problems = (f"{reason}; revision {memory.number} is in force and cannot be written: {why}",)
    return memory


def _unfit(files: PolicyFiles, found: PublishedPolicy, memory: PublishedPolicy) -> str:
    if found.installation != memory.installation:
        return f"{files.active}: was of another installation"
    what = "an older" if found.number < memory.number else "another"
    return f"{files.active}: held {what} revision {found.number}"


def at_another_instant(old: LoadedPolicy, ground: Ground, now: dt.datetime) -> ActivePolicy:
    """The same revision, compiled for `now`."""
    if old.active.checked is not None:
        return compile_active_policy(old.active.checked, ground, old.revision.number, now)
    assert old.published is not None
    return from_compiled_form(old.published, now)


def published_anew(settings: Settings, old: LoadedPolicy, active: ActivePolicy) -> LoadedPolicy:
    """The active file with what was compiled now of the same revision. Where it cannot be written, or holds another one
    by now, it stays: its compiled form is stricter than the text, never looser."""
    if old.published is None or active.checked is None:
        return replace(old, active=active)
    files = policy_files(settings)
    published = replace(old.published, compiled=active.compiled.description, compiled_at=active.at)
    with contextlib.suppress(OSError, SchoolgateError), files.locked(is_waiting=False) as is_ours:
        if is_ours and files.read_active() == old.published:
            files.publish(published)
            return replace(old, active=active, published=published, seen=files.signature())
    return replace(old, active=active)


def _taken(
    files: PolicyFiles, check: StoreCheck, ground: Ground, now: dt.datetime, *, may_stand_in: bool
) -> LoadedPolicy:
    """Puts what was found in order, and compiles it. `may_stand_in`: a text that cannot be read is no error, its
    compiled form is used."""
    problems = (check.problem,) if check.problem is not None else ()
    if check.kind == "lost":
        revision = emergency_revision(now)
        return LoadedPolicy(revision, _compiled(revision, ground, now), None, problems)
    if check.kind == "publish" and check.tail is not None:
        try:
            return _from_database(files, check.tail, check.published, ground, now, check.said)
        except _NotPublished as error:
            problems = (str(error),)
    assert check.published is not None
    revision = check.published.revision
    try:
        return LoadedPolicy(revision, _compiled(revision, ground, now), check.published, problems)
    except SchoolgateError as error:
        if not may_stand_in:
            raise
        return _standing_in(check.published, error, problems, now)


def _standing_in(
    published: PublishedPolicy, error: SchoolgateError, problems: tuple[str, ...], now: dt.datetime
) -> LoadedPolicy:
    try:
        active = from_compiled_form(published, now)
    except SchoolgateError:
        raise error from None
    problem = (
        f"{error}; revision {published.number} is in force as it was compiled on {published.compiled_at:%d %B %Y},"
        " without exceptions, and with the strictest policy where a schedule has ended: apply one that can be read"
    )
    return LoadedPolicy(published.revision, active, published, (problem, *problems))


class _NotPublished(SchoolgateError):
    """The database's latest revision is not in force; the active file's is."""


def _from_database(
    files: PolicyFiles,
    tail: Tail,
    earlier: PublishedPolicy | None,
    ground: Ground,
    now: dt.datetime,
    said: str | None,
) -> LoadedPolicy:
    """The database's latest revision, published. Where the active file holds an `earlier` one, `_NotPublished` says why
    that one stays."""
    revision = tail.latest
    stays = f"revision {revision.number} of the policy database is not in force"
    try:
        active = _compiled(revision, ground, now)
    except SchoolgateError as error:
        if earlier is None:
            raise
        raise _NotPublished(f"{stays}: {error}") from error
    published = PublishedPolicy(
        files.new_installation(tail), revision, tail.parent, active.compiled.description, active.at
    )
    problem = _publish(files, published)
    if problem is None:
        mended = () if said is None else (f"{said}; written anew from revision {revision.number} of the database",)
        return LoadedPolicy(revision, active, published, mended=mended)
    if earlier is not None:
        raise _NotPublished(f"{stays}: {problem}")
    return LoadedPolicy(revision, active, published, (problem if said is None else f"{said}; {problem}",))


def _publish(files: PolicyFiles, published: PublishedPolicy) -> str | None:
    """Publishes what the database has already; why that cannot be, or None."""
    try:
        with files.locked(is_waiting=False) as is_ours:
            if not is_ours or _is_behind(files, published):
                return "another command is writing; it is tried again within a minute"
            files.store.identify(published.installation)
            files.publish(published)
    except (OSError, SchoolgateError) as error:
        why = f"{files.active}: {error.strerror}" if isinstance(error, OSError) else error
        return f"it cannot be published: {why}"
    return None


def _is_behind(files: PolicyFiles, published: PublishedPolicy) -> bool:
    """Whether a later revision was published meanwhile."""
    held = files.read_active()
    is_ours = isinstance(held, PublishedPolicy) and held.installation == published.installation
    return is_ours and isinstance(held, PublishedPolicy) and held.number > published.number


def _compiled(revision: Revision, ground: Ground, now: dt.datetime) -> ActivePolicy:
    return compile_active_policy(read_policy(revision.text, label(revision), ground), ground, revision.number, now)
