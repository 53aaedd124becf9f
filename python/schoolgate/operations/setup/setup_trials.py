"""Trials before anything is written: forwarders are asked one question, the mail server gets one message."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

from pydantic_core import PydanticCustomError

from schoolgate.config import parse
from schoolgate.config.problems import ConfigInvalid, message_and_remedy
from schoolgate.errors import SchoolgateError
from schoolgate.operations.registry import Personal, changes, looks
from schoolgate.operations.setup.setup_looks import Answers, refuse_from_afar
from schoolgate.operations.setup.setup_results import ForwarderTried
from schoolgate.operations.work import Work
from schoolgate.setup.answers import checked
from schoolgate.setup.forwarder_trial import try_forwarders as ask_each
from schoolgate.setup.found_state import find_state
from schoolgate.setup.settings_writing import settings_text


class TrialRefused(SchoolgateError):
    """What is to be tried cannot be: an address is none."""


@looks("setup.try_forwarders")
def try_forwarders(work: Work, servers: tuple[str, ...]) -> tuple[ForwarderTried, ...]:
    """Asks each forwarder one question from this machine, as text or "system". Raises `TrialRefused`."""
    if not servers or len(servers) > 16:
        raise TrialRefused("name one to sixteen forwarders")
    try:
        found = ask_each(servers, work.settings.server.listen)
    except PydanticCustomError as error:
        raise TrialRefused(": ".join(message_and_remedy(error))) from None
    return tuple(ForwarderTried(one.server, one.is_good, one.said, round(one.took_ms, 1)) for one in found)


@changes("setup.try_mail")
def try_mail(work: Work, answers: Answers, recipient: Annotated[str, Personal]) -> None:
    """Sends a test message by the mail server of the answers, which are not in force yet.

    Raises `InputRefused`, `TrialRefused`, `SettingSaidFromAfar`, and `DeliveryFailed`, which says what is wrong.
    """
    from schoolgate.alerts import messages
    from schoolgate.alerts.mail import send_mail
    from schoolgate.policy.monitoring import parse_recipient

    given = checked(answers)
    found = find_state(work.settings, work.config)
    refuse_from_afar(work, given, found)
    try:
        parse_recipient(recipient)
    except PydanticCustomError as error:
        raise TrialRefused(": ".join(message_and_remedy(error))) from None
    if "@" not in recipient:
        raise TrialRefused("write a mail address, such as you@school.example")
    text = settings_text(given, found.text, found.settings, is_new=found.is_new)
    try:
        folder = None if found.config is None else found.config.absolute().parent
        settings = parse(text, "the answers", folder=folder)
    except ConfigInvalid as error:
        raise TrialRefused(str(error)) from None
    asyncio.run(send_mail(settings, messages.test(f"setup-{secrets.token_hex(8)}", work.now), recipient, 1))
