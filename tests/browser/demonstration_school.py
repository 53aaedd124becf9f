"""A school to look at: five networks and their policies, a week of the log until now, alerts, lists, people by role.

The policy is applied by the control process; accounts and sessions are made in the store. Rows of the log are written
as its maintenance leaves them. With a server the school answers real questions too.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
from tests.failures.control_process import Control, request
from tests.failures.people import account, by, session
from tests.integration.serving import Serving
from tests.stand_in.query_log import row, wal, write_rows, write_wals

from schoolgate._core import log_pseudonym
from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.identity.attribution import Attribution, Span
from schoolgate.identity.binding import Binding, Confidence
from schoolgate.identity.binding_table import BindingTable
from schoolgate.identity.bindings_file import write_bindings
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.last_good import FeedState, FeedStates, Good, Part
from schoolgate.querylog.log_query import Row

TEMPLATE: Final = Path(__file__).parents[2] / "lists" / "policies" / "secondary-school.toml"
KEY: Final = bytes(range(16))
DEVICES: Final = 48
READING_ROOM: Final = """
[segments.reading-room]
prefixes = ["192.0.2.96/27"]
policy = "pupil"
"""
# Segment -> its policy, and where its devices begin.
SEGMENTS: Final = {
    "pupils": ("pupil", "192.0.2.{}", 10),
    "reading-room": ("pupil", "192.0.2.{}", 97),
    "sixth-form": ("sixth-form", "192.0.2.{}", 140),
    "staff": ("staff", "198.51.100.{}", 20),
    "guests": ("guest", "203.0.113.{}", 5),
}
OPEN_NAMES: Final = (
    "www.bbc.co.uk", "maths.lessons.example.org", "login.school.example", "mail.school.example", "docs.example.com",
    "cdn.lessons.example.net", "reading.example.org", "weather.example.com", "museum.example.org", "maps.example.net",
)  # fmt: skip
# Name, category, its list.
CLOSED_NAMES: Final = (
    ("www.roblox.com", "games", "starter/games"),
    ("arcade.example.net", "games", "feeds/school-games"),
    ("www.tiktok.com", "social", "starter/social"),
    ("web.snapchat.com", "messaging", "starter/messaging"),
    ("tunnel.example.org", "circumvention-vpn", "feeds/school-vpn"),
    ("ads.example.com", "advertising", "starter/advertising"),
    ("bet365.com", "gambling", "starter/gambling"),
)
# What must travel through every page as text.
HOSTILE: Final = (
    "<script>alert(1)</script>.example.com",
    '"><img src=x onerror=alert(1)>.example.org',
    "=cmd|'/c calc'!a1.example.net",
    "‮moc.elpmaxe.txt",
    "xn--i-7iq.example.com",
    ".".join(["a" * 61] * 4)[:253],
)
PEOPLE: Final = {
    Role.network_manager: "nina",
    Role.safeguarding_lead: "dora",
    Role.head: "helen",
    Role.trust_director: "theo",
    Role.teacher: "tim",
    Role.governor: "grace",
    Role.provider: "pete",
    Role.data_protection_officer: "olive",
}


class DemonstrationSchool:
    """`sessions`: a session token for each role, made without a sign-in; its second factor is fresh, and in
    `stale_sessions` is not.

    `upstream_port`: that of a forwarder; with it a server runs too.
    """

    def __init__(self, folder: Path, upstream_port: int | None = None, settings: str = "") -> None:
        self.control = Control(folder)
        self.state, self.config = self.control.state, self.control.config
        self.serving = None if upstream_port is None else Serving(folder, upstream_port)
        # A console that a test starts beside it writes its own section.
        written = self.config.read_text(encoding="utf-8").replace("[console]\nport = 0\n", "")
        self.config.write_text(written + settings, encoding="utf-8")
        self.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.sessions: dict[Role, str] = {}
        self.stale_sessions: dict[Role, str] = {}
        self.accounts: dict[Role, Any] = {}

    def start(self, lists: Path | None = None) -> DemonstrationSchool:
        """`lists`: the folder of built lists, copied; without it they are built."""
        # The policy first: a state directory that has anything else, and no policy, has lost it.
        self.control.start()
        applied = self.control.ask(request("policy.apply", {"text": policy_text(), "reason": "the first policy"}))
        assert applied["ok"], applied
        if lists is not None:
            shutil.copytree(lists, self.state / "lists", symlinks=True, dirs_exist_ok=True)
        else:
            assert self.control.cli("lists", "build").returncode == 0
        self._write_log()
        self._write_feeds()
        self._write_alerts()
        self._write_devices()
        if self.serving is not None:
            self.serving.start()
        for role, login in PEOPLE.items():
            self.accounts[role] = account(self.control, login, role)
            self.sessions[role] = session(self.control, self.accounts[role])
            self.stale_sessions[role] = session(self.control, self.accounts[role], is_fresh=False)
        return self

    def stop(self) -> None:
        """Ends its processes; none may have had a defect."""
        if self.serving is not None:
            self.serving.stop()
        assert self.control.end() == 0, self.control.log.read_text()
        assert "Traceback" not in self.control.log.read_text()

    def call(self, role: Role, name: str, /, **arguments: Any) -> Any:
        """What an operation returns to the session of a role."""
        reply = by(self.control, self.sessions[role], name, arguments)
        assert reply["ok"], reply
        return reply["result"]

    # -- what it is made of -----------------------------------------------------------------------------------------

    def _write_log(self) -> None:
        rows = list(log_rows(self.now))
        # The newest are in files that the server writes still, where a live view finds them.
        write_rows(self.state, wal(1), [one for one in rows if self.now - one.time > dt.timedelta(minutes=5)])
        newest = [one for one in rows if self.now - one.time <= dt.timedelta(minutes=5)]
        write_wals(self.state, [], open_rows=newest, first=2)
        made_at = (self.now - dt.timedelta(days=20)).isoformat()
        text = orjson.dumps({"key": KEY.hex(), "made_at": made_at, "id": "one"})
        (self.state / "log" / "pseudonym.json").write_bytes(text)

    def _write_devices(self) -> None:
        """Leases of the pupils' network, and names of some of these devices; one hostile, one of a person."""
        now_us = int(self.now.timestamp() * 1_000_000)
        leases = [
            Binding(f"192.0.2.{10 + n}", f"mac:00:00:5e:00:53:{n:02x}", "main-building", Confidence.lease,
                    now_us - 3_600_000_000, now_us + 86_400_000_000, f"ipad-{n}")
            for n in range(30)
        ]  # fmt: skip
        write_bindings(self.state, BindingTable({one.address: one for one in leases}))
        spans = [
            Span(log_pseudonym(KEY, one.address), one.device, one.source, one.confidence, now_us - 8 * 86_400_000_000,
                 one.until_us, is_open=True)
            for one in leases
        ]  # fmt: skip
        with Attribution.open(self.state) as attribution:
            attribution.note(spans, [], {one.device: one.host_name for one in leases}, now_us)
        names = {n: f"Year 9 iPad {n}" for n in range(8)} | {8: "<script>alert(1)</script>", 9: "iPad of Ada"}
        for n, name in names.items():
            arguments = {"device": f"mac:00:00:5e:00:53:{n:02x}", "name": name, "names_person": n == 9}
            named = self.control.ask(request("device.name", arguments))
            assert named["ok"], named

    def _write_feeds(self) -> None:
        ages = {"school-games": 5, "school-vpn": 53}
        book, states = FeedBook(self.state), {}
        for number, (identity, hours) in enumerate(ages.items(), 1):
            at = self.now - dt.timedelta(hours=hours)
            address = f"https://lists.example.org/{identity}"
            category = "games" if identity == "school-games" else "circumvention-vpn"
            book.add(ChosenFeed(id=identity, added_at=self.now - dt.timedelta(days=90), url=address, category=category))
            part = Part(
                label=identity, category=category, match="suffix", dialect=None, sha256=f"{number:064}", octets=90_000,
                rules=3_100,
            )  # fmt: skip
            good = Good(parts=(part,), fetched_at=at, confirmed_at=at, whole_at=at)
            failure = None if hours < 48 else "the publisher does not answer"
            states[identity] = FeedState(good=good, tried_at=self.now, failure=failure)
        FeedStates(self.state).write(states)

    def _write_alerts(self) -> None:
        folder = self.state / "monitor"
        folder.mkdir(mode=0o700, exist_ok=True)
        with closing(AlertStore.open(folder / "alerts.db")) as store:
            for finding in alert_findings(self.now):
                at = dt.datetime.fromtimestamp(finding.at_us / 1e6, dt.UTC)
                with store.transaction() as db:
                    store.raise_alert(db, "built-in", "urgent", finding, 3600, at)


