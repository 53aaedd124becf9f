"""Every metric there is: name, kind, unit, labels, and where in `status` its values stand. The one source of them all.

Names as in the field: base units (seconds, bytes, ratio), `_total` for counters. Labels come from small closed sets
(counters, forwarders, feeds, suppliers); one that a client could choose would let him fill the memory of Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

StatusReport = Mapping[str, Any]
Sample = tuple[tuple[str, ...], float]
Kind = Literal["counter", "gauge"]

# Each query leaves the plane in exactly one of these ways (rust/plane/src/counters.rs).
OUTCOMES = (
    "silent", "refusals", "outside", "rate_truncated", "rate_dropped", "denied", "denied_revealed",
    "denied_private", "local", "cache_hits", "resolved", "stale", "failures", "pending_full", "crowded", "no_recursion",
    "repeated", "panics", "abandoned", "unwritable",
)  # fmt: skip
_QUERIES = ("queries", "stream_queries")
# What the resolver and the TCP door hold now; all else they tell is counted.
_RESOLVER_GAUGES = ("outstanding", "outstanding_max", "failures_remembered")
_TCP_GAUGES = ("open", "waiting")
# A broken list of feeds must not become a scrape without end.
MOST_SAMPLES = 2_000


@dataclass(frozen=True)
class Family:
    """One metric. `name` is as it is scraped; `read` finds its samples in the status report."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    read: Callable[[StatusReport], Iterable[Sample]]


def _at(report: StatusReport, *path: str) -> Any:
    """What stands at a path, or None: a part that is switched off is missing."""
    found: Any = report
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _value(*path: str, divisor: float = 1.0) -> Callable[[StatusReport], Iterator[Sample]]:
    def read(report: StatusReport) -> Iterator[Sample]:
        value = _at(report, *path)
        if isinstance(value, (int, float)):
            yield (), value / divisor if divisor != 1.0 else float(value)

    return read


def _rows(*path: str, label: str, value: str, divisor: float = 1.0) -> Callable[[StatusReport], Iterator[Sample]]:
    """One sample for each row of a list."""

    def read(report: StatusReport) -> Iterator[Sample]:
        for row in _at(report, *path) or ():
            if isinstance(row.get(value), (int, float)):
                yield (str(row[label]),), row[value] / divisor

    return read


def _counts(
    *path: str, only: tuple[str, ...] = (), but: tuple[str, ...] = ()
) -> Callable[[StatusReport], Iterator[Sample]]:
    """One sample for each entry of a table of counters."""

    def read(report: StatusReport) -> Iterator[Sample]:
        for name, count in sorted((_at(report, *path) or {}).items()):
            if (not only or name in only) and name not in but and isinstance(count, (int, float)):
                yield (name,), float(count)

    return read


def _transports(report: StatusReport) -> Iterator[Sample]:
    counted = _at(report, "counters") or {}
    stream = float(counted.get("stream_queries", 0))
    encrypted = _at(report, "doors", "events") or {}
    for door, events in sorted(encrypted.items()):
        yield (door,), float(events["messages"])
    yield ("tcp",), max(0.0, stream - sum(float(events["messages"]) for events in encrypted.values()))
    yield ("udp",), max(0.0, float(counted.get("queries", 0)) - stream)


def _door_events(report: StatusReport) -> Iterator[Sample]:
    for door, events in sorted((_at(report, "doors", "events") or {}).items()):
        for event, count in sorted(events.items()):
            yield (door, event), float(count)


def _conditions(report: StatusReport) -> Iterator[Sample]:
    for feed in _at(report, "lists", "update", "feeds") or ():
        yield (str(feed["id"]), str(feed["condition"])), float(feed["condition"] == "ok")


def _up(report: StatusReport) -> Iterator[Sample]:
    for one in _at(report, "forwarders") or ():
        yield (str(one["forwarder"]),), float(one["state"] == "up")


def _forwarder_connections(report: StatusReport) -> Iterator[Sample]:
    for one in _at(report, "forwarders") or ():
        if one.get("connections") is not None:
            yield (str(one["forwarder"]),), float(one["connections"]["open"])


def _forwarder_events(report: StatusReport) -> Iterator[Sample]:
    for one in _at(report, "forwarders") or ():
        if one.get("connections") is not None:
            for event, count in one["connections"]["events"].items():
                yield (str(one["forwarder"]), event), float(count)


def _count_of(*path: str) -> Callable[[StatusReport], Iterator[Sample]]:
    def read(report: StatusReport) -> Iterator[Sample]:
        found = _at(report, *path)
        if isinstance(found, (list, tuple)):
            yield (), float(len(found))

    return read


