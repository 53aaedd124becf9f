"""To whom a case can be sent: case systems, which get all of it, and posts of the escalation, which get its number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from schoolgate.alerts.escalation import stretch_of
from schoolgate.alerts.messages import Message, one_line
from schoolgate.governance import cases
from schoolgate.governance.cases import Case
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Record
from schoolgate.operations.governance.case_views import CaseShown, case_of, case_shown, not_for_it
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone

# What is written into the steps of a case, before the name of the post.
PASSED_TO = "passed to "


@dataclass(frozen=True)
class CaseRecipient:
    """`kind`: a system gets the whole case, without device and site; a post gets its number alone. `addresses`: where
    the message goes. `is_next`: the post of these hours that the case was not passed to yet."""

    kind: Literal["system", "post"]
    name: str
    addresses: tuple[str, ...]
    is_next: bool = False


@looks("case.recipients")
async def recipients(work: Work, number: int) -> tuple[CaseRecipient, ...]:
    """Posts in the order of the escalation, then case systems. Raises `NoSuchRecord`."""
    found = await case_of(work, number)
    if not cases.works_on(found.fields.concern, work.actor.roles):
        raise not_for_it(number)
    return tuple(recipients_of(work, found))


def recipients_of(work: Work, found: Record[Case]) -> Iterator[CaseRecipient]:
    """All that the settings name for a case of its concern."""
    zone = school_zone(work.settings) or ZoneInfo("UTC")
    is_school, _ = stretch_of(work.settings.escalation, work.now, zone)
    passed = {one.what.removeprefix(PASSED_TO).casefold() for one in found.fields.steps if PASSED_TO in one.what}
    seen: set[str] = set()
    has_next = False
    for step in sorted(work.settings.escalation.steps, key=lambda one: one.after_minutes):
        post = step.post.casefold()
        if not step.to or found.fields.concern not in step.concerns or post in seen:
            continue
        seen.add(post)
        is_now = step.hours == "always" or (step.hours == "school") == is_school
        is_next = is_now and not has_next and post not in passed
        has_next = has_next or is_next
        yield CaseRecipient("post", step.post, step.to, is_next)
    for name, webhook in work.settings.webhooks.items():
        # Those of chats are read by many: a case is for a case system.
        if webhook.kind == "generic":
            yield CaseRecipient("system", name, (f"webhook:{name}",))


def recipient_of(work: Work, found: Record[Case], webhook: str, post: str) -> CaseRecipient:
    """The one that is named. Raises `RecordRefused`."""
    if bool(webhook) is bool(post):
        raise RecordRefused("name one that the case goes to: a case system, or a post")
    wanted = ("system", webhook) if webhook else ("post", post.casefold())
    for one in recipients_of(work, found):
        if (one.kind, one.name if one.kind == "system" else one.name.casefold()) == wanted:
            return one
    if webhook:
        raise RecordRefused(
            f"there is no webhook {webhook[:80]!r} for cases; write [webhooks.ID] of kind generic in schoolgate.toml"
        )
    raise RecordRefused(f"there is no post {post[:80]!r} for this case; `[escalation]` of schoolgate.toml names posts")


def message_to(work: Work, kept: Record[Case], recipient: CaseRecipient) -> Message:
    """What leaves: the case for a case system; for a post that there is one, for mail is read by others too."""
    shown = case_shown(work, kept)
    key, made_at = f"case-{kept.number}-{kept.version}", work.now.isoformat(timespec="seconds")
    if recipient.kind == "system":
        fields: dict[str, Any] = {"kind": "case", "case": asdict(shown)}
        return Message(key, f"[schoolgate] Case {kept.number}", "A case of schoolgate.", made_at, "normal", fields)
    return _to_post(shown, recipient.name, key, made_at, work.now)


def _to_post(shown: CaseShown, post: str, key: str, made_at: str, now: dt.datetime) -> Message:
    concern = "a technical matter" if shown.concern == "technical" else "safeguarding"
    lines = [
        f"Case {shown.number} is passed to you as: {post}.",
        "",
        f"About:    {concern}, {shown.severity}",
        f"When:     {now:%d %B %Y %H:%M} UTC",
        "",
        f"Sign in to the console and open case {shown.number}, or speak with who sent it.",
        "Talk before you judge.",
    ]
    subject = one_line(f"[schoolgate] Case {shown.number} is passed to you: {concern}, {shown.severity}")
    fields = {"kind": "case-passed", "case": shown.number, "severity": shown.severity, "concern": shown.concern}
    return Message(key, subject, "\n".join(lines) + "\n", made_at, "urgent", fields | {"post": post})
