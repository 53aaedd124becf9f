"""`explain`: why a name is open or closed, for whom, now or at another time. The plane's own walk, no second one."""

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
from schoolgate.cli.commands.config_file import own_address
from schoolgate.cli.commands.record_types import type_name, type_number
from schoolgate.cli.commands.terminal import moment, out, say, say_json, table
from schoolgate.config import Settings, SocketAddress, config_label, load
from schoolgate.config.addresses import parse_socket_address
from schoolgate.config.problems import message_and_remedy
from schoolgate.control import call_if_running
from schoolgate.errors import SchoolgateError
from schoolgate.lists.kept_serials import why
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import active_or_first, compile_active_policy, read_ground, read_policy
from schoolgate.sealed import SealedStore
from schoolgate.storage import state_dir

LAYERS = {
    "sealed": "1 sealed lists: nothing opens these",
    "platform": "2 what devices need to work: always open",
    "trust-locked": "3 locked by the trust",
    "protected": "4 help lines, health education, exams: always open",
    "exception": "5 an approved exception with an end",
    "own-list": "6 the school's own lists",
    "threat": "7 threats",
    "circumvention": "8 ways around the filter",
    "category": "9 categories and services of the policy",
    "unknown": "10 the policy's rule for unknown names",
    "allow": "11 nobody says anything: open",
}
# Keys of a decision, as `explain` names them.
_WORDS = {
    "category": "category",
    "feed": "list",
    "rule": "rule",
    "listed_name": "listed as",
    "own_name": "own name",
    "rewrite": "rewrite",
    "local_zone": "zone",
}


class QuestionUnclear(SchoolgateError):
    """The command line does not say a question that can be explained."""


@dataclass(frozen=True)
class Asked:
    """A question as the command line gives it."""

    name: str
    qtype: int
    client: str
    local: SocketAddress


def explain(
    config: Path | None, name: str, client: str, qtype: str, at: str | None, asked: str | None, as_json: bool
) -> None:
    """Prints the decision with its reasons."""
    settings = load(config)
    _refuse_address(name)
    question = Asked(name, type_number(qtype), _client(client), _local(asked, settings))
    told, source = _explained(settings, config, question, at)
    told["lines"] = _lines_that_decided(settings, question.name, told)
    if as_json:
        about = {
            "name": name,
            "type": type_name(question.qtype),
            "client": question.client,
            "asked": str(question.local),
        }
        say_json(about | told | {"decided_by": source})
        return
    _print(question, told, source)


def _refuse_address(name: str) -> None:
    """An address is judged where an answer points at it; nobody asks for it as a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return
    raise QuestionUnclear(f"{name} is an address, not a name; which lists close it says `schoolgate lists why {name}`")


def _lines_that_decided(settings: Settings, name: str, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the deciding list says so: its lines, their dates. None for a sealed list, which is never shown."""
    feed = (told["decision"] or {}).get("feed")
    if feed is None:
        return []
    try:
        _, lines = why(settings.server.state_dir, name, told["lists_serial"])
    except SchoolgateError as error:
        # The decision stands without it; lists of an old serial may have been cleared away.
        return [{"refused": str(error)}]
    return [asdict(line) for line in lines if line.feed == feed and line.refused is None]


def _explained(settings: Settings, config: Path | None, question: Asked, at: str | None) -> tuple[dict[str, Any], str]:
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
            return live, "the running service"
    return from_files(settings, config, question, at)


def from_files(settings: Settings, config: Path | None, question: Asked, at: str | None) -> tuple[dict[str, Any], str]:
    """The same answer, from the snapshot and the policy on the disk."""
    state_dir.refuse_strangers(settings.server.state_dir)
    ground = read_ground(settings, config_label(config))
    number, text, file = active_or_first(settings)
    checked = read_policy(text, file, ground)
    now = dt.datetime.now(dt.UTC) if at is None else _moment(at, checked)
    active_policy = compile_active_policy(checked, ground, number, now)
    snapshot = SnapshotStore(settings.server.state_dir).open_best().snapshot
    sealed = SealedStore(settings.server.state_dir).open_all(settings)
    local = question.local
    try:
        explained = _core.explain(
            snapshot,
            active_policy.table,
            question.name,
            question.qtype,
            question.client,
            local.host,
            local.port,
            sealed.sealed if sealed is not None else None,
        )
    except ValueError as error:
        raise QuestionUnclear(f"{error}; write a name such as www.example.org") from error
    source = f"{file} and lists on the disk"
    if at is not None:
        source += f", as of {now.astimezone(ZoneInfo(checked.document.time_zone)):%A %Y-%m-%d %H:%M %Z}"
    serials = {"policy_revision": number, "lists_serial": snapshot.serial}
    return orjson.loads(explained) | serials, source


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


def _client(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise QuestionUnclear(f"{text} is not an IP address; write --client 10.1.20.50") from None


def _local(text: str | None, settings: Settings) -> SocketAddress:
    own = own_address(settings)
    if text is None:
        return own
    try:
        return parse_socket_address(text, default_port=own.port)
    except PydanticCustomError as error:
        message, remedy = message_and_remedy(error)
        raise QuestionUnclear(f"--asked {message}; {remedy}") from None


def _print(question: Asked, told: dict[str, Any], source: str) -> None:
    decision = told["decision"]
    say(f"{question.name} {type_name(question.qtype)}, asked by {question.client} of {question.local}", "bold")
    denied = decision is None or decision["effect"] == "deny"
    word = "DENIED" if denied else "ALLOWED"
    say(f"  {word}: {told['answer'].removeprefix('denied: ')}", "bold red" if denied else "bold green")
    if decision is not None:
        say(f"  segment   {told['segment'] or 'none; unknown clients get the strictest policy'}")
        say(f"  policy    {decision['policy']}")
        say(f"  layer     {LAYERS.get(decision['layer'], decision['layer'])}")
        for key, word in _WORDS.items():
            if decision[key] is not None and not (key == "rule" and decision["rule"] == decision["feed"]):
                say(f"  {word:<9} {decision[key]}")
        for line in told["lines"]:
            where = line["refused"] or f"{line['origin']}, line {line['line']}: {line['text']}"
            dated = "" if line.get("dated") is None else f" (confirmed {moment(line['dated'].isoformat())})"
            say(f"  written   {where}{dated}")
        _print_matched(decision["matched"])
    say(f"  decided by policy revision {told['policy_revision']}, lists serial {told['lists_serial']}; {source}", "dim")


def _print_matched(matched: list[dict[str, Any]]) -> None:
    others = [one for one in matched if not one["wins"]]
    if not others:
        return
    say("  also said of this name:")
    rows = table("   layer", "says", "category", "list or rule")
    for one in others:
        says = one["effect"] or "nothing: the policy has no rule for it"
        rows.add_row(f"   {one['layer'] or '-'}", says, one["category"] or "-", one["feed"] or one["rule"] or "-")
    out.print(rows)
