"""Looking at one list with the compiler's own readers and guards, before it may come near a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from schoolgate._core import ListRefused, inspect_list
from schoolgate.lists.guards import FeedUnfit, Inspected
from schoolgate.lists.limits import Limits

# A name and its rest: enough to know the line again.
_LONGEST_EXAMPLE = 120


@dataclass(frozen=True)
class Inspector:
    """For one update. `protected`: names that no feed may close; by its category a list leaves out more
    (`left_out_of`), or may name public suffixes of private hosts (`may_close_shared_hosts`)."""

    protected: Sequence[str]
    left_out_of: Callable[[str], Sequence[str]]
    may_close_shared_hosts: frozenset[str]
    limits: Limits

    def __call__(self, path: Path, label: str, dialect: str | None, match: str, category: str) -> tuple[Inspected, str]:
        """What is in a list, and its dialect; `label` names it in messages. Raises `FeedUnfit`."""
        try:
            octets = inspect_list(
                path,
                dialect,
                matching=match,
                protected=[*self.protected, *self.left_out_of(category)],
                private_suffixes=category in self.may_close_shared_hosts,
                max_unpacked_octets=self.limits.unpacked_octets,
            )
        except ListRefused as error:
            message = str(error).removeprefix(f"{path}: ").replace(str(path), label or "the list")
            raise FeedUnfit(f"it {message}") from error
        except ValueError as error:
            raise FeedUnfit(str(error)) from error
        found = orjson.loads(octets)
        skipped = {reason: one["lines"] for reason, one in found["skipped"].items()}
        examples = {
            reason: tuple(text.replace(str(path), label or "line")[:_LONGEST_EXAMPLE] for text in one["examples"])
            for reason, one in found["skipped"].items()
        }
        names = tuple(found["protected_names"])
        return Inspected(label, found["rules"] - found["exceptions"], skipped, examples, names), found["dialect"]
