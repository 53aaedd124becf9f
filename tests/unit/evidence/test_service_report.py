"""The service of a month: minutes that were measured, rows no better than these, a file that lasts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evidence.well_school import VALUES

from schoolgate.evidence.measures import RowState
from schoolgate.evidence.pack_pdf import SERVICE_TEMPLATE, pdf_of
from schoolgate.evidence.service_days import MOST_DAYS, ServiceDay, ServiceDays
from schoolgate.evidence.service_report import NEEDED, days_of, service_rows
from schoolgate.evidence.sources import Source, Sources

NOW = dt.datetime(2026, 11, 30, 9, 0, tzinfo=dt.UTC)
DAY = {
    "minutes": 1440,
    "served": 1440,
    "watched": 1440,
    "last_minute": 1,
    "oldest_list_s": 7_200,
    "checks": 24,
    "checks_well": 24,
}
MONTH = {f"2026-11-{day:02}": DAY for day in range(1, 31)}
ALERTS = {"alerts": 3, "judged": 2, "false": 1, "minutes_to_seen": [4, 30, 200]}
WELL: dict[str, Any] = {
    "service_days": {"minutes": 30 * 1440, "days": MONTH}, "alerts_of_month": ALERTS, "status": VALUES["status"],
}  # fmt: skip


def rows(**changed: Source) -> dict[str, tuple[RowState, str]]:
    """State and value, by the first word of the item."""
    found = {name: Source(f"query of {name}", value) for name, value in WELL.items()}
    sources = Sources({**found, **changed}, int(NOW.timestamp() * 1e6))
    return {one.item.partition(":")[0] + one.item.partition(":")[2][:9]: (one.state, one.value)
            for one in service_rows(sources)}  # fmt: skip


def days(**changes: Any) -> Source:
    """A month in which one day was another."""
    return Source("q", {"minutes": 30 * 1440, "days": MONTH | {"2026-11-12": DAY | changes}})


def test_where_all_was_well_each_row_says_how_well() -> None:
    found = rows()
    assert {state for state, _ in found.values()} == {RowState.met}
    values = [value for _, value in found.values()]
    assert values[0] == "It answered in 43,200 of 43,200 minutes (100.00 %); 0 were not measured."
    assert values[4] == "The log was watched in 43,200 of 43,200 minutes (100.00 %)."
    assert "half of them within 30 minutes, the last after 3 hours." in values[5]
    assert values[6] == "1 of 2 judged alerts were false alarms (50.00 %)."


@pytest.mark.parametrize(
    ("place", "changed", "state", "said"),
    [
        (0, {"service_days": days(served=1439)}, RowState.met, "(99.99 %)"),
        (0, {"service_days": days(served=1340)}, RowState.look, "(99.76 %)"),
        (0, {"service_days": days(minutes=940, served=940)}, RowState.look, "500 were not measured"),
        (1, {"service_days": days(checks_well=23)}, RowState.look, "719 of 720"),
        (2, {"service_days": days(oldest_list_s=200_000)}, RowState.look, "56 hours, on 2026-11-12"),
        (4, {"service_days": days(watched=0)}, RowState.look, "(96.66 %)"),
        (5, {"alerts_of_month": Source("q", ALERTS | {"minutes_to_seen": [4]})}, RowState.look, "1 of 3 alerts"),
        (5, {"alerts_of_month": Source("q", ALERTS | {"alerts": 0, "minutes_to_seen": []})}, RowState.met, "no alert"),
    ],
)
def test_what_was_not_so_well_asks_for_a_look(
    place: int, changed: dict[str, Source], state: RowState, said: str
) -> None:
    found = list(rows(**changed).values())[place]
    assert (found[0], said in found[1]) == (state, True), found


def test_a_row_that_nothing_measured_says_so() -> None:
    nothing = {"service_days": Source("q", {"minutes": 43_200, "days": {}}),
               "alerts_of_month": Source("q", {"alerts": 0, "judged": 0, "minutes_to_seen": []})}  # fmt: skip
    found = list(rows(**nothing).values())
    assert [state is RowState.broken for state, _ in found] == [True, True, True, False, True, True, True, False]
    assert all(value.startswith("Not measured: ") for state, value in found if state is RowState.broken)


@pytest.mark.parametrize("name", NEEDED)
def test_a_source_that_is_broken_turns_its_rows_red(name: str) -> None:
    found = rows(**{name: Source("q", problem="the file is damaged")})
    before = rows()
    assert any(state is RowState.broken and "the file is damaged" in value for state, value in found.values())
    assert all(one == before[item] for item, one in found.items() if one[0] is not RowState.broken)


def test_a_month_is_a_file_for_screen_readers() -> None:
    row = {"item": "<b>", "value": "#x", "query": "q"}
    values = {"school": "Example", "version": "1", "made": "now", "month": "November 2026", "is_over": False,
              "rows": [{**row, "state": one.value} for one in RowState]}  # fmt: skip
    assert b"pdfuaid:part" in pdf_of(values, NOW, SERVICE_TEMPLATE)


def test_a_minute_counts_once_and_a_day_keeps_its_worst(tmp_path: Path) -> None:
    record = ServiceDays(tmp_path)
    for second, is_served, age in ((0, True, 60), (30, False, 90_000), (60, False, 50), (3_600, True, None)):
        record.note_minute(
            NOW + dt.timedelta(seconds=second), NOW.date(), is_served=is_served, is_watched=is_served, oldest_list_s=age
        )
    record.note_check(NOW.date(), is_well=True)
    record.note_check(NOW.date(), is_well=False)
    (found,) = record.between(NOW.date(), NOW.date() + dt.timedelta(days=1)).values()
    assert found == ServiceDay(3, 2, 2, int(NOW.timestamp() // 60) + 60, 60, 2, 1)
    assert record.between(NOW.date() - dt.timedelta(days=1), NOW.date()) == {}


def test_a_damaged_record_is_no_good_month_and_is_put_aside_at_the_next_look(tmp_path: Path) -> None:
    record = ServiceDays(tmp_path)
    for text in (b"{ cut off", b"[]", b'{"2026-11-30": {"minutes": "many"}}', b'{"2026-11-30": {"pupil": 1}}'):
        record.path.parent.mkdir(exist_ok=True)
        record.path.write_bytes(text)
        with pytest.raises(ValueError):
            record.between(NOW.date(), NOW.date() + dt.timedelta(days=1))
        record.note_minute(NOW, NOW.date(), is_served=True, is_watched=False, oldest_list_s=None)
        assert record.between(NOW.date(), NOW.date() + dt.timedelta(days=1))[NOW.date()].minutes == 1
        assert record.path.with_suffix(".damaged").read_bytes() == text


def test_the_record_does_not_grow_without_end(tmp_path: Path) -> None:
    record = ServiceDays(tmp_path)
    record.path.parent.mkdir()
    first = dt.date(2020, 1, 1)
    many = {(first + dt.timedelta(days=one)).isoformat(): {"minutes": 1} for one in range(MOST_DAYS)}
    record.path.write_text(str(many).replace("'", '"'), encoding="utf-8")
    record.note_check(NOW.date(), is_well=True)
    assert len(record.between(first, dt.date(2030, 1, 1))) == MOST_DAYS


def test_a_month_has_its_days() -> None:
    assert days_of("2026-12") == (dt.date(2026, 12, 1), dt.date(2027, 1, 1))
    assert days_of("2028-02") == (dt.date(2028, 2, 1), dt.date(2028, 3, 1))
    with pytest.raises(ValueError, match="month"):
        days_of("2026-13")
