"""How this installation is, as values: for `schoolgate status`, each role's first page, and the page of health.

The running server says what it knows; where none runs, files say what they can. Nothing waits for the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from schoolgate._core import __version__
from schoolgate.config import Settings
from schoolgate.config.diagnostics import Diagnostic, from_text
from schoolgate.control.client import ControlUnreachable, NotRunning, call
from schoolgate.errors import SchoolgateError
from schoolgate.identity.bindings_file import read_status
from schoolgate.operations import openings
from schoolgate.operations.registry import looks
from schoolgate.operations.status_results import (
    BackupState,
    CertificateState,
    Disk,
    FeedAge,
    ForwarderState,
    HomeShown,
    Listener,
    ListsState,
    LogCounts,
    PolicyState,
    ProcessState,
    SealedAge,
    StatusShown,
)
from schoolgate.operations.work import Work

# A log that fills the last twentieth of a disk stops other things on it first.
LOW_DISK = 0.05
_REACHED_WITHIN_S = 0.5


@looks("status.show")
async def show(work: Work) -> StatusShown:
    """How server, lists, log, disk, certificate, backups and processes are, and what needs a person."""
    shown = await asyncio.to_thread(as_it_runs, work)
    return replace(shown, problems=(*shown.problems, *await openings.problems(work)))


def as_it_runs(work: Work) -> StatusShown:
    """The same, without what accounts make of settings."""
    try:
        report = call(work.settings.server.control_socket, "status")
    except ControlUnreachable as error:
        return _without_server(work, error)
    return _of_report(work, report)


@looks("status.home")
async def home(work: Work) -> HomeShown:
    """Whether anything is wrong, in a few numbers."""
    shown = await show(work)
    severities = [one.severity for one in shown.problems]
    ages = [one.age_s for one in shown.feeds if one.age_s is not None]
    return HomeShown(
        shown.at,
        shown.is_serving,
        shown.policy.segments if shown.policy is not None else {},
        shown.policy.next_change if shown.policy is not None else None,
        max(ages, default=None),
        {one: severities.count(one) for one in dict.fromkeys(severities)},
        sum(one.severity != "notice" for one in shown.unprotected),
        all(one.id != "demonstration-policy" for one in shown.problems),
    )


def _of_report(work: Work, report: Mapping[str, Any]) -> StatusShown:
    policy, lists = report["policy"], report["lists"]
    found = [Diagnostic(**one) for one in report["diagnostics"]]
    disk = _disk(work.settings)
    unprotected = [one for one in found if one.id.startswith("categor")]
    others = [one for one in found if one not in unprotected]
    serve = ProcessState("serve", True, int(report["pid"]), int(report["uptime_s"]))
    sealed = report["sealed"]["suppliers"] if report["sealed"] is not None else ()
    return StatusShown(
        at=work.now.isoformat(),
        version=str(report["version"]),
        is_serving=True,
        problems=(*others, *_of_disk(disk), *_of_identity(work)),
        unprotected=(*unprotected, *_not_yet(work.settings, report)),
        listeners=tuple(Listener(door, one) for door, places in report["listening"].items() for one in places),
        forwarders=tuple(map(_forwarder, report["forwarders"])),
        policy=PolicyState(
            policy["revision"], policy["applied_at"], policy["age_s"], policy["who"], policy["why"],
            dict(policy["in_force"]), policy["next_change"],
        ),
        lists=ListsState(
            lists["serial"], lists["names"], lists["entries"], lists["size_octets"], lists["built_at"], lists["age_s"]
        ),
        feeds=feed_ages(work.settings, work.now),
        sealed=tuple(SealedAge(one["supplier"], one["serial"], one["age_s"], one["state"]) for one in sealed),
        query_log=_log_counts(report["query_log"]),
        disk=disk,
        certificate=_certificate(report["doors"]),
        processes=(serve, *_other_processes(work.settings, report["monitor"], work.now)),
        backup=_backup(report["backup"]),
        checks=dict(report["checks"]),
        counters=dict(report["counters"]),
        settings_waiting=tuple(report["waits_for_restart"]),
    )  # fmt: skip


def _without_server(work: Work, why: ControlUnreachable) -> StatusShown:
    from schoolgate.backup.backup_problems import backup_problems, backup_summary
    from schoolgate.checks.record import check_problems, check_summary
    from schoolgate.monitoring import monitor_status

    settings, folder, now = work.settings, work.settings.server.state_dir, work.now
    kind = "not-serving" if isinstance(why, NotRunning) else "server-silent"
    disk = _disk(settings)
    problems = [from_text(kind, "warning", "serve", str(why)), *_of_disk(disk)]
    problems += _of_identity(work)
    problems += [from_text("check", "warning", "checks", one) for one in check_problems(folder, now)]
    problems += [from_text("backup", "warning", "backup", one) for one in backup_problems(settings, now)]
    return StatusShown(
        at=now.isoformat(),
        version=__version__,
        is_serving=False,
        problems=tuple(problems),
        unprotected=_unfilled(work),
        listeners=(),
        forwarders=(),
        policy=None,
        lists=None,
        feeds=feed_ages(settings, now),
        sealed=(),
        query_log=None,
        disk=disk,
        certificate=None,
        processes=(
            ProcessState("serve", False),
            *_other_processes(settings, monitor_status.section(folder, now), now),
        ),
        backup=_backup(backup_summary(settings, now)),
        checks=check_summary(folder, now),
        counters={},
        settings_waiting=(),
    )


def feed_ages(settings: Settings, now: dt.datetime) -> tuple[FeedAge, ...]:
    """The feeds in use with their true ages. Nothing where their book cannot be read: that is a problem of its own."""
    from schoolgate.lists.feed_book import FeedBook
    from schoolgate.lists.last_good import FeedState, FeedStates
    from schoolgate.lists.update_status import feed_row

    with contextlib.suppress(SchoolgateError, OSError):
        states = FeedStates(settings.server.state_dir).read()
        in_use = FeedBook(settings.server.state_dir).in_use()
        rows = (feed_row(one, states.get(one, FeedState()), None, now) for one in in_use)
        return tuple(FeedAge(one["id"], one["condition"], one["names"], one["age_s"], one["failure"]) for one in rows)
    return ()


def _not_yet(settings: Settings, report: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """What a server that is well does not protect: no alarm, and a thing to do."""
    for one in (report["categories"] or {}).get("unlisted", ()):
        count = one["starter_names"]
        known = f"only {count} reviewed names are known" if count else "no reviewed name is known"
        sentence = f"{one['name']}: {known}, and no public list of it is good"
        yield Diagnostic("category-unlisted", "notice", one["category"], sentence, one["remedy"])
    if report["sealed"] is None:
        sentence = "no sealed list (such as illegal images, terrorism) is in use"
        remedy = "become a member of its supplier, then run `schoolgate sealed import`"
        yield Diagnostic("sealed-none", "warning" if settings.sealed.required else "notice", "sealed", sentence, remedy)
    if not report["query_log"]["enabled"]:
        sentence = "the query log is off, so there are no reports and no alerts"
        yield Diagnostic("query-log-off", "notice", "query_log", sentence, "set query_log.enabled = true")
    if not report["policy"]["in_force"]:
        sentence = "no network is named, so all clients get the strictest policy"
        yield Diagnostic("no-segments", "notice", "policy", sentence, "add a network to the policy")


def _unfilled(work: Work) -> tuple[Diagnostic, ...]:
    """Read from lists and policy, which takes a second at worst: only where no server knows it."""
    from schoolgate.config import config_label
    from schoolgate.lists.unfilled import filling
    from schoolgate.policy.active_policy import active_or_first, read_ground, read_policy
    from schoolgate.policy.denied import denied_categories
    from schoolgate.storage import state_dir

    try:
        state_dir.refuse_strangers(work.settings.server.state_dir)
        _, text, file = active_or_first(work.settings)
        checked = read_policy(text, file, read_ground(work.settings, config_label(work.config)))
        found = filling(work.settings, denied_categories(checked, work.now))
    except (SchoolgateError, OSError) as error:
        sentence = f"it is not known how far the lists protect: {error}"
        return (Diagnostic("protection-unknown", "warning", "lists", sentence, "mend that"),)
    return (*found.problems(), *found.notices())


def _of_disk(disk: Disk) -> Iterator[Diagnostic]:
    if disk.whole and disk.free < disk.whole * LOW_DISK:
        sentence = f"{disk.path}: {disk.free / 2**30:.1f} GiB of the disk are free, less than {LOW_DISK:.0%}"
        yield Diagnostic("disk-low", "warning", disk.path, sentence, "make room, or shorten [retention]")


def _disk(settings: Settings) -> Disk:
    """Of the nearest folder there is: before the first start there is no state directory."""
    folder = settings.server.state_dir
    for one in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(one)
            return Disk(str(folder), usage.free, usage.total)
    return Disk(str(folder), 0, 0)


def _other_processes(
    settings: Settings, monitor: Mapping[str, Any] | None, now: dt.datetime
) -> Iterator[ProcessState]:  # fmt: skip
    from schoolgate.monitoring.monitor_status import UNSEEN_S

    seen = monitor["age_s"] if monitor is not None else None
    yield ProcessState("monitor", seen is not None and seen <= UNSEEN_S, None, seen)
    yield ProcessState("control", *_listens(settings.server.operations_socket))
    if settings.identity.sources:
        alive_us = read_status(settings.server.state_dir).alive_us
        age_s = None if alive_us is None else max(0, int(now.timestamp()) - alive_us // 1_000_000)
        yield ProcessState("identity", age_s is not None and age_s <= UNSEEN_S, None, age_s)


def _of_identity(work: Work) -> Iterator[Diagnostic]:
    """Sources of device names that cannot be read."""
    if not work.settings.identity.sources:
        return
    status = read_status(work.settings.server.state_dir)
    if not status.is_alive(work.now_us):
        text = "nothing reads which device has an address; start `schoolgate identity`"
        yield from_text("identity", "warning", "identity", text)
    for one in status.problems:
        yield from_text("identity", "warning", "identity", one)


def _listens(path: Path) -> tuple[bool, int | None]:
    """Whether a process answers at a socket; its number where that is this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, contextlib.suppress(OSError):
        sock.settimeout(_REACHED_WITHIN_S)
        sock.connect(str(path))
        peer = int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), "little")
        return True, peer or os.getpid()
    return False, None


