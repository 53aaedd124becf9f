"""Mails about what happened to an account: to its holder, and of the sealed code's use to every approver.

A mail holds no secret and no link. They wait in the outbox of alerts, from which the monitor sends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schoolgate.accounts.account_list import Account
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Outbox
from schoolgate.errors import SchoolgateError

_log = logging.getLogger(__name__)

FACTOR_RESET = (
    "Your second factor was removed",
    "Your second factor at schoolgate was removed by an administrator. You set another one up at your next sign-in.",
)
COMPROMISED = (
    "Your account was taken for compromised",
    "Your sessions at schoolgate were ended, and your password has to change at your next sign-in.",
)
NEW_DEVICE = (
    "A new browser signed in to your account",
    "A browser that we did not know signed in to your account at schoolgate.",
)
BREAK_GLASS = (
    "The break-glass code was used",
    "The sealed code of schoolgate was used just now: its session may set up accounts and approve requests. If you do"
    " not know why, disable the account break-glass, and look at `schoolgate audit log`.",
)
IF_NOT_YOURS = "If you do not know why, tell your IT administrator at once: the account can be closed in a minute."


@dataclass(frozen=True)
class Notices:
    """Puts mails into the outbox of a state directory."""

    state_dir: Path

    async def factor_was_reset(self, holder: Account, now_us: int) -> None:
        """To its holder."""
        await self._put([holder], *FACTOR_RESET, now_us)

    async def compromised(self, holder: Account, now_us: int) -> None:
        """To its holder."""
        await self._put([holder], *COMPROMISED, now_us)

    async def new_device(self, holder: Account, now_us: int) -> None:
        """To its holder."""
        await self._put([holder], *NEW_DEVICE, now_us)

    async def break_glass_used(self, approvers: Sequence[Account], now_us: int) -> None:
        """To every approver."""
        await self._put(approvers, *BREAK_GLASS, now_us, urgency="urgent")

    async def _put(
        self, people: Sequence[Account], subject: str, text: str, now_us: int, *, urgency: str = "normal"
    ) -> None:
        """What was done is done, also where no mail can be put: the log says so."""
        recipients = [one.mail for one in people if one.mail]
        if not recipients:
            return
        now = dt.datetime.fromtimestamp(now_us / 1e6, dt.UTC)
        key, body = f"account-{secrets.token_hex(8)}", f"{text}\n\n{IF_NOT_YOURS}\n"
        message = Message(key, f"[schoolgate] {subject}", body, now.isoformat(timespec="seconds"), urgency)
        try:
            await asyncio.to_thread(self._write, recipients, message, now)
        except (SchoolgateError, OSError, sqlite3.Error) as error:
            _log.warning("no mail was put into the outbox (%s): %s", subject, error)

    def _write(self, recipients: Sequence[str], message: Message, now: dt.datetime) -> None:
        folder = self.state_dir / "monitor"
        folder.mkdir(mode=0o750, exist_ok=True)
        with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store, store.transaction() as db:
            Outbox(store).put(db, recipients, message, now)
