"""`schoolgate monitor`: follows the query log, raises alerts, sends messages, does what comes round. A process of its
own.

It works where there is no log yet and while the server is down. Killing it costs no query and no row.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson

from schoolgate._core import __version__, log_read
from schoolgate.alerts.alert_store import AlertStore, AlertsUnavailable
from schoolgate.alerts.delivery import Delivery, is_known
from schoolgate.alerts.escalation import escalate_steps
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.messages import Message, one_line
from schoolgate.alerts.outbox import MOST_WAITING, SENT_KEPT, Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.checks.own_questions import QuestionsFile
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.jobs.registered import jobs as registered
from schoolgate.jobs.runner import Job, Jobs
from schoolgate.monitoring import monitor_status as status_file
from schoolgate.monitoring.category_facts import read_category_facts
from schoolgate.monitoring.detectors import watch
from schoolgate.monitoring.follow import ReadRows
from schoolgate.monitoring.observation import Observation
from schoolgate.policy import parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.policy.calendar_file import CalendarFile
from schoolgate.policy.model import Document
from schoolgate.sealed.memory import keep_private
from schoolgate.sealed.selftest_rows import announced
from schoolgate.storage import state_dir
from schoolgate.storage.applied_settings import find_settings
from schoolgate.storage.atomic_file import PRIVATE, write_whole
from schoolgate.telemetry import Logger, ServiceManager

# The server's threads go first.
NICENESS = 10
# Between two looks at the log when there was nothing new; also between two looks at the outbox.
IDLE_S = 0.25
STATUS_EVERY_S = 5.0
POLICY_EVERY_S = 5.0
# The observation, deliveries (which take turns at the store), status, policy.
THREADS = 4
# After a disk that was full, a directory that was gone.
TRY_AGAIN_S = 2.0

T = TypeVar("T")
_log = Logger("schoolgate.monitor")


class ListsUnreadable(SchoolgateError):
    """The shipped lists cannot be read."""


def run(config: Path | None, *, until_stdin_ends: bool = False, read: ReadRows = log_read) -> None:
    """Until SIGTERM or SIGINT. Raises a `SchoolgateError` when it cannot start."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = find_settings(config).settings
    own = settings.server.state_dir / "monitor"
    state_dir.prepare(settings.server.state_dir)
    own.mkdir(mode=0o700, exist_ok=True)
    with state_dir.held(own), contextlib.suppress(asyncio.CancelledError):
        keep_private()
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
        if asyncio.run(_run(config, settings, read, until_stdin_ends)):
            raise SystemExit(1)


