"""Names that a feed's list of a category leaves out: platforms of schools, and names that must be open (canaries.toml).

Each becomes a line `!!name` of that feed, in that category: nothing the feed says lifts it, and the rest of the feed
goes on. It opens nothing: the school's own rules, service switches and our reviewed lists close these names as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schoolgate._core import registrable_domain
from schoolgate.lists.canary_file import HARMFUL, Canaries, read_canaries
from schoolgate.lists.platforms import Platforms, read_platforms
from schoolgate.policy.catalogue import Catalogue

# Reserved for documents (RFC 2606 section 3): no feed closes them by mistake, and below them are examples only.
RESERVED = frozenset(("example.com", "example.net", "example.org"))


@dataclass(frozen=True)
class LeftOut:
    """What feeds leave out. `roles` of our categories, by id."""

    platforms: Platforms
    canaries: Canaries
    roles: Mapping[str, str]

    def of(self, category: str) -> tuple[str, ...]:
        """The names that a list of this category leaves out, with all below them, in order."""
        names = {*self.platforms.left_out_of(category)}
        if self.roles.get(category, "content") in HARMFUL:
            # What is left out is left out with all below it: of `co.uk` that would open whole countries.
            hosts = (one for one in self.canaries.open if registrable_domain(one.name) is not None)
            names |= {one.name for one in hosts if category not in one.unless and one.name not in RESERVED}
        return tuple(sorted(names))


def read_left_out(lists_dir: Path, catalogue: Catalogue) -> LeftOut:
    """Raises `InputRefused`."""
    roles = {one.id: one.role for one in catalogue.categories.values()}
    return LeftOut(read_platforms(lists_dir), read_canaries(lists_dir), roles)
