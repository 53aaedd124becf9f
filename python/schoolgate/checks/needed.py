"""The names a school cannot do without: help lines, exams, updates, time, sign-in. A filter must not close these.

Two kinds. *Always open*: names of lists whose category opens under every policy, allow-list only too. *Guarded*: names
that no list may close (lists/protected.txt, lists.protected), or no feed's broad category (lists/platforms.toml), which
a policy's own rules still may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schoolgate._core import normalise_name
from schoolgate.config import Settings
from schoolgate.config.load import read_text
from schoolgate.lists.inputs import category_and_canary
from schoolgate.lists.platforms import read_platforms
from schoolgate.policy import load_catalogue

# The kind of the names of lists/platforms.toml. Some are only parts of names that devices ask for.
PLATFORM_KIND = "school-platform"
ALWAYS_OPEN_ROLES = frozenset({"platform", "protected"})
# Far above any reviewed list; a file this long was put there by mistake, and would make the check run for hours.
MOST_NAMES = 10_000


@dataclass(frozen=True, order=True)
class Needed:
    """A name, and the category or file that says it is needed."""

    name: str
    kind: str
    is_always_open: bool


def needed_names(settings: Settings) -> tuple[Needed, ...]:
    """Each name once, in order; always open wins over guarded. Raises `InputRefused` when a file cannot be read."""
    found: dict[str, Needed] = {}
    for name in read_platforms(settings.lists.dir).names():
        _add(found, name, PLATFORM_KIND, is_always_open=False)
    for name in (*_entries(settings.lists.dir / "protected.txt"), *settings.lists.protected):
        _add(found, name, "guarded", is_always_open=False)
    roles = {one.id: one.role for one in load_catalogue(settings.lists.dir).categories.values()}
    for path, category, canary in _lists(settings):
        if roles.get(category) in ALWAYS_OPEN_ROLES:
            for name in _entries(path):
                if name != canary:  # a test name of ours, which leads nowhere
                    _add(found, name, category, is_always_open=True)
    return tuple(sorted(found.values()))[:MOST_NAMES]


def _lists(settings: Settings) -> Iterator[tuple[Path, str, str | None]]:
    for path in sorted((settings.lists.dir / "starter").glob("*.txt")):
        category, canary = category_and_canary(read_text(path))
        if category is not None:
            yield path, category, canary
    for one in settings.lists.extra:
        if one.path.is_file():
            yield one.path, one.category, None


def _entries(path: Path) -> Iterator[str]:
    if not path.exists():  # a lists directory of the school's own making
        return
    for line in read_text(path).splitlines():
        entry = line.partition("#")[0].strip()
        if entry and not entry.startswith("!"):
            yield entry


def _add(found: dict[str, Needed], text: str, kind: str, *, is_always_open: bool) -> None:
    try:
        name = normalise_name(text.lstrip("="))
    except ValueError:  # a line that is no name is the compiler's to report
        return
    found[name] = Needed(name, kind, is_always_open)
