"""`log erase`, `log reveal`, `log status` and `log maintain`: what is done with the log itself."""

from __future__ import annotations

from pathlib import Path

import typer

from schoolgate.cli.commands.asking import ask, ask_watching
from schoolgate.cli.commands.log_rows import refuse_lost, say_problems
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import err, note, out, say, say_json, table
from schoolgate.cli.commands.terminal import moment as shown_moment
from schoolgate.errors import SchoolgateError
from schoolgate.operations.log.log_access import Revealed, require_reason
from schoolgate.operations.log.log_care import LogStatus, Maintained
from schoolgate.operations.log.log_erasure import ClientErased, ErasurePreview
from schoolgate.querylog import BadQuery
from schoolgate.querylog.retention import MIB
from schoolgate.querylog.shown import printable


class NotMaintained(SchoolgateError):
    """A round of maintenance had problems."""


def erase(config: Path | None, client: str, reason: str, yes: bool, safeguarding_too: bool = False) -> None:
    """Removes every row of a client up to now, and records that. `yes`: without asking; rows that matter for
    safeguarding only with `safeguarding_too`."""
    require_reason(reason)
    preview: ErasurePreview = ask(config, "log.preview_erasure", client=client)
    if not _is_confirmed(client, preview, yes, safeguarding_too):
        raise typer.Exit(1)
    with err.status("erasing") as shown:
        erased: ClientErased = ask_watching(
            config, "log.erase", lambda one: shown.update(one.sentence),
            client=client, reason=reason, is_safeguarding_agreed=bool(preview.serious),
        )  # fmt: skip
    _say_erased(client, erased)
    refuse_lost(erased.lost)


def _is_confirmed(client: str, preview: ErasurePreview, yes: bool, safeguarding_too: bool) -> bool:
    """Says what would go, and asks: once, and once more for what matters for safeguarding."""
    name, rows, serious = printable(client), preview.rows, preview.serious
    if not rows:
        say(f"the query log holds no row of {name}")
    for one in preview.alerts:
        loses = f"its device, its {one.names} names, its evidence and its messages"
        say(f"alert {one.id}, {shown_moment(one.at)}, {one.severity}, {one.what}, {one.state}: loses {loses}")
    if not rows and not preview.alerts:
        return True
    traces = [f"the traces in {len(preview.alerts)} alerts"] if preview.alerts else []
    what = " and ".join((f"{rows} rows", *traces))
    if not yes and not typer.confirm(f"Erase {what} of {name} for ever?", err=True):
        return False
    if not serious or (yes and safeguarding_too):
        return True
    if yes:
        raise BadQuery(
            f"nothing was erased: {serious} of the {rows} rows of {name} matter for safeguarding; ask the safeguarding"
            " lead, then add --safeguarding-too"
        )
    return typer.confirm(
        f"{serious} of these rows matter for safeguarding. Does the safeguarding lead agree that they go?", err=True
    )


def _say_erased(client: str, erased: ClientErased) -> None:
    name = printable(client)
    if erased.alerts:
        alerts = f"{erased.alerts} alert{'s' if erased.alerts > 1 else ''}"
        say(f"erased from {alerts}: {name}, names and messages; the rest of an alert stays")
    if erased.searches:
        say(f"removed: {erased.searches} saved search{'es' if erased.searches > 1 else ''} that named {name}")
    if not erased.rows:
        return
    if not erased.is_under_way:
        say(f"erased: the {erased.rows} rows of {name}; recorded in {erased.record}")
        return
    say(f"erased from all finished files: {erased.removed} of {erased.rows} rows of {name}")
    if erased.is_serving:
        rest = (
            "the rest is in a file that the server still writes, or that the monitor has yet to read; it is erased when"
        )
        note(f"{rest} that file is done, by the monitor or by `schoolgate log maintain`", "yellow")
    else:
        rest = "the rest is in the last file of a server that does not run; start the server, which closes that file,"
        note(f"{rest} and then the monitor, or `schoolgate log maintain`", "yellow")


def reveal(config: Path | None, pseudonym: str, reason: str) -> None:
    """Says which address a pseudonym stands for, once that is recorded."""
    revealed: Revealed = ask(config, "log.reveal", pseudonym=pseudonym, reason=reason)
    say(revealed.address)
    note(f"recorded in {revealed.record}, and in the audit log")


def status(config: Path | None, as_json: bool) -> None:
    """How much there is, since when, and how much may be."""
    found: LogStatus = ask(config, "log.status")
    if as_json:
        say_json(
            {
                "classes": found.classes,
                "octets": found.octets,
                "days": found.days,
                "waiting": found.waiting,
                "erasures_pending": len(found.erasures),
                "problems": found.problems,
                "retention": found.retention,
            }
        )
        return
    rows = table("class", "rows", "oldest", "newest", "kept")
    for name, held in found.classes.items():
        kept = f"{found.retention[f'{name}_days']} days"
        rows.add_row(name, f"{held.rows:,}", on_the_wall(held.oldest), on_the_wall(held.newest), kept)
    out.print(rows) if found.classes else say("the query log has no rows yet")
    if found.free_octets is not None:
        free = found.free_octets // MIB
        say(f"{found.octets / MIB:,.1f} MiB of {found.retention['max_gib']} GiB; {free:,} MiB free")
        say(f"{found.days} days in {found.files} files; {found.waiting} closed files to convert")
    for asked_at in found.erasures:
        note(f"an erasure asked for at {shown_moment(asked_at)} is under way", "yellow")
    say_problems(found.problems)


def maintain(config: Path | None) -> None:
    """Maintenance by hand, until nothing is left to convert; the monitor does the same all day."""
    done: Maintained = ask_watching(config, "log.maintain", lambda one: say(one.sentence))
    if done.waits is not None:
        note(done.waits, "yellow")
    if done.problems:
        raise NotMaintained("\n".join(done.problems))
