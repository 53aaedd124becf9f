"""What the document of a change request shows: its bundle in words, with names and the school's times."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from schoolgate.operations.governance.request_wording import STATES, STEPS

_ACTIONS = {"open": "Open", "close": "Close", "other": "Another change"}
NOT_SAID = "not said"


def pages_of(bundle: Mapping[str, Any], text: str, name: str, school: str, zone: ZoneInfo) -> dict[str, Any]:
    """By the bundle and its text, which is attached under `name`."""
    request, people = bundle["request"], bundle["people"]
    return _Pages(request["fields"], people, zone).whole(bundle) | {
        "title": f"Change request {request['number']}",
        "number": str(request["number"]),
        "state": STATES[request["state"]],
        "school": school,
        "made": _moment(bundle["made_us"], zone),
        "made_by": _name(bundle["made_by"], people),
        "record": name,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "checkpoint": bundle["audit"]["checkpoint"],
        "entries": list(_entries(bundle["audit"]["entries"])),
    }


class _Pages:
    def __init__(self, fields: Mapping[str, Any], people: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._fields, self._people, self._zone = fields, people, zone

    def whole(self, bundle: Mapping[str, Any]) -> dict[str, Any]:
        fields, policy = self._fields, bundle["policy"] or {}
        applied = fields["applied"] or {}
        return {
            "alone": self._alone(bundle["decided_by_one_person"]),
            "problem": f"Approved, and not in force: {fields['problem']['said']}" if fields["problem"] else "",
            "facts": [
                {"title": title, "rows": rows}
                for title, rows in (
                    ("What is asked", list(self._asked())),
                    ("The decision", list(self._decision())),
                    ("In force", list(self._applied())),
                )
                if rows
            ],
            "verified": [
                [one["name"], one["segment"], one["verdict"], "yes" if one["is_as_wanted"] else "no"]
                for one in applied.get("verified", ())
            ],
            "difference": list(policy.get("difference", ())),
            "steps": [
                [self._at(one["at_us"]), STEPS.get(one["what"], one["what"]), self._who(one["actor"]), one["note"],
                 self._all(one["notified"])]
                for one in fields["steps"]
            ],
            "earlier": [
                [str(one["number"]), STATES[one["state"]], ", ".join(one["names"]), one["said"]]
                for one in bundle["earlier"]
            ],
            "attachments": [[one["name"], str(one["octets"]), one["sha256"]] for one in bundle["attachments"]],
        }  # fmt: skip

    def _alone(self, said: Mapping[str, Any]) -> str:
        if not said["is_so"]:
            return ""
        by = self._who(self._fields["decision"]["by"])
        return (
            f"Decided by one person: {by} asked for it and approved it, as the trust allows here."
            f" Reported at once to {self._all(said['reported_to'])}."
        )

    def _asked(self) -> Iterator[list[str]]:
        fields = self._fields
        yield ["Change", f"{_ACTIONS[fields['action']]} {', '.join(fields['names']) or fields['wanted']}"]
        if fields["service"]:
            yield ["Service", fields["service"]]
        yield ["For", ", ".join(fields["segments"]) or "the whole school"]
        if fields["group"]:
            yield ["Class or group", fields["group"]]
        yield ["What for", fields["purpose"]]
        asked = (
            f"{self._who(one['actor'])}, {'filed it' if one['as_leader'] else 'suggested it'} {self._at(one['at_us'])}"
            for one in fields["askers"]
        )
        yield ["Asked by", "\n".join(asked)]
        if fields["renews"]:
            yield ["Renews", f"request {fields['renews']}"]
        if fields["starts_us"]:
            yield ["Not before", self._at(fields["starts_us"])]
        yield ["Until", self._at(fields["until_us"]) if fields["until_us"] else "for good"]
        yield ["Looked at", _noted(fields["reviewed"])]
        yield ["Alternatives", fields["alternatives"] or NOT_SAID]
        yield ["School Improvement Team", _noted(fields["conversation"])]
        if fields["lead_view"]:
            view = fields["lead_view"]
            yield ["Safeguarding lead", f"{self._who(view['person'])}, {view['on']}: {view['said']}"]
        if fields["refused_because"]:
            yield ["Cannot be done", fields["refused_because"]]

    def _decision(self) -> Iterator[list[str]]:
        made = self._fields["decision"]
        if not made:
            return
        word = "Approved" if made["is_approved"] else "Refused"
        yield ["Decision", f"{word} by {self._who(made['by'])}, {self._at(made['at_us'])}"]
        for name, said in (("Reason", made["reason"]), ("Conditions", made["conditions"])):
            if said:
                yield [name, said]
        if made["review_us"]:
            yield ["Looked at again", self._at(made["review_us"])]
        for one in (made["effect"] or {}).get("segments", ()):
            opened, closed = one["opened"]["names"], one["closed"]["names"]
            yield [f"Shown for {one['segment'] or 'no segment'}", f"{opened} names would open, {closed} would close"]

    def _applied(self) -> Iterator[list[str]]:
        done = self._fields["applied"]
        if not done:
            return
        yield ["By", f"{self._who(done['by'])}, {self._at(done['at_us'])}"]
        if done["after"]:
            yield ["Policy", f"revision {done['before']} to {done['after']}"]
        if done["note"]:
            yield ["How", done["note"]]

    def _at(self, at_us: int) -> str:
        return _moment(at_us, self._zone)

    def _who(self, actor: str) -> str:
        return _name(actor, self._people)

    def _all(self, actors: Sequence[str]) -> str:
        return ", ".join(map(self._who, actors))


def _entries(entries: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for one in entries:
        held = orjson.loads(one["entry"])
        digest = held["detail"].get("sha256", "")
        # Two lines: a column is narrower than a digest.
        yield [str(one["epoch"]), str(one["number"]), held["operation"], f"{digest[:32]}\n{digest[32:]}"]


def _noted(said: Mapping[str, Any]) -> str:
    head = ", ".join(one for one in (said["person"], said["on"]) if one)
    return ": ".join(one for one in (head, said["said"]) if one) or NOT_SAID


def _name(actor: str, people: Mapping[str, Any]) -> str:
    found = people.get(actor)
    if found is None:
        return actor
    return str(found["name"]) + ("" if found["is_active"] else " (account closed)")


def _moment(at_us: int, zone: ZoneInfo) -> str:
    return f"{dt.datetime.fromtimestamp(at_us / 1e6, zone):%d %B %Y %H:%M}"
