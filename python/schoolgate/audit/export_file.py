"""Verifies the file of an export: on any machine, without control.db and without SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from schoolgate.audit.comparison import compare
from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.note import public_keys
from schoolgate.audit.tampering import Verification
from schoolgate.audit.verify import Verifier


def verify_export(
    file: Path, outside: Sequence[str] = (), known_keys: Sequence[str] = (), earlier: Path | None = None
) -> Verification:
    """Verifies an export, without any store. `earlier`: an export from before. Raises `AuditProblem`."""
    verifier = Verifier(outside, public_keys(known_keys))
    verifier.feed(_lines(file))
    found = verifier.finish()
    if earlier is None:
        return found
    more = compare(_lines(earlier), _lines(file))
    problems = (*found.problems, *more)
    return Verification(found.entries, found.epochs, found.anchors, problems, found.notices)


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            for line in opened:
                yield line.rstrip(b"\r\n")
    except OSError as error:
        raise AuditProblem(f"{file}: {error.strerror}") from error
