"""Why a name is open or closed: the code that answers is asked, and every layer that spoke is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from schoolgate.checks.layers import LAYERS
from schoolgate.config.domain_name import asked_name
from schoolgate.config.own_address import own_address
from schoolgate.config.problems import path_of
from schoolgate.operations import rights
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy.compile import written_policy

if TYPE_CHECKING:
    from schoolgate.checks.following import Question

Verdict = Literal["allowed", "denied", "refused", "failed"]
# Nothing that a school writes opens these.
_NEVER_OPEN = frozenset({"sealed"})
_ALWAYS_OPEN = frozenset({"platform", "protected"})
_BY_LISTS = frozenset({"threat", "circumvention", "category"})
_ENTRY = re.compile(r"policies\.(?P<policy>[a-z0-9-]+)\.(?P<key>exceptions|temporary_deny)\[(?P<index>[0-9]{1,6})\]")
_LESSON = re.compile(r"segments\.(?P<segment>[a-z0-9-]+)\.lessons\[(?P<index>[0-9]{1,6})\]")
_REQUEST = re.compile(r"request (?P<number>[0-9]{1,9}): ")


@dataclass(frozen=True)
class LayerSaid:
    """What one layer says of the name. `effect`: allow or deny; None: it knows the name, and the policy has no rule for
    that. `decides`: this is the one that counts."""

    layer: str
    title: str
    effect: str | None
    category: str | None
    feed: str | None
    rule: str | None
    decides: bool


@dataclass(frozen=True)
class WayToChange:
    """What would change the verdict. `operation` and `arguments`: what does it; None where a person has to edit, ask or
    wait. `is_yours`: the caller has the right to the operation."""

    id: str
    sentence: str
    operation: str | None = None
    arguments: dict[str, Any] | None = None
    is_yours: bool = False


@dataclass(frozen=True)
class NameExplained:
    """`explanation`: the decision as the engine gives it, with `lines` of the list that decided. `followed`: what the
    client gets once the answer is followed to its end, as checks/following.py has it. `asked`: our address.
    `groups`: what
    each group of the device does, and who says that it is this device. `reason`: of the exception, or of the
    closing for a while, that decides; `request`: the change request that it names."""

    name: str
    type: str
    client: str
    asked: str
    verdict: Verdict
    source: str
    segment: str | None
    policy: str | None
    layers: tuple[LayerSaid, ...]
    changes: tuple[WayToChange, ...]
    explanation: dict[str, Any]
    followed: dict[str, Any] | None
    reason: str | None = None
    request: int | None = None
    groups: tuple[str, ...] = ()


@looks("explain.name")
def name(
    work: Work,
    name: str,
    client: str | None = None,
    segment: str | None = None,
    qtype: str = "A",
    at: str | None = None,
    asked: str | None = None,
    resolves: bool | None = False,
    shows_lines: bool = False,
) -> NameExplained:
    """Why a name is open or closed for a client, or for any client of a segment, now or at a time.

    `at`: ISO 8601, the school's time without an offset. `resolves`: asks the forwarders too, and judges the answer;
    None: where the server runs. `shows_lines`: the lines of the list that decided, which reads the list. Raises
    `QuestionUnclear`.
    """
    from dataclasses import asdict

    from schoolgate.checks.explaining import explained, lines_that_decided, refuse_ip_address
    from schoolgate.resolver.record_types import type_name

    refuse_ip_address(name)
    question = _question(work, asked_name(name), client, segment, qtype, at, asked)
    found = explained(work.settings, work.config, question, at, resolves)
    decision = found.explanation["decision"] or {}
    reason = _reason(work, str(decision.get("rule") or ""))
    if shows_lines:
        # What decided is said of the name that is spelled, where one is.
        decided = decision.get("spells") or question.name
        found.explanation["lines"] = lines_that_decided(work.settings, decided, found.explanation)
    return NameExplained(
        name=question.name,
        type=type_name(question.qtype),
        client=question.client,
        asked=str(question.local),
        verdict=_verdict(found.verdict),
        source=found.source,
        segment=found.explanation["segment"],
        policy=written_policy(decision["policy"]) if decision.get("policy") else None,
        layers=tuple(map(_layer, decision.get("matched", ()))),
        changes=tuple(_changes(work, question.name, found.explanation)),
        explanation=found.explanation,
        followed=None if found.followed is None else asdict(found.followed),
        reason=reason,
        request=_request_in(reason),
        groups=tuple(_groups(work, question.client, found.explanation.get("device"))),
    )


def _groups(work: Work, client: str, said: dict[str, Any] | None) -> Iterator[str]:
    """Why a device has the policy of a group, or not. Which device it is, is for who may see the book of them."""
    if said is None:
        return
    for one in said["groups"]:
        begins = f"the device is in group {one['id']}, which has policy {written_policy(one['policy'])}: "
        if one["opens"] is None:
            yield (
                begins + f"it counts, as strict as {written_policy(said['network_policy'])} of the network, or stricter"
            )
        else:
            yield begins + f"it does not count, because it would open {one['opens']}; a group may only tighten"
    if rights.may(work.actor.roles, "device.book"):
        yield from _bound(work, client)


def _bound(work: Work, client: str) -> Iterator[str]:
    from schoolgate.identity.bindings_file import read_bindings
    from schoolgate.storage.checked_file import CheckedFileDamaged

    try:
        found = read_bindings(work.settings.server.state_dir).of(client, work.now_us)
    except CheckedFileDamaged:
        return
    if found is not None:
        yield f"it is device {found.device}, as {found.source} says ({found.confidence.name}), which is no proof"


def _reason(work: Work, rule: str) -> str | None:
    """Of the entry of the policy in force that a rule names; None for an entry that has no reason of its own."""
    found = _ENTRY.fullmatch(rule)
    if found is None:
        return _lesson(work, rule)
    policy = policy_in_force(work).document.policies.get(found["policy"])
    entries = () if policy is None else policy.exceptions if found["key"] == "exceptions" else policy.temporary_deny
    index = int(found["index"])
    return entries[index].reason if index < len(entries) else None


def _lesson(work: Work, rule: str) -> str | None:
    """The lesson that a rule names, its time and its people."""
    found = _LESSON.fullmatch(rule)
    here = policy_in_force(work)
    segment = None if found is None else here.document.segments.get(found["segment"])
    if found is None or segment is None or int(found["index"]) >= len(segment.lessons):
        return None
    one = segment.lessons[int(found["index"])]
    begins, ends = (moment.astimezone(here.zone) for moment in (one.from_, one.until))
    return (
        f"lesson {one.number}, {one.lesson}, {begins:%A %H:%M} to {ends:%H:%M}, by {one.by};"
        f" its sites were agreed to by {one.approved_by}"
    )


def _request_in(reason: str | None) -> int | None:
    """The number of the change request that wrote an entry."""
    found = _REQUEST.match(reason or "")
    return None if found is None else int(found["number"])


def _question(
    work: Work, name: str, client: str | None, segment: str | None, qtype: str, at: str | None, asked: str | None
) -> Question:
    from schoolgate.checks.explaining import QuestionUnclear, client_address, local_address
    from schoolgate.checks.following import Question
    from schoolgate.resolver.record_types import type_number

    number, local = type_number(qtype), local_address(asked, work.settings)
    if (client is None) == (segment is None):
        raise QuestionUnclear("say for whom: a client's address, or a network; one of them")
    if client is not None:
        return Question(name, number, client_address(client), local)
    return _of_segment(work, Question(name, number, "", local), segment or "", at)


def _of_segment(work: Work, question: Question, segment: str, at: str | None) -> Question:
    """As a client of the segment asks it: at an address that the engine takes for one of it."""
    from schoolgate.checks.explaining import QuestionUnclear, explained
    from schoolgate.checks.following import Question
    from schoolgate.config import SocketAddress
    from schoolgate.config.problems import did_you_mean
    from schoolgate.sealed.selftest import addresses_of

    document = policy_in_force(work).checked.document
    if segment not in document.segments:
        raise QuestionUnclear(f"there is no network {segment}; {did_you_mean(segment, document.segments)}")
    one = document.segments[segment]
    networks = {"prefixes": list(map(str, one.prefixes)), "asked": list(map(str, one.asked))}
    for client, host, port in addresses_of(networks, own_address(work.settings)):
        tried = Question(question.name, question.qtype, client, SocketAddress(host, port))
        if explained(work.settings, work.config, tried, at, False).explanation["segment"] == segment:
            return tried
    raise QuestionUnclear(f"no client of network {segment} was found: narrower networks have its addresses; name one")


def _layer(one: dict[str, Any]) -> LayerSaid:
    layer = one["layer"] or ""
    return LayerSaid(
        layer, LAYERS.get(layer, layer), one["effect"], one["category"], one["feed"], one["rule"], bool(one["wins"])
    )


def _verdict(word: str) -> Verdict:
    found: dict[str, Verdict] = {"allowed": "allowed", "denied": "denied", "refused": "refused", "failed": "failed"}
    return found[word]


def _changes(work: Work, name: str, explanation: dict[str, Any]) -> Iterator[WayToChange]:
    """What would change the decision, in the order in which a person would think of it."""
    decision = explanation["decision"]
    if decision is None:
        sentence = "the client is in no network that may ask: add it to allowed_clients and to a network of the policy"
        yield WayToChange("outside-client", sentence)
        return
    layer, segment = decision["layer"], explanation["segment"]
    if layer in _NEVER_OPEN:
        yield WayToChange("never-open", "nothing opens what a sealed list holds")
        return
    if decision["effect"] == "deny":
        yield from _ways_to_open(work, name, decision, segment)
    elif layer in _ALWAYS_OPEN:
        yield WayToChange("always-open", f"{LAYERS[layer].partition(' ')[2]}; only single names can be closed")
    elif layer == "exception":
        yield _by(
            work, "exception-end", f"end the exception {decision['rule']}", "exceptions.end", rule=decision["rule"]
        )
    else:
        given: dict[str, Any] = {"name": name, "segments": [segment] if segment else []}
        yield _by(work, "block", f"close {name} and what is below it", "policy.block", **given)
    yield from _by_schedule(work, segment)


def _ways_to_open(work: Work, name: str, decision: dict[str, Any], segment: str | None) -> Iterator[WayToChange]:
    layer, category = decision["layer"], decision["category"]
    lock = _lock_on(work, written_policy(decision["policy"]), category) if category is not None else decision["rule"]
    if layer == "trust-locked" or (category is not None and lock is not None):
        owner = str(lock).removeprefix("policies.").partition(".")[0]
        yield WayToChange("locked", f"it is locked in policy {owner} ({lock}); ask whoever keeps that policy")
        if layer == "trust-locked":
            return
    if layer == "own-list":
        yield WayToChange("own-rule", f"take {decision['rule']} out of the policy")
    given: dict[str, Any] = {"name": name, "segments": [segment] if segment else [], "lasts": "2h"}
    yield _by(work, "allow", f"open {name} for a while, with a reason", "policy.allow", **given)
    if layer in _BY_LISTS and decision["feed"] is not None and "/" not in decision["feed"]:
        sentence = f"where it is a false hit, leave it out of the list {decision['feed']}"
        listed = decision["listed_name"] or name
        yield _by(work, "false-hit", sentence, "feeds.except", feed=decision["feed"], name=listed)
    if layer in _BY_LISTS and lock is None and category is not None:
        yield WayToChange("category", f"open the category {category} in policy {written_policy(decision['policy'])}")
    if layer == "unknown":
        policy = written_policy(decision["policy"])
        yield WayToChange("unknown", f"open unknown names in policy {policy}, or allow this one in it")


def _by(work: Work, kind: str, sentence: str, operation: str, **arguments: Any) -> WayToChange:
    is_yours = rights.may(work.actor.roles, operation) and operation not in work.asks_first
    return WayToChange(kind, sentence, operation, arguments, is_yours)


def _by_schedule(work: Work, segment: str | None) -> Iterator[WayToChange]:
    """The next policy of the segment, which may say otherwise."""
    from schoolgate.policy.schedule import next_boundary, policy_at

    found = policy_in_force(work)
    checked = found.checked
    one = checked.document.segments.get(segment or "")
    if one is None:
        return
    zone = ZoneInfo(checked.document.time_zone)
    edge = next_boundary(one, work.now, zone, found.calendar)
    if edge is not None:
        when = f"{edge.astimezone(zone):%A %H:%M}"
        yield WayToChange(
            "schedule", f"from {when} on the network has policy {policy_at(one, edge, zone, found.calendar)}"
        )


def _lock_on(work: Work, policy: str, category: str) -> str | None:
    """Where a category is locked for a policy."""
    from schoolgate.policy.locks import locks_on

    checked = policy_in_force(work).checked
    lineage = checked.lineages.get(policy)
    return None if lineage is None else locks_on(checked.document, lineage).categories.get(category)


def _written(work: Work, path: str) -> dict[str, Any]:
    """What an exception is ended by: the policy and the name that stand at its path."""
    for identity, policy in policy_in_force(work).document.policies.items():
        for index, one in enumerate(policy.exceptions):
            if path == path_of(("policies", identity, "exceptions", index)):
                return {"name": str(one.name), "policy": identity}
    return {}
