"""The Rust matcher and the plain Python one give the same verdict on every name."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.baseline import FilteredSuffixSet, SuffixSet
from benchmarks.names import SEED, data_directory, load, made_up

from schoolgate._core import ListFile, Plane, PolicyTable, Snapshot, compile_snapshot

_POLICY = {
    "serial": 1,
    "policies": [
        {
            "id": "pupil",
            "action": "nxdomain",
            "unknown": "allow",
            "categories": {"gambling": {"layer": 9, "effect": "deny"}},
        }
    ],
    "segments": [{"id": "pupils", "prefixes": ["10.0.0.0/8"], "policy": "pupil"}],
    "strictest": "pupil",
    "allowed_clients": ["10.0.0.0/8"],
}


class Matcher:
    """The Rust matcher, asked as the product asks it."""

    def __init__(self, listed: list[str], folder: Path) -> None:
        text, path = folder / "listed.txt", folder / "lists.snapshot"
        text.write_text("\n".join(listed) + "\n", encoding="ascii")
        compile_snapshot([ListFile(text, "benchmark", "gambling", reviewed=True)], str(path), 1)
        table = PolicyTable.compile(json.dumps(_POLICY).encode())
        settings = json.dumps({"listen": ["127.0.0.1:0"], "workers": 1}).encode()
        self._plane = Plane(settings, Snapshot.open(str(path)), table)

    def covers(self, name: str) -> bool:
        explained = json.loads(self._plane.explain(name, 1, "10.0.0.9", "10.0.0.53", 53))
        return bool(explained["decision"]["effect"] == "deny")


def _around(listed: list[str], others: list[str], count: int) -> Iterator[str]:
    """Names on and near the border of a list: listed, below, above, and one octet beside."""
    chance = random.Random(SEED)
    for name in chance.sample(listed, min(count, len(listed))):
        above = name.partition(".")[2]
        yield from (name, f"www.{name}", f"a.b.{name}", f"x{name}", f"{name}x", f"sibling.{above}")
        if "." in above:
            yield above
    yield from chance.sample(others, min(count, len(others)))


def test_rust_and_python_agree_on_generated_names(tmp_path: Path) -> None:
    listed = made_up(5000)
    rust, python = Matcher(listed, tmp_path), SuffixSet(listed)
    names = list(_around(listed, made_up(2000, SEED + 9), 500))
    assert {name: rust.covers(name) for name in names} == {name: python.covers(name) for name in names}


def test_the_filter_in_front_changes_no_verdict() -> None:
    pytest.importorskip("pybloom_live")
    listed = made_up(2000)
    plain, filtered = SuffixSet(listed), FilteredSuffixSet(listed)
    names = list(_around(listed, made_up(2000, SEED + 9), 500))
    assert [filtered.covers(name) for name in names] == [plain.covers(name) for name in names]


def test_rust_and_python_agree_on_real_names(tmp_path: Path) -> None:
    if data_directory() is None:
        pytest.skip("no real names here: set SCHOOLGATE_BENCH_DATA (benchmarks/README.md)")
    names = load(1_000_000)
    listed = random.Random(SEED).sample(names.listed, 50_000)
    rust, python = Matcher(listed, tmp_path), SuffixSet(listed)
    asked = list(_around(listed, names.popular, 1000))
    assert {name: rust.covers(name) for name in asked} == {name: python.covers(name) for name in asked}
