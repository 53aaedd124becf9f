"""The daily digest: every blocked question of a day, counted, once each morning."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.monitoring.test_rules import book, finding
from tests.unit.reports.conftest import MONDAY, row, school, week_of_rows, write_log

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.digest import digest_of, text_of
from schoolgate.alerts.outbox import Outbox
from schoolgate.config import Settings
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.digest import DailyDigest
from schoolgate.policy import parse
from schoolgate.policy.model import Document

__all__ = ["school"]

POLICY = """
format = 1
allowed_clients = ["127.0.0.0/8"]
strictest = "s"
[policies.s]
[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "s"
[digest]
to = ["it@school.example"]
[alerts.bets]
categories = ["gambling"]
deliver = "count"
[alerts.ours]
detectors = ["own-list"]
deliver = "digest"
to = ["lead@school.example"]
"""


def document() -> Document:
    return parse(POLICY, "test").document


def with_log(settings: Settings) -> Path:
    ordinary, safeguarding = week_of_rows()
    noon = MONDAY + dt.timedelta(hours=12)
    ours = [row(noon, "site.example.com", action="deny", layer="own-list") for _ in range(3)]
    # The first minute of the next day by the school's clock.
    other_day = [row(MONDAY + dt.timedelta(days=1), "late.example.com", action="deny", layer="own-list")]
    write_log(settings.server.state_dir, [*ordinary, *ours, *other_day], safeguarding)
    return settings.server.state_dir


def test_every_blocked_question_of_the_day_is_counted(school: Callable[..., Settings]) -> None:
    settings = school("")
    with_log(settings)
    found = digest_of(settings, document(), MONDAY.date())
    counted = {(one.segment, one.detector, one.category): one.questions for one in found.blocked}
    assert counted == {
        ("pupils", "attempt", "gambling"): 1,
        ("pupils", "attempt", "circumvention-vpn"): 1,
        ("pupils", "own-list", None): 3,
        ("guests", "sealed", None): 1,
    }
    assert (found.blocked_questions, found.problems) == (6, ())
    assert [(one.rule, one.deliver, one.questions) for one in found.rules] == [
        ("bets", "count", 1),
        ("ours", "digest", 3),
    ]
    text = text_of(found)
    assert "3  The school's own lists, network pupils" in text
    assert "site.example.com" not in text


def test_alerts_of_rules_that_speak_by_it_are_named(school: Callable[..., Settings]) -> None:
    settings = school("")
    folder = with_log(settings) / "monitor"
    folder.mkdir()
    store = AlertStore.open(folder / "alerts.db")
    at = MONDAY + dt.timedelta(hours=12)
    rules = book(**document().alerts)
    rules.apply([finding(detector="own-list", category=None, severity="notice")], store, Outbox(store), at)
    store.close()
    found = digest_of(settings, document(), MONDAY.date())
    assert [(one.rule, one.id) for one in found.alerts] == [("ours", 1)]
    assert "alert 1, notice, network pupils: A device asked." in text_of(found)


async def test_it_is_sent_once_when_its_hour_has_come(school: Callable[..., Settings]) -> None:
    settings = school("")
    with_log(settings)
    sent: list[tuple[tuple[str, ...], str, str]] = []

    async def post(recipients: Sequence[str], subject: str, text: str, *, key: str, html: Any = None) -> None:
        sent.append((tuple(recipients), subject, key))

    place = SimpleNamespace(settings=settings, document=document(), post=post)
    work = DailyDigest(cast(JobContext, place)).work
    tuesday = MONDAY + dt.timedelta(days=1)
    await work(tuesday + dt.timedelta(hours=6, minutes=59))
    assert [key for _, _, key in sent] == ["digest-2026-11-15"]
    await work(tuesday + dt.timedelta(hours=7))
    await work(tuesday + dt.timedelta(hours=8))
    assert sent[1:] == [
        (("it@school.example", "lead@school.example"), "[schoolgate] 6 questions blocked on 16 November 2026",
         "digest-2026-11-16"),
    ]  # fmt: skip