def _build(report: StatusReport) -> Iterator[Sample]:
    yield (str(_at(report, "version") or "unknown"),), 1.0


def _reload(report: StatusReport) -> Iterator[Sample]:
    ok = _at(report, "last_reload", "ok")
    yield (), 1.0 if ok is None else float(ok)


def _policy_store(report: StatusReport) -> Iterator[Sample]:
    ok = _at(report, "policy", "store", "ok")
    if ok is not None:
        yield (), float(ok)


def _log_dropped(report: StatusReport) -> Iterator[Sample]:
    for reason in ("ring", "disk"):
        for class_, count in sorted((_at(report, "query_log", f"dropped_{reason}") or {}).items()):
            yield (str(class_), reason), float(count)


def _tasks(report: StatusReport) -> Iterator[Sample]:
    for name, outcome in sorted((_at(report, "monitor", "jobs") or {}).items()):
        yield (str(name),), float(bool(outcome.get("ok")))


def _denied_categories(report: StatusReport) -> Iterator[Sample]:
    """By what fills them; "unlisted" ones have no public list that we recommend."""
    found = _at(report, "categories")
    for state in ("filled", "starter_only", "empty", "unlisted") if isinstance(found, Mapping) else ():
        yield (state,), float(len(found[state]))


def _gauge(name: str, help_: str, read: Callable[[StatusReport], Iterable[Sample]], *labels: str) -> Family:
    return Family(f"schoolgate_{name}", "gauge", help_, labels, read)


def _counter(name: str, help_: str, read: Callable[[StatusReport], Iterable[Sample]], *labels: str) -> Family:
    return Family(f"schoolgate_{name}_total", "counter", help_, labels, read)


FORWARDER, FEED, SUPPLIER = "forwarder", "feed", "supplier"
_FEEDS = ("lists", "update", "feeds")

