"""What `schoolgate status` shows: serials, ages, counters, forwarders, and what an operator should look at."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import __version__
from schoolgate.backup.backup_problems import backup_problems, backup_summary
from schoolgate.checks.record import check_problems, check_summary
from schoolgate.lists import update_status as status_file
from schoolgate.lists.manifests import Manifests
from schoolgate.monitoring import monitor_status
from schoolgate.sealed import failing_feeds, sealed_problems, sealed_status
from schoolgate.server.running import RunningServer

# Lists are built each night; older than this, two builds have failed.
OLD_LISTS_S = 3 * 86400
# The share of a feed's lines that may be noise before it is said.
MANY_UNREAD = 0.05


def status(service: RunningServer) -> dict[str, Any]:
    """Everything at once, as JSON values. Reads counters only: it never waits for anything."""
    now = dt.datetime.now(dt.UTC)
    whole = service.active
    counted = orjson.loads(service.plane.stats())
    return {
        "version": __version__,
        "pid": os.getpid(),
        "config": str(whole.config) if whole.config is not None else None,
        "state_dir": str(whole.settings.server.state_dir),
        "started_at": _text(service.started_at),
        "uptime_s": _age_s(service.started_at, now),
        "listening": {
            "udp": [str(one) for one in service.listening],
            "tcp": service.door.listening,
            **service.doors.listening,
        },
        "workers": counted["workers"],
        "workers_alive": counted["workers_alive"],
        "policy": {
            "revision": whole.revision.number,
            "applied_at": _text(whole.revision.at),
            "age_s": _age_s(whole.revision.at, now),
            "who": whole.revision.who,
            "why": whole.revision.why,
            "in_force": whole.policy.policies_in_force(),
            "next_change": _text(whole.policy.next_boundary) if whole.policy.next_boundary else None,
            "warnings": [str(one) for one in (*whole.ground.warnings, *whole.policy.compiled.warnings)],
            "store": {
                "ok": not whole.loaded.problems,
                "problems": list(whole.loaded.problems),
                "mended": list(whole.loaded.mended),
            },
        },
        "lists": {
            "serial": whole.lists.snapshot.serial,
            "names": Manifests(whole.settings.server.state_dir).names(whole.lists.snapshot.serial),
            "entries": whole.lists.snapshot.entries,
            "size_octets": whole.lists.snapshot.size_octets,
            "built_at": _text(whole.lists.built_at),
            "age_s": _age_s(whole.lists.built_at, now),
            "update": status_file.read(whole.settings.server.state_dir),
        },
        # None until it was looked at, shortly after the start.
        "categories": service.protection.categories if service.protection is not None else None,
        "sealed": sealed_status(whole.sealed, now) if whole.sealed is not None else None,
        "forwarders": service.resolver.health(),
        "query_log": counted["query_log"] | {"pseudonym_key": _pseudonym_key(service)},
        "cache": {name: counted[name] for name in ("cache_entries", "cache_octets", "pending", "under_way")},
        "counters": counted["counters"],
        "resolver": service.resolver.stats(),
        "tcp": service.door.stats(),
        "backup": backup_summary(whole.settings, now),
        "doors": service.doors.status(now),
        "checks": check_summary(whole.settings.server.state_dir, now),
        "metrics": str(service.metrics.listening) if service.metrics is not None else None,
        "monitor": monitor_status.section(whole.settings.server.state_dir, now),
        "last_reload": service.last_reload,
        "waits_for_restart": list(service.waits_for_restart),
        "problems": problems(service),
    }


def problems(service: RunningServer) -> list[str]:
    """What is not as it should be although queries are answered, worst first."""
    whole = service.active
    counted = orjson.loads(service.plane.stats())
    found: list[str] = []
    if counted["workers_alive"] < counted["workers"]:
        found.append(f"{counted['workers'] - counted['workers_alive']} of {counted['workers']} workers died; restart")
    if whole.sealed is not None:
        found += sealed_problems(whole.sealed, dt.datetime.now(dt.UTC))
    if whole.settings.sealed.feeds:
        found += failing_feeds(whole.settings.server.state_dir)
    if not service.servers:
        found.append("there is no forwarder: only blocked, local and cached names are answered; set forwarders.servers")
    elif all(one["state"] == "down" for one in service.resolver.health()):
        found.append("no forwarder answers: only blocked, local and cached names are answered")
    found += query_log_problems(counted["query_log"])
    if service.pseudonym_key is not None and service.pseudonym_key.problem is not None:
        found.append(service.pseudonym_key.problem)
    found += dict.fromkeys((*whole.problems, *whole.lists.problems))
    if service.settings_not_kept is not None:
        found.append(service.settings_not_kept)
    if service.policy_error is not None:
        found.append(f"a changed policy is not in force: {service.policy_error}")
    if service.compile_error is not None:
        found.append(f"the policies of the hour could not be compiled: {service.compile_error}")
    if service.last_reload is not None and not service.last_reload["ok"]:
        found.append(f"the last reload was refused, everything stayed as it was: {service.last_reload['error']}")
    found += service.door.problems()
    found += service.doors.problems(dt.datetime.now(dt.UTC))
    if service.metrics_problem is not None:
        found.append(service.metrics_problem)
    if service.waits_for_restart:
        found.append(f"these settings wait for a restart: {', '.join(service.waits_for_restart)}")
    state_dir, now = whole.settings.server.state_dir, dt.datetime.now(dt.UTC)
    if service.protection is not None:
        found += service.protection.problems
    found += _monitor_problems(service, bool(counted["query_log"]["enabled"]))
    found += list_problems(state_dir, whole.lists.built_at, now) + check_problems(state_dir, now)
    return found + backup_problems(whole.settings, now)


def _monitor_problems(service: RunningServer, is_log_on: bool) -> list[str]:
    """A monitor that starts with us needs its time to be seen."""
    now = dt.datetime.now(dt.UTC)
    is_wanted = is_log_on and _age_s(service.started_at, now) > monitor_status.UNSEEN_S
    report = monitor_status.section(service.active.settings.server.state_dir, now)
    return monitor_status.problems(report, is_wanted)


def query_log_problems(counted: dict[str, Any]) -> list[str]:
    """Rows being lost now, and any that safeguarding staff will miss."""
    found = []
    if counted["problem"] is not None:
        found.append(f"queries are answered but not recorded: {counted['problem']}")
    missed = counted["dropped_ring"]["safeguarding"] + counted["dropped_disk"]["safeguarding"]
    if missed:
        found.append(f"{missed} rows of the query log that matter for safeguarding were lost since the start")
    return found


def _pseudonym_key(service: RunningServer) -> dict[str, Any] | None:
    key = service.pseudonym_key
    return None if key is None else {"id": key.identity, "made_at": _text(key.made_at)}


def list_problems(state_dir: Path, built_at: dt.datetime, now: dt.datetime) -> list[str]:
    """What the last update left to be seen. A snapshot that it found to be up to date is as young as the update."""
    update = status_file.read(state_dir)
    if update is None:
        old = _age_s(built_at, now) > OLD_LISTS_S
        return [f"the lists are of {built_at:%d %B %Y}; run `schoolgate lists update`"] if old else []
    found = list(update["problems"])
    tried_at = dt.datetime.fromisoformat(update["at"])
    if _age_s(max(tried_at, built_at), now) > OLD_LISTS_S:
        found.append(f"the lists were last updated on {tried_at:%d %B %Y}; run `schoolgate lists update`")
    for feed in update["feeds"]:
        if feed["failure"] is not None:
            since = feed["confirmed_at"]
            age = "and was never fetched" if since is None else f"and is used as of {since[:10]}"
            found.append(f"feed {feed['id']} fails {age}: {feed['failure']}")
        missed = feed.get("unread")
        if missed and missed["lines"] > MANY_UNREAD * missed["of"]:
            text = f"{missed['lines']} of {missed['of']} lines of feed {feed['id']} are not read"
            found.append(f"{text}, so what they list stays open; see `schoolgate feeds show {feed['id']}`")
    return found


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _age_s(since: dt.datetime, now: dt.datetime) -> int:
    return max(0, int((now - since).total_seconds()))
