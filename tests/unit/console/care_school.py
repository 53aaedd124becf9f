"""A demonstration school behind a real `schoolgate control`: a week of log, alerts, a full record of checks.

People of every role with a session each; the console of the test asks the process as a browser would have it do.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, web
from tests.failures import people
from tests.failures.control_process import Control
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.checks.probing import Answered
from schoolgate.checks.reachability import Closed, Reachability
from schoolgate.checks.record import CheckRecord
from schoolgate.checks.safesearch import SafeSearchCheck, TargetState
from schoolgate.checks.segment_check import NetworkChecked, SegmentsChecked
from schoolgate.checks.segment_record import keep_segments
from schoolgate.config.console import Console
from schoolgate.console.application import application
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.session_cookie import SESSION
from schoolgate.policy.monitoring import AlertRule
from schoolgate.suggestions.queue import Queue
from schoolgate.suggestions.suggest import Suggestion

LAPTOP, TABLET = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa", "p-bbbbbbbbbbbbbbbbbbbbbbbbbb"
MARKUP = "<script>alert(1)</script>.example.com"
LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 57, "com"])
HOSTILE = (MARKUP, "\u202emoc.elpmaxe", "a\u0007b.example.com", LONG, "xn--ls8h.example.com")
# Numbers of alerts, in the order in which they are raised.
HARM, BEACON, MALWARE, STRANGE, CLOSED = 1, 2, 3, 4, 5
_FINDINGS = (
    ("repeated-attempts", "urgent", "self-harm", "year-9", LAPTOP,
     "A device asked six times in ten minutes for names of the category Self-harm and suicide.",
     ("harm.example.org", "worse.example.net"), {"moments": 6, "window_minutes": 10}),
    ("rhythm", "warning", None, "year-9", "",
     "The network year-9 asked for a third of what is usual at this hour.",
     (), {"total": 310, "usual_total": 930}),
    ("attempt", "warning", "malware", "office", TABLET,
     "A device asked for a blocked name of the category Malware.", ("dropper.example.net",), {}),
    ("attempt", "notice", "gambling", "year-9", LAPTOP,
     "A device asked for a blocked name of the category Gambling.", HOSTILE, {}),
    ("attempt", "notice", "drugs", "sixth-form", TABLET,
     "A device asked for a blocked name of the category Drugs.", ("weed.example.org",), {}),
)  # fmt: skip


class CareSchool:
    """The process, and the session of each role."""

    def __init__(self, folder: Path) -> None:
        self.control = Control(folder)
        self.now = dt.datetime.now(dt.UTC)
        self.tokens: dict[str, str] = {}
        self.stale_token = self.person = ""

    def start(self) -> None:
        self.control.state.mkdir(mode=0o700)
        self._alerts()
        self._log()
        self.keep_checks()
        self.suggest(MARKUP)
        self.control.start()
        for role in Role:
            account = people.account(self.control, role.value.replace("_", "-"), role)
            self.tokens[role] = people.session(self.control, account)
            self.person = str(account)
            if role is Role.network_manager:
                self.stale_token = people.session(self.control, account, is_fresh=False)

    @contextlib.contextmanager
    def stale(self) -> Iterator[None]:
        """The network manager's session is one whose second factor was given too long ago."""
        kept = self.tokens[Role.network_manager]
        self.tokens[Role.network_manager] = self.stale_token
        try:
            yield
        finally:
            self.tokens[Role.network_manager] = kept

    def alert(self, severity: str = "warning", category: str | None = "self-harm", names: tuple[str, ...] = ()) -> int:
        """Raises one more alert, of a device of its own; its number."""
        client = "p-" + "".join(random.Random(os.urandom(8)).choices("abcdefghijklmnopqrstuvwxyz234567", k=26))
        with self._alert_store() as store:
            self._raise(store, ("attempt", severity, category, "year-9", client, "A device asked.", names, {}), 1)
            return max(one.id for one in store.alerts(("new",), 1000))

    def sealed_alert(self) -> int:
        """Raises an alert of a sealed list; its number. It has no name."""
        with self._alert_store() as store:
            finding = ("sealed", "urgent", None, "year-9", TABLET, "A device asked for a sealed name.", (), {})
            self._raise(store, finding, 1)
            return max(one.id for one in store.alerts(("new",), 1000))

    def state_of(self, number: int) -> Any:
        with self._alert_store() as store:
            return store.get(number)

    @contextlib.contextmanager
    def _alert_store(self) -> Iterator[AlertStore]:
        folder = self.control.state / "monitor"
        folder.mkdir(exist_ok=True, mode=0o700)
        with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
            yield store

    def _alerts(self) -> None:
        with self._alert_store() as store:
            for number, finding in enumerate(_FINDINGS):
                self._raise(store, finding, 20 * (len(_FINDINGS) - number))
            store.close_alert(CLOSED, "known-person", "Ada Example", "her tutor knows", self.now)
            message = Message("alert-1", "An alert", "Look at it.", self.now.isoformat(), "urgent")
            outbox = Outbox(store)
            with store.transaction() as db:
                outbox.put(db, ["lead@school.example"], message, self.now, alert=HARM)
            for due in outbox.due(self.now + dt.timedelta(minutes=1), 10):
                outbox.failed(due, "mail.school.example: it does not take mail for lead@school.example", True)

    def _raise(self, store: AlertStore, finding: tuple[Any, ...], minutes_ago: int) -> None:
        detector, severity, category, segment, client, sentence, names, evidence = finding
        at = self.now - dt.timedelta(minutes=minutes_ago)
        rules = AlertRules({"all": AlertRule(categories=("*",), detectors=("*",))}, ZoneInfo("UTC"))
        one = Finding(
            detector, severity, segment, client, int(at.timestamp() * 1e6), 0, sentence, category, evidence, names,
            questions=6 if detector == "repeated-attempts" else 1,
        )  # fmt: skip
        rules.apply([one], store, Outbox(store), at)

    def _log(self) -> None:
        """A week: lessons by day, little at night, and what the alerts are of."""
        chance, rows = random.Random(7), []
        hour = self.now.replace(minute=0, second=0, microsecond=0)
        for back in range(7 * 24):
            at = hour - dt.timedelta(hours=back)
            busy = (at.weekday() < 5) * max(1, 24 - 3 * abs(at.hour - 12))
            rows += [self._row(chance, at) for _ in range(busy)]
        for minutes, names in ((100, ("harm.example.org", "www.example.org")), (40, HOSTILE)):
            about = self.now - dt.timedelta(minutes=minutes)
            for name in names:
                rows.append(row(time=about, client=LAPTOP, segment="year-9", qname=name, action="deny"))
        write_rows(self.control.state, wal(1), rows)

    def keep_checks(self) -> None:
        """A month of checks; the last one found a help line closed, and a search engine that does not answer."""
        record = CheckRecord(self.control.state)
        for back in range(30, -1, -1):
            at = self.now - dt.timedelta(days=back)
            closed = tuple(
                Closed(MARKUP if not back else "help.example.org", "help-line", policy, "category", "games", "a-feed")
                for policy in ("pupil", "staff")
            )
            found = Reachability(
                at, 7, 41, 412, ("pupil", "staff", "guest"), 1236, closed if back in (0, 9, 10, 20) else (), (),
                asked=412, unresolvable=(),
            )  # fmt: skip
            record.keep("reachability", found.whole(), found.summary())
        targets = (TargetState("safe.example.com", ("one", "two"), True, "answers"),
                   TargetState("strict.example.net", ("three",), False, "NXDOMAIN"))  # fmt: skip
        record.keep("safesearch", SafeSearchCheck(self.now, targets).whole())
        keep_segments(self.control.state, self._segments())
        self.keep_drift()

    def keep_drift(self) -> None:
        """A change of the setup that was found; the control process looks anew each four minutes, and finds none."""
        at = self.now.isoformat(timespec="seconds")
        found = {"at": at, "since": at, "changed": ["settings: forwarders", "version"], "number": 1}
        CheckRecord(self.control.state).keep("drift", found)

    def _segments(self) -> SegmentsChecked:
        """One network is well, one lets a name through, one cannot be looked at."""
        well = Answered("c", "games.blocked.example.com", "Games", "udp", "closed", "closed", "NXDOMAIN", True)
        bad = replace(well, name=MARKUP, came="open", is_well=False)
        place = NetworkChecked("year-9", "10.9.0.0/16", "pupil", "10.9.0.53", "10.9.0.53:53", "good", "", (well, well))
        return SegmentsChecked(
            self.now,
            7,
            (
                place,
                replace(place, segment="guests", state="failed", reason="Games: it is open", answers=(well, bad)),
                replace(place, segment="office", state="not covered", source=None, at=None, answers=(),
                        reason="not checked from inside: this machine has no address there"),
            ),
            ("sects",),
        )  # fmt: skip

    def suggest(self, name: str = "") -> str:
        """One more name in the queue."""
        name = name or f"games-{os.urandom(4).hex()}.example.com"
        Queue(self.control.state).add([Suggestion(name, "keyword", "games", "games", 12)], self.now)
        return name

    def _row(self, chance: random.Random, hour: dt.datetime) -> Any:
        time = min(hour + dt.timedelta(seconds=chance.randrange(3600)), self.now)
        segment = chance.choice(("year-9", "sixth-form", "office", "guests"))
        category = chance.choice((None, None, None, None, "games", "advertising", "gambling", "social-media"))
        is_denied = category in ("gambling", "advertising", "games")
        return row(
            time=time, client=f"p-{chance.randrange(40):026d}", segment=segment, category=category,
            action="deny" if is_denied else "allow", layer="category" if is_denied else "allow",
            qname=f"www{chance.randrange(30)}.example.com",
        )  # fmt: skip


