"""`log erase`, `log reveal`, `log status` and `log maintain`: what is done with the log itself."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from pathlib import Path

import typer

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertRefused, AlertStore, told_held
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import err, note, out, say, say_json, table
from schoolgate.cli.commands.terminal import moment as shown_moment
from schoolgate.config import Settings, load
from schoolgate.control import call
from schoolgate.errors import SchoolgateError
from schoolgate.operations.actor import user_name as who
from schoolgate.querylog import BadQuery, LogProblem, Query, QueryLog
from schoolgate.querylog.erasure import Erasure, ask_for, pending_in
from schoolgate.querylog.keeper import Keeper, KeeperBusy
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.positions import read_by_monitor, unread_by_monitor
from schoolgate.querylog.retention import MIB, free_octets, octets_of
from schoolgate.querylog.reveal import reveal as reveal_pseudonym
from schoolgate.querylog.shown import printable
from schoolgate.storage import state_dir

# The server closes a file after a minute with rows.
WAIT_FOR_CLOSE_S = 90.0
WAIT_FOR_TURN_S = 60.0
LOOK_EVERY_S = 2.0


class NotMaintained(SchoolgateError):
    """A round of maintenance had problems."""


def erase(config: Path | None, client: str, reason: str, yes: bool, safeguarding_too: bool = False) -> None:
    """Removes every row of a client up to now, and records that. `yes`: without asking; rows that matter for
    safeguarding only with `safeguarding_too`."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    if not reason.strip():
        raise BadQuery("a reason is needed; it is kept with the record")
    now = _now()
    with QueryLog(settings.server.state_dir) as log:
        whole = log.whole_client(client)
        texts, rows = log.known_as(whole), log.count(Query(client=whole, until=now))
        folder, problems = log.folder, log.problems
        if problems:
            raise LogProblem("\n".join(("nothing was erased: the client's rows cannot all be found", *problems)))
        alerts = alerts_of(settings, texts)
        if held := [(one.id, one.hold) for one in reversed(alerts) if one.hold is not None]:
            raise AlertRefused(told_held(held))
        serious = log.count(Query(client=whole, until=now, class_="safeguarding"))
        if not _is_confirmed(client, rows, serious, alerts, yes, safeguarding_too):
            raise typer.Exit(1)
        _erase_found(settings, folder, client, texts, rows, reason, now)
        log.refuse_half(Query(client=client, until=now), "Rows that are surely theirs were erased")


def _is_confirmed(client: str, rows: int, serious: int, alerts: list[Alert], yes: bool, safeguarding_too: bool) -> bool:
    """Says what would go, and asks: once, and once more for what matters for safeguarding."""
    name = printable(client)
    if not rows:
        say(f"the query log holds no row of {name}")
    for alert in alerts:
        what = alert.category or alert.detector
        loses = f"its device, its {len(alert.names)} names, its evidence and its messages"
        say(f"alert {alert.id}, {on_the_wall(alert.last_at)}, {alert.severity}, {what}, {alert.state}: loses {loses}")
    if not rows and not alerts:
        return True
    what = " and ".join((f"{rows} rows", *([f"the traces in {len(alerts)} alerts"] if alerts else [])))
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


def _erase_found(
    settings: Settings, folder: LogFolder, client: str, texts: list[str], rows: int, reason: str, now: dt.datetime
) -> None:
    """What the log and the alerts hold under these texts."""
    _erase_from_alerts(settings, texts, client)
    if not rows:
        return
    asked = _ask(folder, texts, reason, now, client.strip())
    left = _until_done(settings, folder, asked)
    _erase_from_alerts(settings, texts, client)  # of rows that the monitor read meanwhile
    if left is None:
        say(f"erased: the {rows} rows of {printable(client)}; recorded in {folder.erasures}")
        return
    say(f"erased from all finished files: {sum(left.removed.values())} of {rows} rows of {printable(client)}")
    if _is_serving(settings):
        rest = (
            "the rest is in a file that the server still writes, or that the monitor has yet to read; it is erased when"
        )
        note(f"{rest} that file is done, by the monitor or by `schoolgate log maintain`", "yellow")
    else:
        rest = "the rest is in the last file of a server that does not run; start the server, which closes that file,"
        note(f"{rest} and then the monitor, or `schoolgate log maintain`", "yellow")


def alerts_of(settings: Settings, texts: list[str]) -> list[Alert]:
    """The alerts of a client, newest first."""
    path = settings.server.state_dir / "monitor" / "alerts.db"
    if not path.exists():
        return []
    with contextlib.closing(AlertStore.open(path)) as store:
        return store.of_clients(texts)


def _erase_from_alerts(settings: Settings, texts: list[str], client: str) -> None:
    path = settings.server.state_dir / "monitor" / "alerts.db"
    if not path.exists():
        return
    with contextlib.closing(AlertStore.open(path)) as store:
        erased = store.erase_clients(texts)
    if erased:
        say(f"erased from {erased} alert{'s' if erased > 1 else ''}: {printable(client)}, names and messages; the rest"
            " of an alert stays")  # fmt: skip


