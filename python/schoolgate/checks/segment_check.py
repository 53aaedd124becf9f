"""The check of each segment: does a device there get what its policy says? Asked as a device would, and never decided.

Every network of every segment is a row. One without an address of this machine is `not covered`: that is said, and
never counted as good.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from schoolgate._core import log_pseudonym
from schoolgate.checks.own_addresses import own_networks
from schoolgate.checks.own_questions import Window, announce_questions, count_denied
from schoolgate.checks.probes import Probe, ProbeTable
from schoolgate.checks.probing import LONGEST_S, Answered, Transport, ask_all
from schoolgate.checks.segment_places import Place, places_of
from schoolgate.config import Settings, SocketAddress, config_label
from schoolgate.config.addresses import parse_socket_address
from schoolgate.control import call_if_running
from schoolgate.errors import SchoolgateError
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import active_or_first, compile_active_policy, read_ground, read_policy
from schoolgate.privacy.pseudonyms import kept_keys
from schoolgate.sealed import SealedStore
from schoolgate.sealed.selftest_rows import AnnouncedRow, announce

State = Literal["good", "failed", "not covered"]
# As the log names a door.
_DOORS: dict[Transport, str] = {"udp": "udp", "tcp": "tcp", "tls": "dot"}


class SegmentsNotChecked(SchoolgateError):
    """The check could not begin: nothing was asked."""


@dataclass(frozen=True)
class NetworkChecked:
    """One network of a segment. `reason`: why it is not good; `source` asked, `at` was asked."""

    segment: str
    network: str
    policy: str
    source: str | None
    at: str | None
    state: State
    reason: str
    answers: tuple[Answered, ...] = ()

    @property
    def wrong(self) -> tuple[Answered, ...]:
        """What did not come back as the policy says."""
        return tuple(one for one in self.answers if not one.is_well)


@dataclass(frozen=True)
class SegmentsChecked:
    """`without_name`: categories that a policy closes and for which no list has a test name, so that none was asked."""

    at: dt.datetime
    policy_revision: int
    networks: tuple[NetworkChecked, ...]
    without_name: tuple[str, ...]

    @property
    def state(self) -> State:
        """The worst that is known: `failed`, else `not covered` where no network was asked from, else `good`."""
        states = {one.state for one in self.networks}
        return "failed" if "failed" in states else "good" if "good" in states else "not covered"

    @property
    def digest(self) -> str:
        """The same as long as every network is in the same state for the same reasons. SHA-256."""
        rows = [
            (one.segment, one.network, one.state, sorted((two.probe, two.transport, two.came) for two in one.wrong))
            for one in self.networks
        ]
        return hashlib.sha256(orjson.dumps(rows)).hexdigest()

    def whole(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "policy_revision": self.policy_revision,
            "state": self.state,
            "digest": self.digest,
            "without_name": list(self.without_name),
            "networks": [asdict(one) for one in self.networks],
        }


def check_segments(
    config: Path | None,
    settings: Settings,
    now: dt.datetime,
    done: Callable[[int, int], None] = lambda _done, _of: None,
) -> SegmentsChecked:
    """Asks from every network it can. Blocks for up to minutes. `done` hears how many networks are, and of how many.

    Raises `SegmentsNotChecked` and what reading the policy raises.
    """
    ground = read_ground(settings, config_label(config))
    number, text, file = active_or_first(settings)
    checked = read_policy(text, file, ground)
    in_force = compile_active_policy(checked, ground, number, now).policies_in_force()
    sealed = SealedStore(settings.server.state_dir).open_all(settings)
    table = ProbeTable(settings.lists.dir, ground.catalogue, has_sealed=sealed is not None or settings.sealed.required)
    status = call_if_running(settings.server.control_socket, "status")
    listening, encrypted = _listening(settings, status)
    places = places_of(checked.document, own_networks(), listening)
    asker = _Asker(settings, table, checked, encrypted, now)
    rows: list[NetworkChecked] = []
    for place in places:
        rows.append(asker.check(place, in_force.get(place.segment, "")))
        done(len(rows), len(places))
    return SegmentsChecked(now, number, tuple(rows), tuple(sorted(asker.without_name)))


class _Asker:
    def __init__(
        self, settings: Settings, table: ProbeTable, checked: CheckedPolicy, encrypted: Sequence[SocketAddress],
        now: dt.datetime,
    ) -> None:  # fmt: skip
        self._settings, self._table, self._checked, self._now = settings, table, checked, now
        self._encrypted = encrypted
        self.without_name: set[str] = set()

    def check(self, place: Place, policy: str) -> NetworkChecked:
        made = self._table.of(self._checked, policy, self._now)
        self.without_name |= set(made.without_name)
        if place.source is None or place.at is None:
            reason = f"not checked from inside: {place.why_not}"
            return NetworkChecked(place.segment, place.network, policy, place.source, None, "not covered", reason)
        doors: list[tuple[Transport, SocketAddress]] = [("udp", place.at), ("tcp", place.at)]
        doors += [("tls", one) for one in self._encrypted_beside(place.at)]
        answers = ask_all(place.source, made.probes, doors, self._announcer(place.source, made.probes))
        self._count(place, made.probes, answers)
        wrong = [one for one in answers if not one.is_well]
        return NetworkChecked(
            place.segment, place.network, policy, place.source, str(place.at), "failed" if wrong else "good",
            _reason(wrong, len(answers)), answers,
        )  # fmt: skip

    def _count(self, place: Place, probes: Sequence[Probe], answers: Sequence[Answered]) -> None:
        """What was denied, for reports. A full disk does not make the answers wrong."""
        of = {one.id: one for one in probes if one.layer}
        denied = Counter(one.probe for one in answers if one.came == "closed" and one.probe in of)
        state, source = self._settings.server.state_dir, str(place.source)
        rows = [
            (place.segment, self._texts(source)[0], of[probe].layer, of[probe].category, count)
            for probe, count in denied.items()
        ]
        with contextlib.suppress(OSError, ValueError):
            count_denied(state, time.time_ns() // 1000, rows)

    def _texts(self, source: str) -> tuple[str, ...]:
        """As the log may know an address, the newest way first. Raises `OSError`, `ValueError`."""
        keys = kept_keys(self._settings.server.state_dir / "log").keys
        return (*(log_pseudonym(one.key, source) for one in keys), source)

    def _encrypted_beside(self, at: SocketAddress) -> list[SocketAddress]:
        """Of the address that is asked, for a device knows no other."""
        return [
            SocketAddress(at.host, one.port) if one.is_wildcard and (":" in one.host) == (":" in at.host) else one
            for one in self._encrypted
            if one.host == at.host or (one.is_wildcard and (":" in one.host) == (":" in at.host))
        ]

    def _announcer(self, source: str, probes: Sequence[Probe]) -> Callable[[Transport], None]:
        state = self._settings.server.state_dir
        names = self._table.names() | {one.name for one in probes if one.expected != "sealed"}

        def tell(transport: Transport) -> None:
            now_us = time.time_ns() // 1000
            try:
                texts = self._texts(source)
                announce_questions(state, names, Window(texts, now_us, now_us + int(LONGEST_S * 2e6)))
                if any(one.expected == "sealed" for one in probes):
                    announce(state, [AnnouncedRow(secrets.token_hex(8), texts, _DOORS[transport], now_us)])
            except (OSError, ValueError) as error:
                raise SegmentsNotChecked(f"the check cannot be announced ({error}); nothing more was asked") from error

        return tell


def _listening(
    settings: Settings, status: dict[str, Any] | None
) -> tuple[tuple[SocketAddress, ...], tuple[SocketAddress, ...]]:
    """Where the settings have the server listen, in the clear and encrypted; the ports that it chose itself are known
    by the running server alone."""
    is_known = all(one.port for one in (*settings.server.listen, *settings.dot_addresses))
    if is_known or status is None:
        return settings.server.listen, settings.dot_addresses
    doors = status["listening"]
    return _parsed(doors.get("udp", ())), _parsed(doors.get("dot", ()))


def _parsed(texts: Sequence[str]) -> tuple[SocketAddress, ...]:
    return tuple(parse_socket_address(one) for one in texts)


def _reason(wrong: Sequence[Answered], asked: int) -> str:
    if not wrong:
        return ""
    if len(wrong) == asked:
        ways = {one.came for one in wrong}
        if len(ways) == 1:
            return f"every one of {asked} questions: {ways.pop()}"
    first = wrong[0]
    said = f"{first.about}: {first.name} should be {first.expected}, and came back as {first.came} ({first.transport})"
    return said if len(wrong) == 1 else f"{len(wrong)} of {asked} questions came back wrong; first: {said}"
