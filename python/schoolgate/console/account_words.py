"""Roles, actors and factors in the words of pages about accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from schoolgate.accounts.roles import Role

# What each role is for, for who gives it.
ROLES: Final[Mapping[str, tuple[str, str]]] = {
    Role.network_manager: ("Network manager", "Runs the filter, sees no pupil's log"),
    Role.safeguarding_lead: ("Safeguarding lead", "Sees devices and alerts, closes cases"),
    Role.head: ("Head or senior leader", "Approves, reads reports"),
    Role.trust_director: ("Trust director of IT", "Approves, sets what schools cannot change"),
    Role.teacher: ("Teacher", "Files lesson notices and requests"),
    Role.governor: ("Governor", "Reads reports"),
    Role.provider: ("IT provider", "Runs the filter, and proposes what would loosen it"),
    Role.data_protection_officer: ("Data protection officer", "Sees who looked at what"),
}


def role_words(role: str) -> str:
    """The name of a role for people."""
    known = ROLES.get(role)
    return known[0] if known else role.replace("_", " ")


def scope_words(scope: str) -> str:
    """Where a role holds."""
    kind, _, name = scope.partition(":")
    return {"trust": "everywhere", "school": f"in the school {name}", "segment": f"for the network {name}"}.get(
        kind, scope
    )


def actor_words(actor: str | None, people: Iterable[Mapping[str, Any]] = ()) -> str:
    """Who acted: a person by name where the account is known."""
    kind, _, key = (actor or "").partition(":")
    if kind == "account":
        return next((str(one["display_name"]) for one in people if one["id"] == key), "another person")
    return {"uid": "a user of the filter's machine", "job": "schoolgate", "": "no one"}.get(kind, actor or "")


def factor_words(factors: Mapping[str, Any]) -> str:
    """The second factors of an account."""
    passkeys = factors["passkeys"]
    said = ["authenticator app"] if factors["has_totp"] else []
    said += [f"{passkeys} passkey{'s' if passkeys != 1 else ''}"] if passkeys else []
    return " and ".join(said) or "none"
