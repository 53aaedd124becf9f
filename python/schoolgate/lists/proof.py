"""The proof of a new snapshot: the test name of every list, asked of it, carries that list's category."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable

import orjson

from schoolgate._core import PolicyTable, Snapshot, explain
from schoolgate.errors import SchoolgateError
from schoolgate.lists.inputs import ListInput

_TABLE = {
    "serial": 0,
    "policies": [{"id": "proof", "action": "nxdomain", "unknown": "allow"}],
    "segments": [],
    "strictest": "proof",
    "allowed_clients": ["127.0.0.1/32"],
}
_TYPE_A = 1


class CanaryMissing(SchoolgateError):
    """A list is not in force in a new snapshot, so the snapshot is not used."""


def smallest_table() -> PolicyTable:
    """The smallest policy there is: a proof asks what lists say, not what follows from it."""
    return PolicyTable.compile(orjson.dumps(_TABLE))


def prove(snapshot: Snapshot, inputs: Iterable[ListInput]) -> int:
    """How many test names were found in the snapshot with their category; raises `CanaryMissing` naming the others."""
    table = smallest_table()
    proved, missing = 0, []
    for one in inputs:
        if one.canary is None:
            continue
        if one.category in categories_of(snapshot, table, one.canary):
            proved += 1
        else:
            missing.append(f"{one.canary} does not carry {one.category}, so {one.path} is not in the new snapshot")
    if missing:
        raise CanaryMissing("\n".join((*missing, "nothing was published; reinstall the shipped lists and build again")))
    return proved


def said_of(snapshot: Snapshot, table: PolicyTable, name: str) -> frozenset[tuple[str, str]]:
    """(category, feed) of all that the snapshot says of a name."""
    explained = orjson.loads(explain(snapshot, table, name, _TYPE_A, "127.0.0.1", "127.0.0.1", 53))
    matched = explained["decision"]["matched"]
    return frozenset((one["category"], one["feed"] or "") for one in matched if one["category"] is not None)


def categories_of(snapshot: Snapshot, table: PolicyTable, name: str) -> frozenset[str]:
    """Every category that `name`, or an address, carries in the snapshot."""
    with contextlib.suppress(ValueError):
        return frozenset(category for category, _ in orjson.loads(snapshot.said_of_address(ipaddress.ip_address(name))))
    return frozenset(category for category, _ in said_of(snapshot, table, name))
