"""Why a name is open or closed, in a sentence, and who can change it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from schoolgate.console.plain_words import group
from schoolgate.operations import rights

# The layer that decided -> "because ..."; {category} and {rule} are put in.
_CLOSED: Final[Mapping[str, str]] = {
    "sealed": "a rule that the school cannot change closes it",
    "trust-locked": "the trust has locked it",
    "own-list": "the school's own list names it",
    "exception": "an exception closes it for a while",
    "unknown": "it is on no list, and unknown sites are closed here",
}
_OPEN: Final[Mapping[str, str]] = {
    "platform": "devices need it to work",
    "protected": "it is a help line, health education or an exam, and those are always open",
    "exception": "an exception opens it for a while",
    "own-list": "the school's own list names it",
    "trust-locked": "the trust has locked it",
    "allow": "no rule speaks of it",
    "unknown": "it is on no list, and unknown sites are open here",
}
# An operation -> the screen that does it, and what of its arguments goes into the address.
_SCREENS: Final = {"policy.allow": "/policy/allow", "policy.block": "/policy/block"}
# A policy in a sentence, by its id.
_POLICY: Final = re.compile(r"(\bpolicy )([a-z0-9][a-z0-9_-]*)")
# Where who may not do it asks for it.
_ASK: Final = "/requests/new"
_ASKED: Final = {"policy.allow": "open", "policy.block": "close"}
# Asked for in words, since a request makes no such change by itself.
_IN_WORDS: Final = {"feeds.except": "Leave {name} out of the list {feed}"}


@dataclass(frozen=True)
class Way:
    """What would change it. `path`: where this account does it, or ""; `who`: whom to ask instead, or ""; `ask`: where
    that is done, or ""."""

    words: str
    path: str
    who: str
    ask: str = ""


def deciding(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The layer that decided; None where none was asked."""
    return next((one for one in found["layers"] if one["decides"]), None)


def because(found: Mapping[str, Any], categories: Mapping[str, str]) -> str:
    """The reason, without a full stop; "" where there is none to give."""
    decision = found["explanation"].get("decision")
    if decision is None:
        return ""
    layer, category = str(decision["layer"]), decision.get("category")
    known = _CLOSED if found["verdict"] == "denied" else _OPEN
    if category and layer not in ("protected", "platform", "sealed"):
        said = f"it belongs to {categories.get(str(category), str(category))}"
        return f"{said}, which the trust has locked" if layer == "trust-locked" else said
    return known.get(layer, layer)


def verdict_word(found: Mapping[str, Any]) -> str:
    """A word of the verdict badge."""
    return {"allowed": "open", "denied": "closed", "refused": "limited", "failed": "failed"}[found["verdict"]]


def is_sealed(found: Mapping[str, Any]) -> bool:
    """Whether a sealed list decided: then no layer is shown to those who do not read the log."""
    return (found["explanation"].get("decision") or {}).get("layer") == "sealed"


def ways(found: Mapping[str, Any], screens: Mapping[str, Any]) -> list[Way]:
    """In the order of the operation. A screen that is not there gives no link."""
    made = []
    for one in found["changes"]:
        path = _SCREENS.get(one["operation"] or "", "") if one["is_yours"] else ""
        who = "" if one["is_yours"] or not one["operation"] else askable(one["operation"])
        sentence = _POLICY.sub(lambda part: f"{part[1]}{group(part[2])}", one["sentence"])
        sentence = sentence[:1].upper() + sentence[1:]
        ask = _ask(one) if who and _ASK in screens else ""
        made.append(Way(sentence, _address(path, one["arguments"]) if path in screens else "", who, ask))
    return made


def askable(operation: str) -> str:
    """The roles that may, in words."""
    names = [role.value.replace("_", " ") for role in rights.RIGHTS.get(operation, {})]
    return (
        f"the {names[0]}" if len(names) == 1 else f"the {', the '.join(names[:-1])} or the {names[-1]}" if names else ""
    )


def _ask(one: Mapping[str, Any]) -> str:
    if words := _IN_WORDS.get(one["operation"]):
        return f"{_ASK}?{urlencode({'action': 'other', 'wanted': words.format_map(one['arguments'])})}"
    action = _ASKED.get(one["operation"])
    if action is None:
        return ""
    given = one["arguments"]
    asked = [("action", action), ("names", given["name"]), *(("segment", each) for each in given.get("segments", ()))]
    return f"{_ASK}?{urlencode(asked)}"


def _address(path: str, arguments: Mapping[str, Any]) -> str:
    given = [("name", arguments["name"]), *(("segment", one) for one in arguments.get("segments", ()))]
    return f"{path}?{urlencode(given)}"
