"""What the why page may say of a device's last block: one decision, made here and nowhere else.

Everything has to be so: the segment is declared "one device an address" and is not of staff, the page's own nonce name
was just asked from the same address, the block is of the last minute, and no list that knows the name is of a kind that
could harm, shame or out a person. What is not known to be harmless is not said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

WITHIN_S: Final = 60.0
STAFF: Final = "staff"
WITHHELD: Final = "(withheld)"

# Why it is closed: its kind, the school's own list, the same for a while, "only chosen sites".
Reason = Literal["kind", "own", "while", "unknown"]

# A list of what may be said, so that a new category is silent until a person has thought about it. Nothing that a
# safeguarding lead would want to hear of first, nothing of bodies, beliefs, relationships or
# money troubles.
SAYABLE_CATEGORIES: Final = frozenset(
    {
        "malware", "phishing", "new-domains", "crypto-mining", "circumvention-encrypted-dns",
        "circumvention-private-relay", "dynamic-dns", "search-unsafe", "piracy", "academic-cheating", "ai-chat",
        "ai-image", "ai-homework", "social", "messaging", "games", "streaming", "shopping", "advertising",
        "file-sharing", "webmail", "news", "web-hosting", "url-shorteners", "translation", "software-downloads",
        "sport", "comics", "education",
    }
)  # fmt: skip
SAYABLE_SERVICES: Final = frozenset(
    {
        "ai-assistants", "ai-images", "file-sharing", "game-platforms", "games", "homework", "messaging", "music",
        "shopping", "social", "video",
    }
)  # fmt: skip
_BY_LISTS: Final = frozenset({"threat", "circumvention", "category", "trust-locked"})
_WITHOUT_LIST: Final[dict[str, Reason]] = {"own-list": "own", "exception": "while", "unknown": "unknown"}
# What stays open, and what says nothing against a name.
_OPENS: Final = frozenset({"allow", "platform", "protected"})


@dataclass(frozen=True)
class KnownBy:
    """A layer that knows the name. `group`: of a service, the kind of service."""

    layer: str
    category: str | None
    group: str = ""


@dataclass(frozen=True)
class LastBlock:
    """A denial of the log. `known_by`: every layer that knows the name, whether it decided or not; None: that could not
    be found out. `user`: the log has a person for the row."""

    name: str
    layer: str
    category: str | None
    group: str
    segment: str
    age_s: float
    known_by: tuple[KnownBy, ...] | None
    has_user: bool = False


@dataclass(frozen=True)
class Place:
    """Where the device is. `is_declared`: the segment is declared "one device an address". `devices`: how many share an
    address by the policy. `policies`: the one that decided, with those that it extends, and that of the segment."""

    is_declared: bool
    devices: int
    policies: tuple[str, ...]


@dataclass(frozen=True)
class NonceSeen:
    """The page's nonce name in the log: from which segment, how long ago."""

    segment: str
    age_s: float


def reason_to_say(block: LastBlock | None, place: Place, nonce: NonceSeen | None) -> Reason | None:
    """Why it is closed, in a word; None: nothing of it may be said, not even that there was a block."""
    if block is None or nonce is None or not _is_this_device(block, place, nonce):
        return None
    if block.has_user or block.name in ("", ".", WITHHELD):
        return None
    if block.known_by is None or not all(map(_is_harmless, block.known_by)):
        return None
    if block.layer in _BY_LISTS:
        return "kind" if may_be_named(block.category, block.group) else None
    return _WITHOUT_LIST.get(block.layer) if block.category is None else None


def may_be_named(category: str | None, group: str) -> bool:
    """Whether a category is of those that may be said. `group`: of a service."""
    return category is not None and (category in SAYABLE_CATEGORIES or group in SAYABLE_SERVICES)


def _is_this_device(block: LastBlock, place: Place, nonce: NonceSeen) -> bool:
    return (
        place.is_declared
        and place.devices == 1
        and not any(_is_of_staff(one) for one in place.policies)
        and not _is_of_staff(block.segment)
        and block.segment == nonce.segment
        and 0 <= nonce.age_s <= WITHIN_S
        and 0 <= block.age_s <= WITHIN_S
    )


def _is_of_staff(identity: str) -> bool:
    """By its name: besides the declaration, so that a mistake in the settings shows nothing of a member of staff."""
    return STAFF in identity.split("-")


def _is_harmless(one: KnownBy) -> bool:
    if one.layer == "sealed":
        return False
    if one.category is None:
        return one.layer in _OPENS or one.layer in _WITHOUT_LIST
    return one.layer == "platform" or may_be_named(one.category, one.group)