def policy_text() -> str:
    """The template of a secondary school with one network more, and this machine in two of them."""
    text = TEMPLATE.read_text(encoding="utf-8")
    text = text.replace('prefixes = ["192.0.2.0/25",', 'prefixes = ["192.0.2.0/25", "127.0.0.1/32",')
    text = text.replace('prefixes = ["198.51.100.0/24",', 'prefixes = ["198.51.100.0/24", "127.0.0.2/32",')
    return text.replace("\n[segments.sixth-form]", f"{READING_ROOM}\n[segments.sixth-form]", 1)


def device(segment: str, number: int) -> str:
    """The pseudonym of a device, as the log has it."""
    _, address, first = SEGMENTS[segment]
    return log_pseudonym(KEY, address.format(first + number))


def log_rows(now: dt.datetime) -> Iterator[Row]:
    """A week of questions, oldest first, the last of them a minute ago; some of the last hour are hostile."""
    chance = random.Random(7)
    times = sorted(now - dt.timedelta(seconds=chance.randrange(60, 7 * 86_400)) for _ in range(1_600))
    yield from (_question(chance, at) for at in times if 7 <= at.hour < 17)
    last = now - dt.timedelta(minutes=50)
    for number in range(110):
        yield _question(chance, last + dt.timedelta(seconds=26 * number))
    for number, name in enumerate(HOSTILE):
        at = now - dt.timedelta(minutes=3, seconds=number)
        yield _row(at, "pupils", 1, name, closed=("games", "starter/games"))
    for number in range(3):
        at = now - dt.timedelta(minutes=20 - number)
        sealed = _row(at, "pupils", 2, "", closed=(None, None))
        yield row(**_fields(sealed) | {"layer": "sealed", "qname": "(withheld)", "class_": "safeguarding"})


