"""Erasing one client: what would go, and then every row up to now, with its traces in alerts."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertRefused, AlertStore, told_held
from schoolgate.config import Settings
from schoolgate.control.client import call
from schoolgate.errors import SchoolgateError
from schoolgate.identity.attribution import Attribution
from schoolgate.operations.log.log_access import alerts_of, require_reason
from schoolgate.operations.log.log_rows import lost_rows, opened
from schoolgate.operations.log.saved_searches import erase_from_searches
from schoolgate.operations.registry import Personal, changes, sees
from schoolgate.operations.work import Progress, Work
from schoolgate.querylog import BadQuery, LogProblem, Query, QueryLog
from schoolgate.querylog.erasure import Erasure, ask_for, pending_in
from schoolgate.querylog.idle_workers import IDLE
from schoolgate.querylog.keeper import Keeper, KeeperBusy
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.positions import read_by_monitor
from schoolgate.querylog.shown import printable

# The server closes a file after a minute with rows.
WAIT_FOR_CLOSE_S = 90.0
WAIT_FOR_TURN_S = 60.0
LOOK_EVERY_S = 2.0


@dataclass(frozen=True)
class AlertLosing:
    """An alert that loses its device, its names, its evidence and its messages. `at`: ISO 8601, UTC."""

    id: int
    at: str
    severity: str
    what: str
    state: str
    names: int


@dataclass(frozen=True)
class ErasurePreview:
    """What would go. `serious`: those of the rows that matter for safeguarding. Alerts oldest last."""

    rows: int
    serious: int
    alerts: tuple[AlertLosing, ...]


@dataclass(frozen=True)
class ClientErased:
    """`rows` of the client were in the log, and `removed` of them are gone; the others (`is_under_way`) go when the
    file that they are in is done, which `is_serving` a server closes. `alerts`: so many lost their traces. `record`:
    the log's own file of erasures. `lost`: why rows that may be the client's stay. `searches`: so many that people
    saved named the client, and are removed."""

    rows: int
    removed: int
    alerts: int
    is_under_way: bool
    is_serving: bool
    record: str
    lost: str | None
    searches: int = 0

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        counts = {"rows": self.rows, "removed": self.removed, "alerts": self.alerts, "searches": self.searches}
        return counts | {"is_under_way": self.is_under_way}


@dataclass(frozen=True)
class _Found:
    """What is held of a client under `texts`."""

    texts: list[str]
    rows: int
    serious: int
    alerts: list[Alert]


@sees("log.preview_erasure")
def preview_erasure(work: Work, client: Annotated[str, Personal]) -> ErasurePreview:
    """What erasing a client would take away. Raises `LogProblem`; `AlertRefused` where one of its alerts is held."""
    with opened(work) as log:
        found = _find(work, log, client, _now())
    alerts = (
        AlertLosing(
            one.id, one.last_at.isoformat(), one.severity, one.category or one.detector, one.state, len(one.names)
        )
        for one in found.alerts
    )
    return ErasurePreview(found.rows, found.serious, tuple(alerts))


@changes("log.erase")
async def erase(
    work: Work,
    client: Annotated[str, Personal],
    reason: Annotated[str, Personal],
    is_safeguarding_agreed: bool = False,
) -> ClientErased:
    """Removes every row of a client up to now, its traces in alerts, and saved searches that name it.

    Rows that matter for safeguarding go only where the safeguarding lead has agreed. Raises `BadQuery`, `LogProblem`,
    `AlertRefused`.
    """
    require_reason(reason)
    erased, texts = await asyncio.to_thread(_erase, work, client, reason, is_safeguarding_agreed)
    return replace(erased, searches=await erase_from_searches(work, texts))


def _erase(work: Work, client: str, reason: str, is_safeguarding_agreed: bool) -> tuple[ClientErased, list[str]]:
    now = _now()
    with opened(work) as log:
        found = _find(work, log, client, now)
        if found.serious and not is_safeguarding_agreed:
            raise BadQuery(
                f"nothing was erased: {found.serious} of the {found.rows} rows of {printable(client)} matter for"
                " safeguarding; ask the safeguarding lead, then add --safeguarding-too"
            )
        # The request first: from then on nothing that is killed leaves a part for ever.
        left = _erase_rows(work, log.folder, client, found, reason, now) if found.rows else None
        alerts = _erase_from_alerts(work.settings, found.texts)
        _erase_devices(work.settings, found.texts, now)
        lost = lost_rows(log, Query(client=client, until=now), "Rows that are surely theirs were erased")
    IDLE.forget()
    removed = found.rows if left is None else sum(left.removed.values())
    is_serving = left is not None and _is_serving(work.settings)
    erased = ClientErased(found.rows, removed, alerts, left is not None, is_serving, str(log.folder.erasures), lost)
    return erased, found.texts


def keeper_of(settings: Settings) -> Keeper:
    """Who maintains the log."""
    folder = settings.server.state_dir
    return Keeper(folder / "log", settings.retention, read_by_monitor(folder))


def _find(work: Work, log: QueryLog, client: str, now: dt.datetime) -> _Found:
    whole = log.whole_client(client)
    texts, rows = log.known_as(whole), log.count(Query(client=whole, until=now))
    if log.problems:
        raise LogProblem("\n".join(("nothing was erased: the client's rows cannot all be found", *log.problems)))
    alerts = alerts_of(work.settings, texts)
    if held := [(one.id, one.hold) for one in reversed(alerts) if one.hold is not None]:
        raise AlertRefused(told_held(held))
    return _Found(texts, rows, log.count(Query(client=whole, until=now, class_="safeguarding")), alerts)


def _erase_from_alerts(settings: Settings, texts: Sequence[str]) -> int:
    path = settings.server.state_dir / "monitor" / "alerts.db"
    if not path.exists():
        return 0
    with contextlib.closing(AlertStore.open(path)) as store:
        return store.erase_clients(texts)


def _erase_devices(settings: Settings, texts: Sequence[str], now: dt.datetime) -> None:
    """Which devices had the address: it would tell of rows that are gone."""
    attribution = Attribution.existing(settings.server.state_dir)
    if attribution is not None:
        with attribution:
            attribution.erase_clients(texts, int(now.timestamp() * 1_000_000))


def _erase_rows(
    work: Work, folder: LogFolder, client: str, found: _Found, reason: str, now: dt.datetime
) -> Erasure | None:
    """What is left of the request; None when it is done."""
    asked = _ask(folder, found.texts, reason, work.actor.name, now, client.strip())
    deadline = time.monotonic() + WAIT_FOR_CLOSE_S
    keeper = keeper_of(work.settings)
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
        said = f"erasing: {removed} rows are gone; waiting for the server to close its file"
        work.say(Progress(said, removed, found.rows))
        time.sleep(LOOK_EVERY_S)


def _ask(folder: LogFolder, clients: list[str], reason: str, who: str, now: dt.datetime, asked: str) -> Erasure:
    """Writes the request down, when the monitor lets us."""
    deadline = time.monotonic() + WAIT_FOR_TURN_S
    while True:
        try:
            with folder.maintained():
                return ask_for(folder, clients, reason, who, now, asked)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise KeeperBusy("the query log is being maintained; nothing was erased; try again later") from None
            time.sleep(LOOK_EVERY_S)


def _is_serving(settings: Settings) -> bool:
    """Whether a server answers here."""
    try:
        call(settings.server.control_socket, "status")
    except SchoolgateError:
        return False
    return True


def _now() -> dt.datetime:
    """Not the moment of the call: rounds of maintenance go on with the clock."""
    return dt.datetime.now(dt.UTC)
