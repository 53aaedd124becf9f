"""An alert that no one has seen goes to one post after another; who acknowledges it ends that; no post hears twice."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.monitoring.conftest import NOW
from tests.unit.reports.conftest import ROOT

from schoolgate._core import log_read
from schoolgate.alerts.alert import stamp
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.escalation import escalate_steps, gaps, stretch_of
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.config import parse
from schoolgate.config.escalation import Escalation, EscalationStep
from schoolgate.config.problems import ConfigInvalid
from schoolgate.monitoring.monitor import Monitor
from schoolgate.policy.monitoring import AlertRule

LONDON = ZoneInfo("Europe/London")
MINUTE = dt.timedelta(minutes=1)
RULES = AlertRules({"all": AlertRule(categories=("*",), detectors=("*",))}, LONDON)
LEAD, DEPUTY, PROVIDER, ON_CALL = "lead@school.example", "deputy@school.example", "webhook:help", "call@trust.example"
CHAIN = Escalation(
    steps=(
        EscalationStep(post="Lead", to=(LEAD,), hours="school"),
        EscalationStep(post="Deputy", to=(DEPUTY,), hours="school", after_minutes=15),
        EscalationStep(post="Provider", to=(PROVIDER,), hours="school", after_minutes=40),
        EscalationStep(post="On call", to=(ON_CALL,), hours="other", after_minutes=5),
        EscalationStep(post="Desk", telephone="+44 20 7946 0000", after_minutes=1),
    )
)


def raised(store: AlertStore, at: dt.datetime = NOW, severity: str = "urgent", **values: object) -> int:
    """The number of an alert of a child's question."""
    given_: dict[str, object] = {
        "detector": "attempt", "segment": "year-9", "client": "p-secret", "window_s": 0, "sentence": "A device asked.",
        "category": "self-harm", "names": ("bad.example.org",), "at_us": int(at.timestamp() * 1e6),
    }  # fmt: skip
    RULES.apply([Finding(severity=severity, **(given_ | values))], store, Outbox(store), at)  # type: ignore[arg-type]
    return max(one.id for one in store.alerts(("new", "acknowledged"), 100))


def told(store: AlertStore, until: dt.datetime) -> list[tuple[str, str]]:
    """Recipients and keys of what waits."""
    with store.transaction() as db:
        rows = db.execute("SELECT recipient, key FROM outbox WHERE not_before <= ? ORDER BY made_at", (stamp(until),))
        return [(row["recipient"], row["key"].partition("-")[0]) for row in rows]


def tick(store: AlertStore, now: dt.datetime, chain: Escalation = CHAIN, threats: frozenset[str] = frozenset()) -> int:
    return escalate_steps(chain, LONDON, threats, store, Outbox(store), now)


def test_posts_are_told_in_their_turn_until_one_has_seen_it(store: AlertStore, outbox: Outbox) -> None:
    number = raised(store)
    assert [tick(store, NOW + after * MINUTE) for after in (0, 1, 14, 15, 16)] == [1, 0, 0, 1, 0]
    first, second = outbox.due(NOW + 16 * MINUTE, 10)
    assert (first.recipient, second.recipient) == (LEAD, DEPUTY)
    for one in (first, second):
        assert "p-secret" not in str(one.message)
        assert "bad" not in one.message.text
    store.acknowledge(number, "Ada", "", NOW + 20 * MINUTE)
    assert tick(store, NOW + 41 * MINUTE) == 0
    assert [one["what"] for one in store.history(number)] == [
        "new",
        "passed on to Lead",
        "passed on to Deputy",
        "acknowledged",
    ]


def test_what_has_not_left_is_taken_back_by_who_has_seen_it(store: AlertStore, outbox: Outbox) -> None:
    number = raised(store)
    tick(store, NOW + 15 * MINUTE)
    store.close_alert(number, "false-alarm", "Ada", "", NOW + 15 * MINUTE)
    assert outbox.due(NOW + dt.timedelta(hours=1), 10) == []


def test_a_dead_mail_server_stops_no_step(store: AlertStore, outbox: Outbox) -> None:
    raised(store)
    for minute in range(60):
        now = NOW + minute * MINUTE
        tick(store, now)
        for due in outbox.due(now, 10):
            if due.recipient.startswith("webhook:"):
                outbox.sent(due, now)
            else:
                outbox.failed(due, "no route to the mail server", False)
    with store.transaction() as db:
        states = dict(db.execute("SELECT recipient, state FROM outbox").fetchall())
    assert states == {LEAD: "waiting", DEPUTY: "waiting", PROVIDER: "sent"}


