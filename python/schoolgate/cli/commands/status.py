"""`status`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from schoolgate.cli.commands.terminal import age, moment, names_counted, note, out, say, say_json, table
from schoolgate.control import call
from schoolgate.errors import SchoolgateError
from schoolgate.operations.openings import UNDECIDED
from schoolgate.storage.applied_settings import find_settings

# What people ask about first; all counters are in --json.
SHOWN_COUNTERS = 14


def status(config: Path | None, as_json: bool, as_metrics: bool, timeout_s: float) -> None:
    """What the running service says of itself; a `ControlUnreachable` when there is none."""
    found = find_settings(config)
    report = call(found.settings.server.control_socket, "status", timeout_s=timeout_s)
    if found.problem is not None and found.problem not in report["problems"]:
        note(f"warning: {found.problem}", "yellow")
    if as_metrics:
        from schoolgate.metrics import exposition

        sys.stdout.write(exposition(report))
        return
    if as_json:
        say_json(report)
        return
    _head(report)
    _forwarders(report["forwarders"])
    _counters(report)
    for warning in report["policy"]["warnings"]:
        note(f"warning: {warning}", "yellow")
    for problem in report["problems"]:
        note(f"look at this: {problem}", "bold red")
    if found.settings.operations.openings_need_approval:
        _openings(config)


def _openings(config: Path | None) -> None:
    """The server keeps no accounts, so it cannot say whether one may decide."""
    from schoolgate.cli.commands.asking import ask

    with contextlib.suppress(SchoolgateError):
        for one in ask(config, "status.show").problems:
            if one.id == UNDECIDED:
                note(f"look at this: {one}", "bold red")


def _head(report: dict[str, Any]) -> None:
    policy, lists = report["policy"], report["lists"]
    say(f"schoolgate {report['version']}, process {report['pid']}, up {age(report['uptime_s'])}", "bold")
    say(f"listening   {', '.join(report['listening']['udp'])}")
    say(f"workers     {report['workers_alive']} of {report['workers']} alive")
    say(f"policy      revision {policy['revision']}, {age(policy['age_s'])} old, by {policy['who']}: {policy['why']}")
    for segment, name in sorted(policy["in_force"].items()):
        say(f"  network   {segment} has policy {name} now")
    if policy["next_change"] is not None:
        say(f"  next      change by schedule at {moment(policy['next_change'])}")
    counted = names_counted(lists["names"], lists["entries"])
    say(f"lists       serial {lists['serial']}, {age(lists['age_s'])} old, {counted}")
    if report["sealed"] is not None:
        suppliers = ", ".join(f"{one['supplier']} {age(one['age_s'])} old" for one in report["sealed"]["suppliers"])
        say(f"sealed      serial {report['sealed']['serial']}, {report['sealed']['state']}: {suppliers}")
    _query_log(report["query_log"])
    if (monitor := report["monitor"]) is not None:
        lag = f", {age(monitor['lag_s'])} behind" if monitor.get("lag_s") else ""
        say(f"monitor     seen {age(monitor['age_s'] or 0)} ago{lag}, {monitor.get('findings', 0)} findings")
    if (backup := report.get("backup")) is not None:
        proved = f"; proved {age(backup['proved_age_s'])} ago" if backup["proved_at"] is not None else "; never proved"
        say(f"backup      {age(backup['age_s'])} old, at {', '.join(backup['targets'])}{proved}")
    if report["last_reload"] is not None:
        outcome = "done" if report["last_reload"]["ok"] else "refused"
        say(f"reload      {outcome} at {moment(report['last_reload']['at'])}")


def _query_log(log: dict[str, Any]) -> None:
    if not log["enabled"]:
        say("query log   off (query_log.enabled)")
        return
    lost = sum(log["dropped_ring"].values()) + sum(log["dropped_disk"].values())
    rows = log["rows"]
    say(
        f"query log   {sum(rows.values())} rows since the start, {rows['safeguarding']} of them for safeguarding;"
        f" {lost or 'none'} lost"
    )


def _forwarders(forwarders: list[dict[str, Any]]) -> None:
    rows = table("forwarder", "state", "RTT ms", "sent", "replies", "timeouts", "errors", "connections")
    for one in forwarders:
        rtt = "-" if one["srtt_ms"] is None else f"{one['srtt_ms']:.1f}"
        counts = (one["sent"], one["replies"], one["timeouts"], one["network_errors"])
        connections = one.get("connections")
        rows.add_row(one["forwarder"], one["state"], rtt, *map(str, counts), _connections(connections))
    if forwarders:
        out.print(rows)


def _connections(connections: dict[str, Any] | None) -> str:
    """Those open now, and how many were opened."""
    return "-" if connections is None else f"{connections['open']} of {connections['events']['opened']}"


def _counters(report: dict[str, Any]) -> None:
    counted = {name: count for name, count in report["counters"].items() if count}
    say(f"cache       {report['cache']['cache_entries']} answers, {report['cache']['cache_octets'] / 2**20:.1f} MiB")
    most = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:SHOWN_COUNTERS]
    say("counters    " + (", ".join(f"{name} {count}" for name, count in most) or "nothing asked yet"))
