"""What `schoolgate status` shows: serials, ages, counters, forwarders, and what an operator should look at."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import asdict
from typing import Any

import orjson

from schoolgate._core import __version__
from schoolgate.backup.backup_problems import backup_summary
from schoolgate.checks.record import check_summary
from schoolgate.lists import update_status as status_file
from schoolgate.lists.manifests import Manifests
from schoolgate.monitoring import monitor_status
from schoolgate.sealed import sealed_status
from schoolgate.server.running import RunningServer
from schoolgate.server.service_problems import service_problems


def status(service: RunningServer) -> dict[str, Any]:
    """Everything at once, as JSON values. Reads counters only: it never waits for anything."""
    now = dt.datetime.now(dt.UTC)
    whole = service.active
    counted = orjson.loads(service.plane.stats())
    found = service_problems(service, counted, now)
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
        # How many addresses are of devices in groups that have a policy.
        "device_groups": {"addresses": service.device_groups.addresses, "problem": service.device_groups.problem},
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
        "problems": [one.text for one in found],
        # The same, as values.
        "diagnostics": [asdict(one.diagnostic) for one in found],
    }


def problems(service: RunningServer) -> list[str]:
    """What is not as it should be although queries are answered, worst first."""
    counted = orjson.loads(service.plane.stats())
    return [one.text for one in service_problems(service, counted, dt.datetime.now(dt.UTC))]


def _pseudonym_key(service: RunningServer) -> dict[str, Any] | None:
    key = service.pseudonym_key
    return None if key is None else {"id": key.identity, "made_at": _text(key.made_at)}


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _age_s(since: dt.datetime, now: dt.datetime) -> int:
    return max(0, int((now - since).total_seconds()))
