"""What a school says in public about its filtering: what is closed for whom, what is recorded, how long, who sees it.

Everything is read from the settings and the policy in force, so that the page is never untrue. No name of a person, a
device, a site or a network is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schoolgate.accounts.roles import Role
from schoolgate.operations import rights
from schoolgate.operations.policies.policy_in_force import PolicyInForce, policy_in_force
from schoolgate.operations.registry import anyone
from schoolgate.operations.work import Work
from schoolgate.pages.kinds import How, closed_kinds
from schoolgate.policy.listed import Category
from schoolgate.policy.model import LogLevel, Segment

# A page for people has no room for more groups.
MOST_GROUPS = 40


@dataclass(frozen=True)
class KindClosed:
    """How much of a kind of site is closed. `kind`: a word of pages/kinds.py."""

    kind: str
    closed: How


@dataclass(frozen=True)
class GroupNotice:
    """People with one policy. `group`: the policy's id. `closed`: kinds in the order of pages; `categories`: what is
    closed, by name, in English. `is_only_chosen`: what the school has not named is closed. `has_hours`: at some hours
    another policy holds. `records`: what the query log keeps of them."""

    group: str
    closed: tuple[KindClosed, ...]
    categories: tuple[str, ...]
    is_only_chosen: bool
    is_search_safe: bool
    has_hours: bool
    records: tuple[LogLevel, ...]


@dataclass(frozen=True)
class PublicNotice:
    """`*_days`: how long rows are kept. `uses_pseudonyms`: devices stand under codes. `sees_devices`, `sees_names`:
    roles that may look at the log with devices, and without; `sees_alerts`: that see devices in alerts alone."""

    groups: tuple[GroupNotice, ...]
    is_cut: bool
    is_recorded: bool
    uses_pseudonyms: bool
    ordinary_days: int
    safeguarding_days: int
    counts_days: int
    sees_devices: tuple[str, ...]
    sees_alerts: tuple[str, ...]
    sees_names: tuple[str, ...]


@anyone("pages.notice")
def notice(work: Work) -> PublicNotice:
    """What the school filters and records, from the settings and the policy in force. The same for everyone."""
    from schoolgate.policy import load_catalogue

    found = policy_in_force(work)
    known = tuple(load_catalogue(work.settings.lists.dir).categories.values())
    by_policy: dict[str, list[Segment]] = {}
    for segment in found.document.segments.values():
        by_policy.setdefault(segment.policy, []).append(segment)
    shown = list(by_policy.items())[:MOST_GROUPS]
    kept, log = work.settings.retention, work.settings.query_log
    looks = {role for role in Role if rights.may((role,), "log.search")}
    sees = {role for role in looks if rights.sees_identities((role,), "log.search")}
    alerts = {role for role in Role if rights.sees_identities((role,), "alerts.show")}
    return PublicNotice(
        groups=tuple(_group(work, found, policy, segments, known) for policy, segments in shown),
        is_cut=len(by_policy) > MOST_GROUPS,
        is_recorded=log.enabled,
        uses_pseudonyms=log.pseudonyms,
        ordinary_days=kept.ordinary_days,
        safeguarding_days=kept.safeguarding_days,
        counts_days=kept.rollups_days,
        sees_devices=_roles(sees),
        sees_alerts=_roles(alerts - sees),
        sees_names=_roles(looks - sees),
    )


def _group(
    work: Work, found: PolicyInForce, policy: str, segments: list[Segment], known: tuple[Category, ...]
) -> GroupNotice:
    from schoolgate.policy.inheritance import effective

    rules = effective(found.document, found.checked.lineages[policy], work.now)
    closed = frozenset(category for category, effect in rules.categories.items() if effect == "deny")
    return GroupNotice(
        group=policy,
        closed=tuple(KindClosed(kind, how) for kind, how in closed_kinds(known, closed).items()),
        categories=tuple(one.name for one in known if one.id in closed),
        is_only_chosen=rules.unknown == "deny",
        is_search_safe=any(level > 0 for level in rules.safesearch.values()),
        has_hours=any(one.schedule for one in segments),
        records=tuple(dict.fromkeys(one.log for one in segments)),
    )


def _roles(roles: Iterable[Role]) -> tuple[str, ...]:
    wanted = set(roles)
    return tuple(role.value for role in Role if role in wanted)
