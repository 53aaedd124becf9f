"""Every verdict on real names against a naive oracle: dictionaries of names, walked label by label in Python.

The data is not ours and not in the repository; where it is absent these tests skip, and the sample that is generated
here runs in its place.
"""

from __future__ import annotations

import gzip
import json
import random
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import pytest

from schoolgate import _core

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CLIENT, LOCAL = "192.0.2.1", "192.0.2.53"
Lists = dict[str, Path]
# Public suffixes that the real lists name: no list may close them, so their lines are refused and counted.
SUFFIXES = frozenset(
    [
        "ac.be",
        "ac.il",
        "ac.kr",
        "ac.ma",
        "ac.nz",
        "ac.uk",
        "bet.br",
        "cci.fr",
        "eu.int",
        "firm.in",
        "game.tw",
        "gc.ca",
        "gouv.fr",
        "gouv.sn",
        "gov.ar",
        "gov.au",
        "gov.ma",
        "gov.pl",
        "gov.uk",
        "huissier-justice.fr",
        "net.ar",
        "net.kg",
        "prd.fr",
        "press.ma",
        "x.se",
    ]
)


class Oracle:
    """What a list means, in the plainest words: a name carries the categories of every listed suffix of it."""

    def __init__(self, lists: Lists) -> None:
        self._listed: dict[str, set[str]] = {}
        self.refused = 0
        for category, path in lists.items():
            for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
                name = line.split("#")[0].strip().rstrip(".").lower()
                if name in SUFFIXES:
                    self.refused += 1
                elif name and _can_be_listed(name):
                    self._listed.setdefault(name, set()).add(category)

    def names(self) -> list[str]:
        return list(self._listed)

    def categories(self, name: str) -> set[str]:
        labels = name.lower().split(".")
        suffixes = (".".join(labels[at:]) for at in range(len(labels)))
        return set().union(*(self._listed.get(suffix, set()) for suffix in suffixes))


def _can_be_listed(name: str) -> bool:
    labels = name.split(".")
    return len(labels) > 1 and all(labels) and not labels[-1].isdigit()


def _plane(lists: Lists, folder: Path) -> tuple[_core.Plane, int]:
    """A plane that denies everything listed, and the number of lines that were refused as public suffixes."""
    inputs = [_core.ListFile(path, f"feed-{category}", category, reviewed=True) for category, path in lists.items()]
    snapshot = folder / "lists.snapshot"
    report = orjson.loads(_core.compile_snapshot(inputs, str(snapshot), 1))
    deny = {category: {"layer": 9, "effect": "deny"} for category in lists}
    description = {
        "serial": 1,
        "policies": [
            {"id": "pupil", "action": "nxdomain", "unknown": "allow", "categories": deny},
            {"id": "staff", "action": "nxdomain", "unknown": "allow"},
        ],
        "segments": [
            {"id": "pupils", "prefixes": ["192.0.2.0/25"], "policy": "pupil"},
            {"id": "staff", "prefixes": ["192.0.2.128/25"], "policy": "staff"},
        ],
        "strictest": "pupil",
        "allowed_clients": ["192.0.2.0/24"],
    }
    table = _core.PolicyTable.compile(orjson.dumps(description))
    settings = orjson.dumps({"listen": ["127.0.0.1:0"], "workers": 1})
    refused = report["skipped"].get("public-suffix", {"lines": 0})["lines"]
    return _core.Plane(settings, _core.Snapshot.open(str(snapshot)), table), refused


def _compare(plane: _core.Plane, oracle: Oracle, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        decision = orjson.loads(plane.explain(name, 1, CLIENT, LOCAL, 53))["decision"]
        said = {matched["category"] for matched in decision["matched"]}
        wanted = oracle.categories(name)
        if said != wanted or (decision["effect"] == "deny") != bool(wanted):
            yield f"{name}: said {sorted(said)}, wanted {sorted(wanted)}"


def _with_sub_domains(names: Iterable[str], chance: random.Random) -> Iterator[str]:
    for name in names:
        yield name
        yield f"{chance.choice(['www', 'a', 'x1', '_dmarc', 'cdn-7'])}.{name}"


def test_a_generated_sample_is_decided_as_the_oracle_says(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    labels = [f"{chance.choice('abcdefgh')}{number}" for number in range(400)]
    lists: Lists = {}
    for category in ("games", "social", "malware", "gambling", "forums"):
        names = {".".join(chance.choices(labels, k=chance.randint(2, 4))) + ".example" for _ in range(2000)}
        lists[category] = tmp_path / f"{category}.txt"
        lists[category].write_text("\n".join(sorted(names)))
    oracle = Oracle(lists)
    asked = [".".join(chance.choices(labels, k=chance.randint(1, 5))) + ".example" for _ in range(10_000)]
    asked += _with_sub_domains(chance.sample(oracle.names(), 3_000), chance)
    plane, refused = _plane(lists, tmp_path)
    assert refused == 0
    wrong = list(_compare(plane, oracle, asked))
    assert not wrong, wrong[:5]
    assert any(oracle.categories(name) for name in asked)
    assert not all(oracle.categories(name) for name in asked)


@pytest.mark.skipif(not DATA.exists(), reason="the real lists are not beside the checkout (../shared/data)")
def test_a_million_real_names_are_decided_as_the_oracle_says(tmp_path: Path) -> None:
    lists: Lists = {"block": tmp_path / "block.txt"}
    lists["block"].write_bytes(gzip.decompress((DATA / "block-1m.txt.gz").read_bytes()))
    with tarfile.open(DATA / "ut1.tar.gz") as archive:
        for member in archive.getmembers():
            parts = Path(member.name).parts
            file = archive.extractfile(member) if parts[-1] == "domains" else None
            if file is not None:
                lists[f"ut1-{parts[-2]}"] = tmp_path / f"{parts[-2]}.txt"
                lists[f"ut1-{parts[-2]}"].write_bytes(file.read())
    oracle = Oracle(lists)
    plane, refused = _plane(lists, tmp_path)
    assert refused == oracle.refused
    chance = random.Random(7)
    popular = gzip.decompress((DATA / "popular-100k.txt.gz").read_bytes()).decode().split()
    asked = popular + list(_with_sub_domains(chance.sample(oracle.names(), 100_000), chance))
    wrong = list(_compare(plane, oracle, asked))
    assert not wrong, (len(wrong), wrong[:5])
    assert len(asked) == 300_000
    report = json.loads(plane.explain("unlisted.example", 1, CLIENT, LOCAL, 53))
    assert report["decision"]["layer"] == "allow"
