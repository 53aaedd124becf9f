"""Why a name is open or closed, for whom, now or at another time: by the plane's own walk, in the running server or
with the files that it reads."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic_core import PydanticCustomError

from schoolgate import _core
from schoolgate.checks.following import Basis, Followed, Question, follow
from schoolgate.config import Settings, SocketAddress, config_label
from schoolgate.config.addresses import parse_socket_address
from schoolgate.config.own_address import own_address
from schoolgate.config.problems import message_and_remedy
from schoolgate.control import call_if_running
from schoolgate.errors import SchoolgateError
from schoolgate.lists.kept_serials import why
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import (
    active_or_first,
    compile_active_policy,
    label,
    policy_files,
    read_ground,
    read_policy,
)
from schoolgate.sealed import SealedStore
from schoolgate.storage import state_dir


class QuestionUnclear(SchoolgateError):
    """What is asked is no question that can be explained."""


@dataclass(frozen=True)
class Explained:
    """`explanation`: the decision on the name, as the engine gives it, with the serials that took it.

    `followed`: what the client gets once the answer is followed to its end; None where it was not asked for."""

    explanation: dict[str, Any]
    source: str
    followed: Followed | None = None

    @property
    def verdict(self) -> str:
        """`allowed`, `denied`, `refused` (an outside client) or `failed` (no forwarder answers)."""
        if self.followed is not None:
            return self.followed.outcome
        decision = self.explanation["decision"]
        return "refused" if decision is None else "denied" if decision["effect"] == "deny" else "allowed"


def refuse_ip_address(name: str) -> None:
    """An address is judged where an answer points at it; no query asks for it as a name. Raises `QuestionUnclear`."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return
    raise QuestionUnclear(f"{name} is an address, not a name; which lists close it says `schoolgate lists why {name}`")


def lines_that_decided(settings: Settings, name: str, explanation: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the deciding list says so: its lines, their dates. None for a sealed list, which is never shown."""
    feed = (explanation["decision"] or {}).get("feed")
    if feed is None:
        return []
    try:
        _, lines = why(settings.server.state_dir, name, explanation["lists_serial"])
    except SchoolgateError as error:
        # The decision stands without it; lists of an old serial may have been cleared away.
        return [{"refused": str(error)}]
    return [asdict(line) for line in lines if line.feed == feed and line.refused is None]


def explained(
    settings: Settings, config: Path | None, question: Question, at: str | None, resolves: bool | None
) -> Explained:
    """The decision of the running service, else of what is on the disk; followed to its end where that is asked for."""
    if at is None:
        arguments: dict[str, Any] = {
            "name": question.name,
            "type": question.qtype,
            "client": question.client,
            "local": question.local.host,
            "local_port": question.local.port,
        }
        live = call_if_running(settings.server.control_socket, "explain", **arguments)
        if live is not None:
            followed = None
            if resolves is not False:
                there = on_disk(settings, config, at, live["policy_revision"], live["lists_serial"])
                followed = follow(settings, there.basis, question)
            return Explained(live, "the running service", followed)
    there = on_disk(settings, config, at)
    explanation = there.explain(question)
    return Explained(explanation, there.source, follow(settings, there.basis, question) if resolves else None)


@dataclass(frozen=True)
class OnDisk:
    """What decides, by its files."""

    basis: Basis
    serials: dict[str, int]
    source: str

    def explain(self, question: Question) -> dict[str, Any]:
        """As the running service explains it."""
        basis, local = self.basis, question.local
        try:
            explained = _core.explain(
                basis.snapshot, basis.table, question.name, question.qtype, question.client, local.host, local.port,
                basis.sealed,
            )  # fmt: skip
        except ValueError as error:
            raise QuestionUnclear(f"{error}; write a name such as www.example.org") from error
        explanation: dict[str, Any] = orjson.loads(explained)
        return explanation | self.serials


def on_disk(
    settings: Settings, config: Path | None, at: str | None, revision: int | None = None, serial: int | None = None
) -> OnDisk:
    """The snapshot and the policy on the disk: those of these numbers, else the current ones."""
    state_dir.refuse_strangers(settings.server.state_dir)
    ground = read_ground(settings, config_label(config))
    number, text, file = active_or_first(settings) if revision is None else _revision(settings, revision)
    checked = read_policy(text, file, ground)
    now = dt.datetime.now(dt.UTC) if at is None else _moment(at, checked)
    active_policy = compile_active_policy(checked, ground, number, now)
    store = SnapshotStore(settings.server.state_dir)
    snapshot = store.open_best().snapshot if serial is None else _core.Snapshot.open(store.path(serial))
    sealed = SealedStore(settings.server.state_dir).open_all(settings)
    source = f"{file} and lists on the disk"
    if at is not None:
        source += f", as of {now.astimezone(ZoneInfo(checked.document.time_zone)):%A %Y-%m-%d %H:%M %Z}"
    basis = Basis(snapshot, active_policy.table, sealed.sealed if sealed is not None else None)
    return OnDisk(basis, {"policy_revision": number, "lists_serial": snapshot.serial}, source)


def _revision(settings: Settings, number: int) -> tuple[int, str, str]:
    revision = policy_files(settings).store.show(number)
    return number, revision.text, label(revision)


def _moment(text: str, checked: CheckedPolicy) -> dt.datetime:
    """A moment; without an offset it is meant in the school's time zone."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise QuestionUnclear(
            f"{text} is not a time; write 2026-11-23T12:30, or with an offset 2026-11-23T12:30Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(checked.document.time_zone))
    return moment.astimezone(dt.UTC)


def client_address(text: str) -> str:
    """A device's. Raises `QuestionUnclear`."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise QuestionUnclear(f"{text} is not an IP address; write --client 10.1.20.50") from None


def local_address(text: str | None, settings: Settings) -> SocketAddress:
    """The address of ours that is asked. Raises `QuestionUnclear`."""
    own = own_address(settings)
    if text is None:
        return own
    try:
        return parse_socket_address(text, default_port=own.port)
    except PydanticCustomError as error:
        message, remedy = message_and_remedy(error)
        raise QuestionUnclear(f"--asked {message}; {remedy}") from None
