"""What is asked of a segment, and what must come back: made from the policy's text and the shipped lists, never by
asking the engine that is checked.

Each list has a name of ours that leads nowhere (its first entry). Asking for it shows that the list is in force for the
client, and shows no person's interest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schoolgate._core import SEALED_SELF_TEST_NAME
from schoolgate.config.load import read_text
from schoolgate.lists.canary_file import read_canaries
from schoolgate.lists.inputs import category_and_canary
from schoolgate.policy import Catalogue, CheckedPolicy
from schoolgate.policy.inheritance import Effective, effective
from schoolgate.policy.switched import locked_engines

# What must come back. `closed`: denied by the policy. `not closed`: anything but a denial. `no such name`: NXDOMAIN.
# `safe mode`: led to the engine's safe host, or denied. `open`: an address. `sealed`: denied as sealed, to everybody.
Expected = Literal["closed", "not closed", "no such name", "safe mode", "open", "sealed"]

# Devices ask these to learn whether they may go round the school's DNS; the category whose `allow` lets them.
WAYS_ROUND = (
    ("use-application-dns.net", None, "Firefox asks whether it may use DNS over HTTPS of others"),
    ("mask.icloud.com", "circumvention-private-relay", "Apple devices ask whether they may use Private Relay"),
    ("mask-h2.icloud.com", "circumvention-private-relay", "Apple devices ask whether they may use Private Relay"),
)
# Of names that every policy leaves open: enough to see that answers come, few enough to be no load.
MOST_OPEN = 4
_OPEN_ROLES = frozenset({"platform", "protected"})
# Roles that have a layer of their own, of the same name.
_LAYER_ROLES = frozenset({"threat", "circumvention"})
# Folders of lists of names.
_FOLDERS = ("starter", "circumvention")


@dataclass(frozen=True)
class Probe:
    """One name to ask for. `targets`: of `safe mode`, the hosts that it may lead to."""

    id: str
    name: str
    expected: Expected
    about: str
    targets: tuple[str, ...] = ()
    # As the query log names what closes it: "" where that is not known beforehand.
    layer: str = ""
    category: str = ""


@dataclass(frozen=True)
class Probes:
    """All probes of one policy. `without_name`: categories that it closes and no list has a test name for."""

    probes: tuple[Probe, ...]
    without_name: tuple[str, ...]


class ProbeTable:
    """Makes the probes of each policy of a document. Reads the lists' test names once; raises `InputRefused`."""

    def __init__(self, lists_dir: Path, catalogue: Catalogue, *, has_sealed: bool) -> None:
        self._catalogue = catalogue
        self._has_sealed = has_sealed
        self._test_names = dict(_test_names(lists_dir))
        listed = read_canaries(lists_dir).listed
        roles = {one.id: one.role for one in catalogue.categories.values()}
        self._open = [one.name for one in listed if roles.get(one.category) in _OPEN_ROLES][:MOST_OPEN]
        self._layers = {one: role for one, role in roles.items() if role in _LAYER_ROLES}
        self._protected = frozenset(one for one, role in roles.items() if role in _OPEN_ROLES)

    def names(self) -> frozenset[str]:
        """Every name of ours that may be asked for, whatever the policy."""
        return frozenset({*self._test_names.values(), *(name for name, *_ in WAYS_ROUND)})

    def of(self, checked: CheckedPolicy, policy: str, now: dt.datetime) -> Probes:
        """The probes of a policy at an instant."""
        says = effective(checked.document, checked.lineages[policy], now)
        # First what the server answers by itself, which finds out whether it answers at all; then what is announced.
        first = (*self._ways_round(says), *self._sealed())
        probes = (*first, *self._categories(says), *self._safe(says), *self._opened())
        closed = {one for one, effect in says.categories.items() if effect == "deny"}
        without = sorted(one for one in closed - self._test_names.keys() if not one.startswith("service:"))
        return Probes(probes, tuple(without))

    def _sealed(self) -> Iterator[Probe]:
        if self._has_sealed:
            about = "the sealed lists, such as illegal images: our own test entry"
            yield Probe("sealed", SEALED_SELF_TEST_NAME, "sealed", about)

    def _categories(self, says: Effective) -> Iterator[Probe]:
        for category, name in sorted(self._test_names.items()):
            title = self._catalogue.categories[category].name if category in self._catalogue.categories else category
            if category in self._protected:
                continue
            if says.categories.get(category) == "deny":
                layer = "trust-locked" if category in says.locked_categories else self._layers.get(category, "category")
                yield Probe(f"category:{category}", name, "closed", title, (), layer, category)
            elif says.unknown == "allow":
                yield Probe(f"category:{category}", name, "not closed", title)

    def _ways_round(self, says: Effective) -> Iterator[Probe]:
        for name, category, about in WAYS_ROUND:
            if category is None or says.categories.get(category) != "allow":
                yield Probe(f"way-round:{name}", name, "no such name", about)

    def _safe(self, says: Effective) -> Iterator[Probe]:
        for word, engine in sorted(locked_engines(says, self._catalogue), key=lambda one: one[0]):
            about = f"{word} gives safe results only"
            known = f"www.{word}.com"
            name = known if known in engine.names else engine.names[0]
            yield Probe(f"safesearch:{word}", name, "safe mode", about, (engine.target,))

    def _opened(self) -> Iterator[Probe]:
        for name in self._open:
            yield Probe(f"open:{name}", name, "open", "must be open under every policy")


def _test_names(lists_dir: Path) -> Iterator[tuple[str, str]]:
    for folder in _FOLDERS:
        for path in sorted((lists_dir / folder).glob("*.txt")):
            category, canary = category_and_canary(read_text(path))
            if category is not None and canary is not None and canary[-1:].isalpha() and ":" not in canary:
                yield category, canary