class RoleBrowser:
    """A console of this event loop, asked as each role."""

    def __init__(self, school: CareSchool, address: str, session: ClientSession) -> None:
        self.school, self._address, self._session = school, address, session

    async def ask(
        self, role: str, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers. Redirects are not followed."""
        sent = {"Sec-Fetch-Site": "same-origin", **(headers or {})}
        sent["Cookie"] = f"{SESSION}={self.school.tokens[role]}"
        address = self._address + path
        async with self._session.request(method, address, headers=sent, allow_redirects=False, **more) as response:
            return response.status, await response.text(errors="replace"), dict(response.headers)

    async def get(self, role: str, path: str, **more: Any) -> tuple[int, str]:
        status, text, _ = await self.ask(role, "GET", path, **more)
        return status, text

    async def post(self, role: str, path: str, /, **form: str) -> tuple[int, str, dict[str, str]]:
        return await self.ask(role, "POST", path, data=form)


@contextlib.asynccontextmanager
async def browsing(school: CareSchool, assets: BuiltAssets) -> Any:
    """A console at a port that the machine chooses."""
    client = OperationsClient(school.control.socket)
    runner = web.AppRunner(application(Console(port=0), client, assets), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as session:
        yield RoleBrowser(school, f"http://127.0.0.1:{runner.addresses[0][1]}", session)
    await runner.cleanup()
    await client.close()


async def statuses(browser: RoleBrowser, path: str) -> dict[str, int]:
    """Of every role at a page."""
    answers = await asyncio.gather(*(browser.get(role, path) for role in Role))
    return {role.value: status for role, (status, _) in zip(Role, answers, strict=True)}
