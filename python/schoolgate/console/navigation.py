"""What stands on the left, at most seven for a role, and below on a phone, four of these. The rest is under "More"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schoolgate.accounts.roles import Role

MOST_ENTRIES: Final = 7
MOST_ON_PHONES: Final = 4


@dataclass(frozen=True)
class Entry:
    """One entry; `icon` is a name of assets/icons.txt."""

    path: str
    words: str
    icon: str


# In the order of "More". A screen that is not here is reached by links alone.
ENTRIES: Final = {
    one.path: one
    for one in (
        Entry("/", "Home", "home"),
        Entry("/log/live", "Live log", "activity"),
        Entry("/log", "Search", "search"),
        Entry("/explain", "Why?", "help"),
        Entry("/devices", "Devices", "device-desktop"),
        Entry("/alerts", "Alerts", "bell"),
        Entry("/cases", "Cases", "clipboard-check"),
        Entry("/escalation", "Who is called", "bell"),
        Entry("/requests", "Requests", "send"),
        Entry("/report", "Report a problem", "alert-circle"),
        Entry("/tickets", "Staff reports", "inbox"),
        Entry("/pupil-code", "A pupil's code", "key"),
        Entry("/policy", "Policies", "adjustments"),
        Entry("/services", "Services", "apps"),
        Entry("/lists", "Lists", "list-check"),
        Entry("/schedules", "Schedules", "calendar"),
        Entry("/calendar", "School calendar", "calendar"),
        Entry("/exam-mode", "Exam mode", "lock"),
        Entry("/exceptions", "Exceptions", "clock"),
        Entry("/lessons", "Lessons", "school"),
        Entry("/reports", "Reports", "report"),
        Entry("/checks", "Checks", "clipboard-check"),
        Entry("/reviews", "Reviews", "eye"),
        Entry("/actions", "Actions and dates", "calendar"),
        Entry("/registers", "Registers", "list-check"),
        Entry("/assurance", "Assurance", "shield-check"),
        Entry("/evidence", "Evidence", "clipboard-check"),
        Entry("/service-report", "Service report", "report"),
        Entry("/check", "Check a device", "shield-check"),
        Entry("/suggestions", "Suggestions", "inbox"),
        Entry("/exports", "Files for devices", "download"),
        Entry("/audit", "Audit", "history"),
        Entry("/accounts", "Accounts", "users"),
        Entry("/health", "Health", "heart-rate-monitor"),
    )
}

# Pages below another, which belong to its entry on the left: under "More" and in the find box alone.
_BELOW: Final = (
    Entry("/device-names", "Names of devices", "device-desktop"),
    Entry("/lessons/lists", "Lists for lessons", "school"),
    Entry("/accounts/break-glass", "Sealed code", "key"),
)

# What each role needs most often, first things first.
_FIRST: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.network_manager: ("/", "/log/live", "/explain", "/policy", "/lists", "/requests", "/health"),
    Role.safeguarding_lead: ("/", "/alerts", "/cases", "/tickets", "/log", "/explain", "/requests"),
    Role.head: ("/", "/requests", "/alerts", "/reports", "/policy", "/checks", "/audit"),
    Role.trust_director: ("/", "/requests", "/policy", "/lists", "/accounts", "/reports", "/health"),
    Role.teacher: ("/", "/report", "/requests", "/explain", "/pupil-code", "/check", "/lessons"),
    Role.governor: ("/", "/assurance", "/reports", "/evidence", "/reviews", "/checks"),
    Role.provider: ("/", "/log/live", "/explain", "/policy", "/lists", "/requests", "/health"),
    Role.data_protection_officer: ("/", "/log", "/audit", "/reports", "/accounts"),
}


def reachable(page: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Every entry whose screen exists and is for this viewer, those of pages below another last."""
    screens, viewer = page["screens"], page["viewer"]
    known = (*ENTRIES.values(), *_BELOW)
    return tuple(one for one in known if one.path in screens and screens[one.path].is_for(viewer))


def entries(page: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The entries on the left: those of the roles in turn, then what else is reachable, seven at most."""
    known = {one.path: one for one in reachable(page)}
    wanted = [path for role in _in_order(page["viewer"].roles) for path in _FIRST[role]]
    chosen = [known[path] for path in dict.fromkeys([*wanted, *known]) if path in known]
    return tuple(chosen[:MOST_ENTRIES])


def further(page: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The entries under "More"."""
    shown = entries(page)
    return tuple(one for one in reachable(page) if one not in shown)


def is_current(entry: Entry, path: str) -> bool:
    """Whether the page at `path` belongs to an entry: to the longest of those that it is below."""
    owners = [one for one in ENTRIES if path == one or (one != "/" and path.startswith(f"{one}/"))]
    return entry.path == max(owners, key=len, default="")


def _in_order(roles: frozenset[Role]) -> list[Role]:
    return [role for role in Role if role in roles]
