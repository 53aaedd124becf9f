"""What one entry of the audit log says, and the octets that are hashed for it.

The entry holds no personal value, only a commitment to it: HMAC-SHA-256 under a random salt. Value and salt lie in a
side table. Erasing both leaves the entry, its hash and every proof valid, and no guess opens the commitment again.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from schoolgate.audit.canonical import canonical
from schoolgate.audit.errors import EntryRefused

FORMAT = 1
SALT_OCTETS = 32
# A reason, a difference of two policies: no file.
MOST_OCTETS = 64 * 1024


class Outcome(StrEnum):
    """What became of the operation."""

    begun = "begun"
    done = "done"
    refused = "refused"
    failed = "failed"


@dataclass(frozen=True)
class Event:
    """An operation that a person or a job did or attempted.

    `actor` is an account's identifier, never a name or an address. `detail` holds what may stay for ever; `personal`
    what may have to be erased. `at_us`: microseconds since 1970, UTC.
    """

    at_us: int
    actor: str
    operation: str
    scope: str = ""
    outcome: Outcome = Outcome.done
    detail: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Opening:
    """Value and salt behind one commitment."""

    name: str
    value: str
    salt: bytes


def commitment(opening: Opening) -> str:
    """HMAC-SHA-256(salt, canonical JSON of [name, value]), in hexadecimal."""
    # The same octets as `canonical`, which checked name and value when the opening was made.
    return hmac.digest(opening.salt, orjson.dumps([opening.name, opening.value]), "sha256").hex()


def openings_of(event: Event) -> tuple[Opening, ...]:
    """Fresh salts for the personal values of an event. Raises `EntryRefused`."""
    canonical(dict(event.personal))
    return tuple(Opening(name, value, secrets.token_bytes(SALT_OCTETS)) for name, value in event.personal.items())


def entry_octets(
    event: Event, openings: tuple[Opening, ...], *, entry_id: UUID, site_id: UUID, epoch: int, number: int, last_us: int
) -> bytes:
    """The canonical JSON of an entry. `last_us`: the time of the entry before it, to state a clock that went back.

    Raises `EntryRefused` for floats, other types and an entry above 64 KiB.
    """
    entry: dict[str, Any] = {
        "actor": event.actor,
        "at_us": event.at_us,
        "detail": dict(event.detail),
        "epoch": epoch,
        "format": FORMAT,
        "id": str(entry_id),
        "number": number,
        "operation": event.operation,
        "outcome": event.outcome.value,
        "personal": {one.name: commitment(one) for one in openings},
        "scope": event.scope,
        "site": str(site_id),
    }
    if event.at_us < last_us:
        entry["clock_back_us"] = last_us - event.at_us
    octets = canonical(entry)
    if len(octets) > MOST_OCTETS:
        raise EntryRefused(f"an audit entry of {len(octets)} octets is longer than {MOST_OCTETS}; shorten its detail")
    return octets


def parse_entry(octets: bytes | str) -> dict[str, Any]:
    """The fields of an entry. Raises `ValueError` for what `entry_octets` cannot have written."""
    entry = orjson.loads(octets)
    if not isinstance(entry, dict) or type(entry.get("number")) is not int or type(entry.get("epoch")) is not int:
        raise ValueError("no audit entry")
    return entry
