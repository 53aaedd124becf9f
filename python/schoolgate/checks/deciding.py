"""How each policy of a document decides on a name: the engine's own walk, asked for a client of each policy.

The policy in force gives a client one policy at a time. Here every policy gets a segment of one address, so that none
is forgotten because no schedule puts it in force this hour; and once more as allow-list only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schoolgate._core import Plane, PolicyTable, SealedList, Snapshot

# Addresses that no client has (RFC 4193), one for each policy.
_CLIENT = "fd5c:6761:7465::{:x}"
_ASKED = "fd5c:6761:7465:1::53"
_TYPE_A = 1
# A plane that hears nothing, runs no thread and keeps nothing: what it decides by is made once, not for each name.
UNHEARD = {
    "listen": [], "workers": 1, "cache_octets": 1 << 16, "min_ttl_s": 0, "max_ttl_s": 1, "max_negative_ttl_s": 1,
    "stale_for_s": 0, "crash_dir": None, "query_log": None,
}  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """A policy as a client meets it. `is_allow_list_only`: the same with all unknown names denied."""

    id: str
    is_allow_list_only: bool

    def __str__(self) -> str:
        return f"{self.id}, allow list only" if self.is_allow_list_only else self.id


@dataclass(frozen=True)
class Decided:
    """What the engine says: open or not, and who says so. `rewrite`: the id of the safe mode that it leads to."""

    is_open: bool
    layer: str
    category: str | None
    feed: str | None
    rule: str | None
    rewrite: str | None = None


class Judge:
    """All policies of one document, over one set of lists. Immutable."""

    def __init__(self, description: bytes, snapshot: Snapshot, sealed: SealedList | None) -> None:
        """`description` is what the policy in force was compiled to."""
        document = orjson.loads(description)
        ids = [one["id"] for one in document["policies"]]
        self._clients = {one: _CLIENT.format(number) for number, one in enumerate(ids, start=1)}
        self._planes = {
            only: Plane(orjson.dumps(UNHEARD), snapshot, _table(document, self._clients, only), sealed)
            for only in (False, True)
        }
        self.policies = tuple(Policy(one, only) for only in (False, True) for one in ids)

    def decide(self, policy: Policy, name: str) -> Decided:
        """One name for one policy."""
        plane, client = self._planes[policy.is_allow_list_only], self._clients[policy.id]
        decision = orjson.loads(plane.explain(name, _TYPE_A, client, _ASKED, 53))["decision"]
        return Decided(
            decision["effect"] == "allow",
            decision["layer"],
            decision["category"],
            decision["feed"],
            decision["rule"],
            decision["rewrite"],
        )


def table_of_policies(description: bytes) -> tuple[PolicyTable, tuple[str, ...]]:
    """A table in which each policy is a segment of its own name, for `decide_names`; and the policies."""
    document = orjson.loads(description)
    ids = tuple(str(one["id"]) for one in document["policies"])
    clients = {one: _CLIENT.format(number) for number, one in enumerate(ids, start=1)}
    return _table(document, clients, is_allow_list_only=False), ids


def _table(document: Mapping[str, Any], clients: Mapping[str, str], is_allow_list_only: bool) -> PolicyTable:
    segments = [
        {
            "id": policy, "policy": policy, "prefixes": [f"{client}/128"], "asked": [], "qps": 1, "burst": 1,
            "ends_at_unix_s": None,
        }
        for policy, client in clients.items()
    ]  # fmt: skip
    unknown = {"unknown": "deny"} if is_allow_list_only else {}
    policies = [one | unknown for one in document["policies"]]
    changed = {"segments": segments, "policies": policies, "allowed_clients": ["::/0"]}
    return PolicyTable.compile(orjson.dumps({**document, **changed}, option=orjson.OPT_SORT_KEYS))
