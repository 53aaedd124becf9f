"""A certificate chain with its key as it was read, and what the calendar says of it."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Final

WARN_DAYS: Final = (21, 7, 1)
"""An operator is warned when so many days are left. Certificates of 90 days are renewed at 30."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Certificate:
    """One pair as it was read. Times are UTC; the key is PEM and must not be logged."""

    chain: bytes
    key: bytes
    names: tuple[str, ...]
    addresses: tuple[IPAddress, ...]
    not_before: dt.datetime
    not_after: dt.datetime
    is_key_open: bool

    def __repr__(self) -> str:
        return f"Certificate(names={self.names}, not_after={self.not_after:%Y-%m-%d})"

    @property
    def name(self) -> str | None:
        """The name that clients are sent to: the first that is no wildcard."""
        return next((one for one in self.names if not one.startswith("*")), None)

    def days_left(self, now: dt.datetime) -> int:
        """Whole days; below 0 once it has expired."""
        return (self.not_after - now) // dt.timedelta(days=1)


def expiry_problem(certificate: Certificate, now: dt.datetime) -> str | None:
    """What an operator must know of its end; None while it is far."""
    days = certificate.days_left(now)
    until = f"{certificate.not_after:%d %B %Y}"
    if days < 0:
        return f"the TLS certificate expired on {until}: clients refuse encrypted DNS; renew it"
    if days > WARN_DAYS[0]:
        return None
    left = "within a day" if days < WARN_DAYS[-1] else f"in {days} day{'s' if days != 1 else ''}"
    return f"the TLS certificate expires {left}, on {until}; renew it"


def warning_step(days: int) -> int | None:
    """The step of `WARN_DAYS` that so many days have reached, so that each is said once; None before the first."""
    return min((step for step in WARN_DAYS if days <= step), default=None)
