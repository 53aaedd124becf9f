"""Mails about change requests: what waits, what was decided, what ends. Each has a plain address that needs a sign-in,
and nothing of the request that a stranger should read."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Outbox
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.governance.request_people import People

_log = logging.getLogger(__name__)

# What happened -> the subject's end and a sentence.
WORDS: Final = {
    "suggested": ("waits for a leader", "A member of staff suggests a change of the filter. A leader files it."),
    "requested": ("waits for your decision", "A leader asks for a change of the filter. It waits for your decision."),
    "approved": (
        "was approved",
        "The change was approved. It is put in force when it starts; what is made by hand waits for IT.",
    ),
    "not applied": ("is not in force", "The change was approved, and something forbids it; its page says what."),
    "applied": ("is in force", "The change that you asked for is in force."),
    "refused": ("was refused", "The change that you asked for was refused; the reason is on its page."),
    "withdrawn": ("was withdrawn", "A change that you asked for was withdrawn by another person who asked for it."),
    "reminded": ("ends soon", "A change that you asked for ends within a week. Renew it, or let it end by itself."),
    "expired": ("has ended", "A change that you asked for has ended. Where it is needed again, ask for it anew."),
    "reported": (
        "was decided by one person",
        "A person approved a change of the filter that they had asked for themselves. The trust allows that here, and"
        " has it reported to its directors and to governors. A director reads it at the address below; a governor asks"
        " the head for its record, which says so too.",
    ),
    "ended": ("was ended", "A change that you asked for was ended before its time."),
}  # fmt: skip


async def put(
    settings: Settings, found: People, whom: Sequence[str], number: int, version: int, what: str, now: dt.datetime
) -> bool:
    """One mail to each of these actors who has an address; whether that was done. A step is on record either way."""
    recipients = addresses(found, whom)
    if not recipients:
        return True
    subject, sentence = WORDS[what]
    text = f"{sentence}\n\nRequest {number}: {where(settings, number)}\nYou sign in there; this mail opens nothing.\n"
    message = Message(
        f"change-request-{number}-{version}-{what}", f"[schoolgate] Request {number} {subject}", text,
        now.isoformat(timespec="seconds"),
    )  # fmt: skip
    try:
        await asyncio.to_thread(_write, settings.server.state_dir, recipients, message, now)
    except (SchoolgateError, OSError, sqlite3.Error) as error:
        _log.warning("no mail was put into the outbox (request %d, %s): %s", number, what, error)
        return False
    return True


def addresses(found: People, whom: Sequence[str]) -> list[str]:
    """Mail addresses of accounts that may sign in."""
    accounts = (found.accounts[one] for one in dict.fromkeys(whom) if one in found.accounts)
    return [one.mail for one in accounts if one.mail and one.is_active]


def where(settings: Settings, number: int) -> str:
    """The address of a request's page, as browsers reach the console."""
    console = settings.console
    if console.names:
        return f"https://{console.names[0]}/requests/{number}"
    scheme = "https" if console.has_certificate else "http"
    return f"{scheme}://{console.listen}/requests/{number}"


def _write(state_dir: Path, recipients: Sequence[str], message: Message, now: dt.datetime) -> None:
    folder = state_dir / "monitor"
    folder.mkdir(mode=0o750, exist_ok=True)
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store, store.transaction() as db:
        Outbox(store).put(db, recipients, message, now)
