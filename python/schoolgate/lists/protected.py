"""Names that no feed may close: of lists/protected.txt, of the lists that open names for everybody, of this school."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from schoolgate._core import normalise_name
from schoolgate.config import Settings
from schoolgate.config.load import read_text
from schoolgate.policy.catalogue import load_catalogue

_ALWAYS_OPEN = frozenset({"platform", "protected"})


def protected_names(settings: Settings, feed_urls: Iterable[str | None] = ()) -> tuple[str, ...]:
    """All of them, in order. Raises `InputRefused` when a file cannot be read."""
    lists_dir = settings.lists.dir
    names = {*_names(lists_dir / "protected.txt"), *settings.lists.protected}
    open_always = {one.id for one in load_catalogue(lists_dir).categories.values() if one.role in _ALWAYS_OPEN}
    for path in sorted((lists_dir / "starter").glob("*.txt")):
        if path.stem in open_always:
            names |= {*_names(path)}
    names |= {zone.zone for zone in settings.forward_zones}
    names |= {host for url in feed_urls if url is not None and (host := _host(url)) is not None}
    return tuple(sorted(normal for name in names if (normal := _normal(name)) is not None))


def _names(path: Path) -> Iterator[str]:
    if not path.exists():  # a lists directory of the school's own making
        return
    for line in read_text(path).splitlines():
        entry = line.partition("#")[0].strip()
        if entry and not entry.startswith("!"):
            yield entry.lstrip("=")


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _normal(name: str) -> str | None:
    """None for what cannot be in a list, such as an address or a zone of one label."""
    try:
        return normalise_name(name)
    except ValueError:
        return None
