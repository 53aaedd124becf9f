"""Services by name, such as a video platform: what each is, and what each policy says of it; open or close one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies.policies import PolicyApplied, applied, change_text, examined, ground_of
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import Personal, changes, looks
from schoolgate.operations.work import Work
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import latest_revision, policy_files
from schoolgate.policy.inheritance import effective
from schoolgate.policy.quick_change import NoEffect, scope_of

USE_DAYS = 7


class NoSuchService(SchoolgateError):
    """There is no service of this name."""


@dataclass(frozen=True)
class ServiceLeftOut:
    """A name that belongs to it and is not in it."""

    name: str
    why: str


@dataclass(frozen=True)
class ServiceShown:
    """`domains`, each with all below it. `denied`: policies that close it; `allowed`: those that say it is open; others
    say nothing. `locked`: policies in which it is closed by a lock. `asked`: rows of the last 7 days; None: not
    counted."""

    id: str
    name: str
    group: str
    domains: tuple[str, ...]
    left_out: tuple[ServiceLeftOut, ...]
    note: str
    denied: tuple[str, ...]
    allowed: tuple[str, ...]
    locked: tuple[str, ...]
    asked: int | None


@dataclass(frozen=True)
class ServicesShown:
    """By group and name. `not_counted`: why nothing says how often they were asked for."""

    revision: int
    services: tuple[ServiceShown, ...]
    not_counted: str | None


@dataclass(frozen=True)
class ServiceChanged:
    """`policies` that were written to; `applied` is None where it was so already."""

    service: str
    policies: tuple[str, ...]
    applied: PolicyApplied | None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        made = self.applied.about() if self.applied is not None else {"revision": None}
        return {**made, "policies": list(self.policies)}


@looks("services.list")
def list_services(work: Work, service: str | None = None, counts_use: bool = False) -> ServicesShown:
    """Every service, or one, with what each policy says of it. `counts_use` asks the query log.

    Raises `NoSuchService`.
    """
    from schoolgate.lists.services import read_services

    found = policy_in_force(work)
    services = {one.id: one for one in read_services(work.settings.lists.dir / "services")}
    if service is not None and service not in services:
        raise NoSuchService(f"there is no service {service}; {did_you_mean(service, services)}")
    wanted = list(services.values()) if service is None else [services[service]]
    asked, why = _asked(work, (name for one in wanted for name in one.domains)) if counts_use else ({}, None)
    is_counted = counts_use and why is None
    said = {
        identity: effective(found.document, lineage, work.now) for identity, lineage in found.checked.lineages.items()
    }
    shown = []
    for one in wanted:
        category = f"service:{one.id}"
        values = {identity: policy.categories.get(category) for identity, policy in said.items()}
        shown.append(
            ServiceShown(
                one.id, one.name or one.id, one.group, one.domains,
                tuple(ServiceLeftOut(left.name, left.why) for left in one.left_out), one.note,
                tuple(identity for identity, value in values.items() if value == "deny"),
                tuple(identity for identity, value in values.items() if value == "allow"),
                tuple(identity for identity, policy in said.items() if category in policy.locked_categories),
                sum(asked.get(name, 0) for name in one.domains) if is_counted else None,
            )
        )  # fmt: skip
    return ServicesShown(found.number, tuple(sorted(shown, key=lambda one: (one.group, one.name.lower()))), why)


@changes("services.block")
def block(
    work: Work, service: str, segments: tuple[str, ...] = (), reason: Annotated[str, Personal] = ""
) -> ServiceChanged:
    """Closes a service for segments, or for the whole school. Raises `NoSuchService`, `SegmentUnclear`."""
    return _change(work, service, segments, "deny", reason.strip() or f"block service {service}")


@changes("services.allow")
def allow(work: Work, service: str, reason: Annotated[str, Personal], segments: tuple[str, ...] = ()) -> ServiceChanged:
    """Opens a service for segments, or for the whole school. What is locked stays closed.

    Raises `NoSuchService`, `SegmentUnclear`, `PolicyRefused`.
    """
    return _change(work, service, segments, "allow", reason)


def _change(
    work: Work, service: str, segments: tuple[str, ...], choice: Literal["allow", "deny"], reason: str
) -> ServiceChanged:
    """Written to the policies at the top, then to each below that still says otherwise: no other line changes."""
    import tomlkit

    from schoolgate.policy import parse

    settings, ground = ground_of(work)
    category = f"service:{service}"
    if category not in ground.catalogue.categories:
        known = [one.removeprefix("service:") for one in ground.catalogue.categories if one.startswith("service:")]
        raise NoSuchService(f"there is no service {service}; {did_you_mean(service, known)}")
    before = latest_revision(policy_files(settings).look())
    found = policy_in_force(work)
    scope = scope_of(found.checked, segments)
    if not _otherwise(found.checked, scope.policies, category, choice, work.now):
        return ServiceChanged(service, (), None)
    document: Any = tomlkit.parse(found.text)
    written: list[str] = []
    for identity in (*scope.tops, *(one for one in scope.policies if one not in scope.tops)):
        checked = parse(tomlkit.dumps(document), "the changed policy")
        if _otherwise(checked, (identity,), category, choice, work.now):
            document["policies"][identity].setdefault("categories", tomlkit.table())[category] = choice
            written.append(identity)
    after = tomlkit.dumps(document)
    examined(work, ground, after, "the changed policy").refuse()
    left = _otherwise(parse(after, "the changed policy"), scope.policies, category, choice, work.now)
    if left:
        raise NoEffect(f"{service} would stay as it is under {', '.join(left)}: it is locked; nothing was applied")
    follows = before.number if before is not None else 0
    made = change_text(work, ground, after, "the changed policy", reason, follows=follows)
    return ServiceChanged(service, tuple(written), applied(work, made))


def _otherwise(
    checked: CheckedPolicy, policies: Iterable[str], category: str, choice: str, now: dt.datetime
) -> list[str]:
    """The policies that say something else, or nothing."""
    return [
        one
        for one in policies
        if effective(checked.document, checked.lineages[one], now).categories.get(category) != choice
    ]


def _asked(work: Work, names: Iterable[str]) -> tuple[dict[str, int], str | None]:
    from schoolgate.querylog import LogProblem, QueryLog

    try:
        with QueryLog(work.settings.server.state_dir) as log:
            found = log.names_asked_since(set(names), work.now - dt.timedelta(days=USE_DAYS))
    except LogProblem as error:
        return {}, str(error)
    return {one.name: one.rows for one in found}, None
