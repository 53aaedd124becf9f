"""A row of the query log as detectors see it: thousands a second, so the moment stays a number, while `querylog.Row` is
for people and has a date. The order of the fields is the log's."""

from __future__ import annotations

from typing import Any, NamedTuple

A, NS, CNAME, NULL, TXT, AAAA, SVCB, HTTPS = 1, 2, 5, 10, 16, 28, 64, 65
NXDOMAIN = 3
WITHHELD = "(withheld)"
US = 1_000_000


class Row(NamedTuple):
    """One question and what became of it; `time_us` counts from 1970, UTC. `client` and `qname` are "" where only
    counted."""

    time_us: int
    client: str
    segment: str
    policy: str
    policy_serial: int
    door: str
    qname: str
    qname_asked: str | None
    qtype: int
    rcode: int
    action: str
    layer: str
    category: str | None
    rule: str | None
    snapshot_serial: int
    source: str
    latency_us: int
    cname: str | None
    device: str | None = None
    user: str | None = None

    @property
    def time_s(self) -> int:
        return self.time_us // US

    @property
    def is_denied(self) -> bool:
        return self.action in ("deny", "deny-revealed")

    @property
    def is_counted_only(self) -> bool:
        """The segment's privacy level keeps neither who nor what."""
        return not self.client

    @property
    def is_sealed(self) -> bool:
        return self.layer == "sealed" and self.is_denied


def row(values: tuple[Any, ...]) -> Row:
    """From a tuple of the log's reader; columns that a later version appends are left out."""
    return Row(*values[: len(Row._fields)])
