"""What an approver was shown of a request before deciding, kept in memory until then: so the record says it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from schoolgate.operations.governance.request_results import RequestEffect
from schoolgate.operations.work import Work

MOST_KEPT = 200

_shown: OrderedDict[tuple[str, int, int, str], dict[str, Any]] = OrderedDict()


def remember(work: Work, number: int, version: int, effect: RequestEffect) -> None:
    """Of the newest 200 looks; a restart forgets them, and the record then says that it was not looked at."""
    _shown[_key(work, number, version)] = {"at_us": work.now_us, **effect.kept()}
    while len(_shown) > MOST_KEPT:
        _shown.popitem(last=False)


def shown_to(work: Work, number: int, version: int) -> dict[str, Any] | None:
    """What the caller saw of this version; None where they did not look."""
    return _shown.get(_key(work, number, version))


def _key(work: Work, number: int, version: int) -> tuple[str, int, int, str]:
    return str(work.settings.server.state_dir), number, version, work.actor.id
