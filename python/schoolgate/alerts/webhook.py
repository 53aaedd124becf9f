"""A message to a program: signed JSON, or what Teams and Slack take. One POST, no redirect, a bounded answer.

A redirect would carry an alert to any server that the receiver names, so it is a failure.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
from pydantic_core import PydanticCustomError
from yarl import URL

from schoolgate.alerts.delivery_failed import DeliveryFailed
from schoolgate.alerts.messages import Message
from schoolgate.alerts.secret_files import read_secret
from schoolgate.config import Settings, Webhook
from schoolgate.config.problems import message_and_remedy
from schoolgate.config.webhooks import refuse_address

TIMEOUT_S = 15.0
# Answers are read so that the connection ends well, and thrown away.
LONGEST_ANSWER_OCTETS = 64 * 1024
# What the receivers take at most.
LONGEST_SLACK_TEXT = 2900
LONGEST_TEAMS_TEXT = 20_000
# The receiver asks to come back later, or the fault is its own.
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


def generic(message: Message) -> dict[str, Any]:
    return {
        "version": 1,
        "key": message.key,
        "urgency": message.urgency,
        "subject": message.subject,
        "text": message.text,
        **message.fields,
    }


def teams(message: Message) -> dict[str, Any]:
    """An adaptive card, as a workflow "when a webhook request is received" takes it. The text is no markdown: what
    would be is escaped."""
    blocks = [
        {"type": "TextBlock", "text": _plain(message.subject), "weight": "Bolder", "wrap": True},
        *(
            {"type": "TextBlock", "text": _plain(line), "wrap": True, "spacing": "Small"}
            for line in message.text[:LONGEST_TEAMS_TEXT].splitlines()
            if line
        ),
    ]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4"}
    content = {**card, "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def slack(message: Message) -> dict[str, Any]:
    """Blocks of plain text, which Slack turns into no link, and a fallback without markup."""
    text = message.text[:LONGEST_SLACK_TEXT]
    return {
        "text": message.subject.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": message.subject[:150], "emoji": False}},
            {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}},
        ],
        "unfurl_links": False,
    }


def _plain(text: str) -> str:
    """A zero-width joiner would do; a backslash is what the format asks for. `[.]` must not begin a link."""
    return "".join(f"\\{one}" if one in "\\`*_[]()<>#|" else one for one in text)


_BODIES: dict[str, Callable[[Message], dict[str, Any]]] = {"generic": generic, "teams": teams, "slack": slack}


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What a receiver computes again: HMAC-SHA256 over the timestamp, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


async def send_webhook(settings: Settings, message: Message, identity: str, attempt: int) -> None:
    """Raises `DeliveryFailed`."""
    webhook = settings.webhooks.get(identity)
    if webhook is None:
        raise DeliveryFailed(f"there is no webhook {identity}; write [webhooks.{identity}]", is_final=False)
    url = _url(webhook, identity)
    body = orjson.dumps(_BODIES[webhook.kind](message))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": message.key,
        "Schoolgate-Attempt": str(attempt),
        "User-Agent": "schoolgate",
    }
    secret = read_secret(webhook.secret_file, f"webhook-{identity}", f"the key of webhook {identity}")
    if secret is not None and webhook.kind == "generic":
        headers["Schoolgate-Signature"] = signature(secret, int(time.time()), body)
    try:
        await _post(url, body, headers, identity)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        reason = f"did not answer within {TIMEOUT_S:.0f} s" if isinstance(error, TimeoutError) else type(error).__name__
        # Without the library's text: it names the address, which may be a secret.
        raise DeliveryFailed(f"webhook {identity}: {reason}{_os_reason(error)}", is_final=False) from None


def _url(webhook: Webhook, identity: str) -> URL:
    text = webhook.url or read_secret(webhook.url_file, f"webhook-{identity}-url", f"the address of webhook {identity}")
    if not text:
        raise DeliveryFailed(f"webhook {identity} has no address; set url or url_file", is_final=False)
    try:
        return refuse_address(text, webhook.allow_http)
    except PydanticCustomError as error:
        raise DeliveryFailed(
            f"webhook {identity}: its address {message_and_remedy(error)[0]}", is_final=False
        ) from None


async def _post(url: URL, body: bytes, headers: dict[str, str], identity: str) -> None:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
    ):
        await answer.content.read(LONGEST_ANSWER_OCTETS)
        if 200 <= answer.status < 300:
            return
        what = "sends us elsewhere" if 300 <= answer.status < 400 else f"answered {answer.status}"
        again = answer.status in _AGAIN
        # An address that is refused today may be mended in the settings; only "gone" is for good.
        raise DeliveryFailed(
            f"webhook {identity} {what}" + ("; tried again" if again else ""), is_final=answer.status == 410
        )


def _os_reason(error: BaseException) -> str:
    """The reason of the system, which names no path."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    reason = inner.strerror if isinstance(inner, OSError) else None
    return f" ({reason})" if reason else ""
