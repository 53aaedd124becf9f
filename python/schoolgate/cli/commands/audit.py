"""`audit log | show | verify | export | checkpoint`: prints what the audit log's operations return."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.tampering import Verification
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import load
from schoolgate.operations.actor import user_name as who
from schoolgate.storage import state_dir

if TYPE_CHECKING:
    from schoolgate.storage.audit_operations import Place
    from schoolgate.storage.audit_reading import Entry

# A checkpoint has a few hundred octets; a larger file is another one.
MOST_NOTE_OCTETS = 64 * 1024


def log(config: Path | None, most: int, wanted: dict[str, str], as_json: bool) -> None:
    """The newest entries."""
    from schoolgate.storage import audit_operations

    found = asyncio.run(audit_operations.log(_place(config), _now_us(), most, **wanted))
    if as_json:
        say_json([_as_dict(one) for one in found])
        return
    rows = table("Entry", "Time", "Actor", "Operation", "Scope", "Outcome")
    for one in found:
        fields = one.fields
        rows.add_row(
            f"{one.epoch}/{one.number}",
            _moment(fields.get("at_us")),
            *(str(fields.get(name, "")) for name in ("actor", "operation", "scope", "outcome")),
        )
    out.print(rows)


def show(config: Path | None, number: int, epoch: int | None, as_json: bool) -> None:
    """One entry whole, with its proof."""
    from schoolgate.storage import audit_operations

    shown = asyncio.run(audit_operations.show(_place(config), number, epoch, who(), _now_us()))
    proof = shown.proof
    value = _as_dict(shown.entry) | {
        "proof": None
        if proof is None
        else {"size": proof.size, "root": proof.root.hex(), "hashes": [one.hex() for one in proof.hashes]}
    }
    if as_json:
        say_json(value)
        return
    for name, one in value.items():
        say(f"{name:<10} {one if not isinstance(one, dict) else ''}".rstrip())
        for key, part in one.items() if isinstance(one, dict) else ():
            say(f"  {key}: {'erased' if part is None else part}")


def verify(
    config: Path | None,
    export: Path | None,
    earlier: Path | None,
    checkpoints: Sequence[Path],
    keys: Sequence[str],
    as_json: bool,
) -> None:
    """Exits 0 where the log is sound, 1 where it was tampered with, 3 where nothing from outside was given."""
    outside = [_note(path) for path in checkpoints]
    if export is not None:
        from schoolgate.audit.export_file import verify_export

        found = verify_export(export, outside, keys, earlier)
    elif earlier is not None:
        raise AuditProblem("--earlier compares two exports; name the newer one with --export")
    else:
        from schoolgate.storage import audit_operations

        found = asyncio.run(audit_operations.verify_store(_place(config), _now_us(), outside, keys))
    _say_verification(found, as_json)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def export(config: Path | None, file: Path, has_personal: bool) -> None:
    """Writes the export."""
    from schoolgate.storage import audit_operations

    made = asyncio.run(audit_operations.export(_place(config), file, who(), _now_us(), has_personal=has_personal))
    say(f"{file}: {made.entries} entries, {made.octets / 1024:.0f} KiB")
    note("keep a checkpoint elsewhere too: `schoolgate audit checkpoint`")


def checkpoint(config: Path | None, shows_key: bool, rotates: bool) -> None:
    """Signs the log and prints the note, or the key by which others verify it."""
    from schoolgate.storage import audit_operations

    act = audit_operations.rotate if rotates else audit_operations.checkpoint
    signed = asyncio.run(act(_place(config), who(), _now_us()))
    sys.stdout.write(f"{signed.verifier_key}\n" if shows_key else signed.note)


def _say_verification(found: Verification, as_json: bool) -> None:
    if as_json:
        problems = [{**vars(one), "kind": one.kind.value} for one in found.problems]
        verdict = {0: "sound", 1: "tampered", 3: "consistent with itself only"}[found.exit_code]
        say_json({**vars(found), "problems": problems, "verdict": verdict})
        return
    for problem in found.problems:
        where = f"epoch {problem.epoch}: " if problem.epoch else ""
        say(f"{problem.kind.value}: {where}{problem.sentence}", "red")
    for one in found.notices:
        note(one, "yellow")
    count = f"{found.entries} entries in {found.epochs} epochs"
    if found.problems:
        say(f"{count}: {len(found.problems)} problems", "red")
    elif found.anchors:
        say(f"{count}: sound, and they agree with {found.anchors} checkpoints from outside", "green")
    else:
        say(f"{count}: consistent with itself only; give a checkpoint that was kept elsewhere: --checkpoint FILE")


def _place(config: Path | None) -> Place:
    from schoolgate.storage.audit_operations import Place

    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    return Place.in_folder(settings.server.state_dir)


def _note(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_NOTE_OCTETS + 1)
        return octets.decode()
    except OSError as error:
        raise AuditProblem(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise AuditProblem(f"{path}: this is no checkpoint: it is not UTF-8 text") from None


def _as_dict(entry: Entry) -> dict[str, Any]:
    return {**entry.fields, "personal": entry.personal, "hash": entry.hash.hex()}


def _moment(at_us: object) -> str:
    if not isinstance(at_us, int):
        return "?"
    return on_the_wall(dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC))


def _now_us() -> int:
    return time.time_ns() // 1000
