"""What the operations of status return: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schoolgate.config.diagnostics import Diagnostic


@dataclass(frozen=True)
class Listener:
    """`door`: udp, tcp, dot or doh. `address`: HOST:PORT."""

    door: str
    address: str


@dataclass(frozen=True)
class ForwarderState:
    """`state`: up or down. `rtt_ms`: smoothed; None before a reply."""

    address: str
    state: str
    rtt_ms: float | None
    sent: int
    replies: int
    timeouts: int
    network_errors: int


@dataclass(frozen=True)
class PolicyState:
    """`segments`: the policy of each now. Times are ISO 8601, UTC."""

    revision: int
    applied_at: str
    age_s: int
    who: str
    why: str
    segments: dict[str, str]
    next_change: str | None


@dataclass(frozen=True)
class ListsState:
    """The snapshot that decides. `age_s`: since it was built; how old each feed is, `feeds` says."""

    serial: int
    names: int | None
    entries: int
    octets: int
    built_at: str
    age_s: int


@dataclass(frozen=True)
class FeedAge:
    """A feed in use. `age_s`: since its publisher last confirmed what is in use; None: it was never fetched.
    `condition`: ok, stale, failing, held, failed or not fetched."""

    id: str
    condition: str
    names: int
    age_s: int | None
    failure: str | None


@dataclass(frozen=True)
class SealedAge:
    """A sealed list: serial and age, and never what is in it. `state`: ok, stale or unhealthy."""

    supplier: str
    serial: int
    age_s: int
    state: str


@dataclass(frozen=True)
class LogCounts:
    """Rows since the server's start, and those lost, by class. `problem`: why none is recorded now."""

    is_on: bool
    rows: dict[str, int]
    lost: dict[str, int]
    problem: str | None


@dataclass(frozen=True)
class Disk:
    """The disk of the state directory, in octets."""

    path: str
    free: int
    whole: int


@dataclass(frozen=True)
class CertificateState:
    """What encrypted DNS shows to clients."""

    names: tuple[str, ...]
    not_after: str
    days_left: int


@dataclass(frozen=True)
class ProcessState:
    """`age_s`: since its start (serve), or since it was last seen (monitor)."""

    name: str
    is_running: bool
    pid: int | None = None
    age_s: int | None = None


@dataclass(frozen=True)
class BackupState:
    """The last backup, and the last test restore that succeeded (None: none did)."""

    name: str
    at: str
    age_s: int
    octets: int
    targets: tuple[str, ...]
    proved_at: str | None
    proved_age_s: int | None


@dataclass(frozen=True)
class StatusShown:
    """`problems`: worst first. `unprotected`: what is not protected yet, and what would. What only a running server
    knows is None or empty where none runs (`is_serving`). `at`: ISO 8601, UTC."""

    at: str
    version: str
    is_serving: bool
    problems: tuple[Diagnostic, ...]
    unprotected: tuple[Diagnostic, ...]
    listeners: tuple[Listener, ...]
    forwarders: tuple[ForwarderState, ...]
    policy: PolicyState | None
    lists: ListsState | None
    feeds: tuple[FeedAge, ...]
    sealed: tuple[SealedAge, ...]
    query_log: LogCounts | None
    disk: Disk
    certificate: CertificateState | None
    processes: tuple[ProcessState, ...]
    backup: BackupState | None
    checks: dict[str, dict[str, Any]]
    counters: dict[str, int]
    settings_waiting: tuple[str, ...]


@dataclass(frozen=True)
class HomeShown:
    """For each role's first page, without a word of technique. `segments`: the policy of each now. `oldest_feed_s`: the
    age of the feed that is confirmed longest ago. `problems`: how many of each severity.
    `unprotected`: how much is not protected yet that a person can change, such as lists that are not chosen.
    `is_set_up`: false while the demonstration's policy is in force."""

    at: str
    is_serving: bool
    segments: dict[str, str]
    next_change: str | None
    oldest_feed_s: int | None
    problems: dict[str, int]
    unprotected: int
    is_set_up: bool = True
