"""The names that the school gave to the devices behind rows, asked for once for a page. That is on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from schoolgate.console.screen import Page
from schoolgate.operations.socket_messages import OperationRefused

# As many as one call names.
MOST_ASKED = 500


async def names_of(
    page: Page, rows: Iterable[tuple[str, str]], choices: Mapping[str, Any] | None = None
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What `device.names` returns, by client and time as they were given; of who may see names, where there are any.

    `choices`: what `log.choices` returned, where that is known already."""
    wanted = list(dict.fromkeys((client, at) for client, at in rows if client and at))[:MOST_ASKED]
    if not wanted or not page.viewer.may("device.names"):
        return {}
    asked = [{"client": client, "at": at} for client, at in wanted]
    try:
        choices = choices or await page.call("log.choices")
        if not choices.get("has_devices"):
            return {}
        found = (await page.call("device.names", asked=asked))["names"]
    except OperationRefused:
        # A row without a name is a row all the same.
        return {}
    by_row = {(str(one["client"]), int(one["at_us"])): one for one in found}
    times = {(client, at): by_row.get((client, _us(at))) for client, at in wanted}
    return {row: one for row, one in times.items() if one is not None}


def _us(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1_000_000)
