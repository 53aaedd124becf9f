"""What is asked: query files for the generator, the same for the same seed and names.

- *listed*: listed names only, in random order, so that no cache of any kind helps.
- *hot*: popular names, by Zipf, all of them in the packet cache before it begins.
- *mixed*: a school's day: Zipf over the popular names, 20 % listed, 5 % unique sub-domains of allowed names.
- *misses*: nothing but unique sub-domains: every query goes to the upstream.

The file format is that of `generator/src/workload.rs`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.names import SEED, Names, not_listed

MAGIC = b"DNSWORK1"
ANY, ANSWERED, DENIED = 0, 1, 2
UNIQUE = 0x80
# The generator writes these octets anew for each query.
UNIQUE_LABEL = "u" * 12
QUERIES = 500_000
A, AAAA = 1, 28
# A quarter of what browsers ask is AAAA; HTTPS is left out, because not every server compared answers it from a list.
AAAA_PART = 0.25
ZIPF_EXPONENT = 1.0
LISTED_PART, UNIQUE_PART = 0.20, 0.05
# Names of the hot workload: few enough for every server's cache, with both types.
HOT_NAMES = 4_000
# What schoolgate as shipped answers itself: canaries, and the few popular names of its starter list (subject.CATEGORY).
_NOT_FORWARDED = (
    "use-application-dns.net",
    "mask.icloud.com",
    "mask-h2.icloud.com",
    "fanduel.com",
    "paddypower.com",
    "polymarket.com",
)
# A name this long leaves no room for a label in front.
_LONGEST_NAME = 230


@dataclass(frozen=True)
class Query:
    """A question, and what must come back: `mark` is an expectation, with `UNIQUE` where the generator writes the first
    label anew."""

    name: str
    qtype: int
    mark: int


@dataclass(frozen=True)
class Workload:
    """A query file; `warm` is the file that fills the cache first, if the workload is to find one filled."""

    name: str
    title: str
    path: Path
    warm: Path | None
    queries: int


TITLES = {
    "listed": "listed names only",
    "hot": "hot cache only",
    "mixed": "mixed: Zipf, 20 % listed, 5 % unique misses",
    "misses": "all misses",
}


def build(name: str, names: Names, directory: Path, count: int = QUERIES) -> Workload:
    """Writes the files of a workload."""
    directory.mkdir(parents=True, exist_ok=True)
    # A str seeds the same on every Python; a tuple would not.
    chance = random.Random(f"{SEED}-{name}")
    path = directory / f"{name}.queries"
    write(path, itertools.islice(_MAKERS[name](names, chance), count))
    warm = None
    if name in ("hot", "mixed"):
        warm = directory / f"{name}.warm"
        asked = _popular(names)[: HOT_NAMES if name == "hot" else None]
        write(warm, (Query(one, qtype, ANSWERED) for one in asked for qtype in (A, AAAA)))
    return Workload(name, TITLES[name], path, warm, count)


def write(path: Path, queries: Iterable[Query]) -> None:
    """Writes a query file; it has its name only when it is whole."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(MAGIC)
        for query in queries:
            message = packet(query.name, query.qtype)
            file.write(len(message).to_bytes(2) + bytes([query.mark]) + message)
    partial.rename(path)


def packet(name: str, qtype: int) -> bytes:
    """A query with ID 0, RD, and an OPT record (1232 octets, RFC 9715), as a client's stub resolver sends it."""
    wire = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"
    header = b"\0\0\x01\0\0\1\0\0\0\0\0\1"
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    return header + wire + qtype.to_bytes(2) + b"\0\1" + opt


def _qtype(chance: random.Random) -> int:
    return AAAA if chance.random() < AAAA_PART else A


def _popular(names: Names) -> list[str]:
    # Reverse names and bare labels are answered locally by some servers and not by others.
    local = (".arpa", ".local", ".lan", *_NOT_FORWARDED)
    return [name for name in not_listed(names) if "." in name and not name.endswith(local)]


def _zipf(names: list[str], chance: random.Random) -> Iterator[str]:
    weights = list(itertools.accumulate(1 / rank**ZIPF_EXPONENT for rank in range(1, len(names) + 1)))
    while True:
        yield from chance.choices(names, cum_weights=weights, k=4096)


def _listed(names: Names, chance: random.Random) -> Iterator[Query]:
    order = list(names.listed)
    while True:
        chance.shuffle(order)
        for name in order:
            yield Query(name, _qtype(chance), DENIED)


def _hot(names: Names, chance: random.Random) -> Iterator[Query]:
    return _cacheable(_popular(names)[:HOT_NAMES], chance)


def _cacheable(popular: list[str], chance: random.Random) -> Iterator[Query]:
    for name in _zipf(popular, chance):
        yield Query(name, _qtype(chance), ANSWERED)


def _unique(popular: list[str], chance: random.Random) -> Iterator[Query]:
    parents = [name for name in popular if len(name) < _LONGEST_NAME]
    for parent in _zipf(parents, chance):
        yield Query(f"{UNIQUE_LABEL}.{parent}", A, ANSWERED | UNIQUE)


def _misses(names: Names, chance: random.Random) -> Iterator[Query]:
    return _unique(_popular(names), chance)


def _mixed(names: Names, chance: random.Random) -> Iterator[Query]:
    popular = _popular(names)
    listed, rest, unique = _listed(names, chance), _cacheable(popular, chance), _unique(popular, chance)
    while True:
        kind = chance.random()
        yield next(listed if kind < LISTED_PART else unique if kind < LISTED_PART + UNIQUE_PART else rest)


_MAKERS: dict[str, Callable[[Names, random.Random], Iterator[Query]]] = {
    "listed": _listed,
    "hot": _hot,
    "mixed": _mixed,
    "misses": _misses,
}
