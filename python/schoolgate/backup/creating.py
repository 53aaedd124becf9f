"""Makes a backup: signs the audit log, copies what must hold still, packs, encrypts, places it at every target.

The encrypted file is whole on this machine's disk before any target gets it. What fails at one target stops no other.
Nothing in the state directory is changed but the record of backups and the audit log.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from schoolgate._core import __version__
from schoolgate.audit.event import Event, Outcome
from schoolgate.backup import audit_part
from schoolgate.backup.archive import ArchiveWriter
from schoolgate.backup.contents import LEFT_OUT, LOG_LEFT_OUT, Contents, contents_of
from schoolgate.backup.encryption import recipients_of
from schoolgate.backup.errors import BackupBusy, BackupFailed, BackupProblem, why
from schoolgate.backup.keeping import Kept, keep
from schoolgate.backup.made_record import Made, Placed, alone, read_record, write_record
from schoolgate.backup.manifest import ELSEWHERE, STATE, AuditHead, Manifest
from schoolgate.backup.recipients import recipients_of_settings
from schoolgate.backup.staging import staged, work_folder
from schoolgate.backup.stored import Target, name_of
from schoolgate.backup.streams import pack_encrypted
from schoolgate.config import Settings
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.storage.audit_operations import STORE_NAME

PULLED = "pulled"


@dataclass(frozen=True)
class Created:
    """A backup that was made. `removed` and `locked`: by target, what retention removed and what the target keeps.
    `problems`: what an operator should look at although the backup is whole."""

    made: Made
    removed: Mapping[str, tuple[str, ...]]
    locked: Mapping[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    settings: Settings
    config: Path | None
    actor: str
    now: dt.datetime
    has_query_log: bool

    @property
    def state_dir(self) -> Path:
        return self.settings.server.state_dir

    @property
    def now_us(self) -> int:
        return int(self.now.timestamp() * 1_000_000)


def create(
    settings: Settings,
    config: Path | None,
    targets: Sequence[Target],
    *,
    actor: str,
    now: dt.datetime,
    has_query_log: bool | None = None,
) -> Created:
    """Makes one backup and places it. Raises `BackupFailed` and other `BackupProblem`s where no target has it."""
    job = _job(settings, config, actor, now, has_query_log)
    if not targets:
        raise BackupFailed("there is no target; name one in [backup.targets], or write to a folder with --to FOLDER")
    with _tried(job), alone(job.state_dir), _work(job) as work:
        name = name_of(PolicyFiles(job.state_dir).known_installation(), now)
        file = work / name
        problems, octets, sha256 = _written(job, work, file)
        placed, failed = _placed(file, name, targets)
        if not placed:
            raise BackupFailed("; ".join(failed.values()))
        made = Made(name, now, octets, sha256, job.has_query_log, placed, failed)
        kept = [keep(one, settings.backup, made, read_record(job.state_dir)) for one in targets if one.id not in failed]
        return _recorded(job, made, kept, problems)


def stream(
    settings: Settings,
    config: Path | None,
    out: BinaryIO,
    *,
    actor: str,
    now: dt.datetime,
    has_query_log: bool | None = None,
) -> Created:
    """Writes one backup to a stream, for another machine that pulls it. Raises as `create`; `OSError` of the stream."""
    job = _job(settings, config, actor, now, has_query_log)
    with _tried(job), alone(job.state_dir), _work(job) as work:
        counted = _Counting(out)
        problems = _packed(job, work, counted)
        out.flush()
        name = name_of(PolicyFiles(job.state_dir).known_installation(), now)
        placed = (Placed(PULLED, PULLED, is_locked=True),)
        made = Made(name, now, counted.octets, counted.digest.hexdigest(), job.has_query_log, placed)
        return _recorded(job, made, [], problems)


def _job(settings: Settings, config: Path | None, actor: str, now: dt.datetime, has_query_log: bool | None) -> _Job:
    return _Job(settings, config, actor, now, settings.backup.query_log if has_query_log is None else has_query_log)


@contextmanager
def _tried(job: _Job) -> Iterator[None]:
    """A try that fails is remembered and recorded, as far as the disk lets it be; its error goes on."""
    try:
        yield
    except BackupBusy:
        raise
    except (BackupProblem, OSError) as error:
        with contextlib.suppress(OSError):
            write_record(job.state_dir, replace(read_record(job.state_dir), tried_at=job.now, failure=str(error)[:500]))
        detail = {"reason": str(error)[:500]}
        audit_part.record(
            job.state_dir, Event(job.now_us, job.actor, audit_part.CREATED, outcome=Outcome.failed, detail=detail)
        )
        raise


@contextmanager
def _work(job: _Job) -> Iterator[Path]:
    """The directory for copies; what the system refuses there means that there is no backup."""
    try:
        with work_folder(job.state_dir) as work:
            yield work
    except OSError as error:
        raise BackupFailed(f"{error.filename or job.state_dir}: {why(error)}; no backup was made") from error


def _written(job: _Job, work: Path, file: Path) -> tuple[list[str], int, str]:
    """The encrypted file, brought to the disk: problems, octets, SHA-256."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        counted = _Counting(opened)
        problems = _packed(job, work, counted)
        opened.flush()
        os.fsync(opened.fileno())
    return problems, counted.octets, counted.digest.hexdigest()


