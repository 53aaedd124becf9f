"""Devices in groups, as the plane knows them: followed from two small files, installed whole.

What leases and neighbours say can be forged, so a group may only tighten the policy of a network; the engine checks
that. A file that is missing, damaged or old leaves each device with the policy of its network. No query waits for this.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from schoolgate.identity.bindings_file import path_of, read_bindings_of, read_status
from schoolgate.identity.group_file import path_of_groups, read_groups
from schoolgate.policy.active_policy import ActivePolicy
from schoolgate.storage.checked_file import CheckedFileDamaged

# How soon a change of a lease is felt, with the second that `identity` takes.
LOOK_EVERY_S: Final = 0.5
# Without the process that reads leases nothing tells when an address changes hands before its lease ends.
LONGEST_UNSEEN_US: Final = 3_600 * 1_000_000
_NETWORK = "each device has the policy of its network"


class _Plane(Protocol):
    def install_groups(self, description: bytes) -> int: ...


@dataclass(frozen=True)
class _Row:
    address: str
    until_us: int
    groups: tuple[str, ...]


class DeviceGroups:
    """Which addresses are of devices in groups that have a policy. `look` runs in a thread, one at a time."""

    def __init__(self, plane: _Plane, state_dir: Path) -> None:
        self._plane = plane
        self._state_dir = state_dir
        self._policy: ActivePolicy | None = None
        self._wanted: frozenset[str] = frozenset()
        self._seen: tuple[object, ...] | None = None
        self._rows: tuple[_Row, ...] = ()
        self._read_problem: str | None = None
        self._installed: tuple[_Row, ...] = ()
        self.problem: str | None = None

    @property
    def addresses(self) -> int:
        """How many addresses are of such devices now."""
        return len(self._installed)

    def look(self, policy: ActivePolicy, now_us: int) -> None:
        """Takes in what has changed, and what has ended."""
        if policy is not self._policy:
            self._policy, self._wanted = policy, _groups_of(policy)
        if self._wanted:
            self._read()
        else:
            self._seen, self._rows, self._read_problem = None, (), None
        problem, live = self._read_problem, tuple(one for one in self._rows if now_us < one.until_us)
        if live and (unseen := self._unseen(now_us)) is not None:
            problem, live = unseen, ()
        if live != self._installed:
            try:
                self._plane.install_groups(_description(live))
            except ValueError as error:
                self._plane.install_groups(_description(()))
                problem, live = f"{error}; {_NETWORK}", ()
            self._installed = live
        self.problem = problem

    def _read(self) -> None:
        """Where a file is another one than before."""
        seen = (self._wanted, _signature(path_of_groups(self._state_dir)), _signature(path_of(self._state_dir)))
        if seen == self._seen:
            return
        self._seen, self._rows, self._read_problem = seen, (), None
        try:
            groups = {
                device: counted
                for device, names in read_groups(self._state_dir).items()
                if (counted := tuple(sorted(self._wanted.intersection(names))))
            }
            if groups:
                found = read_bindings_of(self._state_dir, groups)
                self._rows = tuple(_Row(one.address, one.until_us, groups[one.device]) for one in found)
        except CheckedFileDamaged as error:
            self._read_problem = f"{error}; {_NETWORK}, whatever its group"

    def _unseen(self, now_us: int) -> str | None:
        """Why what was read last counts no more."""
        alive_us = read_status(self._state_dir).alive_us
        if alive_us is not None and now_us - alive_us < LONGEST_UNSEEN_US:
            return None
        return f"nothing has read for an hour which device has an address; {_NETWORK}: start `schoolgate identity`"


def _groups_of(policy: ActivePolicy) -> frozenset[str]:
    """Groups that have a policy, as the engine calls them."""
    described: dict[str, Any] = orjson.loads(policy.compiled.description)
    return frozenset(one["id"] for one in described.get("groups", ()))


def _description(rows: tuple[_Row, ...]) -> bytes:
    sets = {groups: number for number, groups in enumerate(dict.fromkeys(one.groups for one in rows))}
    return orjson.dumps({"sets": list(sets), "addresses": [(one.address, sets[one.groups]) for one in rows]})


def _signature(path: Path) -> tuple[int, int, int] | None:
    """Changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
