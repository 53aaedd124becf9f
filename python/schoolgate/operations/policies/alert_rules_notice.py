"""A message to the recipients of alerts when the policy's rules of alerts were changed: who changed what, and why.

One person can take another out of the rules. So the message goes to the recipients of the old rules, too.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Outbox
from schoolgate.errors import SchoolgateError
from schoolgate.operations.work import Work
from schoolgate.policy.revision import Revision

SECTIONS = ("alerts", "monitoring", "digest")
# A mail that a person reads; the rest stands in `schoolgate policy log`.
MOST_LINES, LONGEST_LINE = 40, 300

_log = logging.getLogger(__name__)


def tell(work: Work, before: Revision | None, after: Revision, lines: Sequence[str]) -> None:
    """Puts the message into the outbox, where `lines` (of `difference`) change what is alerted. What was applied is
    applied, also where no message can be put: the log says so."""
    changed = [one for one in lines if one.startswith(tuple(f"{section}." for section in SECTIONS))]
    if before is None or not changed:
        return
    to = sorted(recipients(before.text) | recipients(after.text))
    if not to:
        return
    shown = [f"  {one[:LONGEST_LINE]}" for one in changed[:MOST_LINES]]
    more = [f"  and {len(changed) - MOST_LINES} more"] if len(changed) > MOST_LINES else []
    text = "\n".join(
        (
            f"{work.actor.name} changed who is alerted of what (policy revision {after.number}).",
            f"Reason: {after.why}",
            "",
            *shown,
            *more,
            "",
            "If this is not what was agreed, say so at once: the revision before can be put back in a minute.",
        )
    )
    subject = "[schoolgate] The rules of alerts were changed"
    message = Message(f"alert-rules-{after.number}", subject, f"{text}\n", work.now.isoformat(timespec="seconds"))
    folder = work.settings.server.state_dir / "monitor"
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store, store.transaction() as db:
            Outbox(store).put(db, to, message, work.now)
    except (SchoolgateError, OSError, sqlite3.Error) as error:
        _log.warning("no message about changed rules of alerts was put into the outbox: %s", error)


def recipients(text: str) -> set[str]:
    """The recipients that a policy's rules and digest name."""
    document: Mapping[str, Any] = tomllib.loads(text)
    found: set[str] = set()
    for rule in (*document.get("alerts", {}).values(), document.get("digest", {})):
        if isinstance(rule, Mapping):
            for name in ("to", "escalate_to"):
                found |= {one for one in rule.get(name, ()) if isinstance(one, str)}
    return found