def _packed(job: _Job, work: Path, counted: _Counting) -> list[str]:
    """Writes the whole archive; returns problems that leave it usable."""
    recipients = recipients_of(recipients_of_settings(job.settings))
    unsigned = audit_part.sign(job.state_dir, job.actor, job.now_us)
    contents = contents_of(job.settings, job.config, has_query_log=job.has_query_log)
    items = staged(job.state_dir, contents.items, work)
    audit = audit_part.head_in(work / "copies" / STORE_NAME, job.now_us)

    def pack(sink: BinaryIO) -> None:
        writer = ArchiveWriter(sink)
        writer.head(__version__)
        writer.folders(contents)
        writer.files(STATE, items)
        writer.files(ELSEWHERE, contents.elsewhere)
        writer.manifest(_manifest(job, contents, writer, audit))

    pack_encrypted(pack, counted, recipients)
    unread = [f"{one}; it is not in the backup" for one in contents.unreadable]
    return [one for one in (unsigned, *unread) if one is not None]


def _manifest(job: _Job, contents: Contents, writer: ArchiveWriter, audit: AuditHead | None) -> Manifest:
    return Manifest(
        made_by=__version__,
        installation=PolicyFiles(job.state_dir).known_installation(),
        at=job.now,
        state_dir=str(job.state_dir.absolute()),
        config=str(job.config.absolute()) if job.config is not None else None,
        has_query_log=job.has_query_log,
        pinned_lists=contents.pinned_lists,
        audit=audit,
        files=tuple(writer.entries),
        left_out=LEFT_OUT if job.has_query_log else LEFT_OUT | LOG_LEFT_OUT,
        unreadable=contents.unreadable,
    )


def _placed(file: Path, name: str, targets: Sequence[Target]) -> tuple[tuple[Placed, ...], dict[str, str]]:
    placed: list[Placed] = []
    failed: dict[str, str] = {}
    for target in targets:
        try:
            placed.append(target.put(file, name))
        except BackupProblem as error:
            failed[target.id] = str(error)
    return tuple(placed), failed


def _recorded(job: _Job, made: Made, kept: Sequence[Kept], problems: list[str]) -> Created:
    """The record and the audit log. Where the disk takes neither, the backup is there all the same: a problem."""
    locked = {one.target: one.locked for one in kept if one.locked}
    before = read_record(job.state_dir)
    try:
        write_record(job.state_dir, before.with_made(made, locked))
    except OSError as error:
        problems.append(f"the backup is made, but not in the record of backups: {why(error)}")
    events = [_event(job, audit_part.CREATED, _detail(made))]
    events += [_event(job, audit_part.MEDIUM_CHANGED, change) for change in _media_changed(before.made, made)]
    removed = [{"target": one.target, "names": list(one.removed)} for one in kept if one.removed]
    events += [_event(job, audit_part.REMOVED, detail) for detail in removed]
    unrecorded = audit_part.record(job.state_dir, *events)
    problems += [one for one in (unrecorded, *(one.problem for one in kept)) if one is not None]
    return Created(made, {one.target: one.removed for one in kept}, locked, tuple(problems))


def _event(job: _Job, operation: str, detail: Mapping[str, object]) -> Event:
    return Event(job.now_us, job.actor, operation, detail=detail)


def _detail(made: Made) -> dict[str, object]:
    return {
        "name": made.name,
        "octets": made.octets,
        "sha256": made.sha256,
        "query_log": made.has_query_log,
        "targets": [one.target for one in made.placed],
        "failed": sorted(made.failed),
    }


def _media_changed(before: Sequence[Made], made: Made) -> list[dict[str, object]]:
    """Which targets have another medium than last time."""
    last = {one.target: one.medium for earlier in before for one in earlier.placed if one.medium is not None}
    return [
        {"target": one.target, "before": last[one.target], "after": one.medium}
        for one in made.placed
        if one.medium is not None and last.get(one.target, one.medium) != one.medium
    ]


class _Counting:
    """Counts and hashes what is written."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.octets = 0
        self.digest = hashlib.sha256()

    def write(self, octets: bytes, /) -> None:
        self._sink.write(octets)
        self.digest.update(octets)
        self.octets += len(octets)
