"""`status`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from schoolgate.cli.commands.terminal import age, moment, note, out, say, say_json, table
from schoolgate.control import call
from schoolgate.storage.applied_settings import find_settings

# What people ask about first; all counters are in --json.
SHOWN_COUNTERS = 14


def status(config: Path | None, as_json: bool, as_metrics: bool, timeout_s: float) -> None:
    """What the running service says of itself; a `ControlUnreachable` when there is none."""
    found = find_settings(config)
    told = call(found.settings.server.control_socket, "status", timeout_s=timeout_s)
    if found.problem is not None and found.problem not in told["problems"]:
        note(f"warning: {found.problem}", "yellow")
    if as_metrics:
        from schoolgate.metrics import exposition

        sys.stdout.write(exposition(told))
        return
    if as_json:
        say_json(told)
        return
    _head(told)
    _forwarders(told["forwarders"])
    _counters(told)
    for warning in told["policy"]["warnings"]:
        note(f"warning: {warning}", "yellow")
    for problem in told["problems"]:
        note(f"look at this: {problem}", "bold red")


def _head(told: dict[str, Any]) -> None:
    policy, lists = told["policy"], told["lists"]
    say(f"schoolgate {told['version']}, process {told['pid']}, up {age(told['uptime_s'])}", "bold")
    say(f"listening   {', '.join(told['listening']['udp'])}")
    say(f"workers     {told['workers_alive']} of {told['workers']} alive")
    say(f"policy      revision {policy['revision']}, {age(policy['age_s'])} old, by {policy['who']}: {policy['why']}")
    for segment, name in sorted(policy["in_force"].items()):
        say(f"  segment   {segment} has policy {name} now")
    if policy["next_change"] is not None:
        say(f"  next      change by schedule at {moment(policy['next_change'])}")
    say(f"lists       serial {lists['serial']}, {age(lists['age_s'])} old, {lists['names']} names")
    if told["sealed"] is not None:
        suppliers = ", ".join(f"{one['supplier']} {age(one['age_s'])} old" for one in told["sealed"]["suppliers"])
        say(f"sealed      serial {told['sealed']['serial']}, {told['sealed']['state']}: {suppliers}")
    _query_log(told["query_log"])
    if (monitor := told["monitor"]) is not None:
        lag = f", {age(monitor['lag_s'])} behind" if monitor.get("lag_s") else ""
        say(f"monitor     seen {age(monitor['age_s'] or 0)} ago{lag}, {monitor.get('findings', 0)} findings")
    if told["last_reload"] is not None:
        outcome = "done" if told["last_reload"]["ok"] else "refused"
        say(f"reload      {outcome} at {moment(told['last_reload']['at'])}")


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
    rows = table("forwarder", "state", "RTT ms", "sent", "replies", "timeouts", "errors")
    for one in forwarders:
        rtt = "-" if one["srtt_ms"] is None else f"{one['srtt_ms']:.1f}"
        counts = (one["sent"], one["replies"], one["timeouts"], one["network_errors"])
        rows.add_row(one["forwarder"], one["state"], rtt, *map(str, counts))
    if forwarders:
        out.print(rows)


def _counters(told: dict[str, Any]) -> None:
    counted = {name: count for name, count in told["counters"].items() if count}
    say(f"cache       {told['cache']['cache_entries']} answers, {told['cache']['cache_octets'] / 2**20:.1f} MiB")
    most = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:SHOWN_COUNTERS]
    say("counters    " + (", ".join(f"{name} {count}" for name, count in most) or "nothing asked yet"))
