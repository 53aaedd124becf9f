"""One import: the core reads the supplier's file and writes a sealed one, which is checked and takes its place.

What fails leaves what was in force. Nothing of the file is printed, logged or kept but counts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import orjson

from schoolgate._core import SealedList, seal_list
from schoolgate.errors import SchoolgateError
from schoolgate.sealed.memory import keep_private
from schoolgate.sealed.sealed_store import SUPPLIER, Facts, SealedStore, facts_of

# Suppliers take entries off their lists, but never half of them in a day: that is a wrong file, or an attack.
LEAST_OF_LAST = 0.5


class SealedShrunk(SchoolgateError):
    """A new list is much shorter than the one in force, which stays."""


class NoSupplier(SchoolgateError):
    """A supplier's name cannot be a file's name."""


@dataclass(frozen=True)
class ImportReport:
    """What was imported; counts only. `skipped`: entries that are no name, by reason."""

    facts: Facts
    entries: int
    skipped: dict[str, int]


def import_list(
    state_dir: Path,
    source: Path,
    *,
    supplier: str,
    form: str,
    column: str | None,
    who: str,
    now: dt.datetime,
    accept_shrink: bool = False,
) -> ImportReport:
    """Imports a supplier's list. Raises a `SchoolgateError` such as `SealedShrunk`; then nothing changed."""
    keep_private()
    if not SUPPLIER.fullmatch(supplier):
        raise NoSupplier(
            f"{supplier!r}: a supplier's name has 1 to 32 lower-case letters, digits and hyphens, such as iwf"
        )
    store = SealedStore(state_dir)
    with store.importing():
        candidate = store.folder / f"{supplier}.candidate"
        try:
            serial = store.next_serial()
            report = orjson.loads(
                seal_list(source, form, column, store.keys, candidate, supplier, serial, int(now.timestamp()))
            )
            facts = facts_of(SealedList.open([candidate], store.keys))[0]
            before = store.facts(store.path(supplier)) if store.path(supplier).exists() else None
            if before is not None and not accept_shrink:
                _refuse_shrunk(before, facts)
            store.publish(candidate, facts)
        finally:
            candidate.unlink(missing_ok=True)
        done = ImportReport(facts, report["entries"], report["skipped_by_reason"])
        record = {
            "at": now.isoformat(timespec="seconds"),
            "who": who,
            "supplier": supplier,
            "serial": serial,
            "enforced": facts.enforced,
            "before": before.enforced if before is not None else None,
            "url_level": facts.url_level,
            "skipped": facts.skipped,
            "accepted_shrink": accept_shrink,
        }
        store.note(store.imports, record)
    return done


def _refuse_shrunk(before: Facts, after: Facts) -> None:
    if after.enforced < before.enforced * LEAST_OF_LAST:
        raise SealedShrunk(
            f"the new list has {after.enforced} entries that DNS can enforce and the one in force {before.enforced}; it"
            f" stays. Ask {before.supplier} whether the file is whole; if it is, import it with --accept-shrink, which"
            " is recorded"
        )
