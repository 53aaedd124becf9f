"""What a message says: plain text, names written so that they are no link, no address of a page, nothing of a sealed
list.

A message is a reason to look, not a verdict about a person; it says where to look next.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from schoolgate.alerts.alert import Alert
from schoolgate.privacy.defang import defang

LONGEST_SUBJECT = 150
# A message is read on a telephone; reports may be longer.
LONGEST_TEXT = 200_000


@dataclass(frozen=True)
class Message:
    """One message to one recipient. `key` is the same at each attempt: receivers may use it to drop a repeat."""

    key: str
    subject: str
    text: str
    made_at: str
    urgency: str = "normal"
    fields: dict[str, Any] = field(default_factory=dict)
    html: str | None = None


def one_line(text: str) -> str:
    """Text for a header: no line end, no control character, and not without end."""
    return "".join(one if one.isprintable() else " " for one in text)[:LONGEST_SUBJECT]


def about(alert: Alert, key: str, zone: ZoneInfo, now: dt.datetime, kind: str = "alert") -> Message:
    """The message of an alert: `kind` alert, worse, escalation."""
    where = _where(alert)
    head = {"escalation": "Not acknowledged: ", "worse": "Worse: "}.get(kind, "")
    subject = one_line(f"[schoolgate] {head}{alert.severity}: {_topic(alert)}, {where}")
    lines = [alert.sentence, "", f"Where:    {where}"]
    if alert.client:
        lines.append(f"Device:   {alert.client}")
    lines.append(f"When:     {alert.last_at.astimezone(zone):%A %d %B %Y %H:%M:%S %Z}")
    lines.append(f"Asked:    {alert.questions} so far" if alert.questions else f"Count:    {alert.count}")
    lines += [f"{unlinked_word(name)}: {_shown(value)}" for name, value in alert.evidence.items()]
    if alert.names:
        lines.append("Names:    " + ", ".join(map(defang, alert.names)))
    lines += [
        "",
        f"This is alert {alert.id} of rule {alert.rule}. On the server: schoolgate alerts show {alert.id}",
        f"When you have seen it: schoolgate alerts ack {alert.id}",
        "A device asks for names that no person typed. Talk before you judge.",
    ]
    return Message(
        key, subject, "\n".join(lines) + "\n", now.isoformat(timespec="seconds"), alert.urgency, _fields(alert, kind)
    )


def step(alert: Alert, key: str, post: str, concern: str, zone: ZoneInfo, now: dt.datetime, minutes: int) -> Message:
    """What a post gets of an alert that no one has seen. Others may read it too: it names no device and no site."""
    lines = [
        f"An alert was not seen for {minutes} minutes. It comes to you as: {post}.",
        "",
        f"About:    {concern}, {alert.severity}",
        f"Where:    {_where(alert)}",
        f"When:     {alert.last_at.astimezone(zone):%A %d %B %Y %H:%M:%S %Z}",
        "",
        f'Sign in to the console and open alert {alert.id}: with "I have seen it" it is passed on no further.',
        f"On the server: schoolgate alerts show {alert.id}",
        "Talk before you judge.",
    ]
    subject = one_line(f"[schoolgate] Not seen for {minutes} min: {alert.severity} alert, {concern}")
    fields = {
        "kind": "step",
        "alert": alert.id,
        "severity": alert.severity,
        "concern": concern,
        "segment": alert.segment,
        "post": post,
        "minutes": minutes,
        "last_at": alert.last_at.isoformat(timespec="milliseconds"),
    }
    return Message(key, subject, "\n".join(lines) + "\n", now.isoformat(timespec="seconds"), "urgent", fields)


def _where(alert: Alert) -> str:
    if alert.segment:
        return f"network {alert.segment}"
    return "a device of no network" if alert.client else "the whole school"


def unlinked_word(word: str) -> str:
    return word.replace("_", " ").capitalize()


def _topic(alert: Alert) -> str:
    return alert.category if alert.category is not None else alert.detector


def _shown(value: object) -> str:
    """Evidence is counts and words of ours; should a name ever be there, it is no link either."""
    return defang(value) if isinstance(value, str) else str(value)


def _fields(alert: Alert, kind: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "kind": kind,
        "alert": alert.id,
        "rule": alert.rule,
        "severity": alert.severity,
        "detector": alert.detector,
        "category": alert.category,
        "segment": alert.segment,
        "client": alert.client,
        "opened_at": alert.opened_at.isoformat(timespec="seconds"),
        "last_at": alert.last_at.isoformat(timespec="milliseconds"),
        "count": alert.count,
        "questions": alert.questions,
        "sentence": alert.sentence,
        "names": [defang(one) for one in alert.names],
        "evidence": alert.evidence,
    }


def summary(recipient: str, key: str, held: int, urgent: int, now: dt.datetime) -> Message:
    """What a recipient gets instead of the messages beyond the rate."""
    text = (
        f"{held} more messages to you were held back, {urgent} of them urgent: too many in one hour.\n\n"
        "All alerts are on the server: schoolgate alerts list\n"
    )
    subject = f"[schoolgate] {held} more alerts"
    fields = {"kind": "summary", "held": held, "urgent": urgent}
    return Message(key, subject, text, now.isoformat(timespec="seconds"), "urgent" if urgent else "normal", fields)


def test(key: str, now: dt.datetime) -> Message:
    """What `schoolgate alerts test` sends."""
    text = "This is a test of schoolgate's alerts. Nothing happened, and nothing needs to be done.\n"
    return Message(key, "[schoolgate] Test", text, now.isoformat(timespec="seconds"), "normal", {"kind": "test"})