def test_outside_school_hours_others_are_told_and_the_morning_begins_anew(store: AlertStore) -> None:
    evening = dt.datetime(2026, 11, 23, 19, tzinfo=LONDON)
    raised(store, evening)
    assert [tick(store, evening + after * MINUTE) for after in (0, 4, 5, 600)] == [0, 0, 1, 0]
    opens = dt.datetime(2026, 11, 24, 8, tzinfo=LONDON)
    assert [tick(store, opens + after * MINUTE) for after in (-1, 0, 14, 15)] == [0, 1, 0, 1]
    assert [one for one, _ in told(store, opens + dt.timedelta(hours=1))] == [ON_CALL, LEAD, DEPUTY]


def test_an_alert_that_gets_worse_is_told_anew_and_one_of_it_to_it(store: AlertStore) -> None:
    chain = Escalation(
        steps=(
            EscalationStep(post="Lead", to=(LEAD,), severities=("warning", "urgent")),
            EscalationStep(post="IT", to=(PROVIDER,), concerns=("technical",), severities=("warning", "urgent")),
        )
    )
    number = raised(store, severity="warning")
    assert (tick(store, NOW, chain), tick(store, NOW, chain)) == (1, 0)
    store.acknowledge(number, "Ada", "", NOW)
    later = NOW + MINUTE
    assert raised(store, later, severity="urgent") == number
    assert (tick(store, later, chain), tick(store, later, chain)) == (1, 0)
    raised(store, later, category="malware", client="p-b")
    assert tick(store, later, chain, frozenset({"malware"})) == 1
    assert told(store, later) == [(LEAD, "step"), (PROVIDER, "step")], "what was acknowledged did not leave"


def test_a_self_test_and_a_notice_are_told_to_no_post(store: AlertStore) -> None:
    raised(store, severity="notice")
    raised(store, detector="sealed-selftest", category=None, client="p-c")
    assert tick(store, NOW + dt.timedelta(hours=3)) == 0


def test_the_first_settings_do_not_tell_of_last_month(store: AlertStore) -> None:
    raised(store, NOW - dt.timedelta(days=30))
    assert tick(store, NOW) == 0


@st.composite
def chains(draw: st.DrawFn) -> Escalation:
    steps = []
    for number in range(draw(st.integers(0, 5))):
        steps.append(
            EscalationStep(
                post=f"Post {number}", to=(f"p{number}@school.example",),
                hours=draw(st.sampled_from(("school", "other", "always"))),
                severities=tuple(draw(st.sets(st.sampled_from(("notice", "warning", "urgent")), min_size=1))),
                after_minutes=draw(st.integers(0, 180)),
            )
        )  # fmt: skip
    return Escalation(steps=tuple(steps), opens="08:00", closes="09:00", closed=("2026-11-25",))


@settings(max_examples=25, deadline=None)
@given(chains(), st.integers(0, 4 * 24 * 60), st.sampled_from(("notice", "warning", "urgent")), st.integers(1, 400))
def test_each_post_is_told_once_at_its_minute_whatever_restarts(
    chain: Escalation, begin: int, severity: str, minutes: int
) -> None:
    start = dt.datetime(2026, 11, 23, tzinfo=dt.UTC) + begin * MINUTE
    with TemporaryDirectory() as folder:
        path = Path(folder) / "alerts.db"
        found: dict[str, int] = {}
        step_minutes = sorted({0, minutes, *range(0, minutes, 7)})
        with contextlib.closing(AlertStore.open(path)) as store:
            raised(store, start, severity=severity)
        third = len(step_minutes) // 3 + 1
        for first in range(0, len(step_minutes), third):
            # The monitor is started anew.
            with contextlib.closing(AlertStore.open(path)) as store:
                for minute in step_minutes[first : first + third]:
                    tick(store, start + minute * MINUTE, chain)
                    with store.transaction() as db:
                        for row in db.execute("SELECT recipient FROM outbox WHERE key LIKE 'step-%'"):
                            found.setdefault(row[0], minute)
                        assert db.execute("SELECT count(*) FROM outbox").fetchone()[0] == len(found)
    assert found == naive(chain, start, severity, step_minutes)


