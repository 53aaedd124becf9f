"""Findings become alerts by the school's rules: counts, windows, quiet hours, escalation, one message for many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest
from tests.unit.monitoring.conftest import NOW

from schoolgate.alerts import alert_store
from schoolgate.alerts.alert import stamp
from schoolgate.alerts.alert_store import MOST_NAMES_OF_ALERT, AlertRefused, AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import BUILT_IN, AlertRules, is_quiet
from schoolgate.policy.monitoring import AlertRule, Quiet

LONDON = ZoneInfo("Europe/London")
LEAD = "lead@school.example"
SELF_HARM = AlertRule(categories=("self-harm",), to=(LEAD,), urgency="urgent")


def finding(at_s: float = 0, **values: object) -> Finding:
    given: dict[str, object] = {
        "detector": "attempt", "severity": "urgent", "segment": "pupils", "client": "p-a", "window_s": 0,
        "sentence": "A device asked.", "category": "self-harm", "names": ("bad.example.org",),
    }  # fmt: skip
    at_us = int((NOW.timestamp() + at_s) * 1e6)
    return Finding(**(given | {"at_us": at_us} | values))  # type: ignore[arg-type]


def book(**rules: AlertRule) -> AlertRules:
    return AlertRules(rules, LONDON)


def waiting(outbox: Outbox, at: dt.datetime = NOW) -> list[str]:
    """Keys of what would leave now."""
    return [one.message.key for one in outbox.due(at, 1000)]


def apply(rules: AlertRules, store: AlertStore, outbox: Outbox, *found: Finding, now: dt.datetime = NOW) -> None:
    rules.apply(found, store, outbox, now)


def everything(store: AlertStore) -> list[tuple[str, str, int]]:
    return [(one.rule, one.state, one.count) for one in store.alerts(("new", "acknowledged", "closed"), 100)]


def test_a_finding_of_a_rule_is_an_alert_and_a_message(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding())
    assert everything(store) == [("harm", "new", 1)]
    (due,) = outbox.due(NOW, 10)
    assert (due.recipient, due.message.urgency, due.attempt) == (LEAD, "urgent", 1)
    assert "bad[.]example[.]org" in due.message.text


def test_many_within_the_window_are_one_alert_and_one_message(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, *(finding(at) for at in range(0, 3000, 60)))
    assert everything(store) == [("harm", "new", 50)]
    assert len(waiting(outbox)) == 1


def test_the_same_finding_again_counts_nothing(store: AlertStore, outbox: Outbox) -> None:
    """What a monitor reads again after SIGKILL."""
    rules = book(harm=SELF_HARM)
    apply(rules, store, outbox, finding(), finding(9))
    apply(rules, store, outbox, finding(), finding(9))
    assert everything(store) == [("harm", "new", 2)]


def test_after_the_window_it_is_another(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding(), finding(3600))
    assert everything(store) == [("harm", "new", 1)] * 2


def test_two_clients_are_two_alerts(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding(), finding(client="p-b"))
    assert len(everything(store)) == 2


def test_a_rule_may_want_several_of_one_client(store: AlertStore, outbox: Outbox) -> None:
    rules = book(games=AlertRule(categories=("gamb*",), count=3, window_minutes=10, to=(LEAD,)))
    bets = [
        finding(at, category="gambling", severity="notice", client=client)
        for at, client in ((0, "a"), (9, "b"), (20, "a"))
    ]
    apply(rules, store, outbox, *bets)
    assert everything(store) == []
    apply(rules, store, outbox, finding(599, category="gambling", severity="notice", client="a"))
    assert everything(store) == [("games", "new", 3)]


def test_those_outside_the_window_do_not_count(store: AlertStore, outbox: Outbox) -> None:
    rules = book(games=AlertRule(categories=("gambling",), count=2, window_minutes=10, to=(LEAD,)))
    apply(rules, store, outbox, *(finding(at, category="gambling", severity="notice") for at in (0, 600, 1200)))
    assert everything(store) == []


@pytest.mark.parametrize(
    ("rule", "is_meant"),
    [
        (AlertRule(detectors=("attempt",)), True),
        (AlertRule(detectors=("sealed",)), False),
        (AlertRule(categories=("self-*",)), True),
        (AlertRule(categories=("*",), segments=("staff",)), False),
        (AlertRule(categories=("*",), segments=("pup*",)), True),
        (AlertRule(categories=("*",), least="urgent"), True),
    ],
)
def test_patterns_of_category_detector_and_segment(rule: AlertRule, is_meant: bool) -> None:
    found = [identity for identity, _ in book(one=rule).rules_for(finding())]
    assert found == (["one"] if is_meant else [BUILT_IN])


def test_what_is_urgent_and_nobodys_is_kept_with_nobody_told(store: AlertStore, outbox: Outbox) -> None:
    apply(book(), store, outbox, finding(), finding(severity="warning"))
    assert everything(store) == [(BUILT_IN, "new", 1)]
    assert waiting(outbox) == []


def test_what_gets_worse_is_told_again(store: AlertStore, outbox: Outbox) -> None:
    rules = book(round=AlertRule(detectors=("circumvention",), to=(LEAD,)))
    for at, severity in ((0, "warning"), (60, "urgent"), (70, "urgent")):
        worse = finding(at, detector="circumvention", severity=severity, category=None)
        apply(rules, store, outbox, worse, now=NOW + dt.timedelta(seconds=at))
    assert [one.message.subject.split(":")[0] for one in outbox.due(NOW + dt.timedelta(minutes=2), 10)] == [
        "[schoolgate] warning",
        "[schoolgate] Worse",
    ]
    assert store.get(1).severity == "urgent"


def test_in_quiet_hours_a_message_waits_until_they_end(store: AlertStore, outbox: Outbox) -> None:
    quiet = Quiet.model_validate({"from": "18:00", "to": "07:00"})
    rules = book(round=AlertRule(detectors=("*",), to=(LEAD,), quiet_hours=(quiet,)))
    evening = NOW.replace(hour=22)
    apply(rules, store, outbox, finding(), now=evening)
    assert everything(store) == [("round", "new", 1)]
    assert waiting(outbox, evening) == []
    assert waiting(outbox, evening.replace(hour=6, minute=59) + dt.timedelta(days=1)) == []
    assert len(waiting(outbox, evening.replace(hour=7) + dt.timedelta(days=1))) == 1


def test_quiet_hours_follow_the_schools_clock_in_summer() -> None:
    quiet = Quiet.model_validate({"from": "18:00", "to": "07:00"})
    summer = dt.datetime(2026, 7, 6, 17, 30, tzinfo=dt.UTC)
    assert is_quiet(quiet, summer, LONDON)
    assert not is_quiet(quiet, summer, ZoneInfo("UTC"))


@pytest.mark.parametrize(("hour", "day", "quiet"), [(23, 20, True), (6, 21, True), (8, 21, False), (6, 23, False)])
def test_hours_over_midnight_belong_to_their_first_day(hour: int, day: int, quiet: bool) -> None:
    friday = Quiet.model_validate({"days": ["fri"], "from": "22:00", "to": "07:00"})
    assert is_quiet(friday, dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC), LONDON) is quiet


def test_an_alert_nobody_acknowledges_goes_to_the_next_once(store: AlertStore, outbox: Outbox) -> None:
    rules = book(
        harm=SELF_HARM.model_copy(update={"escalate_to": ("head@school.example",), "escalate_after_minutes": 30})
    )
    apply(rules, store, outbox, finding())
    assert rules.escalate(store, outbox, NOW + dt.timedelta(minutes=29)) == 0
    assert rules.escalate(store, outbox, NOW + dt.timedelta(minutes=30)) == 1
    assert rules.escalate(store, outbox, NOW + dt.timedelta(minutes=90)) == 0
    subjects = {one.recipient: one.message.subject for one in outbox.due(NOW + dt.timedelta(minutes=30), 10)}
    assert subjects["head@school.example"].startswith("[schoolgate] Not acknowledged: urgent")
    assert [one["what"] for one in store.history(1)] == ["new", "escalated"]


def test_an_acknowledged_one_does_not(store: AlertStore, outbox: Outbox) -> None:
    rules = book(harm=SELF_HARM.model_copy(update={"escalate_to": ("head@school.example",)}))
    apply(rules, store, outbox, finding())
    store.acknowledge(1, "lead", "I am on it", NOW)
    assert rules.escalate(store, outbox, NOW + dt.timedelta(days=1)) == 0


def test_the_states_of_an_alert_and_its_history(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding())
    assert store.acknowledge(1, "lead", "seen", NOW).state == "acknowledged"
    closed = store.close_alert(1, "false-alarm", "lead", "a lesson about it", NOW)
    assert (closed.state, closed.outcome) == ("closed", "false-alarm")
    with pytest.raises(AlertRefused, match="closed already"):
        store.acknowledge(1, "other", "", NOW)
    with pytest.raises(AlertRefused, match="false-alarm"):
        store.close_alert(1, "nonsense", "lead", "", NOW)
    with pytest.raises(AlertRefused, match="no alert 99"):
        store.get(99)
    store.close_alert(1, "concern", "head", "on second thoughts", NOW)
    assert [(one["who"], one["what"]) for one in store.history(1)] == [
        ("schoolgate", "new"), ("lead", "acknowledged"), ("lead", "closed: false-alarm"), ("head", "closed: concern"),
    ]  # fmt: skip


def test_history_cannot_be_rewritten(store: AlertStore, outbox: Outbox) -> None:
    from schoolgate.alerts.alert_store import AlertsUnavailable

    apply(book(harm=SELF_HARM), store, outbox, finding())
    with pytest.raises(AlertsUnavailable, match="append-only"), store.transaction() as db:
        db.execute("UPDATE history SET note = 'nothing happened'")


def test_a_closed_alert_is_not_woken_by_the_next_finding(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding())
    store.close_alert(1, "concern", "lead", "", NOW)
    apply(book(harm=SELF_HARM), store, outbox, finding(60))
    assert sorted(everything(store)) == [("harm", "closed", 1), ("harm", "new", 2)]


def test_the_share_of_false_alarms(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, *(finding(client=f"p-{number}") for number in range(5)))
    for number, outcome in ((1, "false-alarm"), (2, "concern"), (3, "expected-lesson"), (4, "false-alarm")):
        store.close_alert(number, outcome, "lead", "", NOW)
    told = store.summary(NOW - dt.timedelta(days=1))["rules"]["harm"]
    assert (told["alerts"], told["open"], told["false_alarm_rate"]) == (5, 1, 0.5)


def test_old_alerts_go_and_open_ones_stay(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding(), finding(client="p-b"))
    store.close_alert(1, "concern", "lead", "", NOW)
    assert store.forget_before(NOW + dt.timedelta(seconds=1)) == 1
    assert everything(store) == [("harm", "new", 1)]
    assert store.history(1) == []


def sent_of(outbox: Outbox, now: dt.datetime, most: int = 1000) -> Iterable[str]:
    for due in outbox.due(now, most):
        outbox.sent(due, now)
        yield due.message.key


def test_beyond_the_rate_messages_are_held_and_summed_up(store: AlertStore, outbox: Outbox) -> None:
    normal = AlertRule(categories=("*",), to=(LEAD,))
    apply(book(all=normal), store, outbox, *(finding(client=f"p-{number}") for number in range(50)))
    assert len(list(sent_of(outbox, NOW))) == 20
    assert outbox.counts() == {"sent": 20, "held": 30}
    assert outbox.summarise(NOW + dt.timedelta(minutes=59)) == 0
    assert outbox.summarise(NOW + dt.timedelta(minutes=61)) == 1
    (due,) = outbox.due(NOW + dt.timedelta(minutes=61), 10)
    assert "30 more messages" in due.message.text


def test_an_urgent_one_still_gets_through(store: AlertStore, outbox: Outbox) -> None:
    normal = AlertRule(categories=("*",), segments=("staff",), to=(LEAD,))
    staff = [finding(client=f"p-{number}", segment="staff", severity="notice") for number in range(50)]
    rules = book(all=normal, harm=SELF_HARM.model_copy(update={"segments": ("pupils",)}))
    apply(rules, store, outbox, *staff, finding())
    sent = list(sent_of(outbox, NOW))
    assert sent[0].startswith("alert-51-urgent"), "before all the others"
    assert outbox.counts() == {"sent": 21, "held": 30}, "and takes no room of theirs"
    apply(rules, store, outbox, finding(client="p-later"))
    assert len(list(sent_of(outbox, NOW))) == 1, "beyond the rate of the others"


def test_times_as_text_sort_like_times() -> None:
    moments = [NOW + dt.timedelta(milliseconds=step) for step in (0, 1, 999, 1000, 60_000)]
    assert sorted(map(stamp, reversed(moments))) == [stamp(one) for one in moments]


def test_what_goes_on_for_days_is_told_of_again_each_day(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, *(finding(minute * 60) for minute in range(0, 3 * 1440, 30)))
    assert [state for _, state, _ in everything(store)] == ["new"] * 3


def test_a_password_leaves_this_machine_only_encrypted() -> None:
    from schoolgate.config.webhooks import is_loopback

    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.evil.example", "192.0.2.1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_another_kind_of_trouble_of_the_same_device_is_told_of_too(store: AlertStore, outbox: Outbox) -> None:
    """An acknowledged alert about one thing must not swallow the next thing."""
    rules = book(grave=AlertRule(categories=("*",), detectors=("sealed",), to=(LEAD,), urgency="urgent"))
    apply(rules, store, outbox, finding(0, category="nudify"))
    store.acknowledge(1, "lead", "", NOW)
    apply(rules, store, outbox, finding(60), finding(120, detector="sealed", category=None, names=()))
    again = finding(180, detector="repeated-attempts"), finding(181, category="nudify")
    apply(rules, store, outbox, *again)
    assert [(one.detector, one.category) for one in reversed(store.alerts(("new", "acknowledged"), 9))] == [
        ("attempt", "nudify"), ("attempt", "self-harm"), ("sealed", None),
    ]  # fmt: skip
    assert len(waiting(outbox)) == 3


def test_an_alert_gathers_the_names_of_what_follows(store: AlertStore, outbox: Outbox) -> None:
    rules = book(harm=SELF_HARM)
    apply(rules, store, outbox, *(finding(at, names=(f"n{at}.example.org", "n0.example.org")) for at in range(90)))
    names = store.get(1).names
    assert names[:3] == ("n0.example.org", "n1.example.org", "n2.example.org")
    assert len(names) == MOST_NAMES_OF_ALERT


def test_alerts_that_nobody_escalates_do_not_hide_those_that_are(store: AlertStore, outbox: Outbox) -> None:
    quiet = AlertRule(categories=("gambling",))
    slow = AlertRule(categories=("weapons",), escalate_to=("head@school.example",), escalate_after_minutes=10_000)
    grave = SELF_HARM.model_copy(update={"escalate_to": ("head@school.example",)})
    rules = book(quiet=quiet, slow=slow, grave=grave)
    for category in ("gambling", "weapons"):
        apply(rules, store, outbox, *(finding(client=f"p-{one}", category=category) for one in range(1000)))
    apply(rules, store, outbox, finding())
    assert rules.escalate(store, outbox, NOW + dt.timedelta(minutes=31)) == 1


def test_an_acknowledged_alert_that_gets_worse_is_new_again_and_escalated(store: AlertStore, outbox: Outbox) -> None:
    rules = book(
        round=AlertRule(detectors=("circumvention",), to=(LEAD,), escalate_to=("head@school.example",)),
    )
    apply(rules, store, outbox, finding(detector="circumvention", severity="warning", category=None))
    assert rules.escalate(store, outbox, NOW + dt.timedelta(minutes=30)) == 1
    store.acknowledge(1, "lead", "", NOW + dt.timedelta(minutes=31))
    worse = NOW + dt.timedelta(minutes=40)
    apply(rules, store, outbox, finding(2400, detector="circumvention", severity="urgent", category=None), now=worse)
    assert store.get(1).state == "new"
    assert rules.escalate(store, outbox, worse + dt.timedelta(minutes=29)) == 0
    assert rules.escalate(store, outbox, worse + dt.timedelta(minutes=30)) == 1
    assert [one["what"] for one in store.history(1)] == ["new", "escalated", "acknowledged", "worse", "escalated"]
    assert "escalation-1-urgent/head@school.example" in waiting(outbox, worse + dt.timedelta(hours=1))


def test_escalation_counts_from_when_the_first_message_may_leave(store: AlertStore, outbox: Outbox) -> None:
    """Nobody can acknowledge at night what they are told of in the morning."""
    quiet = Quiet.model_validate({"from": "18:00", "to": "07:00"})
    rules = book(
        round=AlertRule(detectors=("*",), to=(LEAD,), quiet_hours=(quiet,), escalate_to=("head@school.example",))
    )
    evening = NOW.replace(hour=22, minute=0)
    apply(rules, store, outbox, finding(), now=evening)
    morning = evening.replace(hour=7) + dt.timedelta(days=1)
    assert rules.escalate(store, outbox, evening + dt.timedelta(minutes=45)) == 0
    assert rules.escalate(store, outbox, morning + dt.timedelta(minutes=29)) == 0
    assert rules.escalate(store, outbox, morning + dt.timedelta(minutes=30)) == 1


def test_what_was_told_before_quiet_hours_is_not_escalated_within_them(store: AlertStore, outbox: Outbox) -> None:
    quiet = Quiet.model_validate({"from": "18:00", "to": "07:00"})
    rules = book(
        round=AlertRule(detectors=("*",), to=(LEAD,), quiet_hours=(quiet,), escalate_to=("head@school.example",))
    )
    apply(rules, store, outbox, finding(), now=NOW.replace(hour=17, minute=50))
    assert rules.escalate(store, outbox, NOW.replace(hour=18, minute=40)) == 0
    assert rules.escalate(store, outbox, NOW.replace(hour=7) + dt.timedelta(days=1)) == 1


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_is_acknowledged_is_escalated_no_more_not_even_by_a_waiting_message(
    store: AlertStore, outbox: Outbox, is_closed: bool
) -> None:
    rules = book(harm=SELF_HARM.model_copy(update={"escalate_to": ("head@school.example",)}))
    apply(rules, store, outbox, finding())
    assert rules.escalate(store, outbox, NOW + dt.timedelta(minutes=30)) == 1
    if is_closed:
        store.close_alert(1, "concern", "lead", "", NOW)
    else:
        store.acknowledge(1, "lead", "", NOW)
    assert waiting(outbox, NOW + dt.timedelta(minutes=31)) == [f"alert-1-urgent/{LEAD}"]


def test_in_a_flood_summaries_and_reports_still_arrive(store: AlertStore, outbox: Outbox) -> None:
    """A flood that goes on for hours: what says so, and what is about no alert, has no part in the rate."""
    rules = book(all=AlertRule(categories=("*",), to=(LEAD,)))
    keys: list[str] = []
    for hour in range(4):
        now = NOW + dt.timedelta(hours=hour, minutes=hour)
        flood = [finding(hour * 3700, client=f"p-{hour}-{one}") for one in range(50)]
        apply(rules, store, outbox, *flood, now=now)
        keys += sent_of(outbox, now)
        outbox.summarise(now)
        with store.transaction() as db:
            outbox.put(db, [LEAD], Message(f"report-{hour}", "Report", "Text", stamp(now)), now)
        keys += sent_of(outbox, now)
    assert sum(key.startswith("summary/") for key in keys) == 2
    assert sum(key.startswith("report-") for key in keys) == 4
    assert sum(key.startswith("alert-") for key in keys) == 80


def test_a_summary_of_urgent_ones_is_urgent_and_soon(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, *(finding(client=f"p-{number}") for number in range(70)))
    assert len(list(sent_of(outbox, NOW))) == 60
    assert outbox.summarise(NOW + dt.timedelta(minutes=4)) == 0
    assert outbox.summarise(NOW + dt.timedelta(minutes=5)) == 1
    (due,) = outbox.due(NOW + dt.timedelta(minutes=5), 10)
    assert (due.message.urgency, due.message.fields["urgent"]) == ("urgent", 10)


def test_counts_of_a_rule_do_not_grow_without_end(store: AlertStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def hits() -> int:
        with store.transaction() as db:
            return int(db.execute("SELECT count(*) FROM hits").fetchone()[0])

    with store.transaction() as db:
        counts = [store.hit(db, "all", finding(at), 3600, 5) for at in range(20)]
    assert (counts, hits()) == ([1, 2, 3, 4] + [5] * 16, 5)
    monkeypatch.setattr(alert_store, "MOST_HITS", 3)
    store.forget_before(NOW)
    assert hits() == 3


def test_a_rule_that_speaks_by_the_digest_raises_an_alert_and_sends_nothing(store: AlertStore, outbox: Outbox) -> None:
    rules = book(
        day=AlertRule(categories=("piracy",), deliver="digest", to=(LEAD,)),
        number=AlertRule(categories=("piracy",), deliver="count", to=(LEAD,)),
    )
    apply(rules, store, outbox, finding(category="piracy", severity="notice"))
    assert everything(store) == [("day", "new", 1)]
    assert waiting(outbox) == []


def test_a_rule_that_only_counts_does_not_take_what_is_urgent(store: AlertStore, outbox: Outbox) -> None:
    apply(book(number=AlertRule(categories=("*",), deliver="count")), store, outbox, finding())
    assert everything(store) == [(BUILT_IN, "new", 1)]


def readdressed(rules: AlertRules, store: AlertStore, outbox: Outbox, *gone: str) -> int:
    return rules.readdress(store, outbox, lambda recipient: recipient not in gone, NOW)


def test_what_waits_for_a_removed_recipient_goes_to_those_of_the_rule(store: AlertStore, outbox: Outbox) -> None:
    before = book(harm=SELF_HARM.model_copy(update={"to": ("webhook:teams", "gone@school.example")}))
    apply(before, store, outbox, finding())
    (due, _) = outbox.due(NOW, 10)
    assert outbox.failed(due, "no such webhook", is_final=True)
    after = book(harm=SELF_HARM)
    assert readdressed(after, store, outbox, "webhook:teams") == 2
    (left,) = outbox.due(NOW, 10)
    assert (left.recipient, left.attempt, left.message.urgency) == (LEAD, 1, "urgent")
    assert outbox.counts() == {"waiting": 1}
    told = [one["note"] for one in store.history(1) if one["what"] == "addressed anew"]
    assert told[0].endswith(f"which is gone, to {LEAD}")
    assert readdressed(after, store, outbox, "webhook:teams") == 0


def test_a_webhook_that_no_setting_describes_is_a_removed_recipient(store: AlertStore, outbox: Outbox) -> None:
    rules = book(harm=SELF_HARM.model_copy(update={"to": ("webhook:teams", LEAD)}))
    apply(rules, store, outbox, finding())
    assert readdressed(rules, store, outbox, "webhook:teams") == 1
    assert [one.recipient for one in outbox.due(NOW, 10)] == [LEAD]


def test_what_waits_by_a_rule_that_is_gone_goes_by_those_that_speak_of_it(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding(), finding(client="p-b"))
    store.close_alert(2, "false-alarm", "lead", "", NOW)
    other = book(all=AlertRule(categories=("*",), to=("head@school.example",)))
    assert readdressed(other, store, outbox) == 1
    assert sorted(one.recipient for one in outbox.due(NOW, 10)) == ["head@school.example", LEAD]


def test_where_no_other_recipient_is_known_a_message_stays_as_it_is(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding())
    assert readdressed(book(), store, outbox, LEAD) == 0
    assert [one.recipient for one in outbox.due(NOW, 10)] == [LEAD]


def test_a_self_test_is_kept_and_never_sent_whatever_the_rules_say(store: AlertStore, outbox: Outbox) -> None:
    rules = book(all=AlertRule(detectors=("*", "sealed*"), categories=("*",), to=(LEAD,), urgency="urgent"))
    test = {"detector": "sealed-selftest", "category": None, "names": (), "severity": "notice"}
    apply(rules, store, outbox, finding(**test), finding(1, **test))
    assert outbox.counts() == {}
    states = ("new", "acknowledged", "closed")
    assert store.alerts(states, 10) == []
    kept = store.alerts(states, 10, self_tests=True)
    assert [(one.rule, one.state, one.outcome) for one in kept] == [("sealed-selftest", "closed", "self-test")] * 2
    assert [one["what"] for one in store.history(1)] == ["new", "closed: self-test"]
    assert store.summary(NOW - dt.timedelta(days=1))["rules"] == {}
