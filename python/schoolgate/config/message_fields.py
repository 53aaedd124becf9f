"""Fields that settings of messages share: a recipient, and a time of day."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator

from schoolgate.config.problems import complaint, shown

_RECIPIENT = re.compile(
    r"webhook:[a-z0-9][a-z0-9-]{0,62}|[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def _clock(value: object) -> str:
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is not a time of day", 'write "07:00"')


def _recipient(value: object) -> str:
    if isinstance(value, str) and _RECIPIENT.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is no recipient", 'write "lead@school.example", or "webhook:id"')


ClockTime = Annotated[str, PlainValidator(_clock)]
Recipient = Annotated[str, PlainValidator(_recipient)]