async def _run(config: Path | None, settings: Settings, read: ReadRows, until_stdin_ends: bool) -> bool:
    """Whether it ended by a defect."""
    monitor = Monitor(config, settings, read)
    await monitor.run(until_stdin_ends=until_stdin_ends)
    return monitor.has_defect


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Monitor:
    """One running monitor; the `Place` of its jobs."""

    def __init__(
        self, config: Path | None, settings: Settings, read: ReadRows, clock: Callable[[], dt.datetime] = _now
    ) -> None:
        self.config = config
        self.has_defect = False
        self._settings = settings
        self._state_dir = settings.server.state_dir
        self._clock = clock
        self._own = self._state_dir / "monitor"
        self._calendar = CalendarFile(self._state_dir)
        self._store = AlertStore.open(self._own / "alerts.db")
        self._outbox = Outbox(self._store)
        self._observation = Observation(self._state_dir / "log", self._own, read, self._store, self._outbox)
        # Watching and telling have threads of their own: jobs that hang take all those that are there for everybody.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="watch")
        self._delivery = Delivery(self._outbox, lambda: self.settings, self._in_thread)
        self._policy_number: int | None = None
        self._document: Document
        self._threats: frozenset[str] = frozenset()
        self._problems: dict[str, str] = {}
        self._stopping = asyncio.Event()
        # The observation is stepped, changed and saved by one at a time.
        self._stepping = asyncio.Lock()
        self._manager = ServiceManager()
        self._jobs = Jobs([*self._own_jobs(), *registered(self)], clock)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    # -- what jobs may use ----------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def document(self) -> Document:
        return self._document

    @property
    def state_dir(self) -> Path:
        return self._state_dir

    def is_read(self, class_: str, number: int) -> bool:
        return self._observation.is_read(class_, number)

    async def report(self, finding: Finding) -> None:
        async with self._stepping:
            await self._in_thread(self._observation.report, finding, self._clock())

    async def post(
        self, recipients: Sequence[str], subject: str, text: str, *, key: str, html: str | None = None
    ) -> None:
        now = self._clock()
        message = Message(key, one_line(subject), text, now.isoformat(timespec="seconds"), html=html)

        def put() -> None:
            with self._store.transaction() as db:
                self._outbox.put(db, recipients, message, now)

        await self._in_thread(put)

    # -- start and stop -------------------------------------------------------------------------------------------

    async def run(self, *, until_stdin_ends: bool = False) -> None:
        """Starts, runs until it is stopped, and saves."""
        loop = asyncio.get_running_loop()
        await self._read_policy(self._clock())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)
        if until_stdin_ends:
            loop.add_reader(sys.stdin.fileno(), self._parent_gone)
        tasks = [asyncio.create_task(one) for one in (self._follow(), self._deliver(), self._tell(), self._jobs.run())]
        for task in tasks:
            task.add_done_callback(self._report_defect)
        self._manager.ready("watching the query log")
        _log.info("ready", state_dir=str(self._state_dir), policy_revision=self._policy_number)
        await self._stopping.wait()
        self._manager.stopping()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stop()
        _log.info("stopped")

    async def _stop(self) -> None:
        async with self._stepping:
            with contextlib.suppress(OSError, AlertsUnavailable):
                await self._in_thread(self._observation.save, self._clock())
        await self._in_thread(self._write_status)
        self._threads.shutdown(wait=False)
        self._store.close()
        self._manager.close()

    def _parent_gone(self) -> None:
        """The service that started us holds the other end: when it ends, however it ends, so do we."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stopping.set()

    def _report_defect(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task ended by a defect", exc_info=error)
            self.has_defect = True
            self._stopping.set()  # the service manager, or `run`, starts us anew

    # -- what goes on ---------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Reads as fast as there is something to read. A disk that is full or gone stops reading, and loses nothing."""
        while True:
            try:
                async with self._stepping:
                    read = await self._in_thread(self._observation.step, self._clock())
                self._mend("follow")
            except (AlertsUnavailable, OSError) as error:
                self._complain("follow", f"monitoring waits: {error}")
                await asyncio.sleep(TRY_AGAIN_S)
                continue
            await asyncio.sleep(0 if read else IDLE_S)

    async def _deliver(self) -> None:
        while True:
            try:
                tried = await self._delivery.step(self._clock())
                self._mend("deliver")
            except AlertsUnavailable as error:
                self._complain("deliver", f"messages wait: {error}")
                tried = 0
                await asyncio.sleep(TRY_AGAIN_S)
            await asyncio.sleep(0 if tried else IDLE_S)

    async def _tell(self) -> None:
        """Writes status.json, feeds the service manager's watchdog."""
        while True:
            await self._in_thread(self._write_status)
            self._manager.alive()
            await asyncio.sleep(min(STATUS_EVERY_S, self._manager.feed_every_s or STATUS_EVERY_S))

    def _write_status(self) -> None:
        try:
            status = self._status(self._clock())
            self._own.mkdir(mode=0o700, exist_ok=True)
            write_whole(status_file.path_of(self._state_dir), orjson.dumps(status, option=orjson.OPT_INDENT_2), PRIVATE)
            self._mend("status")
        except (OSError, AlertsUnavailable) as error:
            self._complain("status", f"monitor status cannot be written: {error}")

    def _status(self, now: dt.datetime) -> dict[str, Any]:
        observation = self._observation
        waiting = self._outbox.counts()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "alive_at": now.isoformat(timespec="milliseconds"),
            "policy_revision": self._policy_number,
            "lag_s": round(observation.lag_s(now), 1),
            "rows_read": dict(observation.rows_read),
            "noise_removed": observation.noise_removed(),
            "files_passed_over": observation.followers["ordinary"].passed_over,
            "files_damaged": {class_: one.damaged for class_, one in observation.followers.items()},
            "findings": observation.findings,
            "delivered": self._delivery.delivered,
            "delivery_failures": self._delivery.failures,
            "outbox": waiting,
            "jobs": self._jobs.outcomes,
            "problems": self._what_is_wrong(waiting),
        }

    def _what_is_wrong(self, outbox: dict[str, int]) -> list[str]:
        found = [*self._problems.values(), *self._observation.what_is_wrong(), *self._jobs.problems()]
        for class_, follower in self._observation.followers.items():
            found += [f"the query log cannot be read, monitoring waits: {follower.problem}"] if follower.problem else []
            if follower.damaged:
                found.append(f"the rest of {follower.damaged} files of {class_} rows was damaged and not watched")
        if passed := self._observation.followers["ordinary"].passed_over:
            found.append(f"the monitor was too far behind: {passed} files of ordinary rows were not watched")
        if outbox.get("waiting", 0) >= MOST_WAITING:
            found.append(f"{MOST_WAITING} messages wait, no more are laid out; see `schoolgate alerts list`")
        if dead := outbox.get("dead"):
            found.append(f"{dead} messages could not be delivered; see `schoolgate alerts list --undelivered`")
        found += recipient_problems(self._observation.alert_rules, self._settings)
        return found

    def _complain(self, what: str, problem: str) -> None:
        if self._problems.get(what) != problem:
            _log.error("look at this", problem=problem)
            self._problems[what] = problem

    def _mend(self, what: str) -> None:
        if self._problems.pop(what, None) is not None:
            _log.info("well again", what=what)

    # -- settings and policy --------------------------------------------------------------------------------------

    def _reload_by_signal(self) -> None:
        task = asyncio.ensure_future(self._reload())
        task.add_done_callback(self._report_defect)

    async def _reload(self) -> None:
        """Settings and policy anew; what is broken keeps those in use."""
        try:
            found = await self._in_thread(find_settings, self.config)
            self._settings = found.settings
            self._policy_number = None
            await self._read_policy(self._clock())
            if found.problem is None:
                self._mend("settings")
            else:
                self._complain("settings", found.problem)
            _log.info("reloaded", policy_revision=self._policy_number)
        except SchoolgateError as error:
            self._complain("settings", f"the monitor keeps its settings: {error}")

    async def _read_policy(self, _now: dt.datetime) -> str | None:
        """Takes a new revision of the policy, and its thresholds and rules."""
        number, text, label = await self._in_thread(active_or_first, self._settings)
        if number == self._policy_number:
            return None
        document = (await self._in_thread(parse, text, label)).document
        try:
            known = await self._in_thread(read_category_facts, self._settings.lists.dir)
        except (OSError, ValueError, KeyError) as error:
            raise ListsUnreadable(f"{self._settings.lists.dir}: {error}; restore the shipped lists") from error
        zone = ZoneInfo(document.time_zone)
        async with self._stepping:
            rules = AlertRules(document.alerts, zone)
            self._observation.install(
                watch(
                    document.monitoring,
                    known,
                    zone,
                    rules.asks_for,
                    partial(announced, self._state_dir),
                    QuestionsFile(self._state_dir).current,
                    self._calendar.current,
                ),
                rules,
            )
        self._document, self._policy_number, self._threats = document, number, known.threats
        await self._in_thread(self._readdress, rules)
        return f"policy revision {number}"

    def _readdress(self, rules: AlertRules) -> None:
        """What waits for a recipient that a rule, or the settings, no longer have."""
        is_reachable = partial(is_known, self._settings)
        moved = rules.readdress(self._store, self._outbox, is_reachable, self._clock())
        if moved:
            _log.info("messages addressed anew", messages=moved)

    def _own_jobs(self) -> list[Job]:
        return [
            Job("policy", POLICY_EVERY_S, self._read_policy),
            Job("escalation", 15.0, self._escalate),
            Job("clean-up", 3600.0, self._clean_up),
        ]

    async def _escalate(self, now: dt.datetime) -> str | None:
        count = await self._in_thread(self._observation.alert_rules.escalate, self._store, self._outbox, now)
        zone = ZoneInfo(self._document.time_zone)
        place = (self._settings.escalation, zone, self._threats, self._store, self._outbox)
        count += await self._in_thread(escalate_steps, *place, now)
        summaries = await self._in_thread(self._outbox.summarise, now)
        return f"{count} escalated, {summaries} summaries" if count or summaries else None

    async def _clean_up(self, now: dt.datetime) -> str | None:
        # As long as the rows of the log that an alert rests on.
        kept = dt.timedelta(days=self._settings.retention.safeguarding_days)
        gone = await self._in_thread(self._store.forget_before, now - kept)
        await self._in_thread(self._outbox.forget_before, now - SENT_KEPT)
        return f"{gone} old alerts removed" if gone else None


def recipient_problems(alert_rules: AlertRules, settings: Settings) -> list[str]:
    """Rules with recipients that cannot be reached."""
    wanted = sorted(alert_rules.recipients())
    unknown = [one for one in wanted if not is_known(settings, one)]
    found = [f"a rule tells {one}, which no setting describes; write [webhooks.{one[8:]}]" for one in unknown]
    steps = [one for step in settings.escalation.steps for one in step.to]
    if not settings.mail.host and any("@" in one for one in steps):
        found.append("[escalation] tells people by mail and there is no mail server; set mail.host")
    if not settings.mail.host and any("@" in one for one in wanted):
        found.append("a rule tells people by mail and there is no mail server; set mail.host")
    return found
