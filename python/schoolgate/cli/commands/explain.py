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
from schoolgate.checks.following import Basis, Followed, Question, follow
from schoolgate.checks.layers import LAYERS
from schoolgate.cli.commands.config_file import own_address
from schoolgate.cli.commands.record_types import type_name, type_number
from schoolgate.cli.commands.terminal import moment, out, say, say_json, table
from schoolgate.config import Settings, SocketAddress, config_label, load
from schoolgate.config.addresses import parse_socket_address
from schoolgate.config.domain_name import asked_name
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
from schoolgate.resolver.stub_resolver import EDE_MEANINGS
from schoolgate.sealed import SealedStore
from schoolgate.storage import state_dir

# Keys of a decision, as `explain` names them.
_WORDS = {
    "spells": "spells",
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


def explain(
    config: Path | None,
    name: str,
    client: str,
    qtype: str,
    at: str | None,
    asked: str | None,
    resolves: bool | None,
    as_json: bool,
) -> None:
    """Prints the decision with its reasons. `resolves` None: where the service runs and no other time is meant."""
    settings = load(config)
    _refuse_ip_address(name)
    name = asked_name(name)
    question = Question(name, type_number(qtype), _client(client), _local(asked, settings))
    found = explained(settings, config, question, at, resolves)
    # What decided is said of the name that is spelled, where one is.
    decided = (found.explanation["decision"] or {}).get("spells") or question.name
    found.explanation["lines"] = _lines_that_decided(settings, decided, found.explanation)
    if as_json:
        about = {
            "name": name,
            "type": type_name(question.qtype),
            "client": question.client,
            "asked": str(question.local),
        }
        followed = None if found.followed is None else asdict(found.followed)
        say_json(
            about | found.explanation | {"decided_by": found.source, "verdict": found.verdict, "followed": followed}
        )
        return
    _print(question, found)


def _refuse_ip_address(name: str) -> None:
    """An address is judged where an answer points at it; no query asks for it as a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return
    raise QuestionUnclear(f"{name} is an address, not a name; which lists close it says `schoolgate lists why {name}`")


def _lines_that_decided(settings: Settings, name: str, explanation: dict[str, Any]) -> list[dict[str, Any]]:
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


_VERDICTS = {
    "allowed": ("ALLOWED", "bold green"),
    "denied": ("DENIED", "bold red"),
    "refused": ("REFUSED", "bold red"),
    "failed": ("NOT ANSWERED", "bold yellow"),
}


def _print(question: Question, found: Explained) -> None:
    explanation, decision = found.explanation, found.explanation["decision"]
    say(f"{question.name} {type_name(question.qtype)}, asked by {question.client} of {question.local}", "bold")
    word, style = _VERDICTS[found.verdict]
    say(f"  {word}: {_in_words(found)}", style)
    if decision is not None:
        say(f"  segment   {explanation['segment'] or 'none; unknown clients get the strictest policy'}")
        say(f"  policy    {decision['policy']}")
        say(f"  layer     {LAYERS.get(decision['layer'], decision['layer'])}")
        for key, word in _WORDS.items():
            if decision[key] is not None and not (key == "rule" and decision["rule"] == decision["feed"]):
                say(f"  {word:<9} {decision[key]}")
        for line in explanation["lines"]:
            where = line["refused"] or f"{line['origin']}, line {line['line']}: {line['text']}"
            dated = "" if line.get("dated") is None else f" (confirmed {moment(line['dated'].isoformat())})"
            say(f"  written   {where}{dated}")
    if found.followed is not None:
        _print_followed(found.followed)
    if decision is not None:
        _print_matched(decision["matched"])
    say(
        f"  decided by policy revision {explanation['policy_revision']},"
        f" lists serial {explanation['lists_serial']}; {found.source}",
        "dim",
    )


def _in_words(found: Explained) -> str:
    decided: str = found.explanation["answer"].removeprefix("denied: ")
    followed = found.followed
    if followed is None or (found.explanation["decision"] or {"effect": "deny"})["effect"] == "deny":
        return decided
    if followed.outcome == "denied":
        return f"the name is open, and its answer leads to {followed.closed_by or 'something that is denied'}"
    if followed.outcome == "failed":
        return "the name is open, and no forwarder gives a usable answer"
    return decided if followed.rcode == "NOERROR" else f"{decided}, and it does not exist ({followed.rcode})"


def _print_followed(followed: Followed) -> None:
    reasons = ", ".join(
        f"EDE {code} {EDE_MEANINGS.get(code, '')}: {text}".rstrip(": ") for code, text in followed.reasons
    )
    say(f"  answer    {followed.rcode}{f', {reasons}' if reasons else ''}")
    for record in followed.records:
        say(f"            {record}")
    if followed.leads_to:
        say(f"  leads to  {', '.join(followed.leads_to)}")


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
