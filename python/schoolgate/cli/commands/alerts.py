"""`alerts list | show | ack | close | test | export`. They use the file of alerts; no service needs to run."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic_core import PydanticCustomError
from rich.text import Text

from schoolgate.alerts import messages
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.delivery import deliver
from schoolgate.alerts.digest import digest_of, text_of
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import BUILT_IN, BUILT_IN_RULE
from schoolgate.cli.commands.terminal import moment, note, out, say, say_json, table
from schoolgate.config import load
from schoolgate.config.problems import message_and_remedy
from schoolgate.errors import SchoolgateError
from schoolgate.operations.actor import user_name as person
from schoolgate.policy import parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.policy.model import Document
from schoolgate.policy.monitoring import AlertRule, parse_recipient
from schoolgate.privacy.defang import defang
from schoolgate.querylog.pseudonym import short
from schoolgate.storage import state_dir

OPEN = ("new", "acknowledged")
ALL = (*OPEN, "closed")
MOST_EXPORTED = 1_000_000


class NotARecipient(SchoolgateError):
    """The word is neither a mail address nor a webhook."""


class NotADay(SchoolgateError):
    """The word is no date."""


def list_alerts(config: Path | None, every: bool, most: int, as_json: bool, self_tests: bool = False) -> None:
    """Open alerts, or all, newest first; and the rules that raise them. `self_tests`: the record of those instead."""
    store, document = _store(config), _document(config)
    found = store.alerts(ALL if every or self_tests else OPEN, most, self_tests=self_tests)
    rules = _rules(document)
    if as_json:
        say_json(
            {"alerts": [_json(one) for one in found], "rules": {name: _rule_json(one) for name, one in rules.items()}}
        )
        return
    rows = table("id", "state", "severity", "when", "rule", "segment", "device", "count", "what")
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
        recipients = ", ".join(rule.to) or "no recipient; give it some with `to` in the policy"
        note(f"rule {name} ({rule.deliver}): {recipients}")


def undelivered(config: Path | None, as_json: bool) -> None:
    """Messages that did not arrive, with the reason."""
    found = Outbox(_store(config)).undelivered()
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
    summarised = _store(config).summary(_now() - dt.timedelta(days=days))
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
    store = _store(config)
    alert, history = store.get(number), store.history(number)
    if as_json:
        say_json(_json(alert) | {"history": history})
        return
    say(f"alert {alert.id}, {alert.severity}, {alert.state}{f', {alert.outcome}' if alert.outcome else ''}", "bold")
    say(alert.sentence)
    if alert.hold is not None:
        say(f"HELD: {alert.hold}", "bold")
    say(f"rule      {alert.rule}")
    say(f"segment   {alert.segment or '-'}")
    say(f"device    {alert.client or '-'}")
    first, last = moment(alert.opened_at.isoformat()), moment(alert.last_at.isoformat())
    counted = f"questions {alert.questions}" if alert.questions else f"count     {alert.count}"
    say(f"{counted}, first {first}, last {last}")
    for name, value in alert.evidence.items():
        say(f"  {messages.unlinked_word(name)}: {value}")
    if alert.names:
        say(f"names     {', '.join(map(defang, alert.names))}")
    for one in history:
        say(f"  {moment(one['at'])} {one['who']}: {one['what']}{': ' + one['note'] if one['note'] else ''}")


def acknowledge(config: Path | None, number: int, remark: str, who: str | None, reason: str | None = None) -> None:
    """A person has seen it: it is escalated no more. `reason`: of a hold."""
    if reason is not None:
        hold(config, number, reason, who)
    alert = _store(config).acknowledge(number, who or person(), remark, _now())
    say(f"alert {alert.id} acknowledged; close it with `schoolgate alerts close {alert.id} --outcome ...`")


def hold(config: Path | None, number: int, reason: str | None, who: str | None) -> None:
    """Keeps an alert as evidence, or, without a reason, ends that."""
    alert = _store(config).hold(number, reason, who or person(), _now())
    say(
        f"alert {alert.id} is held: nothing of it is erased" if alert.hold is not None else f"alert {alert.id} released"
    )


def close(
    config: Path | None, number: int, outcome: str, remark: str, who: str | None, reason: str | None = None
) -> None:
    """What came of it. `reason`: of a hold."""
    if reason is not None:
        hold(config, number, reason, who)
    alert = _store(config).close_alert(number, outcome, who or person(), remark, _now())
    say(f"alert {alert.id} closed: {alert.outcome}")


def test(config: Path | None, recipient: str) -> None:
    """Sends a test message now, by no queue. A `DeliveryFailed` says what is wrong."""
    try:
        parse_recipient(recipient)
    except PydanticCustomError as error:
        raise NotARecipient(": ".join(message_and_remedy(error))) from None
    message = messages.test(f"test-{secrets.token_hex(8)}", _now())
    asyncio.run(deliver(load(config), recipient, message, 1))
    say(f"a test message was taken for {recipient}; look whether it arrived")


def digest(config: Path | None, day: str | None, as_json: bool) -> None:
    """Every blocked question of a day, counted."""
    settings, document = load(config), _document(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    yesterday = _now().astimezone(ZoneInfo(document.time_zone)).date() - dt.timedelta(days=1)
    try:
        wanted = yesterday if day is None else dt.date.fromisoformat(day)
    except ValueError:
        raise NotADay(f"{day!r} is no day; write one such as {yesterday}") from None
    found = digest_of(settings, document, wanted)
    if as_json:
        say_json(asdict(found))
    else:
        print(text_of(found), end="")


def export(config: Path | None, since_days: int | None) -> None:
    """All alerts with their history, one JSON object a line, newest first; then those of self-tests."""
    store = _store(config)
    since = None if since_days is None else _now() - dt.timedelta(days=since_days)
    self_tests = store.alerts(ALL, MOST_EXPORTED, since, self_tests=True)
    for alert in (*store.alerts(ALL, MOST_EXPORTED, since), *self_tests):
        line = _json(alert) | {"history": store.history(alert.id)}
        sys.stdout.buffer.write(orjson.dumps(line, default=str) + b"\n")


def _store(config: Path | None) -> AlertStore:
    directory = load(config).server.state_dir
    state_dir.refuse_strangers(directory)
    path = directory / "monitor" / "alerts.db"
    # The monitor makes the file: before its first start there is no alert, and looking makes nothing.
    return AlertStore.open(path) if path.exists() else AlertStore.empty()


def _document(config: Path | None) -> Document:
    _, text, label = active_or_first(load(config))
    return parse(text, label).document


def _rules(document: Document) -> dict[str, AlertRule]:
    """Those of the policy, and the one that catches what is urgent and no rule's."""
    return {**document.alerts, **({} if BUILT_IN in document.alerts else {BUILT_IN: BUILT_IN_RULE})}


def _rule_json(rule: AlertRule) -> dict[str, Any]:
    return rule.model_dump(mode="json", by_alias=True)


def _json(alert: Alert) -> dict[str, Any]:
    return asdict(alert)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
