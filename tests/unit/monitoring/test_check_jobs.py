"""The daily checks by a clock of the test: when they are due, what they keep, whom they tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.stand_in.upstream import StandIn

from schoolgate.alerts.findings import Finding
from schoolgate.checks.record import CheckRecord
from schoolgate.config import parse
from schoolgate.jobs.checks import DailyChecks, check_jobs, is_due
from schoolgate.jobs.context import JobContext
from schoolgate.lists.build import build

NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
ROOT = Path(__file__).resolve().parents[3]
POLICY = """format = 1
allowed_clients = ["127.0.0.0/8"]
strictest = "strict"
[policies.strict.locked]
categories = { gambling = "deny" }
"""


@pytest.fixture
async def upstream() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


class School:
    """A place whose findings the test reads."""

    def __init__(self, folder: Path, port: int) -> None:
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        (folder / "bets.txt").write_text("childline.org.uk\n", encoding="utf-8")
        text = (
            f'[server]\nstate_dir = "{folder / "state"}"\n[forwarders]\nservers = ["127.0.0.1:{port}"]\n'
            f'[policy]\nfile = "policy.toml"\n[lists]\ndir = "{ROOT / "lists"}"\n'
            'extra = [{ path = "bets.txt", category = "gambling" }]\n'
        )
        settings = parse(text, "schoolgate.toml", folder=folder)
        build(settings, lambda _: None)
        self.findings: list[Finding] = []
        self.place = cast(
            JobContext,
            SimpleNamespace(config=None, settings=settings, state_dir=settings.server.state_dir, report=self._report),
        )

    async def _report(self, finding: Finding) -> None:
        self.findings.append(finding)


async def test_safesearch_is_checked_once_a_day_and_a_failure_is_found_once_and_looked_at_again_within_the_hour(
    tmp_path: Path, upstream: StandIn
) -> None:
    school = School(tmp_path, upstream.port)
    checks = DailyChecks(school.place)
    assert "0 do not resolve" in str(await checks.safesearch(NOW))
    assert await checks.safesearch(NOW + dt.timedelta(hours=22)) is None
    upstream.rcode = 3
    assert "do not resolve" in str(await checks.safesearch(NOW + dt.timedelta(hours=24)))
    assert await checks.safesearch(NOW + dt.timedelta(hours=24, minutes=50)) is None
    assert await checks.safesearch(NOW + dt.timedelta(hours=25)) is not None
    first, second = school.findings
    assert first.identity == second.identity
    assert (first.detector, first.severity, first.client) == ("safesearch", "warning", "")
    assert "SafeSearch hosts resolves" in first.sentence
    upstream.rcode = 0
    assert "0 do not resolve" in str(await checks.safesearch(NOW + dt.timedelta(hours=26)))
    assert len(school.findings) == 2


async def test_over_blocking_is_found_named_and_kept_as_history(tmp_path: Path, upstream: StandIn) -> None:
    school = School(tmp_path, upstream.port)
    said = await DailyChecks(school.place).reachability(NOW)
    assert said is not None and said.startswith("2 of ")
    (finding,) = school.findings
    assert "childline[.]org[.]uk is closed under strict: trust-locked by extra/bets as gambling" in finding.sentence
    assert finding.evidence["over_blocked"] == 2
    record = CheckRecord(school.place.state_dir)
    assert [row["over_blocked"] for row in record.history("reachability")] == [2]


@pytest.mark.parametrize(
    ("last", "well", "due"),
    [
        (None, False, True),
        ({"at": "nonsense"}, True, True),
        ({"at": "2026-11-23T08:30:00+00:00"}, True, False),
        ({"at": "2026-11-23T08:30:00+00:00"}, False, False),
        ({"at": "2026-11-23T07:59:00+00:00"}, False, True),
        ({"at": "2026-11-22T09:00:00+00:00"}, True, True),
        ({"at": "2026-11-23T09:30:00+00:00"}, True, True),
    ],
)
def test_when_a_check_is_due(last: dict[str, Any] | None, well: bool, due: bool) -> None:
    assert is_due(last, NOW, is_well=well) is due


def test_both_are_jobs(tmp_path: Path) -> None:
    assert [job.name for job in check_jobs(cast(JobContext, None))] == ["safesearch", "reachability"]
