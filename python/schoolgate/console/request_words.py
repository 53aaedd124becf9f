"""Change requests in the words of pages: what one asks, how far it is, what its steps were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schoolgate.console.plain_words import group, in_words, sentence
from schoolgate.operations.governance.request_wording import STATES, STEPS

__all__ = ["ACTIONS", "STATES", "STEPS", "TASKS", "headline", "name_of", "tasks", "what"]

ACTIONS: Final = (("open", "Open a site"), ("close", "Close a site"), ("other", "Another change"))
# Who acts next -> one request, several, and what is done there.
TASKS: Final[Mapping[str, tuple[str, str, str]]] = {
    "decision": ("{} waits for your decision.", "{} wait for your decision.", "Decide"),
    "leader": ("{} of staff waits for a leader.", "{} of staff wait for a leader.", "Look"),
    "carrying-out": ("{} that was approved waits to be made.", "{} that were approved wait to be made.", "See it"),
    "renewal": ("{} of yours ends soon.", "{} of yours end soon.", "Renew it"),
    "review": ("{} is due to be looked at again.", "{} are due to be looked at again.", "Look"),
}
_NOUNS: Final = {"leader": "suggestion"}
# Names in a first line.
MOST_NAMED: Final = 2


def what(row: Mapping[str, Any]) -> str:
    """What a request is about: its first names, its service, or its words."""
    if row["service"]:
        return str(row["service"])
    names = list(row["names"])
    if not names:
        return str(row["wanted"])[:120]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def headline(row: Mapping[str, Any]) -> str:
    """The first line of its page."""
    whom = ", ".join(map(group, row["segments"])) or "the whole school"
    if row["action"] == "other":
        return f"{sentence(what(row)).rstrip('.')}: {STATES[row['state']].lower()}."
    verb = "Open" if row["action"] == "open" else "Close"
    return f"{verb} {what(row)} for {whom}: {STATES[row['state']].lower()}."


def tasks(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, bool]]:
    """Words, path, verb and whether it is urgent: one for each kind that waits for the viewer."""
    found = []
    for waits, (one, many, verb) in TASKS.items():
        mine = [row for row in rows if row["is_for_me"] and row["waits"] == waits]
        if mine:
            words = (one if len(mine) == 1 else many).format(in_words(len(mine), _NOUNS.get(waits, "request")))
            path = f"/requests/{mine[0]['number']}" if len(mine) == 1 else "/requests?show=for-me"
            found.append((sentence(words), path, verb, waits == "decision"))
    return found


def name_of(actor: str, people: Mapping[str, Mapping[str, Any]]) -> str:
    """The person behind an actor, and whether the account is closed."""
    found = people.get(actor)
    if found is None:
        return actor
    return str(found["name"]) if found["is_active"] else f"{found['name']} (account closed)"
