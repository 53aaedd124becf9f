"""Brings what is in the outbox to its recipients: urgent ones first, several at once, each within a bounded time."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

from schoolgate.alerts.delivery_failed import DeliveryFailed
from schoolgate.alerts.mail import send_mail
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Due, Outbox
from schoolgate.alerts.webhook import send_webhook
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.telemetry import Logger

# At once: a hung mail server holds up so many others for its timeout, not the whole school's.
MOST_AT_ONCE = 20
# Beyond the timeouts of mail and webhooks: a defect in a library must not stop the queue.
LONGEST_DELIVERY_S = 40.0
WEBHOOK = "webhook:"
# Runs a function and its arguments in a thread.
InThread = Callable[..., Awaitable[Any]]

_log = Logger("schoolgate.monitor")


def is_known(settings: Settings, recipient: str) -> bool:
    """Whether the settings describe it, if it is a webhook."""
    return not recipient.startswith(WEBHOOK) or recipient.removeprefix(WEBHOOK) in settings.webhooks


async def deliver(settings: Settings, recipient: str, message: Message, attempt: int) -> None:
    """One message to one recipient, now. Raises `DeliveryFailed`."""
    try:
        async with asyncio.timeout(LONGEST_DELIVERY_S):
            if recipient.startswith(WEBHOOK):
                await send_webhook(settings, message, recipient.removeprefix(WEBHOOK), attempt)
            else:
                await send_mail(settings, message, recipient, attempt)
    except DeliveryFailed:
        raise
    except TimeoutError:
        raise DeliveryFailed(f"{recipient}: no answer within {LONGEST_DELIVERY_S:.0f} s", is_final=False) from None
    except SchoolgateError as error:
        raise DeliveryFailed(str(error), is_final=False) from error


class Delivery:
    """`await step(now)` sends what is due. Blocking work of the store runs by `in_thread`."""

    def __init__(
        self, outbox: Outbox, settings: Callable[[], Settings], in_thread: InThread = asyncio.to_thread
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._in_thread = in_thread
        self.delivered = 0
        self.failures = 0

    async def step(self, now: dt.datetime) -> int:
        """How many were tried."""
        due = await self._in_thread(self._outbox.due, now, MOST_AT_ONCE)
        await asyncio.gather(*(self._one(one, now) for one in due))
        return len(due)

    async def _one(self, due: Due, now: dt.datetime) -> None:
        try:
            await deliver(self._settings(), due.recipient, due.message, due.attempt)
        except DeliveryFailed as error:
            self.failures += 1
            is_dead = await self._in_thread(self._outbox.failed, due, str(error), error.is_final)
            say = _log.error if is_dead else _log.warning
            # The recipient's name is a person's; the log of the service says which message, the store says whose.
            say("message not delivered", key=due.message.key.partition("/")[0], attempt=due.attempt, dead=is_dead,
                reason=str(error))  # fmt: skip
            return
        self.delivered += 1
        await self._in_thread(self._outbox.sent, due, now)
