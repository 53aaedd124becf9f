"""The most that one feed may cost. Each bound stops an attack or an accident that is named beside it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one fetch. The largest public lists have some tens of megabytes and a few million names."""

    # A body without end.
    wire_octets: int = 256 * 1024 * 1024
    # A bomb: little on the wire, a full disk once unpacked.
    unpacked_octets: int = 1024 * 1024 * 1024
    # An archive of a million empty files.
    members: int = 4096
    # Archives in archives.
    nesting: int = 3
    # One header as long as a book, or a thousand of them.
    header_octets: int = 8 * 1024
    headers: int = 96
    # Redirects in a circle.
    redirects: int = 5
    # A host that takes the connection and says nothing.
    connect_s: float = 15.0
    silent_s: float = 30.0
    # A host that says little, for ever.
    total_s: float = 600.0
    slow_after_s: float = 20.0
    least_octets_per_s: float = 2048.0
    # A host that has a bad minute.
    attempts: int = 3
    first_pause_s: float = 2.0
    longest_pause_s: float = 30.0
    # Feeds fetched at the same time: a school's line is shared.
    at_once: int = 4
