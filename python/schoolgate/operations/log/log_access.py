"""What the query log holds of one device: who stands behind a pseudonym, and everything, for a request of access."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AwareDatetime

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.config import Settings
from schoolgate.operations import pages
from schoolgate.operations.devices.device_behind import DeviceBehind
from schoolgate.operations.log.log_rows import MOST_ROWS_A_PAGE, LogFilters, lost_rows, opened
from schoolgate.operations.registry import Personal, changes
from schoolgate.operations.self_test_marks import marked
from schoolgate.operations.work import Work
from schoolgate.querylog import BadQuery, Query, QueryLog, Row
from schoolgate.querylog.log_query import Page
from schoolgate.querylog.reveal import reveal as reveal_pseudonym


@dataclass(frozen=True)
class Revealed:
    """The address behind a pseudonym. `record`: the log's own file of reveals. `devices`: those that had the address
    while the log knew it by this pseudonym, newest first."""

    address: str
    record: str
    devices: tuple[DeviceBehind, ...] = ()


@dataclass(frozen=True)
class ClientPage:
    """Rows of one client, newest first; `cursor` gets the next page. With the first page: its alerts, newest first,
    whether older ones are left out, and why rows that may be the client's are."""

    rows: tuple[Row, ...]
    cursor: str | None
    alerts: tuple[Alert, ...] = ()
    are_alerts_cut: bool = False
    problems: tuple[str, ...] = ()
    lost: str | None = None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"rows": len(self.rows), "alerts": len(self.alerts)}


@changes("log.reveal")
async def reveal(work: Work, pseudonym: Annotated[str, Personal], reason: Annotated[str, Personal]) -> Revealed:
    """Says which address a pseudonym stands for, and which devices had it. Raises `CannotReveal`, `BadQuery`."""
    # A look at the log does without a database.
    from schoolgate.operations.devices.device_book import read_records
    from schoolgate.operations.devices.device_names import devices_behind

    def revealed() -> tuple[str, str, str]:
        with opened(work) as log:
            address = reveal_pseudonym(log, pseudonym, reason, work.actor.name, work.now)
            return address, str(log.folder.reveals), log.in_full(pseudonym)

    address, record, whole = await asyncio.to_thread(revealed)
    stored = await read_records(work)
    behind = await asyncio.to_thread(devices_behind, work.settings, [whole.strip().lower()], stored, work.now_us)
    return Revealed(address, record, behind)


@changes("log.export")
def export(
    work: Work,
    client: Annotated[str, Personal],
    reason: Annotated[str, Personal],
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    after: str | None = None,
) -> ClientPage:
    """Everything that the log and the alerts hold of one client, a page at a time. Raises `LogProblem`."""
    require_reason(reason)
    with opened(work) as log:
        whole = log.whole_client(client)
        query = LogFilters(since, until, own_checks="with").query(whole)
        rows, cursor, problems = _rows(log, query, after)
        rows = marked(work.settings.server.state_dir, rows)
        if after is not None:
            return ClientPage(rows, cursor, problems=problems)
        alerts, is_cut = pages.first_page(alerts_of(work.settings, log.known_as(whole)))
        lost = lost_rows(
            log, LogFilters(since, until, own_checks="with").query(client), "All other rows were looked through"
        )
    return ClientPage(rows, cursor, alerts, is_cut, problems, lost)


def alerts_of(settings: Settings, texts: list[str]) -> list[Alert]:
    """The alerts of a client, newest first."""
    path = settings.server.state_dir / "monitor" / "alerts.db"
    if not path.exists():
        return []
    with contextlib.closing(AlertStore.open(path)) as store:
        return store.of_clients(texts)


def require_reason(reason: str) -> None:
    """Raises `BadQuery`."""
    if not reason.strip():
        raise BadQuery("a reason is needed; it is kept with the record")


def _rows(log: QueryLog, query: Query, after: str | None) -> tuple[tuple[Row, ...], str | None, tuple[str, ...]]:
    """Rows, the cursor of the next, and what could not be read."""
    rows: list[Row] = []
    octets = 0
    problems: dict[str, None] = {}
    while True:
        page: Page = log.search(query, most=MOST_ROWS_A_PAGE, after=after)
        rows += page.rows
        problems |= dict.fromkeys(page.problems)
        octets += pages.octets_of(page.rows)
        after = page.cursor
        if after is None or octets > pages.MOST_OCTETS_A_PAGE:
            return tuple(rows), after, tuple(problems)
