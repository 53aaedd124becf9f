"""What is set up here, in parts, each with a digest: so that every change is seen and named.

Nothing of the settings leaves here but digests: a setting may be the address of a person or the place of a secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import __version__
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.firewall import Format, exported, place_of, read_resolvers
from schoolgate.policy import parse
from schoolgate.policy.active_policy import active_or_first

VERSION, POLICY, DETECTORS = "version", "policy", "detectors"
SHIPPED, CHOSEN, WORDS, FIREWALL = "shipped lists", "feeds in use", "own words", "firewall rules"
SETTINGS = "settings: "
# A file of a school's own making may be large; what is read here is read every few minutes.
MOST_FILE_OCTETS = 32 * 1024 * 1024


def fingerprint(settings: Settings) -> dict[str, str]:
    """Part -> SHA-256. The same as long as nothing of the part was changed. Raises `SchoolgateError`."""
    number, text, label = active_or_first(settings)
    document = parse(text, label).document
    watched = {name: getattr(document, name) for name in ("monitoring", "alerts", "digest")}
    parts = {
        VERSION: _digest(__version__),
        POLICY: _digest([number, text]),
        DETECTORS: _digest(_plain(watched)),
        SHIPPED: _files(settings.lists.dir),
        CHOSEN: _file(settings.server.state_dir / "feeds.toml"),
        WORDS: _file(settings.server.state_dir / "words.toml"),
        FIREWALL: _digest(_firewall(settings)),
    }
    for name, section in settings:
        parts[f"{SETTINGS}{name}"] = _digest(_plain(section))
    for one in settings.lists.extra:
        parts[f"own list {one.path.name}"] = _file(one.path)
    return parts


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Parts that are new, gone or another, in order."""
    return tuple(sorted(one for one in {*before, *now} if before.get(one) != now.get(one)))


def _firewall(settings: Settings) -> str:
    try:
        return exported(Format.nftables, read_resolvers(settings.lists.dir), place_of((), (), settings))
    except SchoolgateError as error:
        return f"none: {error}"


def _plain(value: Any) -> Any:
    """Values of our own types write themselves; the library warns of them, and that is all it does."""
    return value.model_dump(mode="json", warnings=False) if hasattr(value, "model_dump") else value


def _digest(value: Any) -> str:
    octets = orjson.dumps(value, default=_as_text, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(octets).hexdigest()


def _as_text(value: Any) -> Any:
    return _plain(value) if hasattr(value, "model_dump") else str(value)


def _file(path: Path) -> str:
    """Of a file's content; of one that is not there, or cannot be read, that fact."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for octets in _blocks(file):
                found.update(octets)
    except FileNotFoundError:
        return "none"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return found.hexdigest()


def _blocks(file: Any) -> Iterator[bytes]:
    left = MOST_FILE_OCTETS
    while left > 0 and (octets := file.read(min(left, 1 << 20))):
        left -= len(octets)
        yield octets


def _files(folder: Path) -> str:
    paths = sorted(one for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else []
    return _digest([[str(one.relative_to(folder)), _file(one)] for one in paths])