def _question(chance: random.Random, at: dt.datetime) -> Row:
    segment = chance.choice(("pupils", "pupils", "pupils", "reading-room", "sixth-form", "staff", "staff", "guests"))
    number = chance.randrange(14 if segment in ("pupils", "staff") else 6)
    if segment != "staff" and chance.random() < 0.18:
        name, category, feed = chance.choice(CLOSED_NAMES)
        return _row(at, segment, number, name, closed=(category, feed))
    return _row(at, segment, number, chance.choice(OPEN_NAMES))


def _row(
    at: dt.datetime, segment: str, number: int, name: str, closed: tuple[str | None, str | None] | None = None
) -> Row:
    policy, _, _ = SEGMENTS[segment]
    client = device(segment, number)
    if closed is None:
        return row(time=at, client=client, segment=segment, policy=policy, qname=name, policy_serial=1)
    category, feed = closed
    return row(
        time=at, client=client, segment=segment, policy=policy, qname=name, action="deny", layer="category",
        category=category, rule=None if feed is None else f"{feed}:12", rcode=3, source="policy", policy_serial=1,
        latency_us=40,
    )  # fmt: skip


def _fields(one: Row) -> dict[str, object]:
    return {name: getattr(one, name) for name in Row.__slots__}


def alert_findings(now: dt.datetime) -> Iterator[Finding]:
    """Three of safeguarding and two of technique, of the last two days."""
    told: tuple[tuple[str, str, str, str | None, int, str, tuple[str, ...]], ...] = (
        ("category", "urgent", "pupils", "self-harm", 35,
         "A device in pupils asked for 3 sites about self-harm within ten minutes.", ("forum.example.org",)),
        ("circumvention", "notice", "reading-room", "circumvention-vpn", 170,
         "A device in reading-room asked for 14 names of VPN services.", ("tunnel.example.org",)),
        ("category", "warning", "sixth-form", "eating-disorders", 1_500,
         "A device in sixth-form came back to a site about eating disorders on four days.", ("diet.example.net",)),
        ("rhythm", "warning", "staff", None, 300,
         "A device in staff asks for the same name every 60 seconds, day and night.", ("beacon.example.com",)),
        ("generated-names", "warning", "guests", None, 2_000,
         "A device in guests asked for 240 names that look made by a machine.", ("qz7fk2.example.net",)),
    )  # fmt: skip
    for number, (detector, severity, segment, category, minutes, sentence, names) in enumerate(told):
        yield Finding(
            detector=detector, severity=severity, segment=segment, client=device(segment, number),  # type: ignore[arg-type]
            at_us=int((now - dt.timedelta(minutes=minutes)).timestamp() * 1e6), window_s=600, sentence=sentence,
            category=category, names=names, questions=3 + number,
        )  # fmt: skip