def naive(chain: Escalation, start: dt.datetime, severity: str, looks: list[int]) -> dict[str, int]:
    """Minute by minute on the wall: who has waited long enough within their hours."""
    found: dict[str, int] = {}
    for step in chain.steps:
        waited = 0
        for minute in range(looks[-1] + 1):
            is_on = is_open(start + minute * MINUTE)
            was_on = minute > 0 and is_open(start + (minute - 1) * MINUTE)
            if step.hours != "always" and (minute == 0 or is_on != was_on):
                waited = 0
            is_now = step.hours == "always" or (step.hours == "school") == is_on
            if minute in looks and is_now and waited >= step.after_minutes and severity in step.severities:
                found.setdefault(step.to[0], minute)
            waited += 1
    return found


def is_open(moment: dt.datetime) -> bool:
    """From eight to nine on days of school; 25 November is a holiday."""
    return moment.weekday() < 5 and moment.date() != dt.date(2026, 11, 25) and moment.hour == 8


@pytest.mark.parametrize(
    ("now", "is_school", "began"),
    [
        ((2026, 11, 23, 8, 0), True, (2026, 11, 23, 8, 0)),
        ((2026, 11, 23, 7, 59), False, (2026, 11, 20, 16, 30)),
        ((2026, 11, 23, 16, 30), False, (2026, 11, 23, 16, 30)),
        ((2026, 12, 29, 12, 0), False, (2026, 12, 18, 16, 30)),
        # The clocks went forward on Sunday the 29th, back on Sunday the 25th.
        ((2026, 3, 30, 8, 0), True, (2026, 3, 30, 8, 0)),
        ((2026, 10, 25, 12, 0), False, (2026, 10, 23, 16, 30)),
    ],
)
def test_school_hours_are_those_of_the_clock_on_the_wall(
    now: tuple[int, ...], is_school: bool, began: tuple[int, ...]
) -> None:
    year = Escalation(closed=("2026-12-21..2027-01-03",))
    found = stretch_of(year, dt.datetime(*now, tzinfo=LONDON), LONDON)  # type: ignore[misc,arg-type]
    assert found == (is_school, dt.datetime(*began, tzinfo=LONDON))  # type: ignore[misc,arg-type]


def test_hours_in_which_no_post_is_reached_are_named() -> None:
    assert gaps(Escalation()) == []
    assert gaps(CHAIN) == [("technical", "school"), ("technical", "other")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('post = "Lead"', "cannot be reached"),
        ('post = ""\nto = ["a@b.example"]', "is no post"),
        ('post = "Lead"\nto = ["nobody"]', "is no recipient"),
        ('post = "Lead"\nto = ["webhook:gone"]', "no setting describes"),
        ('post = "Lead"\ntelephone = "call me"', "is no telephone number"),
        ('post = "Lead"\nto = ["a@b.example"]\nafter_minutes = -1', "after_minutes"),
        ('post = "Lead"\nto = ["a@b.example"]\nhours = "night"', "hours"),
        ('post = "Lead"\nto = ["a@b.example"]\n[[escalation.steps]]\npost = "lead"\ntelephone = "999"', "stands twice"),
    ],
)
def test_a_mistake_in_a_step_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"escalation.*" + said):
        parse(f"[escalation]\n[[escalation.steps]]\n{text}\n", "schoolgate.toml", environ={})


@pytest.mark.parametrize(
    ("text", "said"),
    [('opens = "17:00"', "before it opens"), ('closed = ["easter"]', "is not a date"),
     ('closed = ["2027-01-03..2026-12-21"]', "ends before"), ('days = ["funday"]', "days")],
)  # fmt: skip
def test_a_mistake_in_school_hours_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        parse(f"[escalation]\n{text}\n", "schoolgate.toml", environ={})


async def test_the_monitor_takes_the_steps_of_its_settings(tmp_path: Path) -> None:
    text = (
        f'[server]\nstate_dir = "{tmp_path}"\n[lists]\ndir = "{ROOT / "lists"}"\n[[escalation.steps]]\npost = "Lead"\n'
    )
    found = parse(text + f'to = ["{LEAD}"]\n', "schoolgate.toml", folder=tmp_path)
    (tmp_path / "monitor").mkdir()
    monitor = Monitor(None, found, log_read, lambda: NOW)
    raised(monitor._store)
    await monitor._read_policy(NOW)
    assert await monitor._escalate(NOW) == "1 escalated, 0 summaries"
    assert await monitor._escalate(NOW + MINUTE) is None
    assert any("[escalation]" in one for one in monitor._what_is_wrong({})), "there is no mail server"
    await monitor._stop()
