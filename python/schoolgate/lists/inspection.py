"""Looking at one list with the compiler's own readers and guards, before it may come near a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import orjson

from schoolgate._core import ListRefused, inspect_list
from schoolgate.lists.guards import FeedUnfit, Inspected
from schoolgate.lists.limits import Limits
from schoolgate.lists.renewal import Inspect

# A name and its rest: enough to know the line again.
_LONGEST_EXAMPLE = 120


def inspector(protected: Sequence[str], limits: Limits) -> Inspect:
    """For one update: the protected names are the same for every feed."""
    return partial(_inspect, list(protected), limits.unpacked_octets)


def _inspect(
    protected: list[str], max_unpacked_octets: int, path: Path, label: str, dialect: str | None, match: str
) -> tuple[Inspected, str]:
    try:
        found = orjson.loads(
            inspect_list(path, dialect, matching=match, protected=protected, max_unpacked_octets=max_unpacked_octets)
        )
    except ListRefused as error:
        raise FeedUnfit(f"it {str(error).removeprefix(f'{path}: ')}".replace(str(path), label or "the list")) from error
    except ValueError as error:
        raise FeedUnfit(str(error)) from error
    skipped = {reason: one["lines"] for reason, one in found["skipped"].items()}
    examples = {
        reason: tuple(text.replace(str(path), label or "line")[:_LONGEST_EXAMPLE] for text in one["examples"])
        for reason, one in found["skipped"].items()
    }
    return Inspected(label, found["rules"] - found["exceptions"], skipped, examples), found["dialect"]
