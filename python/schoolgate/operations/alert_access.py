"""Which alerts an actor sees and works on: a safeguarding lead all, IT technical ones, heads and directors all without
devices and names."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import replace

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.work import Work
from schoolgate.policy import load_catalogue
from schoolgate.storage import state_dir

_TECHNICAL_ROLES = frozenset({Role.network_manager, Role.provider})
_WITHOUT_IDENTITIES = frozenset({Role.head, Role.trust_director})


@contextlib.contextmanager
def alerts_of(work: Work) -> Iterator[AlertStore]:
    """The store of alerts, which the monitor makes: before its first start there is none, and looking makes nothing."""
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    path = folder / "monitor" / "alerts.db"
    with contextlib.closing(AlertStore.open(path) if path.exists() else AlertStore.empty()) as store:
        yield store


def threats_of(work: Work) -> frozenset[str]:
    """The categories of threats to machines, which are IT's."""
    categories = load_catalogue(work.settings.lists.dir).categories.values()
    return frozenset(one.id for one in categories if one.role == "threat")


def is_theirs(work: Work, alert: Alert, threats: Collection[str]) -> bool:
    """Whether the actor works on it: a safeguarding lead on all, IT on technical ones."""
    roles = work.actor.roles
    return Role.safeguarding_lead in roles or (bool(roles & _TECHNICAL_ROLES) and alert.is_technical(threats))


def seen_of(work: Work, alert: Alert, threats: Collection[str]) -> Alert | None:
    """What the actor sees of an alert; None where it is not for them."""
    if is_theirs(work, alert, threats):
        return alert
    return without_identities(alert) if work.actor.roles & _WITHOUT_IDENTITIES else None


def without_identities(alert: Alert) -> Alert:
    """Names too: of a small segment they tell whose device it was. That it is held is said, not why."""
    return replace(alert, client="", names=(), evidence={}, hold=None if alert.hold is None else "")


def not_for_it(number: int) -> NotPermitted:
    """The refusal of an alert that is no matter of IT."""
    return NotPermitted(f"alert {number} is a matter of safeguarding, not of IT; ask the safeguarding lead")
