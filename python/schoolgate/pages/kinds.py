"""Categories and services gathered into a dozen kinds, which pages name in every language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from schoolgate.policy.listed import Category

How = Literal["all", "some", "none"]

# In the order of pages. A category is in one kind.
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "unsafe": (
        "malware", "command-and-control", "phishing", "new-domains", "crypto-mining", "stalkerware", "hacking",
        "software-downloads", "url-shorteners", "fraud",
    ),
    "around": (
        "circumvention-vpn", "circumvention-proxy", "circumvention-encrypted-dns", "circumvention-private-relay",
        "circumvention-tor", "remote-access", "dynamic-dns", "search-unsafe",
    ),
    "sexual": ("pornography", "adult", "nudify", "dating", "intimate-image-abuse"),
    "harm": ("self-harm", "eating-disorders", "dangerous-challenges"),
    "hate": (
        "extremism", "hate", "discrimination", "violence", "violence-against-women", "weapons", "sects",
        "misinformation",
    ),
    "drugs": ("drugs", "alcohol-vaping", "gambling"),
    "chat": ("social", "messaging", "forums", "anonymous-chat", "webmail", "people-search", "ai-companion"),
    "play": ("games", "streaming", "sport", "celebrity", "comics", "astrology"),
    "ai": ("ai-chat", "ai-image", "ai-homework", "academic-cheating"),
    "money": ("shopping", "advertising", "finance", "banking", "jobs"),
    "files": ("piracy", "file-sharing", "web-hosting", "blogs"),
    "other": ("news", "translation", "education", "platform", "help-lines", "health-education", "exams"),
}  # fmt: skip
OTHER: Final = "other"
_OF_CATEGORY: Final = {category: kind for kind, categories in KINDS.items() for category in categories}
# Groups of services, as lists/services/ has them.
_OF_GROUP: Final = {
    "vpn": "around", "dating": "sexual", "gambling": "drugs", "social": "chat", "messaging": "chat",
    "forums": "chat", "anonymous-chat": "chat", "ai-companions": "chat", "games": "play", "game-platforms": "play",
    "video": "play", "music": "play", "ai-assistants": "ai", "ai-images": "ai", "homework": "ai", "shopping": "money",
    "file-sharing": "files",
}  # fmt: skip


def kind_of(category: Category) -> str:
    """The kind of a category or service."""
    return _OF_GROUP.get(category.group, OTHER) if category.group else _OF_CATEGORY.get(category.id, OTHER)


def closed_kinds(known: Iterable[Category], closed: frozenset[str]) -> dict[str, How]:
    """How much of each kind is closed. `all`: every category of it is; a service alone makes `some`."""
    found: dict[str, How] = {}
    by_kind: dict[str, list[Category]] = {kind: [] for kind in KINDS}
    for one in known:
        by_kind[kind_of(one)].append(one)
    for kind, some in by_kind.items():
        categories = [one for one in some if not one.group]
        is_closed = bool(categories) and all(one.id in closed for one in categories)
        is_touched = any(one.id in closed for one in some)
        found[kind] = "all" if is_closed else "some" if is_touched else "none"
    return found
