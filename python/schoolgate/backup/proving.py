"""Proves a backup: restores it where nothing of the old machine is, starts a server from it and asks it a question that
its policy denies, searches the query log, and verifies the audit log.

Everything happens below a temporary directory and on a port of the loopback interface; the running service is not
touched. What was found is kept for `status` where the backup is of the installation that is here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from schoolgate.audit.event import Event, Outcome
from schoolgate.backup import audit_part
from schoolgate.backup.errors import BackupProblem, RestoreRefused, why
from schoolgate.backup.manifest import STATE, Manifest
from schoolgate.backup.private_folder import private_folder
from schoolgate.backup.rehearsal import Answered, RehearsalServer, settings_for
from schoolgate.backup.restoring import settle, unpack
from schoolgate.checks.record import CheckRecord
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.querylog import Query, QueryLog

if TYPE_CHECKING:
    import pyrage


@dataclass(frozen=True)
class Step:
    """One part of the proof."""

    name: str
    is_well: bool
    said: str


@dataclass(frozen=True)
class Proof:
    """What a test restore found. `at`, `made_at`: UTC; `problem`: why no proof is kept, where that is so."""

    backup: str
    at: dt.datetime
    installation: str | None
    made_at: dt.datetime
    steps: tuple[Step, ...]

    @property
    def is_well(self) -> bool:
        """Whether this backup would bring the school back."""
        return all(step.is_well for step in self.steps)

    def whole(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "at": self.at.isoformat(),
            "backup": self.backup,
            "installation": self.installation,
            "made_at": self.made_at.isoformat(),
            "ok": self.is_well,
            "steps": [{"name": one.name, "ok": one.is_well, "said": one.said} for one in self.steps],
        }


def prove(
    source: BinaryIO,
    name: str,
    identities: Sequence[pyrage.x25519.Identity],
    *,
    actor: str,
    now: dt.datetime,
    outside: Sequence[str] = (),
    work: Path | None = None,
) -> Proof:
    """A test restore below `work` (default: the temporary directory). `outside`: checkpoints of the audit log that were
    kept elsewhere. Raises `WrongKey`, `BackupDamaged`, `BackupLater`, `RestoreRefused`, `StoreProblem`."""
    with _place(work) as place:
        manifest = unpack(source, identities, place)
        settled = settle(place / STATE, manifest, actor, now, None)
        steps = [Step("restore", True, f"{len(manifest.files)} files are as the manifest says")]
        steps += [Step("restore", False, problem) for problem in settled.problems]
        asked: list[Answered] = []
        steps += [
            _step("answer", lambda: _asked(place, manifest, asked)),
            _step("query log", lambda: _searched(place, manifest, asked)),
            _step("audit log", lambda: _verified(place / STATE, now, outside)),
        ]
        return Proof(name, now, manifest.installation, manifest.at, tuple(steps))


@contextmanager
def _place(work: Path | None) -> Iterator[Path]:
    parent = work if work is not None else Path(tempfile.gettempdir())
    try:
        opened = private_folder("schoolgate-test-", parent)
        place = opened.__enter__()
    except OSError as error:
        raise RestoreRefused(f"{parent}: {why(error)}; name another directory in TMPDIR") from error
    with contextlib.ExitStack() as stack:
        stack.push(opened)
        yield place


def keep_proof(state_dir: Path, proof: Proof, actor: str) -> tuple[str, ...]:
    """Keeps the result where the backup is of this installation; returns why that was not possible or not done."""
    if PolicyFiles(state_dir).known_installation() != proof.installation or proof.installation is None:
        return ("the backup is of another installation than this machine's: the result is not kept here",)
    problems = []
    try:
        CheckRecord(state_dir).keep("restore", proof.whole(), _summary(proof))
    except OSError as error:
        problems.append(f"the result was not kept: {error.filename or state_dir}: {error.strerror}")
    detail = {"name": proof.backup, "failed": [one.name for one in proof.steps if not one.is_well]}
    outcome = Outcome.done if proof.is_well else Outcome.failed
    event = Event(_us(proof.at), actor, audit_part.TESTED, outcome=outcome, detail=detail)
    unrecorded = audit_part.record(state_dir, event)
    return tuple(problems) + (() if unrecorded is None else (unrecorded,))


def keep_failure(state_dir: Path, name: str, error: SchoolgateError, actor: str, now: dt.datetime) -> None:
    """Keeps that a test restore could not even begin: the wrong key, a damaged backup. Best effort."""
    if not (state_dir / "backup").is_dir():
        return
    whole = {"at": now.isoformat(), "backup": name, "ok": False, "steps": [], "problem": str(error)[:500]}
    try:
        CheckRecord(state_dir).keep("restore", whole, {"at": now.isoformat(), "ok": False, "backup": name})
    except OSError:
        return
    detail = {"name": name, "reason": str(error)[:500]}
    event = Event(_us(now), actor, audit_part.TESTED, outcome=Outcome.failed, detail=detail)
    audit_part.record(state_dir, event)


def _summary(proof: Proof) -> dict[str, Any]:
    return {"at": proof.at.isoformat(), "ok": proof.is_well, "backup": proof.backup}


def _step(name: str, work: Callable[[], str]) -> Step:
    """What went well in words, or what did not."""
    try:
        return Step(name, True, work())
    except (SchoolgateError, OSError) as error:
        return Step(name, False, str(error))


def _asked(place: Path, manifest: Manifest, asked: list[Answered]) -> str:
    with RehearsalServer(settings_for(place, manifest)) as server:
        answer = server.ask_what_is_denied()
        asked.append(answer)
        return answer.said


def _searched(place: Path, manifest: Manifest, asked: list[Answered]) -> str:
    """Rows of the school's log, and the row of the question that was just asked."""
    settings = load(settings_for(place, manifest))
    if not settings.query_log.enabled:
        return "off in these settings"
    with QueryLog(place / STATE) as log:
        rows = log.count(Query())
        own = log.count(Query(name=asked[0].name, match="exact")) if asked else 0
    if not rows and asked and not asked[0].is_outside:
        raise BackupProblem("the query log has no row, not even of the question that was just asked")
    what = "the rows of the backup and of this test" if manifest.has_query_log else "the backup holds none by choice"
    return f"{rows} rows found, {own} of the question that was asked ({what})"


def _verified(state: Path, now: dt.datetime, outside: Sequence[str]) -> str:
    from schoolgate.storage.audit_operations import STORE_NAME

    if not (state / STORE_NAME).exists():
        return "there was none yet when the backup was made"
    found = audit_part.verify(state, _us(now), outside)
    if found.problems:
        raise BackupProblem("; ".join(one.sentence for one in found.problems[:3]))
    anchors = f"{found.anchors} checkpoints from outside" if found.anchors else "itself only: give a --checkpoint"
    return f"{found.entries} entries in {found.epochs} epochs, they agree with {anchors}"


def _us(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