def _forwarder(one: Mapping[str, Any]) -> ForwarderState:
    counts = (one["sent"], one["replies"], one["timeouts"], one["network_errors"])
    said = (one.get("transport", "udp"), one.get("problem"))
    return ForwarderState(one["forwarder"], one["state"], one["srtt_ms"], *counts, *said)


def _log_counts(log: Mapping[str, Any]) -> LogCounts:
    if not log["enabled"]:
        return LogCounts(False, {}, {}, None)
    lost = {name: count + log["dropped_disk"][name] for name, count in log["dropped_ring"].items()}
    return LogCounts(True, dict(log["rows"]), lost, log["problem"])


def _certificate(doors: Mapping[str, Any] | None) -> CertificateState | None:
    found = doors["certificate"] if doors is not None else None
    if found is None:
        return None
    return CertificateState(tuple(found["names"]), found["not_after"], found["days_left"])


def last_backup(settings: Settings, now: dt.datetime) -> BackupState | None:
    """The last backup that this machine made; None: it made none."""
    from schoolgate.backup.backup_problems import backup_summary

    return _backup(backup_summary(settings, now))


def _backup(summary: Mapping[str, Any] | None) -> BackupState | None:
    if summary is None:
        return None
    names = ("name", "at", "age_s", "octets", "proved_at", "proved_age_s")
    return BackupState(targets=tuple(summary["targets"]), **{name: summary[name] for name in names})
