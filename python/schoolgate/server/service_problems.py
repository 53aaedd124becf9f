"""What is not as it should be although queries are answered: each a text for people, and the same as a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from schoolgate.backup.backup_problems import backup_problems
from schoolgate.checks.record import check_problems
from schoolgate.config.diagnostics import Diagnostic, Severity, from_text
from schoolgate.config.forwarder_address import ENCRYPTED
from schoolgate.lists.list_problems import list_problems
from schoolgate.monitoring import monitor_status
from schoolgate.policy.calendar_file import read_calendar
from schoolgate.sealed import failing_feeds, sealed_problems
from schoolgate.server.running import RunningServer


class ServiceProblem(NamedTuple):
    """`text` is what `status` and the log say."""

    text: str
    diagnostic: Diagnostic


def service_problems(service: RunningServer, counted: dict[str, Any], now: dt.datetime) -> list[ServiceProblem]:
    """Worst first. `counted`: the plane's counters. Reads small files and asks nothing."""
    found = [*_of_answering(service, counted, now), *_of_state(service), *_of_settings(service, now)]
    if service.protection is not None:
        found += [ServiceProblem(str(one), one) for one in service.protection.diagnostics]
    state_dir = service.active.settings.server.state_dir
    found += _each("monitor", "monitor", _monitor_problems(service, bool(counted["query_log"]["enabled"]), now))
    found += _each("lists", "lists", list_problems(state_dir, service.active.lists.built_at, now))
    found += _each("check", "checks", check_problems(state_dir, now))
    return [*found, *_each("backup", "backup", backup_problems(service.active.settings, now))]


def _of_answering(service: RunningServer, counted: dict[str, Any], now: dt.datetime) -> Iterator[ServiceProblem]:
    whole = service.active
    if counted["workers_alive"] < counted["workers"]:
        dead = counted["workers"] - counted["workers_alive"]
        yield _problem("workers-died", "workers", f"{dead} of {counted['workers']} workers died; restart")
    if whole.sealed is not None:
        yield from _each("sealed-list", "sealed", sealed_problems(whole.sealed, now))
    if whole.settings.sealed.feeds:
        yield from _each("sealed-feed", "sealed", failing_feeds(whole.settings.server.state_dir))
    only = "only blocked, local and cached names are answered"
    if not service.servers:
        yield _problem("no-forwarder", "forwarders", f"there is no forwarder: {only}; set forwarders.servers")
    elif all(one["state"] == "down" for one in service.resolver.health()):
        yield _problem("forwarders-silent", "forwarders", f"no forwarder answers: {only}")
    yield from _each("forwarder-encryption", "forwarders", _encryption_problems(service))
    yield from _each("log-rows-lost", "query_log", query_log_problems(counted["query_log"]))
    if service.pseudonym_key is not None and service.pseudonym_key.problem is not None:
        yield _problem("pseudonym-key", "query_log", service.pseudonym_key.problem)


def _encryption_problems(service: RunningServer) -> Iterator[str]:
    for one in service.resolver.health():
        if one["problem"] is not None and one["transport"] in ENCRYPTED:
            yield f"forwarder {one['forwarder']} is not asked: {one['problem']}"
    if service.resolver.is_unencrypted:
        yield (
            "names leave without encryption: no encrypted forwarder answers, and forwarders.plain_fallback says so;"
            " look at `schoolgate check forwarders`"
        )


def _of_state(service: RunningServer) -> Iterator[ServiceProblem]:
    whole = service.active
    yield from _each("active-state", "state", dict.fromkeys((*whole.problems, *whole.lists.problems)))
    if service.settings_not_kept is not None:
        yield _problem("settings-not-kept", "settings", service.settings_not_kept)
    if service.policy_error is not None:
        text = f"a changed policy is not in force: {service.policy_error}"
        yield _problem("policy-not-in-force", "policy", text)
    if service.compile_error is not None:
        text = f"the policies of the hour could not be compiled: {service.compile_error}"
        yield _problem("policy-not-compiled", "policy", text)
    if (calendar := read_calendar(whole.settings.server.state_dir)[1]) is not None:
        yield _problem("school-calendar", "calendar", calendar)
    yield from _each("device-groups", "devices", filter(None, [service.device_groups.problem]))
    if service.last_reload is not None and not service.last_reload["ok"]:
        text = f"the last reload was refused, everything stayed as it was: {service.last_reload['error']}"
        yield _problem("reload-refused", "settings", text)


def _of_settings(service: RunningServer, now: dt.datetime) -> Iterator[ServiceProblem]:
    yield from _each("tcp-door", "doors", service.door.problems())
    yield from _each("encrypted-doors", "doors", service.doors.problems(now))
    if service.metrics_problem is not None:
        yield _problem("metrics", "metrics", service.metrics_problem)
    if service.waits_for_restart:
        waiting = ", ".join(service.waits_for_restart)
        yield _problem("waits-for-restart", "settings", f"these settings wait for a restart: {waiting}")


def query_log_problems(counted: dict[str, Any]) -> list[str]:
    """Rows being lost now, and any that safeguarding staff will miss."""
    found = []
    if counted["problem"] is not None:
        found.append(f"queries are answered but not recorded: {counted['problem']}")
    missed = counted["dropped_ring"]["safeguarding"] + counted["dropped_disk"]["safeguarding"]
    if missed:
        found.append(f"{missed} rows of the query log that matter for safeguarding were lost since the start")
    return found


def _monitor_problems(service: RunningServer, is_log_on: bool, now: dt.datetime) -> list[str]:
    """A monitor that starts with us needs its time to be seen."""
    is_wanted = is_log_on and (now - service.started_at).total_seconds() > monitor_status.UNSEEN_S
    report = monitor_status.section(service.active.settings.server.state_dir, now)
    return monitor_status.problems(report, is_wanted)


def _each(kind: str, subject: str, texts: Iterable[str]) -> list[ServiceProblem]:
    return [_problem(kind, subject, text) for text in texts]


def _problem(kind: str, subject: str, text: str, severity: Severity = "warning") -> ServiceProblem:
    return ServiceProblem(text, from_text(kind, severity, subject, text))
