"""Roles of a school or trust, and the scopes in which they hold. Pupils have no accounts."""

from __future__ import annotations

import re
from enum import StrEnum

from schoolgate.accounts.errors import GrantRefused

# A school's or a segment's name in a scope.
_NAMED = re.compile(r"(school|segment):([a-z0-9][a-z0-9._-]{0,62})")


class Role(StrEnum):
    """What an account may be in a scope, in the order of the rights table of `operations`."""

    network_manager = "network_manager"
    safeguarding_lead = "safeguarding_lead"
    head = "head"
    trust_director = "trust_director"
    teacher = "teacher"
    governor = "governor"
    provider = "provider"
    data_protection_officer = "data_protection_officer"


# Who approves requests.
APPROVING = frozenset({Role.safeguarding_lead, Role.head, Role.trust_director})
# Roles that are granted and restored by a request that another person approves: who approves, and who sees identities.
GRANTED_BY_APPROVAL = APPROVING | {Role.data_protection_officer}
# Who approves the grant of such a role.
APPROVES_GRANTS = frozenset({Role.head, Role.trust_director})
# Roles that see personal data or change policy. No setting removes one.
NEEDS_SECOND_FACTOR = frozenset(Role) - {Role.teacher, Role.governor}

TRUST = "trust"


def scope_of(text: str) -> str:
    """A scope as it is stored: `trust`, `school:<id>` or `segment:<name>`. Raises `GrantRefused`."""
    if text == TRUST or _NAMED.fullmatch(text):
        return text
    raise GrantRefused(f"there is no scope {text[:80]!r}; use trust, school:ID or segment:NAME")


def covers(wider: str, scope: str) -> bool:
    """Whether a role in one scope holds in another. Which school a segment belongs to is not known here: it does not
    follow from a school's scope."""
    return wider in (TRUST, scope)
