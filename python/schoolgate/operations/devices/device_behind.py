"""A device behind a pseudonym, as a reveal says it. Apart, so that a look at the log loads no database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeviceBehind:
    """A device that had an address, with every name of it. Times in microseconds since 1970."""

    device: str
    name: str
    host_name: str | None
    source: str
    since_us: int
    until_us: int
