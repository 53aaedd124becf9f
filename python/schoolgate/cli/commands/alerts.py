"""`alerts list | show | ack | close | test | export`: prints what the operations return."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.text import Text

from schoolgate.alerts import messages
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.digest import DayDigest, text_of
from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import moment, note, out, say, say_json, table
from schoolgate.operations.alerts import AlertPage, AlertShown, ExportPage
from schoolgate.privacy.defang import defang
from schoolgate.querylog.pseudonym import short


def list_alerts(config: Path | None, every: bool, most: int, as_json: bool, self_tests: bool = False) -> None:
    """Open alerts, or all, newest first; and the rules that raise them. `self_tests`: the record of those instead."""
    page: AlertPage = ask(config, "alerts.list", is_all=every, most=most, is_self_test=self_tests)
    found, rules = list(page.alerts), page.rules
    while page.before is not None and len(found) < most:
        left = most - len(found)
        page = ask(config, "alerts.list", is_all=every, most=left, is_self_test=self_tests, before=page.before)
        found += page.alerts
    if as_json:
        say_json({"alerts": [asdict(one) for one in found], "rules": rules})
        return
    rows = table("id", "state", "severity", "when", "rule", "network", "device", "count", "what")
    for one in found:
        when = moment(one.last_at.isoformat())
        what = one.category or one.detector
        cells = (
            one.state,
            one.severity,
            when,
            one.rule,
            one.segment or "-",
            short(one.client) or "-",
            one.shown_count,
            what,
        )
        rows.add_row(str(one.id), *(Text(str(cell)) for cell in cells))
    if found:
        out.print(rows)
    elif self_tests:
        say("the monitor has seen no question of a self-test")
    else:
        say("no alerts" if every else "no open alerts; --all shows closed ones")
    for name, rule in rules.items():
        recipients = ", ".join(rule["to"]) or "no recipient; give it some with `to` in the policy"
        note(f"rule {name} ({rule['deliver']}): {recipients}")


def undelivered(config: Path | None, as_json: bool) -> None:
    """Messages that did not arrive, with the reason."""
    found: tuple[dict[str, Any], ...] = ask(config, "alerts.undelivered")
    if as_json:
        say_json(found)
        return
    rows = table("alert", "recipient", "state", "attempts", "next attempt", "reason")
    for one in found:
        again = "-" if one["state"] == "dead" else moment(one["not_before"])
        state = "given up" if one["state"] == "dead" else "tried again"
        # A mail server's words are text, whatever brackets are in them.
        cells = (one["alert"] or "-", one["recipient"], state, one["attempts"], again, one["error"] or "")
        rows.add_row(*(Text(str(cell)) for cell in cells))
    if found:
        out.print(rows)
    else:
        say("every message was delivered")


def summary(config: Path | None, days: int, as_json: bool) -> None:
    """How many alerts each rule raised, and how many of the judged ones were false alarms."""
    summarised: dict[str, Any] = ask(config, "alerts.summary", days=days)
    if as_json:
        say_json(summarised)
        return
    rows = table("rule", "alerts", "open", "outcomes", "false alarms")
    for name, one in sorted(summarised["rules"].items()):
        outcomes = ", ".join(f"{outcome} {count}" for outcome, count in sorted(one["outcomes"].items())) or "-"
        rate = "-" if one["false_alarm_rate"] is None else f"{one['false_alarm_rate']:.0%} of those closed"
        rows.add_row(name, str(one["alerts"]), str(one["open"]), outcomes, rate)
    say(f"the last {days} days")
    out.print(rows)


def show(config: Path | None, number: int, as_json: bool) -> None:
    """One alert with its history. Names are written so that nothing makes a link of them."""
    shown: AlertShown = ask(config, "alerts.show", number=number)
    if as_json:
        say_json(_json(shown))
        return
    alert = shown.alert
    say(f"alert {alert.id}, {alert.severity}, {alert.state}{f', {alert.outcome}' if alert.outcome else ''}", "bold")
    say(alert.sentence)
    if alert.hold is not None:
        say(f"HELD: {alert.hold}", "bold")
    for lesson in shown.lessons:
        begin, end = (
            moment(dt.datetime.fromtimestamp(one / 1e6, dt.UTC).isoformat())
            for one in (lesson.from_us, lesson.until_us)
        )
        group = f", {lesson.group}" if lesson.group else ""
        say(f"expected? lesson {lesson.number}: {lesson.topic}{group}; {lesson.teacher}, {begin} until {end}", "bold")
    say(f"rule      {alert.rule}")
    say(f"network   {alert.segment or '-'}")
    say(f"device    {alert.client or '-'}")
    first, last = moment(alert.opened_at.isoformat()), moment(alert.last_at.isoformat())
    counted = f"questions {alert.questions}" if alert.questions else f"count     {alert.count}"
    say(f"{counted}, first {first}, last {last}")
    for name, value in alert.evidence.items():
        say(f"  {messages.unlinked_word(name)}: {value}")
    if alert.names:
        say(f"names     {', '.join(map(defang, alert.names))}")
    for one in shown.history:
        say(f"  {moment(one.at)} {one.who}: {one.what}{': ' + one.note if one.note else ''}")


def acknowledge(config: Path | None, number: int, remark: str, reason: str | None = None) -> None:
    """A person has seen it: it is escalated no more. `reason`: of a hold."""
    if reason is not None:
        hold(config, number, reason)
    alert: Alert = ask(config, "alerts.acknowledge", number=number, note=remark)
    say(f"alert {alert.id} acknowledged; close it with `schoolgate alerts close {alert.id} --outcome ...`")


def hold(config: Path | None, number: int, reason: str) -> None:
    """Keeps an alert as evidence."""
    alert: Alert = ask(config, "alerts.hold", number=number, reason=reason)
    say(f"alert {alert.id} is held: nothing of it is erased")


def release(config: Path | None, number: int) -> None:
    """Ends that."""
    alert: Alert = ask(config, "alerts.release", number=number)
    say(f"alert {alert.id} released")


def close(config: Path | None, number: int, outcome: str, remark: str, reason: str | None = None) -> None:
    """What came of it. `reason`: of a hold."""
    if reason is not None:
        hold(config, number, reason)
    alert: Alert = ask(config, "alerts.close", number=number, outcome=outcome, note=remark)
    say(f"alert {alert.id} closed: {alert.outcome}")


def test(config: Path | None, recipient: str) -> None:
    """Sends a test message now, by no queue."""
    ask(config, "alerts.test", recipient=recipient)
    say(f"a test message was taken for {recipient}; look whether it arrived")


def digest(config: Path | None, day: str | None, as_json: bool) -> None:
    """Every blocked question of a day, counted."""
    found: DayDigest = ask(config, "alerts.digest", day=day)
    if as_json:
        say_json(asdict(found))
    else:
        print(text_of(found), end="")


def export(config: Path | None, since_days: int | None) -> None:
    """All alerts with their history, one JSON object a line, newest first; then those of self-tests."""
    since = None if since_days is None else dt.datetime.now(dt.UTC) - dt.timedelta(days=since_days)
    for is_self_test in (False, True):
        for shown in _exported(config, since, is_self_test):
            sys.stdout.buffer.write(orjson.dumps(_json(shown), default=str) + b"\n")


def _exported(config: Path | None, since: dt.datetime | None, is_self_test: bool) -> Iterator[AlertShown]:
    before: int | None = None
    while True:
        page: ExportPage = ask(config, "alerts.export", since=since, is_self_test=is_self_test, before=before)
        yield from page.alerts
        before = page.before
        if before is None:
            return


def _json(shown: AlertShown) -> dict[str, Any]:
    lessons = [asdict(one) for one in shown.lessons]
    return asdict(shown.alert) | {"history": [asdict(one) for one in shown.history], "lessons": lessons}
