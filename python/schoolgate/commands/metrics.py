"""The running service as Prometheus text (exposition format 0.0.4), for node_exporter's textfile collector.

No client, no name that was asked: only counts, ages and conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Labels = dict[str, str]
Sample = tuple[Labels, float]


def exposition(told: dict[str, Any]) -> str:
    """What `status` told, as Prometheus text."""
    lines: list[str] = []
    for name, kind, help_text, samples in _families(told):
        rows = [f"{name}{_labels(labels)} {value:g}" for labels, value in samples]
        if rows:
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *rows]
    return "\n".join(lines) + "\n"


def _families(told: dict[str, Any]) -> Iterator[tuple[str, str, str, Iterable[Sample]]]:
    for counter, count in sorted(told["counters"].items()):
        yield f"schoolgate_{counter}_total", "counter", f"Counter {counter} of the plane.", [({}, count)]
    for gauge, value in sorted(told["cache"].items()):
        yield f"schoolgate_{gauge}", "gauge", f"Gauge {gauge} of the plane.", [({}, value)]
    yield "schoolgate_workers", "gauge", "Worker threads that should run.", [({}, told["workers"])]
    yield "schoolgate_workers_alive", "gauge", "Worker threads that run.", [({}, told["workers_alive"])]
    yield "schoolgate_uptime_seconds", "gauge", "Since the service started.", [({}, told["uptime_s"])]
    yield "schoolgate_policy_revision", "gauge", "Revision in force.", [({}, told["policy"]["revision"])]
    yield "schoolgate_lists_serial", "gauge", "Serial of the lists in force.", [({}, told["lists"]["serial"])]
    yield "schoolgate_lists_age_seconds", "gauge", "Since the lists were built.", [({}, told["lists"]["age_s"])]
    yield "schoolgate_lists_names", "gauge", "Names in the lists in force.", [({}, told["lists"]["names"])]
    yield "schoolgate_problems", "gauge", "What `schoolgate status` asks to look at.", [({}, len(told["problems"]))]
    yield from _query_log(told["query_log"])
    forwarders = [({"forwarder": one["forwarder"]}, float(one["state"] == "up")) for one in told["forwarders"]]
    yield "schoolgate_forwarder_up", "gauge", "1 where a forwarder answers.", forwarders
    yield from _feeds((told["lists"]["update"] or {}).get("feeds", []))
    suppliers = (told["sealed"] or {}).get("suppliers", [])
    ages = [({"supplier": one["supplier"]}, one["age_s"]) for one in suppliers]
    yield "schoolgate_sealed_age_seconds", "gauge", "True age of a sealed list.", ages


def _query_log(log: dict[str, Any]) -> Iterator[tuple[str, str, str, Iterable[Sample]]]:
    rows = [({"class": one}, float(count)) for one, count in log["rows"].items()]
    yield "schoolgate_query_log_rows_total", "counter", "Rows written.", rows
    lost = [
        ({"class": one, "reason": reason}, float(count))
        for reason in ("ring", "disk")
        for one, count in log[f"dropped_{reason}"].items()
    ]
    yield "schoolgate_query_log_lost_rows_total", "counter", "Rows lost, by what had no room for them.", lost
    yield "schoolgate_query_log_octets_total", "counter", "Octets written.", [({}, log["octets"])]


def _feeds(feeds: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, Iterable[Sample]]]:
    aged = [({"feed": one["id"]}, one["age_s"]) for one in feeds if one["age_s"] is not None]
    yield "schoolgate_feed_age_seconds", "gauge", "True age of what is in use of a feed.", aged
    well = [({"feed": one["id"], "condition": one["condition"]}, float(one["condition"] == "ok")) for one in feeds]
    yield "schoolgate_feed_ok", "gauge", "1 where a feed is as it should be.", well
    names = [({"feed": one["id"]}, one["names"]) for one in feeds]
    yield "schoolgate_feed_names", "gauge", "Rules in use of a feed.", names


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
