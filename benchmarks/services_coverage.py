"""How much of a reference our service bundles cover: `python -m benchmarks.services_coverage REFERENCE.tar.gz`.

The reference is an archive of `data/<service>` files, one name a line with `include:`, `full:`, `domain:` and `#`
comments (v2fly's domain-list-community has this form). It is measured against and never copied. A popular name counts
for a service when the reference has it, or a name above it. What a bundle leaves out on purpose (`left_out`) is counted
apart.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ROOT / "lists" / "services"
# Names beside the reference, most popular first.
POPULAR = "popular-100k.txt.gz"
# Where the reference calls a service by another name.
CALLED = {
    "x": "twitter", "disney-plus": "disney", "hbo-max": "hbo", "stack-exchange": "stackexchange",
    "chess-com": "chesscom", "ao3": "archiveofourown", "chatgpt": "openai", "claude": "anthropic",
    "gemini": "google-gemini", "kakaotalk": "kakao", "ok-ru": "ok", "rednote": "xiaohongshu", "four-chan": "4chan",
    "prime-video": "primevideo", "apple-tv": "apple-tvplus", "pluto-tv": "plutotv", "tor": "torproject",
    "wordpress-com": "wordpress", "snapchat": "snap", "fortnite": "epicgames", "genshin": "hoyoverse",
    "proton-vpn": "protonmail", "minecraft": "mojang", "grok": "xai",
}  # fmt: skip
SHOWN = 8


@dataclass(frozen=True)
class Coverage:
    """Popular names of one service. `missing`: names of the reference with how many popular ones fall under each."""

    service: str
    popular: int
    covered: int
    left_out: int
    missing: Mapping[str, int]


def suffixes(name: str) -> Iterator[str]:
    """The name and every name above it."""
    labels = name.split(".")
    return (".".join(labels[at:]) for at in range(len(labels)))


def names_of(files: Mapping[str, str], name: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
    """The names of one file of the reference with what it includes; expressions and keywords are left."""
    found: set[str] = set()
    for line in files.get(name, "").splitlines():
        word = (line.partition("#")[0].split() or [""])[0]
        kind, colon, rest = word.partition(":")
        if kind == "include" and rest not in seen:
            found |= names_of(files, rest, seen | {name, rest})
        elif not colon and word:
            found.add(word)
        elif kind in ("full", "domain"):
            found.add(rest)
    return frozenset(found)


def read_reference(path: Path) -> dict[str, str]:
    """Text of each file, by its name."""
    files: dict[str, str] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            packed = tar.extractfile(member) if member.isfile() else None
            if packed is not None:
                files[Path(member.name).name] = packed.read().decode(errors="replace")
    return files


def measure(files: Mapping[str, str], popular: Iterable[str]) -> list[Coverage]:
    """Every service of ours that the reference knows, in order of its id."""
    rows = [row for path in sorted(SERVICES.glob("*.toml")) for row in tomllib.loads(path.read_text())["service"]]
    asked = [(name, frozenset(suffixes(name))) for name in popular]
    found: list[Coverage] = []
    for row in sorted(rows, key=lambda row: str(row["id"])):
        known = names_of(files, CALLED.get(row["id"], row["id"]))
        if known:
            left_out = {one["name"] for one in row.get("left_out", ())}
            found.append(_one(row["id"], known, frozenset(row["domains"]), left_out, asked))
    return found


def _one(
    service: str,
    known: frozenset[str],
    ours: frozenset[str],
    left_out: set[str],
    asked: Iterable[tuple[str, frozenset[str]]],
) -> Coverage:
    total = covered = meant = 0
    missing: dict[str, int] = {}
    for name, above in asked:
        if above.isdisjoint(known):
            continue
        total += 1
        if not above.isdisjoint(ours):
            covered += 1
        elif not above.isdisjoint(left_out):
            meant += 1
        else:
            under = next(one for one in suffixes(name) if one in known)
            missing[under] = missing.get(under, 0) + 1
    return Coverage(service, total, covered, meant, missing)


def main(arguments: list[str]) -> int:
    """Prints one line a service, and the sums."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.services_coverage", description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument(
        "--popular", type=Path, help=f"names by popularity; {POPULAR} beside the reference if not given"
    )
    given = parser.parse_args(arguments)
    popular = given.popular or given.reference.with_name(POPULAR)
    with gzip.open(popular, "rt", encoding="utf-8") as file:
        names = [line.strip() for line in file if line.strip()]
    rows = measure(read_reference(given.reference), names)
    for row in rows:
        most = sorted(row.missing.items(), key=lambda one: (-one[1], one[0]))[:SHOWN]
        rest = ", ".join(f"{name} ({count})" for name, count in most)
        sys.stdout.write(
            f"{row.service}: {row.covered} of {row.popular}, {row.left_out} left out; missing: {rest or '-'}\n"
        )
    total, covered, left_out = (sum(getattr(row, key) for row in rows) for key in ("popular", "covered", "left_out"))
    sys.stdout.write(
        f"{len(rows)} services of the reference: {covered} of {total} popular names covered,"
        f" {left_out} left out on purpose, {total - covered - left_out} missing\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
