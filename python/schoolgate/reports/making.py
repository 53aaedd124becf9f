"""A report, made: for whom, of which time, in which form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from schoolgate.config import Settings
from schoolgate.reports.facts import Facts
from schoolgate.reports.gathering import Wanted, gather
from schoolgate.reports.html import html_of
from schoolgate.reports.page import Reader, page_of
from schoolgate.reports.period import Period, before
from schoolgate.reports.text import text_of


class Form(StrEnum):
    """How it is written."""

    text = "text"
    html = "html"
    json = "json"


@dataclass(frozen=True)
class Made:
    """A report that can be written in each form."""

    facts: Facts
    reader: Reader

    @property
    def title(self) -> str:
        return page_of(self.facts, self.reader).title

    def written(self, form: Form) -> str:
        if form is Form.json:
            return orjson.dumps(self._values(), option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
        page = page_of(self.facts, self.reader)
        return html_of(page) if form is Form.html else text_of(page)

    def _values(self) -> dict[str, Any]:
        """The numbers, without what this reader does not see."""
        values = asdict(self.facts)
        status = self.facts.status
        kept = (
            ("uptime_s", "policy", "lists", "categories", "sealed", "problems", "query_log")
            if self.reader.sees_names
            else ()
        )
        values["status"] = None if status is None else {key: status[key] for key in kept if key in status}
        return {"reader": str(self.reader)} | values


def make(
    settings: Settings, time_zone: str, reader: Reader, period: Period, segments: Sequence[str], now: dt.datetime
) -> Made:
    """Blocks for as long as the log takes. Names and clients are not even gathered for those who do not see them."""
    zone = ZoneInfo(time_zone)
    wanted = Wanted(
        period=period,
        before=before(period, zone, settings.reports.term_starts),
        segments=tuple(segments),
        with_names=reader.sees_names,
        with_clients=reader.sees_clients,
    )
    return Made(gather(settings, zone, wanted, now), reader)
