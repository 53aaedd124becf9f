"""Kinds of school: which shipped template a school begins with, and which public feeds are meant for its ages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schoolgate.lists.recommended import PHASES, Phase
from schoolgate.policy.templates import template_names


@dataclass(frozen=True)
class SchoolKind:
    """`id`: of the template. `about`: who has which policy, in one sentence."""

    id: str
    name: str
    about: str
    phases: tuple[Phase, ...]


KINDS: tuple[SchoolKind, ...] = (
    SchoolKind("early-years", "Early years", "Nursery and reception: as in a primary school.", ("early-years",)),
    SchoolKind(
        "primary-school", "Primary school", "Pupils up to eleven, staff and guests.", ("early-years", "primary")
    ),
    SchoolKind(
        "secondary-school",
        "Secondary school",
        "Pupils from eleven, a sixth form, staff and guests; pupils have games at lunch.",
        ("secondary", "sixth-form"),
    ),
    SchoolKind(
        "sixth-form-college",
        "Sixth-form college",
        "Students from sixteen, staff and guests; younger visitors have a policy of their own.",
        ("sixth-form",),
    ),
    SchoolKind(
        "special-school",
        "Special school",
        "Pupils of all ages as strictly as in a primary school; older pupils, staff and guests beside them.",
        PHASES,
    ),
    SchoolKind("guest-only", "Guests only", "A network of guests: one policy.", PHASES),
)


def kinds(lists_dir: Path) -> tuple[SchoolKind, ...]:
    """Those whose template there is: a lists directory of the school's own making may lack some."""
    names = template_names(lists_dir)
    return tuple(one for one in KINDS if one.id in names)


def phases_of(school: str) -> tuple[Phase, ...]:
    """The ages that feeds are chosen for; all where that is not known."""
    return next((one.phases for one in KINDS if one.id == school), PHASES)