def reveal(config: Path | None, pseudonym: str, reason: str) -> None:
    """Says which address a pseudonym stands for, once that is recorded."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    with QueryLog(settings.server.state_dir) as log:
        address = reveal_pseudonym(log, pseudonym, reason, who(), _now())
        say(address)
        note(f"recorded in {log.folder.reveals}")


def status(config: Path | None, as_json: bool) -> None:
    """How much there is, since when, and how much may be."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    with QueryLog(settings.server.state_dir) as log:
        held, problems, folder = log.held(), list(log.problems), log.folder
    listing = folder.list()
    octets = octets_of(folder.folder) if folder.folder.is_dir() else 0
    pending = pending_in(folder)
    if as_json:
        classes = {name: {"rows": rows, "oldest": old, "newest": new} for name, rows, old, new in held}
        answer = {"classes": classes, "octets": octets, "days": len(listing.days), "waiting": len(listing.closed)}
        answer |= {"erasures_pending": len(pending), "problems": problems, "retention": settings.retention.model_dump()}
        say_json(answer)
        return
    rows = table("class", "rows", "oldest", "newest", "kept")
    kept = {"ordinary": settings.retention.ordinary_days, "safeguarding": settings.retention.safeguarding_days}
    for name, count, old, new in held:
        rows.add_row(name, f"{count:,}", _local(old), _local(new), f"{kept[name]} days")
    out.print(rows) if held else say("the query log has no rows yet")
    if folder.folder.is_dir():
        free = free_octets(folder.folder) // MIB
        say(f"{octets / MIB:,.1f} MiB of {settings.retention.max_gib} GiB; {free:,} MiB free")
        say(f"{len(listing.days)} days in {len(listing.files)} files; {len(listing.closed)} closed files to convert")
    for one in pending:
        note(f"an erasure asked for at {shown_moment(one.asked_at)} is under way", "yellow")
    for problem in problems:
        note(problem, "bold red")


def maintain(config: Path | None) -> None:
    """Maintenance by hand, until nothing is left to convert; the monitor does the same all day."""
    settings = load(config)
    folder = settings.server.state_dir
    state_dir.refuse_strangers(folder)
    keeper = _keeper(settings)
    is_going_on = True
    problems: dict[str, None] = {}
    while is_going_on:
        report = keeper.tick(_now())
        say(f"{report.converted} files of {report.rows:,} rows converted, {report.compacted} compacted")
        for record in report.erased:
            what = record.get("class") or record.get("key") or ", ".join(record.get("clients", ()))
            say(f"erased ({record['kind']}): {what} {record.get('day', '')}".rstrip())
        problems |= dict.fromkeys(report.problems)
        is_going_on = report.converted > 0
    if lag := unread_by_monitor(folder, keeper.log.list().closed):
        note(lag, "yellow")
    if problems:
        raise NotMaintained("\n".join(problems))


def _keeper(settings: Settings) -> Keeper:
    folder = settings.server.state_dir
    return Keeper(folder / "log", settings.retention, read_by_monitor(folder))


def _is_serving(settings: Settings) -> bool:
    """Whether a server answers here."""
    try:
        call(settings.server.control_socket, "status")
    except SchoolgateError:
        return False
    return True


def _ask(folder: LogFolder, clients: list[str], reason: str, now: dt.datetime, asked: str) -> Erasure:
    """Writes the request down, when the monitor lets us."""
    deadline = time.monotonic() + WAIT_FOR_TURN_S
    while True:
        try:
            with folder.maintained():
                return ask_for(folder, clients, reason, who(), now, asked)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise KeeperBusy("the query log is being maintained; nothing was erased; try again later") from None
            time.sleep(LOOK_EVERY_S)


def _until_done(settings: Settings, folder: LogFolder, asked: Erasure) -> Erasure | None:
    """What is left of the request; None when it is done."""
    deadline = time.monotonic() + WAIT_FOR_CLOSE_S
    keeper = _keeper(settings)
    with err.status("erasing") as shown:
        while True:
            problems: list[str] = []
            with contextlib.suppress(KeeperBusy):
                problems = keeper.tick(_now()).problems
            left = next((one for one in pending_in(folder) if one.id == asked.id), None)
            if left is None:
                return None
            if problems:
                raise LogProblem("\n".join(("the erasure is under way, and there are problems:", *problems)))
            if time.monotonic() > deadline:
                return left
            removed = sum(left.removed.values())
            shown.update(f"erasing: {removed} rows are gone; waiting for the server to close its file")
            time.sleep(LOOK_EVERY_S)


def _local(moment: dt.datetime) -> str:
    return on_the_wall(moment)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