FAMILIES: tuple[Family, ...] = (
    _gauge("build_info", "1, with the version that runs.", _build, "version"),
    _gauge("uptime_seconds", "Since the service started.", _value("uptime_s")),
    _gauge("problems", "Things that `schoolgate status` asks an operator to look at.", _count_of("problems")),
    _gauge("workers", "Worker threads that should run.", _value("workers")),
    _gauge("workers_alive", "Worker threads that run.", _value("workers_alive")),
    # queries
    _counter("queries", "Packets taken from clients.", _transports, "transport"),
    _counter("query_outcomes", "How queries left: each in one way.", _counts("counters", only=OUTCOMES), "outcome"),
    _counter(
        "plane_events", "What else happened in the plane.", _counts("counters", but=(*OUTCOMES, *_QUERIES)), "event"
    ),
    _gauge("cache_entries", "Answers in the packet cache.", _value("cache", "cache_entries")),
    _gauge("cache_bytes", "Memory of the packet cache.", _value("cache", "cache_octets")),
    _gauge("pending_questions", "Questions that clients wait for.", _value("cache", "pending")),
    _gauge("under_way_questions", "Questions given to the resolver and not answered.", _value("cache", "under_way")),
    # the resolver and its forwarders
    _counter("resolver_events", "What happened in the resolver.", _counts("resolver", but=_RESOLVER_GAUGES), "event"),
    _gauge("resolver_outstanding", "Exchanges with forwarders under way.", _value("resolver", "outstanding")),
    _gauge("resolver_outstanding_max", "The bound of those.", _value("resolver", "outstanding_max")),
    _gauge("resolver_failures_remembered", "Failures kept (RFC 9520).", _value("resolver", "failures_remembered")),
    _gauge("forwarder_up", "1 where a forwarder answers.", _up, FORWARDER),
    _gauge(
        "forwarder_rtt_seconds", "Smoothed round trip to a forwarder.",
        _rows("forwarders", label=FORWARDER, value="srtt_ms", divisor=1000), FORWARDER,
    ),
    _counter(
        "forwarder_queries", "Queries sent to a forwarder.",
        _rows("forwarders", label=FORWARDER, value="sent"), FORWARDER,
    ),
    _counter(
        "forwarder_replies", "Replies of a forwarder.", _rows("forwarders", label=FORWARDER, value="replies"), FORWARDER
    ),
    _counter(
        "forwarder_timeouts", "Queries a forwarder did not answer in time.",
        _rows("forwarders", label=FORWARDER, value="timeouts"), FORWARDER,
    ),
    _counter(
        "forwarder_errors", "Queries that did not reach a forwarder.",
        _rows("forwarders", label=FORWARDER, value="network_errors"), FORWARDER,
    ),
    _gauge("forwarder_connections", "Open connections to a forwarder.", _forwarder_connections, FORWARDER),
    _counter(
        "forwarder_connection_events", "What happened to connections to a forwarder.", _forwarder_events,
        FORWARDER, "event",
    ),
    # TCP
    _gauge("tcp_connections", "Open TCP connections of clients.", _value("tcp", "open")),
    _gauge("tcp_waiting", "Messages of TCP clients that wait for an answer.", _value("tcp", "waiting")),
    _counter("tcp_events", "What happened at the TCP door.", _counts("tcp", but=_TCP_GAUGES), "event"),
    # encrypted DNS
    _gauge("door_connections", "Open connections of encrypted DNS.", _value("doors", "open")),
    _gauge("door_waiting", "Messages of encrypted DNS that wait for an answer.", _value("doors", "waiting")),
    _counter("door_events", "What happened at a door of encrypted DNS.", _door_events, "door", "event"),
    _gauge(
        "certificate_left_seconds", "Until the certificate of encrypted DNS expires.",
        _value("doors", "certificate", "left_s"),
    ),
    # policy and lists
    _gauge("policy_revision", "Revision in force.", _value("policy", "revision")),
    _gauge("policy_age_seconds", "Since that revision was applied.", _value("policy", "age_s")),
    _gauge("policy_warnings", "Warnings of the policy in force.", _count_of("policy", "warnings")),
    _gauge("policy_store_ok", "0 when the active file or the policy database cannot be used.", _policy_store),
    _gauge("reload_ok", "0 when the last reload was refused.", _reload),
    _gauge("lists_serial", "Serial of the lists in force.", _value("lists", "serial")),
    _gauge("lists_age_seconds", "Since the lists in force were built.", _value("lists", "age_s")),
    _gauge("lists_names", "Names in the lists in force.", _value("lists", "names")),
    _gauge("lists_bytes", "Memory of the lists in force.", _value("lists", "size_octets")),
    _gauge(
        "denied_categories", "Denied categories by what fills them; starter_only and empty ones protect little.",
        _denied_categories, "state",
    ),
    _gauge("feed_ok", "1 where a feed is as it should be.", _conditions, FEED, "condition"),
    _gauge("feed_age_seconds", "True age of a feed in use.", _rows(*_FEEDS, label="id", value="age_s"), FEED),
    _gauge("feed_names", "Rules in use of a feed.", _rows(*_FEEDS, label="id", value="names"), FEED),
    _gauge(
        "sealed_age_seconds", "True age of a sealed list.",
        _rows("sealed", "suppliers", label=SUPPLIER, value="age_s"), SUPPLIER,
    ),
    # checks
    _gauge(
        "over_blocked_ratio", "Share of decisions on names that must be open which are closed (last daily check).",
        _value("checks", "reachability", "rate"),
    ),
    _gauge(
        "over_blocked_names", "Names that must be open and are closed under some policy.",
        _value("checks", "reachability", "over_blocked_names"),
    ),
    _gauge("reachability_age_seconds", "Since that check.", _value("checks", "reachability", "age_s")),
    _gauge(
        "safesearch_targets_failed", "Hosts that SafeSearch locks to which do not resolve.",
        _value("checks", "safesearch", "failed"),
    ),
    _gauge("safesearch_age_seconds", "Since that check.", _value("checks", "safesearch", "age_s")),
    # the query log
    _counter("log_rows", "Rows of the query log written.", _counts("query_log", "rows"), "class"),
    _counter("log_rows_dropped", "Rows of the query log lost, by where.", _log_dropped, "class", "reason"),
    _counter("log_bytes", "Octets of the query log written.", _value("query_log", "octets")),
    _gauge(
        "log_fsync_age_seconds", "Since the query log was last on the disk.",
        _value("query_log", "last_fsync_age_ms", divisor=1000),
    ),
    # the monitor
    _gauge("monitor_age_seconds", "Since the monitor last said that it is alive.", _value("monitor", "age_s")),
    _gauge("monitor_lag_seconds", "How far it is behind the query log.", _value("monitor", "lag_s")),
    _gauge("monitor_problems", "Things the monitor asks an operator to look at.", _count_of("monitor", "problems")),
    # Not "job": Prometheus has a label of that name.
    _gauge("monitor_task_ok", "1 where the last run of a job of the monitor was well.", _tasks, "task"),
    _gauge("outbox_messages", "Messages of alerts and reports, by state.", _counts("monitor", "outbox"), "state"),
)  # fmt: skip
